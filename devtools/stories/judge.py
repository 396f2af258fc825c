"""The judge of a story: what our tables say under the read-only role, and what the sandbox says it took."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from itertools import chain
from typing import Any, TypeVar

import aiohttp
import asyncpg

from devtools.stories import PROVIDERS
from devtools.stories.shop import AT_LEISURE, Place, Shop
from devtools.stories.tale import Tale, Wrong, wrong

Found = TypeVar("Found")

PATIENCE_SECONDS = 90.0
POLL_SECONDS = 0.1
FREE = "select capacity - held - sold from counters where id = $1"
FACTS = """
    select b.status,
        (select coalesce(sum(places), 0) from holds where booking_id = b.id and status = 'active') as held,
        (select count(*) from tickets where booking_id = b.id and status = 'active') as tickets,
        (select coalesce(sum(captured_minor - refunded_minor), 0)
            from payments where booking_id = b.id) as kept
    from bookings b where b.id = $1
"""
BOOKS = """
    select coalesce(sum(e.amount_minor), 0) as balance, count(*) as entries
    from ledger_transactions t join ledger_entries e on e.tenant_id = t.tenant_id and e.transaction_id = t.id
    where t.source in (select 'payment:' || p.id || ':captured' from payments p where p.booking_id = $1)
"""

DISPUTE = "select id::text, provider_ref, state, reason, fee_minor from disputes where booking_id = $1"

CASES = """
    select case when closed_at is null then 'open' else 'closed' end as stands
    from cases where booking_id = $1 and kind = 'dispute' order by opened_at
"""

# What a dispute has left in the books, but for what the provider holds.
BOOKED = """
    select e.account, sum(e.amount_minor)::bigint as minor
    from ledger_transactions t join ledger_entries e on e.tenant_id = t.tenant_id and e.transaction_id = t.id
    where t.source like 'dispute:' || $1 || ':%' and e.account not like 'provider_clearing:%'
    group by e.account having sum(e.amount_minor) <> 0
"""

DRAWER = """
    select coalesce(sum(e.amount_minor), 0)::bigint
    from ledger_transactions t join ledger_entries e on e.tenant_id = t.tenant_id and e.transaction_id = t.id
    where e.account like 'cash_drawer:%'
      and t.source in (select 'payment:' || p.id || ':captured' from payments p where p.booking_id = $1)
"""

HEARD = """
    select kind, event_id from webhook_events
    where payment_id in (select id from payments where booking_id = $1) order by received_at
