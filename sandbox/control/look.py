"""Looking inside an account: what stories, invariant checks and people want to know."""

import json

from fastapi import APIRouter

from sandbox import coverage, ledger, mail
from sandbox.account import Account
from sandbox.checkout import Checkout
from sandbox.control.operate import resolve
from sandbox.event import Event
from sandbox.ledger import Movement
from sandbox.mail import Mail, Recipient
from sandbox.payment import Payment
from sandbox.record import Json
from sandbox.refund import Refund
from sandbox.work import World


def routes(world: World) -> APIRouter:
    """Return the routes of this part."""
    part, router = Look(world), APIRouter(prefix="/_sandbox")
    for path, answer in (
        ("/calls", part.calls),
        ("/accounts", part.accounts),
        ("/accounts/{key}", part.account),
        ("/accounts/{key}/payments", part.payments),
        ("/accounts/{key}/checkouts", part.checkouts),
        ("/accounts/{key}/refunds", part.refunds),
        ("/accounts/{key}/events", part.events),
        ("/accounts/{key}/statement", part.statement),
        ("/accounts/{key}/mailbox", part.mailbox),
    ):
        router.add_api_route(path, answer, methods=["GET"], response_model=None)
    return router


class Look:
    """Answers about accounts, after a self-check that is loud if an account's books are wrong."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def calls(self) -> list[Json]:
        """List every call that is played."""
        return [
            {"provider": provider, "method": method, "path": path}
            for provider, method, path in coverage.calls()
        ]

    async def accounts(self) -> list[Json]:
        """List all accounts."""
        return [self._summary(account) for account in self.world.accounts()]

    async def account(self, key: str) -> Json:
        """Tell about one account."""
        return self._summary(self._checked(key))

    async def payments(self, key: str) -> list[Json]:
        """List payments with what was authorized, captured, refunded and disputed, in minor units, oldest
        first.
        """
        account = self._checked(key)
        references = {each.payment: each.reference for each in self.world.store.all(Checkout, account.id)}
        return [
            {
                "id": each.id,
                "created": each.created,
                "amount": each.amount,
                "currency": each.currency,
                "status": each.status,
                "authorized": each.authorized,
                "captured": each.captured,
                "refunded": each.refunded,
                "disputed": each.disputed,
                "checkout": each.checkout,
                "reference": references.get(each.id),
                "decline": each.decline,
                "metadata": each.metadata,
            }
            for each in self.world.store.all(Payment, account.id)
        ]

    async def checkouts(self, key: str) -> list[Json]:
        """List hosted checkouts, oldest first."""
        return [
            {
                "id": each.id,
                "created": each.created,
                "amount": each.amount,
                "currency": each.currency,
                "status": each.status,
                "capture": each.capture,
                "expires_at": each.expires_at,
                "payment": each.payment,
                "reference": each.reference,
                "metadata": each.metadata,
            }
            for each in self.world.store.all(Checkout, self._checked(key).id)
        ]

    async def refunds(self, key: str) -> list[Json]:
        """List refunds, oldest first."""
        return [
            {
                "id": each.id,
                "created": each.created,
                "payment": each.payment,
                "amount": each.amount,
                "currency": each.currency,
                "status": each.status,
                "reason": each.reason,
                "metadata": each.metadata,
            }
            for each in self.world.store.all(Refund, self._checked(key).id)
        ]

    async def events(self, key: str) -> list[Json]:
        """List events as they were told, oldest first."""
        return [json.loads(each.body) for each in self.world.store.all(Event, self._checked(key).id)]

    async def statement(self, key: str) -> list[Json]:
        """List the movements of the balance, oldest first."""
        return [
            {**vars(each), "net": each.net} for each in self.world.store.all(Movement, self._checked(key).id)
        ]

    async def mailbox(self, key: str) -> list[Json]:
        """List mails, oldest first."""
        owner, children = self._checked(key).id, self.world.store.children
        return [mail.shown(each, children(Recipient, each.id)) for each in self.world.store.all(Mail, owner)]

    def _checked(self, key: str) -> Account:
        account = resolve(self.world, key)
        with self.world.work(account) as work:
            for payment in work.store.all(Payment, account.id):
                payment.verify()
            ledger.check(work)
        return account

    def _summary(self, account: Account) -> Json:
        with self.world.work(account) as work:
            balances = ledger.balances(work)
        counts = self.world.store.counts(account.id)
        return {
            "id": account.id,
            "provider": account.provider,
            "key": account.key,
            "created": account.created,
            "offset": account.offset,
            "balances": balances,
            "records": counts,
        }
