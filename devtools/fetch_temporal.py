"""Has Temporal's SDK download its development server into a folder: `fetch_temporal.py FOLDER`, run by .venv's python."""

import asyncio
import sys

from temporalio.testing import WorkflowEnvironment


async def main(folder: str) -> None:
    """Start the server once from a fresh download, which leaves the binary in `folder`."""
    async with await WorkflowEnvironment.start_local(download_dest_dir=folder):
        pass


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
