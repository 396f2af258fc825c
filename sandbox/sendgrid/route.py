"""SendGrid's calls: which there are, and who answers them."""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from sandbox.answer import Answer
from sandbox.sendgrid import hook, letter, suppression
from sandbox.sendgrid.call import Call


class Route(NamedTuple):
    """One call: its names are the groups of its path."""

    method: str
    path: re.Pattern[str]
    answer: Callable[[Call], Answer]


def _routes() -> Iterator[Route]:
    groups = f"({'|'.join(suppression.GROUPS)})"
    hooks, unsubscribed = "/user/webhooks/event/settings", "/asm/suppressions/global"
    for method, path, answer in (
        ("POST", "/mail/send", letter.send),
        ("GET", f"/suppression/{groups}", suppression.list_all),
        ("DELETE", f"/suppression/{groups}", suppression.delete_many),
        ("GET", f"/suppression/{groups}/([^/]+)", suppression.retrieve),
        ("DELETE", f"/suppression/{groups}/([^/]+)", suppression.delete_one),
        ("POST", unsubscribed, suppression.unsubscribe),
        ("GET", f"{unsubscribed}/([^/]+)", suppression.is_unsubscribed),
        ("DELETE", f"{unsubscribed}/([^/]+)", suppression.subscribe),
        ("GET", f"{hooks}/all", hook.list_all),
        ("POST", hooks, hook.create),
        ("GET", hooks, hook.retrieve),
        ("PATCH", hooks, hook.update),
        ("GET", f"{hooks}/signed/([^/]+)", hook.public_key),
        ("PATCH", f"{hooks}/signed/([^/]+)", hook.toggle_signing),
        ("GET", f"{hooks}/([^/]+)", hook.retrieve),
        ("PATCH", f"{hooks}/([^/]+)", hook.update),
        ("DELETE", f"{hooks}/([^/]+)", hook.delete),
    ):
        yield Route(method, re.compile(f"/v3{path}"), answer)


ROUTES = tuple(_routes())


def find(method: str, path: str) -> tuple[Route | None, tuple[str, ...], bool]:
    """Return the call that is asked for, the names in its path, and whether the path knows any method."""
    known = [(route, found) for route in ROUTES if (found := route.path.fullmatch(path))]
    for route, found in known:
        if route.method == method:
            return route, found.groups(), True
    return None, (), bool(known)
