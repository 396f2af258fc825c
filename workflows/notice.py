"""One message to one person, until the mail service has it or it is known that nobody can say."""

from temporalio import workflow

from domain.notice import SendNotice, Sent
from workflows import steps
from workflows.saga import perform


@workflow.defn(name="NoticeWorkflow")
class NoticeWorkflow:
    """Sends one notice, under the id `notice:<notice id>`."""

    @workflow.run
    async def run(self, request: SendNotice) -> Sent:
        """Send it once."""
        return await perform(steps.send_notice, request)
