"""One dispute, from the first word of it to the bank's decision."""

from temporalio import workflow

from domain.dispute import DisputeReport, DisputeRequest
from domain.refund import pause
from workflows import names, steps
from workflows.saga import insist


@workflow.defn(name="DisputeWorkflow")
class DisputeWorkflow:
    """Follows one dispute, under the id `dispute:<dispute id>`; begun again by news that comes after its end,
    for a bank may turn its decision.
    """

    @workflow.init
    def __init__(self, request: DisputeRequest) -> None:
        self.request = request
        self.report: DisputeReport | None = None
        self.news = 0
        self.looks = 0
        self.attention = False

    @workflow.run
    async def run(self, request: DisputeRequest) -> DisputeReport:
        """Ask the provider where it stands, at each word of it and now and then, until it has ended."""
        report = await self.asked()
        while not report.state.ended or self.news:
            if not report.state.ended:
                await self.pause_or_news()
            report = await self.asked()
        return report

    @workflow.signal
    def dispute_reported(self) -> None:
        """The provider said something about this dispute; sent by hand, a wish to look at it now."""
        self.news += 1

    @workflow.query
    def status(self) -> DisputeReport | None:
        """Where the dispute stands, as of the last look."""
        return self.report

    async def asked(self) -> DisputeReport:
        """Ask the provider; what is new of it starts the pauses anew."""
        self.news = 0
        before, self.looks = self.report, self.looks + 1
        self.report = await insist(steps.follow_dispute, self.request)
        if before is None or before.state is not self.report.state:
            self.looks = 1
        self.tell(self.report)
        return self.report

    async def pause_or_news(self) -> None:
        try:
            await workflow.wait_condition(
                lambda: self.news > 0,
                timeout=pause(self.looks),
                timeout_summary="until the provider is asked again",
            )
        except TimeoutError:
            pass

    def tell(self, report: DisputeReport) -> None:
        """Let a person see where it stands, and find it while it is open."""
        workflow.set_current_details(f"**{self.request.reference}** {report.amount}: {report.state.value}")
        if self.attention is report.state.ended:
            self.attention = not report.state.ended
            workflow.upsert_search_attributes([names.NEEDS_ATTENTION.value_set(self.attention)])
