"""What reaches a payment after its booking has ended: money that came late, twice or for nothing becomes a
booking again or goes back.
"""

from contextlib import suppress
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import FailureError

from domain.aftercare import AftercareRequest, LateMoney, Settlement
from domain.ids import RefundId, derived
from domain.money import Money
from domain.payment import AskPayment, PaymentFact, PaymentReport
from domain.refund import RefundPayment
from domain.refusal import ExceedsCaptured, ProviderRefused, Unknown
from workflows import names, steps
from workflows.saga import insist, reason
from workflows.steps import Answer, Request, Step


@workflow.defn(name="AftercareWorkflow")
class AftercareWorkflow:
    """Settles one payment, under the id `aftercare:<payment id>`; ends when no news came for a while, and is
    begun again by the next.
    """

    @workflow.init
    def __init__(self, request: AftercareRequest) -> None:
        self.request = request
        self.facts: dict[str, PaymentFact] = {}
        self.heard: set[str] = set()
        self.asks = 0

    @workflow.run
    async def run(self, request: AftercareRequest) -> int:
        """Settle each time there is news; answers how many facts were heard."""
        while await self.news_came():
            self.heard |= self.facts.keys()
            await self.settle()
        return len(self.heard)

    @workflow.signal
    def payment_reported(self, fact: PaymentFact | None = None) -> None:
        """A provider said something about this payment."""
        if fact is not None:  # a signal without a payload, sent by hand, is no news
            self.facts.setdefault(fact.event_id, fact)

    async def news_came(self) -> bool:
        try:
            await workflow.wait_condition(
                lambda: bool(self.unheard), timeout=self.request.idle, timeout_summary="no more news"
            )
        except TimeoutError:
            pass  # what came in this very moment is news: a signal that was accepted may not be lost
        return bool(self.unheard)

    @property
    def unheard(self) -> set[str]:
        return self.facts.keys() - self.heard

    async def settle(self) -> None:
        """Ask what is really there; what went back without us is written down, and what we keep without a
        booking for it is settled: the places again, or the money back.
        """
        try:
            report = await self.stubbornly(steps.check_payment, self.asking())
        except FailureError as error:
            if reason(error) != Unknown.__name__:
                raise
            return  # somebody has told of a payment that is not there
        if report.may_be_held:
            report = await self.stubbornly(steps.void_payment, self.asking())
        if report.refunds:
            await insist(steps.record_refund, self.money())
        if report.kept_minor > 0:
            await self.give_a_meaning_to(report)

    async def give_a_meaning_to(self, report: PaymentReport) -> None:
        self.tell("was paid after its end")
        settled = await insist(steps.settle_late_money, self.money())
        if settled.settlement is Settlement.REFUND and not report.refunds_failed:
            await self.give_back(report, settled.cause)
        self.tell(f"{settled.settlement.value}: {settled.cause}")

    async def give_back(self, report: PaymentReport, cause: str) -> None:
        """Owe what we keep as a refund, whose own run sees it through and tries again what came back."""
        try:
            await insist(steps.open_refund, self.refund(report, cause))
        except FailureError as error:
            if reason(error) != ExceedsCaptured.__name__:
                raise  # else somebody has given it back a moment ago

    async def stubbornly(self, step: Step[Request, Answer], ask: Request) -> Answer:
        """Ask for a step until it is done, though the provider refuses: a key may be wrong, an account shut.

        A person is told, and it is asked for again at the next news, at the latest when the alarm is due.
        """
        refused = False
        while True:
            try:
                answer = await insist(step, ask)
            except FailureError as error:
                if reason(error) != ProviderRefused.__name__:
                    raise
                need_attention(f"the provider refuses {step.name}")
                refused = True
                await self.more_news(steps.ALARM)
            else:
                if refused:
                    workflow.upsert_search_attributes([names.NEEDS_ATTENTION.value_set(False)])
                return answer

    async def more_news(self, patience: timedelta) -> None:
        known = len(self.facts)
        with suppress(TimeoutError):
            await workflow.wait_condition(
                lambda: len(self.facts) > known, timeout=patience, timeout_summary="a person has to look"
            )

    def asking(self) -> AskPayment:
        self.asks += 1
        return AskPayment(
            tenant_id=self.request.tenant_id,
            booking_id=self.request.booking_id,
            payment_id=self.request.payment_id,
            n=self.asks,
        )

    def money(self) -> LateMoney:
        return LateMoney(
            tenant_id=self.request.tenant_id,
            booking_id=self.request.booking_id,
            payment_id=self.request.payment_id,
        )

    def refund(self, report: PaymentReport, cause: str) -> RefundPayment:
        return RefundPayment(
            tenant_id=self.request.tenant_id,
            booking_id=self.request.booking_id,
            payment_id=self.request.payment_id,
            refund_id=RefundId(derived(self.request.payment_id, f"refund:{report.refunds + 1}")),
            amount=Money(minor=report.kept_minor, currency=report.currency),
            cause=cause,
        )

    def tell(self, what: str) -> None:
        workflow.set_current_details(f"**{self.request.reference}** {what}")


def need_attention(why: str) -> None:
    """Tell a person: the run is found by NeedsAttention."""
    workflow.logger.error("a payment after its end needs a person: %s", why)
    workflow.upsert_search_attributes([names.NEEDS_ATTENTION.value_set(True)])
