"""A run with one step, for the trace through both; imports nothing heavy, as our own runs do not."""

from datetime import timedelta

from temporalio import workflow


@workflow.defn
class ErrandWorkflow:
    """Asks for one step, and tells where it came from."""

    @workflow.run
    async def run(self, errand: str) -> str:
        answer: str = await workflow.execute_activity(
            "fetch_it", errand, start_to_close_timeout=timedelta(seconds=10)
        )
        return answer
