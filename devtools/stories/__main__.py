"""`./dev demo [STORY …]`: tells stories, or all; each ends with a verdict, status 0 when all are well."""

import argparse
import asyncio
import os
import sys
from collections.abc import Awaitable, Callable

import aiohttp
import asyncpg

from devtools.say import quiet_when_unheard
from devtools.stories import (
    PROVIDERS,
    TITLES,
    cancelled,
    challenged,
    crash,
    crash_everywhere,
    debit,
    declined,
    deposit,
    dispute_opened,
    double_paid,
    expired,
    fallback,
    late_reacquired,
    late_refunded,
    paid,
    partner_refused,
    payment_link,
    refund,
    webhook_lost,
)
from devtools.stories.judge import Judge, seated
from devtools.stories.shop import Refused, Shop, opened
from devtools.stories.tale import Tale, Wrong

Story = Callable[[Tale, Shop, Judge], Awaitable[str]]
STORIES: dict[str, Story] = {
    "paid": paid.tell,
    "declined": declined.tell,
    "3ds": challenged.tell,
    "expired": expired.tell,
    "cancelled": cancelled.tell,
    "double-paid": double_paid.tell,
    "late-refunded": late_refunded.tell,
    "late-reacquired": late_reacquired.tell,
    "refund": refund.tell,
    "dispute-opened": dispute_opened.tell,
    "deposit": deposit.tell,
    "debit": debit.tell,
    "partner-refused": partner_refused.tell,
    "fallback": fallback.tell,
    "payment-link": payment_link.tell,
    "webhook-lost": webhook_lost.tell,
    "crash-everywhere": crash_everywhere.tell,
    "crash": crash.tell,
}


async def play(name: str, provider: str) -> bool:
    """Play a story over a provider and print its verdict; answers whether it ended as it should."""
    tale, tell = Tale(TITLES[name]), STORIES[name]
    try:
        async with (
            opened(os.environ, provider=provider) as shop,
            seated(os.environ, shop.catalogue["tenant_id"]) as judge,
        ):
            verdict = await tell(tale, shop, judge)
    except Wrong as reason:
        print(f"\n✘ {name}: {reason}\n", flush=True)
    except Refused as refused:
        print(f"\n✘ {name}: the API refused with {refused.status}: {dict(refused.problem)}\n", flush=True)
    except (OSError, asyncpg.PostgresError, aiohttp.ClientError) as error:
        way_out = "`./dev up` starts it, `./dev status` shows it"
        print(f"\n✘ {name}: the stack does not answer ({error}): {way_out}\n", flush=True)
    else:
        print(f"\n✔ {name}: {verdict}.\n", flush=True)
        return True
    return False


@quiet_when_unheard()
def main() -> None:
    """Play what the command line asks for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("stories", nargs="*")
    parser.add_argument("--provider", choices=PROVIDERS, default="stripe")
    asked = parser.parse_args()
    ended_well = [asyncio.run(play(name, asked.provider)) for name in asked.stories or STORIES]
    sys.exit(0 if all(ended_well) else 1)


if __name__ == "__main__":
    main()
