"""One refund, from its row to the provider's last word; what the bank sends back is tried once more."""

from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import FailureError

from domain.aftercare import LateMoney
from domain.ids import RefundId, derived
from domain.payment import PaymentFact
from domain.refund import NOTHING_LEFT, RefundPayment, RefundReport, RefundRequest, RefundStatus, pause
from domain.refusal import ExceedsCaptured
from workflows import names, steps
from workflows.saga import insist, reason


@workflow.defn(name="RefundWorkflow")
class RefundWorkflow:
    """Sees one refund through, under the id `refund:<refund id>`; begun again by news that comes after its
    end, for a bank may send money back days later.
    """

    @workflow.init
    def __init__(self, request: RefundRequest) -> None:
        self.request = request
        self.report: RefundReport | None = None
        self.news = 0
        self.looks = 0
        self.attention = ""

    @workflow.run
    async def run(self, request: RefundRequest) -> RefundReport:
        """Say what it means for the booking that money goes back; ask the provider until it has said the last
        word; try once more what has failed.
        """
        await insist(steps.record_refund, self.meaning())
        report = await self.asked()
        while not report.status.is_final or self.news:
            if not report.status.is_final:
                await self.pause_or_news(pause(self.looks))
            report = await self.asked()
        if report.status is RefundStatus.FAILED and not report.retry:
            await self.once_more(report)
        return report

    @workflow.signal
    def payment_reported(self, fact: PaymentFact | None = None) -> None:
        """The provider said something about this refund; sent by hand, a wish to look at it now."""
        self.news += 1

    @workflow.query
    def status(self) -> RefundReport | None:
        """Where the refund stands, as of the last look."""
        return self.report

    async def asked(self) -> RefundReport:
        """Ask the provider, and say what is new."""
        self.news = 0
        before, self.looks = self.report, self.looks + 1
        self.report = await insist(steps.refund_payment, self.request)
        if before is None or before.status is not self.report.status:
            await insist(steps.record_refund, self.meaning())
            self.looks = 1
        self.tell(self.report)
        return self.report

    async def pause_or_news(self, patience: timedelta) -> None:
        try:
            await workflow.wait_condition(
                lambda: self.news > 0, timeout=patience, timeout_summary="until the provider is asked again"
            )
        except TimeoutError:
            pass

    async def once_more(self, report: RefundReport) -> None:
        """Owe the same again as a refund of its own, unless it has gone back otherwise."""
        if report.failure_code == NOTHING_LEFT:
            return
        try:
            await insist(steps.open_refund, self.retry(report))
        except FailureError as error:
            if reason(error) != ExceedsCaptured.__name__:
                raise

    def meaning(self) -> LateMoney:
        return LateMoney(
            tenant_id=self.request.tenant_id,
            booking_id=self.request.booking_id,
            payment_id=self.request.payment_id,
        )

    def retry(self, report: RefundReport) -> RefundPayment:
        return RefundPayment(
            tenant_id=self.request.tenant_id,
            booking_id=self.request.booking_id,
            payment_id=self.request.payment_id,
            refund_id=RefundId(derived(self.request.refund_id, "once more")),
            amount=report.amount,
            cause=report.cause,
            retry_of=self.request.refund_id,
        )

    def tell(self, report: RefundReport) -> None:
        """Let a person see where it stands, and find it when it needs one."""
        waits = f", {report.attention}" if report.attention else ""
        workflow.set_current_details(
            f"**{self.request.reference}** {report.amount}: {report.status.value}{waits}"
        )
        if report.attention != self.attention:
            workflow.upsert_search_attributes([names.NEEDS_ATTENTION.value_set(bool(report.attention))])
        self.attention = report.attention
