"""Has Temporal's SDK download its development server: `fetch_temporal.py FOLDER`, run by .venv's python."""

import asyncio
import os
import sys

from temporalio.testing import WorkflowEnvironment


async def main(folder: str) -> None:
    """Start the server once from a fresh download, which leaves the binary in `folder`."""
    try:
        async with await WorkflowEnvironment.start_local(download_dest_dir=folder):
            pass
    except (RuntimeError, OSError) as trouble:
        print(trouble, file=sys.stderr, flush=True)
        os._exit(1)  # an orderly end now and then trips over the SDK's threads, and prints pages of it


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
