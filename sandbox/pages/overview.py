"""The front page for people: accounts, and in each its payments, events and deliveries."""

from datetime import UTC, datetime

from fastapi import APIRouter
from starlette.responses import Response

from sandbox.control.operate import resolve
from sandbox.event import Event
from sandbox.mail import Mail
from sandbox.pages.page import render
from sandbox.pages.payee import Payee
from sandbox.payment import Payment
from sandbox.refund import Refund
from sandbox.webhook import deliveries
from sandbox.work import World

NEWEST = 50


def routes(world: World) -> APIRouter:
    """Return the routes of this part."""
    part, router = Overview(world), APIRouter()
    router.add_api_route("/", part.front, methods=["GET"], response_model=None)
    router.add_api_route("/accounts/{key}", part.account, methods=["GET"], response_model=None)
    return router


class Overview:
    """What is going on, at a glance."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def front(self) -> Response:
        """Show all accounts and what is to go wrong."""
        rows = [(account, self.world.store.counts(account.id)) for account in reversed(self.world.accounts())]
        return render("overview.html", rows=rows, faults=self.world.faults.open, seed=self.world.seed)

    async def account(self, key: str) -> Response:
        """Show one account's newest payments, refunds, events and mails."""
        account = resolve(self.world, key)
        with self.world.work(account) as work:
            payments, _ = work.store.page(Payment, account.id, limit=NEWEST)
            refunds, _ = work.store.page(Refund, account.id, limit=NEWEST)
            events, _ = work.store.page(Event, account.id, limit=NEWEST)
            mails, _ = work.store.page(Mail, account.id, limit=NEWEST)
            payee = self.world.faces[account.provider]
        sent: dict[str, list[str]] = {}
        for each in deliveries(self.world, "account = ?", (account.id,)):
            sent.setdefault(each["event"], []).append(each["status"])
        return render(
            "account.html",
            account=account,
            payments=payments,
            refunds=refunds,
            events=events,
            mails=mails,
            sent=sent,
            shown=payee.shown if isinstance(payee, Payee) else str,
            when=_when,
            now=_when(int(self.world.now(account))),
        )


def _when(created: int) -> str:
    return datetime.fromtimestamp(created, UTC).strftime("%Y-%m-%d %H:%M:%S")
