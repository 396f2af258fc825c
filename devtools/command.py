"""The command line of `./dev`: what there is, and a way out of every mistake."""

import argparse
import difflib
from collections.abc import Mapping, Sequence
from typing import NoReturn

from devtools import features, lock, status, tools, vendor
from devtools.detach import up_detached
from devtools.say import Trouble, quiet_when_unheard, warn
from devtools.stories import PROVIDERS, TITLES, TOLD_OVER
from devtools.up import up

MISTAKE, FAILED, INTERRUPTED = 2, 1, 130
# These hand on what they do not know: to pytest, and to programs that have options of their own.
OPEN = ("test", "bench")


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence, with the way out."""

    def error(self, message: str) -> NoReturn:
        """Raise Trouble instead of printing the whole usage."""
        raise Trouble(f"{message[0].upper()}{message[1:]}; see `{self.prog} --help`.")


def count(word: str) -> int:
    """Read a number of lines."""
    if not word.isdecimal():
        raise argparse.ArgumentTypeError(f"'{word}' is no number of lines")
    return int(word)


def story(word: str) -> str:
    """Read the name of a story."""
    if word not in TITLES:
        raise argparse.ArgumentTypeError(f"there is no story '{word}'")
    return word


def provider(word: str) -> str:
    """Read the name of somebody who takes money."""
    if word not in PROVIDERS:
        raise argparse.ArgumentTypeError(f"there is no provider '{word}'")
    return word


@quiet_when_unheard()
def run(words: Sequence[str]) -> int:
    """Run one command line and answer its exit status."""
    whole, commands = parsers()
    if not words or words[0] in ("help", "-h", "--help"):
        whole.print_help()
        return 0
    try:
        arguments, rest = parsed(whole, commands, words)
    except Trouble as trouble:
        warn(f"./dev: {trouble}")
        return MISTAKE
    try:
        return perform(arguments, rest)
    except Trouble as trouble:
        warn(f"./dev: {trouble}")
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED


def parsers() -> tuple[Parser, Mapping[str, argparse.ArgumentParser]]:
    """Answer the parser of the whole command line and those of its commands."""
    whole = Parser(prog="./dev", description="The one command of Holdfast.", allow_abbrev=False)
    adder = whole.add_subparsers(metavar="COMMAND", dest="command")

    def command(name: str, does: str, *, add_help: bool = True) -> argparse.ArgumentParser:
        return adder.add_parser(name, help=does, description=does, allow_abbrev=False, add_help=add_help)

    one = command("up", "start the whole stack and make one booking, told line by line")
    one.add_argument("--detach", action="store_true", help="return once it is ready; `./dev down` stops it")
    one.add_argument("--no-demo", action="store_true", help="start without the booking")
    one.add_argument("--from-detach", action="store_true", help=argparse.SUPPRESS)
    command("down", "stop what `up` started")
    one = command("status", "what runs where, and whether it is healthy")
    one.add_argument("--json", action="store_true", help="one object for programs")
    one = command("logs", "follow the logs, all or one")
    one.add_argument("name", nargs="?", help="api, worker, sandbox, temporal, postgres …")
    one.add_argument("--no-follow", action="store_true", help="print the end and return")
    one.add_argument(
        "-n", "--lines", type=count, default=20, help="how many lines of each to begin with (20)"
    )
    one = command("test", "everything the tests need, then pytest with the arguments that follow")
    one.add_argument("--all", action="store_true", help="the heavy layers too")
    command("check", "lint, format, import contracts, dependencies, types")
    does = "measure: [NAME] [--json]; a table of figures with their goals"
    command("bench", does, add_help=False)  # it has a help of its own
    one = command("demo", "tell stories on the running stack and verify them; all of them without a name")
    one.formatter_class = argparse.RawDescriptionHelpFormatter
    one.epilog = "\n".join(["stories:", *(f"  {name:18}{title}" for name, title in TITLES.items())])
    one.add_argument("stories", nargs="*", type=story, metavar="STORY", help="one or more of those below")
    does = f"who takes the money: {', '.join(PROVIDERS)}"
    one.add_argument("--provider", type=provider, default="stripe", metavar="PROVIDER", help=does)
    one = command("token", "print a signed bearer token for trying the API")
    one.add_argument("--role", required=True, help="admin, organizer, staff, user …")
    one.add_argument("--tenant", help="the tenant's id (without: the demo organizer)")
    one = command("features", "write docs/features.md: each requirement with its tests")
    one.add_argument("--check", action="store_true", help="write nothing; fail when it would change")
    one = command("lock", "write the hashed locks in requirements/")
    one.add_argument(
        "--upgrade", action="store_true", help="take the newest versions that pyproject.toml allows"
    )
    command("vendor", "fetch the web assets into web/static/vendor/")
    return whole, adder.choices


def parsed(
    whole: Parser, commands: Mapping[str, argparse.ArgumentParser], words: Sequence[str]
) -> tuple[argparse.Namespace, list[str]]:
    """Answer what the command line means and the words to hand on; Trouble when it is mistaken."""
    name = words[0]
    if name not in commands:
        near = difflib.get_close_matches(name, commands, n=1)
        hint = f"did you mean `./dev {near[0]}`?" if near else "`./dev help` lists what there is."
        raise Trouble(f"There is no command '{name}'; {hint}")
    arguments, rest = whole.parse_known_args(words)
    if rest and name not in OPEN:
        raise Trouble(f"`./dev {name}` does not take '{rest[0]}'; see `./dev {name} --help`.")
    if name == "demo":
        refuse_untold(arguments.stories, arguments.provider)
    return arguments, rest


def refuse_untold(stories: Sequence[str], provider: str) -> None:
    """Raise Trouble for a story that is not told over this provider."""
    for story in stories:
        if provider not in (over := TOLD_OVER.get(story, (provider,))):
            told = " or ".join(over)
            raise Trouble(f"The story '{story}' is told over {told}; see `./dev demo --help`.")


def start(arguments: argparse.Namespace) -> None:
    """Bring the stack up, here or in the background."""
    demo = not arguments.no_demo
    if arguments.detach:
        up_detached(demo=demo)
    else:
        up(demo=demo, detached=arguments.from_detach)


def perform(arguments: argparse.Namespace, rest: list[str]) -> int:
    """Do what a command line means and answer the exit status."""
    match arguments.command:
        case "up":
            start(arguments)
        case "down":
            status.down()
        case "status":
            status.status(as_json=arguments.json)
        case "logs":
            status.logs(arguments.name, follow=not arguments.no_follow, lines=arguments.lines)
        case "features":
            features.write(check=arguments.check)
        case "lock":
            lock.lock(upgrade=arguments.upgrade)
        case "vendor":
            vendor.fetch()
        case _:
            return perform_in_venv(arguments, rest)
    return 0


def perform_in_venv(arguments: argparse.Namespace, rest: list[str]) -> int:
    """Do what other programs do for us, and answer their exit status."""
    match arguments.command:
        case "test":
            return tools.test(rest, everything=arguments.all)
        case "check":
            return tools.check()
        case "token":
            return tools.token(arguments.role, arguments.tenant)
        case "bench":
            return tools.bench(rest)
        case _:
            over = ["--provider", arguments.provider]
            return tools.on_the_stack("devtools.stories", [*arguments.stories, *over])