"""


class Judge:
    """Says what is true of a booking."""

    def __init__(
        self,
        db: "asyncpg.Connection[asyncpg.Record]",
        http: aiohttp.ClientSession,
        settings: Mapping[str, str],
    ) -> None:
        self.db, self.http, self.settings = db, http, settings

    async def roomy(self, shop: Shop, places: int, *, pay_within: range = AT_LEISURE) -> tuple[Place, int]:
        """Choose a slot with so many free places, and answer with how many it has."""
        return await self.first_free(shop.places(pay_within=pay_within), places)

    async def first_free(self, among: Iterable[Place], places: int = 1) -> tuple[Place, int]:
        """Choose the first slot with so many free places, and answer with how many it has."""
        for place in among:
            if (free := await self.free(place.slot["slot_id"])) >= places:
                return place, free
        raise Wrong("the demo catalogue is sold out: `./dev down`, remove .holdfast, `./dev up`")

    async def free(self, slot_id: str) -> int:
        """Answer how many places of a slot are neither held nor sold."""
        return int(await self.db.fetchval(FREE, uuid.UUID(slot_id)))

    async def settled(self, tale: Tale, booking: Mapping[str, Any], **wanted: Any) -> None:
        """Claim what our tables and the sandbox say of a booking, once the last of it has come to rest.

        `wanted`: status; held (places); tickets (valid ones); kept (minor units taken and not given back).
        """
        found, charged = await self._rested(booking, wanted)
        told = ", ".join(f"{what} {value}" for what, value in wanted.items())
        tale.check(f"SQL: {told}", found=found, wanted=wanted)
        in_cash = await self._in_cash(booking["id"])
        claim = (
            f"our books have {in_cash} in the cash drawer"
            if in_cash
            else f"the sandbox took and kept {charged}"
        )
        tale.check(claim, found=charged, wanted=wanted["kept"])

    async def ended(self, tale: Tale, booking: Mapping[str, Any], **wanted: Any) -> None:
        """Claim the same in one line, where a story has many bookings."""
        found, charged = await self._rested(booking, wanted)
        claim = f"{booking['reference']}: {wanted['status']}, tickets {wanted['tickets']}, charged {charged}"
        tale.check(claim, found={**found, "charged": charged}, wanted={**wanted, "charged": wanted["kept"]})

    async def _rested(
        self, booking: Mapping[str, Any], wanted: Mapping[str, Any]
    ) -> tuple[dict[str, Any], int]:
        """Answer what is found, and what the sandbox charged; Wrong when the books do not fit."""
        found = await _at_rest(lambda: self._found(booking), lambda found: found == wanted)
        books = await self.db.fetchrow(BOOKS, uuid.UUID(booking["id"]))
        if books is None or (wanted["kept"] and not books["entries"]) or books["balance"]:
            wrong(f"the ledger of {booking['reference']} does not fit: {books}")
        return found, await self.charged(booking["id"])

    async def _found(self, booking: Mapping[str, Any]) -> dict[str, Any]:
        row = await self.db.fetchrow(FACTS, uuid.UUID(booking["id"]))
        if row is None:
            wrong(f"no booking {booking['id']} in the database")
        return {name: value if name == "status" else int(value) for name, value in row.items()}

    async def charged(self, booking_id: str) -> int:
        """Answer what the sandbox or a drawer of the box office took for a booking and did not give back, in
        minor units.
        """
        payments = await self._payments(booking_id)
        kept: int = sum(payment["captured"] - payment["refunded"] for payment in payments)
        return kept + await self._in_cash(booking_id)

    async def _in_cash(self, booking_id: str) -> int:
        return int(await self.db.fetchval(DRAWER, uuid.UUID(booking_id)))

    async def set_aside(self, booking_id: str) -> int:
        """Answer what the sandbox has set aside for a booking without taking it, in minor units."""
        payments = await self._payments(booking_id)
        return sum(each["authorized"] for each in payments if each["status"] == "authorized")

    async def _payments(self, booking_id: str, provider: str = "") -> list[dict[str, Any]]:
        rows = await self.db.fetch("select id from payments where booking_id = $1", uuid.UUID(booking_id))
        ours = {row["id"] for row in rows}
        names = [PROVIDERS[provider]] if provider else PROVIDERS.values()
        keys = (self.settings[name] for name in names if name in self.settings)
        books = [await self._books("payments", key) for key in keys]
        return [each for each in chain(*books) if any(_is_about(each, payment_id) for payment_id in ours)]

    async def refunded(self, tale: Tale, booking: Mapping[str, Any], amount: int, *, by: str = "") -> None:
        """Claim that the sandbox gave so much back for a booking, in minor units, once it has.

        `by`: as this provider.
        """
        found = await _at_rest(lambda: self._given_back(booking, by), lambda found: found >= amount)
        tale.check(f"{by or 'the sandbox'} gave {amount} back", found=found, wanted=amount)

    async def _given_back(self, booking: Mapping[str, Any], by: str) -> int:
        return sum(payment["refunded"] for payment in await self._payments(booking["id"], by))

    async def disputed(self, booking: Mapping[str, Any], state: str) -> dict[str, Any]:
        """Answer the dispute of a booking, once it stands so."""

        async def look() -> dict[str, Any]:
            row = await self.db.fetchrow(DISPUTE, uuid.UUID(booking["id"]))
            return dict(row) if row else {}

        dispute = await _at_rest(look, lambda found: found.get("state") == state)
        return dispute or wrong(f"{booking['reference']} has no dispute")

    async def cases(self, tale: Tale, booking: Mapping[str, Any], *stand: str) -> None:
        """Claim how the cases of a booking's disputes stand, once they do: open or closed."""

        async def look() -> list[str]:
            rows = await self.db.fetch(CASES, uuid.UUID(booking["id"]))
            return [row["stands"] for row in rows]

        found = await _at_rest(look, lambda found: found == [*stand])
        tale.check(f"its cases: {', '.join(stand)}", found=found, wanted=[*stand])

    async def booked(self, dispute_id: str) -> dict[str, int]:
        """Answer what a dispute has left in the books, in minor units by account; none of 0."""
        rows = await self.db.fetch(BOOKED, dispute_id)
        return {row["account"]: int(row["minor"]) for row in rows}

    async def heard(self, booking: Mapping[str, Any]) -> list[str]:
        """Answer the types of the events about a booking's payments that the provider has sent itself; others
        of the inbox were asked for, by the sweep.
        """
        rows = await self.db.fetch(HEARD, uuid.UUID(booking["id"]))
        return [row["kind"] for row in rows if await self._sent(row["event_id"])]

    async def _sent(self, event_id: str) -> bool:
        url = f"{self.settings['SANDBOX_URL']}/_sandbox/deliveries"
        async with self.http.get(url, params={"event": event_id}) as answer:
            answer.raise_for_status()
            return any(delivery["attempts"] for delivery in await answer.json())

    async def mail(self, reference: str, begins: str = "") -> list[str]:
        """Answer the subjects of the mails about a booking, once there is one; Wrong when none comes.

        `begins`: only those whose subject begins so.
        """
        found = await _at_rest(lambda: self._subjects(reference, begins), bool)
        return found or wrong(f"no mail about {reference} arrived")

    async def _subjects(self, reference: str, begins: str) -> list[str]:
        mailbox = await self._books("mailbox", self.settings["MAIL_API_KEY"])
        subjects = [str(mail["subject"]) for mail in mailbox if reference in str(mail)]
        return [subject for subject in subjects if subject.startswith(begins)]

    async def _books(self, what: str, key: str) -> list[dict[str, Any]]:
        url = f"{self.settings['SANDBOX_URL']}/_sandbox/accounts/{key}/{what}"
        async with self.http.get(url) as answer:
            if answer.status == 404:
                return []  # an account begins with its first use
            answer.raise_for_status()
            found: list[dict[str, Any]] = await answer.json()
            return found


async def _at_rest(ask: Callable[[], Awaitable[Found]], well: Callable[[Found], bool]) -> Found:
    """Ask until all is well or patience ends; answers what was found last."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    found = await ask()
    while not well(found) and time.monotonic() < deadline:
        await asyncio.sleep(POLL_SECONDS)
        found = await ask()
    return found


@asynccontextmanager
async def seated(settings: Mapping[str, str], tenant_id: str) -> AsyncIterator[Judge]:
    """Seat a judge, with a connection of its own under the read-only role."""
    db = await asyncpg.connect(
        settings["DATABASE_READONLY_URL"], server_settings={"app.tenant_id": tenant_id}
    )
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=15)) as http:
            yield Judge(db, http, settings)
    finally:
        await db.close()


def _is_about(payment: Mapping[str, Any], payment_id: uuid.UUID) -> bool:
    """Say whether a payment of the sandbox is ours, by its label or by the text that has our id in it."""
    labelled = payment["metadata"].get("payment_id") == str(payment_id)
    return labelled or payment_id.hex in (payment["reference"] or "")
