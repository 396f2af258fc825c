"""A stored payment method, kept at the provider or given up there."""

from temporalio import workflow
from temporalio.exceptions import FailureError, is_cancelled_exception

from domain.method import AskMethod, MethodAnswer, MethodWish
from workflows import steps
from workflows.saga import insist, is_refusal, perform


@workflow.defn(name="MethodWorkflow")
class MethodWorkflow:
    """Stores or forgets one method, under the id `method:<method id>:<wish>`."""

    @workflow.run
    async def run(self, ask: AskMethod) -> MethodAnswer:
        """Do what is wished: what a user gives up is given up however long the provider is away."""
        if ask.wish is MethodWish.FORGET:
            await insist(steps.forget_method, ask)
            return MethodAnswer(is_active=False)
        try:
            await perform(steps.store_method, ask)
        except FailureError as error:
            if is_cancelled_exception(error):
                raise
            return self.refused(error)
        return MethodAnswer(is_active=True)

    def refused(self, error: FailureError) -> MethodAnswer:
        no = steps.refusal_in(error) if is_refusal(error) else None
        if no is None:
            return MethodAnswer(is_active=False, refused=steps.PROVIDER_AWAY)
        facts = {name: str(fact) for name, fact in no.facts.items()}
        return MethodAnswer(is_active=False, refused=type(no).__name__, detail=no.detail, facts=facts)
