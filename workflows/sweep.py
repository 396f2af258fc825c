"""One look at everything that a provider's account may have told nobody."""

from datetime import datetime

from temporalio import workflow
from temporalio.exceptions import FailureError, is_cancelled_exception

from domain.sweep import HORIZON, OVERLAP, ListMissed, SweepRequest, Swept
from workflows import steps
from workflows.saga import perform, reason
from workflows.steps import Request, Step


@workflow.defn(name="SweepWorkflow")
class SweepWorkflow:
    """Sweeps once, under the id `sweep:<provider>:<account>` with the time that its schedule appends.

    What is not answered is no failure: the next sweep asks again, from where this one began.
    """

    @workflow.run
    async def run(self, request: SweepRequest) -> Swept:
        """Read what the provider lists, ask about what is open, begin what is lost."""
        left, since = self.left(), self.since()
        missing = left or ListMissed(
            provider=request.provider,
            account=request.account,
            since=since - OVERLAP,
            until=workflow.now(),
            most=request.most,
        )
        listed = await self.tried(steps.list_missed, missing)
        asked = await self.tried(steps.ask_open_payments, request)
        begun = await self.tried(steps.begin_lost, request)
        swept = Swept(
            until=(listed and listed.until) or since,
            left=listed.left if listed else left,
            missed=listed.missed if listed else 0,
            asked=asked.asked if asked else 0,
            begun=begun.begun if begun else 0,
        )
        workflow.set_current_details(
            f"{swept.missed} events missed, {swept.asked} payments asked about, {swept.begun} runs begun"
        )
        return swept

    def since(self) -> datetime:
        """Tell up to when the sweep before this one has read."""
        last, horizon = self.last(), workflow.now() - HORIZON
        return max(last.until, horizon) if last and last.until else horizon

    def left(self) -> ListMissed | None:
        """Tell what the sweep before this one has left of the provider's list."""
        last = self.last()
        return last.left if last else None

    def last(self) -> Swept | None:
        """Give what the sweep before this one came to."""
        return workflow.get_last_completion_result(Swept) if workflow.has_last_completion_result() else None

    async def tried(self, step: Step[Request, Swept], ask: Request) -> Swept | None:
        try:
            return await perform(step, ask)
        except FailureError as error:
            if is_cancelled_exception(error):
                raise
            workflow.logger.warning("%s gets no answer: %s", step.name, reason(error))
            return None
