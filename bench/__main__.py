"""`python -m bench [NAME] [--json]`: run one benchmark, or all, and print its figures."""

import argparse
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

from bench.figure import Figure, as_json, machine, table
from devtools.command import MISTAKE, Parser
from devtools.say import Trouble, quiet_when_unheard, warn

BENCHES = {
    "footprint": "events and workflow tasks of one paid booking, counted",
    "latency": "one booking alone, from request to ticket, and the time to bring the stack up",
    "accept": "bookings accepted a second, hot and spread, against a bare insert",
    "intake": "webhooks taken a second, verified and stored, against a bare insert",
    "sandbox": "requests a second that the sandbox answers, as our own adapters make them",
    "gateway": "a checkout opened through each adapter, against a bare POST of the same request",
    "open": "how long a booking takes with 10,000 others open, against none",
    "memory": "what an open booking costs the worker, remembered and forgotten",
    "restart": "10,000 open bookings through a restart of everything: places sellable again, ends reached",
    "recovery": "seconds until bookings in flight went on after a process was killed",
    "saga": "paid bookings a second against a workflow that does nothing, and the CPU one costs",
}
# Smaller numbers are for trying a benchmark out.
NUMBERS = {
    "bookings": "open and restart: how many bookings are open (10,000)",
    "hold": "restart: after so many seconds from the beginning their time is over (1,200)",
}
TAKEN = {"open": {"bookings"}, "restart": {"bookings", "hold"}, "intake": {"provider"}}
PROVIDERS = ("stripe", "adyen", "paypal")


def benchmark(word: str) -> str:
    """Read the name of a benchmark."""
    if word not in BENCHES:
        raise argparse.ArgumentTypeError(f"there is no benchmark '{word}'")
    return word


@quiet_when_unheard()
def main() -> int:
    """Run what was asked for and answer the exit status."""
    try:
        asked, chosen = parsed()
    except Trouble as trouble:
        warn(f"./dev: {trouble}")
        return MISTAKE
    for name in [asked.name] if asked.name else BENCHES:
        print(f"{name}: {BENCHES[name]}\n{machine()}", file=sys.stderr)
        measure: Callable[..., list[Figure]] = import_module(f"bench.{name}").measure
        figures = measure(**chosen)
        print(table(figures))
        if asked.json:
            print(as_json(name, figures))
    return 0


def parsed() -> tuple[argparse.Namespace, dict[str, Any]]:
    """Answer what is asked for and what a benchmark is told of it; Trouble when it is mistaken."""
    parser = Parser(prog="./dev bench", description="Measure. Leave the machine alone meanwhile.")
    named = ", ".join(BENCHES)
    parser.add_argument(
        "name", nargs="?", type=benchmark, metavar="NAME", help=f"one of {named}; all of them when left out"
    )
    parser.add_argument(
        "--json", action="store_true", help="print one line of JSON for each, as the last line"
    )
    for number, does in NUMBERS.items():
        parser.add_argument(f"--{number}", type=int, help=does)
    parser.add_argument("--provider", choices=PROVIDERS, help="intake: whose webhooks are taken (stripe)")
    asked = parser.parse_args()
    chosen = {name: value for name in (*NUMBERS, "provider") if (value := getattr(asked, name)) is not None}
    if not chosen.keys() <= TAKEN.get(asked.name, frozenset()):
        parser.error(f"{asked.name or 'all of them'} cannot be told --{' --'.join(chosen)}")
    return asked, chosen


if __name__ == "__main__":
    sys.exit(main())
