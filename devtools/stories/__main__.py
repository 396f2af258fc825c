"""`./dev demo [STORY]`: tells one story, or all; the last line is the verdict, status 0 when all is well."""

import argparse
import asyncio
import os
import sys
from collections.abc import Awaitable, Callable

import aiohttp
import asyncpg

from devtools.stories import cancelled, crash, declined, expired, paid
from devtools.stories.judge import Judge, seated
from devtools.stories.shop import Refused, Shop, opened
from devtools.stories.tale import Tale, Wrong

Story = Callable[[Tale, Shop, Judge], Awaitable[str]]
STORIES: dict[str, tuple[str, Story]] = {
    "paid": ("A booking is paid and gets its tickets", paid.tell),
    "declined": ("A card is declined, another one is not", declined.tell),
    "expired": ("Nobody pays in time", expired.tell),
    "cancelled": ("The buyer gives up before paying", cancelled.tell),
    "crash": ("Every process is killed while ten people buy", crash.tell),
}


async def play(name: str) -> bool:
    """Play a story and print its verdict; answers whether it ended as it should."""
    title, tell = STORIES[name]
    tale = Tale(title)
    try:
        async with opened(os.environ) as shop, seated(os.environ, shop.catalogue["tenant_id"]) as judge:
            verdict = await tell(tale, shop, judge)
    except Wrong as reason:
        print(f"\n✘ {name}: {reason}\n", flush=True)
    except Refused as refused:
        print(f"\n✘ {name}: the API refused with {refused.status}: {dict(refused.problem)}\n", flush=True)
    except (OSError, asyncpg.PostgresError, aiohttp.ClientError) as error:
        print(f"\n✘ {name}: the stack does not answer ({error}): see `./dev status`\n", flush=True)
    else:
        print(f"\n✔ {name}: {verdict}.\n", flush=True)
        return True
    return False


def main() -> None:
    """Play what the command line asks for."""
    parser = argparse.ArgumentParser(prog="./dev demo", description=__doc__)
    known = ", ".join(f"{name} ({title.lower()})" for name, (title, _) in STORIES.items())
    parser.add_argument(
        "story", nargs="?", choices=STORIES, metavar="STORY", help=f"{known}; all, unless given"
    )
    arguments = parser.parse_args()
    names = [arguments.story] if arguments.story else list(STORIES)
    ended_well = [asyncio.run(play(name)) for name in names]
    sys.exit(0 if all(ended_well) else 1)


if __name__ == "__main__":
    main()
