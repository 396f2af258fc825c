"""The pages of those who run the sandbox: its accounts, and in each what happened, what is told to whom, what
goes wrong on order and what time it is; with buttons for what the control API does.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TypeVar

from fastapi import APIRouter, HTTPException
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sandbox import fault
from sandbox.account import Account
from sandbox.checkout import Checkout
from sandbox.control.operate import Operate, resolve
from sandbox.control.wish import Advance, Reset, Trouble, Wish
from sandbox.event import Endpoint, Event
from sandbox.mail import Mail
from sandbox.pages import form
from sandbox.pages.page import render
from sandbox.pages.payee import Payee
from sandbox.payment import Payment
from sandbox.record import Json
from sandbox.refund import Refund
from sandbox.webhook import deliveries

W = TypeVar("W", bound=Wish)

NEWEST = 50
JUMPS = (("1 minute", 60), ("1 hour", 3600), ("1 day", 86_400), ("7 days", 604_800))


def routes(operator: Operate) -> APIRouter:
    """Return the routes of this part."""
    part, router = Overview(operator), APIRouter()
    for method, path, answer in (
        ("GET", "/", part.front),
        ("GET", "/accounts/{key}", part.account),
        ("POST", "/faults", part.order_fault),
        ("POST", "/faults/{number}/clear", part.clear_fault),
        ("POST", "/clock", part.advance),
        ("POST", "/release", part.release),
        ("POST", "/deliveries/{number}/redeliver", part.redeliver),
    ):
        router.add_api_route(path, answer, methods=[method], response_model=None)
    return router


class Overview:
    """What is going on, at a glance, and the switches for it."""

    def __init__(self, operator: Operate) -> None:
        self.operator, self.world = operator, operator.world

    async def front(self) -> Response:
        """Show all accounts and what is to go wrong."""
        return self._front()

    async def account(self, key: str) -> Response:
        """Show one account's newest payments, checkouts, refunds, events and mails."""
        return self._account(resolve(self.world, key))

    async def order_fault(self, request: Request) -> Response:
        """Order something to go wrong."""
        wish = {name: value for name, value in (await form.typed(request)).items() if value}
        account = self._named(wish.get("account"))
        try:
            await self.operator.add_fault(Trouble.model_validate(wish))
        except ValidationError as error:
            return self._shown(account, wrong=_sentence(error))
        except HTTPException as error:
            return self._shown(account, wrong=str(error.detail))
        return _back(account)

    async def clear_fault(self, number: int, request: Request) -> Response:
        """Take a fault back."""
        account = self._named((await form.typed(request)).get("account"))
        await self.operator.clear_fault(number)
        return _back(account)

    async def advance(self, request: Request) -> Response:
        """Move one clock ahead, or all."""
        account, wish = await self._asked(request, Advance)
        await self.operator.advance(wish)
        return _back(account)

    async def release(self, request: Request) -> Response:
        """Let answers and webhooks go that are kept back."""
        account, wish = await self._asked(request, Reset)
        await self.operator.release(wish)
        await self.operator.release_answers(wish)
        return _back(account)

    async def redeliver(self, number: int, request: Request) -> Response:
        """Send a delivery again."""
        account = self._named((await form.typed(request)).get("account"))
        await self.operator.redeliver(number)
        return _back(account)

    async def _asked(self, request: Request, shape: type[W]) -> tuple[Account | None, W]:
        said = {name: value for name, value in (await form.typed(request)).items() if value}
        try:
            return self._named(said.get("account")), shape.model_validate(said)
        except ValidationError as error:
            raise HTTPException(422, _sentence(error)) from None

    def _named(self, key: str | None) -> Account | None:
        return resolve(self.world, key) if key else None

    def _shown(self, account: Account | None, wrong: str) -> Response:
        return self._front(wrong) if account is None else self._account(account, wrong)

    def _front(self, wrong: str = "") -> Response:
        accounts = list(reversed(self.world.accounts()))
        return render(
            "overview.html",
            422 if wrong else 200,
            rows=[(account, self.world.store.counts(account.id)) for account in accounts],
            seed=self.world.seed,
            now=_when(int(self.world.clock.wall() + self.world.offset)),
            **self._switches(None, wrong),
        )

    def _account(self, account: Account, wrong: str = "") -> Response:
        store = self.world.store
        payee = self.world.faces[account.provider]
        events, _ = store.page(Event, account.id, limit=NEWEST)
        endpoints = store.all(Endpoint, account.id)
        newest = {
            kind.__name__.lower() + "s": store.page(kind, account.id, limit=NEWEST)[0]
            for kind in (Payment, Checkout, Refund, Mail)
        }
        return render(
            "account.html",
            422 if wrong else 200,
            account=account,
            events=events,
            sent=self._sent([each.id for each in events]),
            endpoints=endpoints,
            places={each.id: each.url for each in endpoints},
            **newest,
            shown=payee.shown if isinstance(payee, Payee) else str,
            when=_when,
            now=_when(int(self.world.now(account))),
            **self._switches(account, wrong),
        )

    def _switches(self, account: Account | None, wrong: str) -> Mapping[str, object]:
        """Return what the forms need: for an account its own faults, else all."""
        mine = (None,) if account is None else (None, account.id)
        faults = [each for each in self.world.faults.open if account is None or each.account in mine]
        return {
            "owner": account,
            "faults": faults,
            "kinds": fault.KINDS_IN_ORDER,
            "providers": sorted(self.world.faces),
            "jumps": JUMPS,
            "wrong": wrong,
        }

    def _sent(self, events: list[str]) -> Mapping[str, list[Json]]:
        """Return the deliveries of each event, with where they go."""
        found: dict[str, list[Json]] = {}
        places = ", ".join("?" * len(events))
        for each in deliveries(self.world, f"event IN ({places})", tuple(events)):
            found.setdefault(each["event"], []).append(each)
        return found


def _back(account: Account | None) -> Response:
    return RedirectResponse("/" if account is None else f"/accounts/{account.id}", 303)


def _sentence(error: ValidationError) -> str:
    return "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())


def _when(created: int) -> str:
    return datetime.fromtimestamp(created, UTC).strftime("%Y-%m-%d %H:%M:%S")
