"""What is promised of every provider's books: each line, and together they are the balance."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta

from domain.money import Money
from providers.books import Books, Line, LineKind
from providers.gateway import Opened, Order
from tests.providers.conftest import Desk, MakeOrder, desks, key_of

DAY = timedelta(days=1)
desk = desks("stripe", "paypal")


def books_of(desk: Desk) -> Books:
    books = desk.gateway.books
    assert books is not None
    return books


async def statement(desk: Desk) -> list[Line]:
    """Read all pages of two days."""
    now = datetime.now(UTC)
    lines: list[Line] = []
    more: str | None = None
    while True:
        page = await books_of(desk).lines(now - DAY, now + DAY, more=more)
        lines += page.lines
        more = page.more
        if more is None:
            return lines


async def paid(desk: Desk, order: MakeOrder, card: str = "visa") -> tuple[Order, Opened]:
    wished = order()
    opened = await desk.gateway.open_checkout(wished, op_key=key_of(wished))
    await desk.pay(opened, card)
    await desk.advance(timedelta(seconds=5))
    return wished, opened


async def held(desk: Desk) -> dict[str, int]:
    """Say what the provider holds, per currency."""
    return {
        each.available.currency: (each.available + each.pending).minor
        for each in await books_of(desk).balances()
        if each.available + each.pending
    }


def added(lines: list[Line]) -> dict[str, int]:
    sums: dict[str, int] = defaultdict(int)
    for line in lines:
        sums[line.net.currency] += line.net.minor
    return {currency: minor for currency, minor in sums.items() if minor}


async def test_a_payment_is_a_line_with_its_fee(desk: Desk, order: MakeOrder) -> None:
    wished, _ = await paid(desk, order)

    [line] = await statement(desk)

    assert (line.kind, line.gross, line.payment_id) == (LineKind.CHARGE, wished.amount, wished.payment_id)
    assert line.fee.minor > 0
    assert line.net == line.gross - line.fee


async def test_the_lines_of_a_life_are_the_balance(desk: Desk, order: MakeOrder) -> None:
    wished, opened = await paid(desk, order)
    part = Money(minor=1_500, currency=wished.amount.currency)
    await desk.gateway.refund(opened.provider_ref, part, refund_id="r1", op_key=key_of(wished, "refund"))
    _, second = await paid(desk, order)
    payment = (await desk.account.payments())[-1]
    made = await desk.account.control(f"payments/{payment['id']}/dispute")
    await desk.account.decide_dispute(made["id"], won=True)
    await desk.advance(timedelta(seconds=5))

    lines = await statement(desk)

    assert {LineKind.CHARGE, LineKind.REFUND, LineKind.DISPUTE, LineKind.DISPUTE_REVERSAL} <= {
        line.kind for line in lines
    }
    assert LineKind.UNKNOWN not in {line.kind for line in lines}
    assert second.provider_ref
    assert added(lines) == await held(desk)
    assert len({line.reference for line in lines}) == len(lines)


async def test_what_was_not_booked_in_a_time_is_not_listed_for_it(desk: Desk, order: MakeOrder) -> None:
    await paid(desk, order)
    [line] = await statement(desk)

    before = await books_of(desk).lines(line.occurred_at - DAY, line.occurred_at)
    after = await books_of(desk).lines(line.occurred_at, line.occurred_at + DAY)

    assert (before.lines, after.lines) == ((), (line,))


async def test_an_account_that_nothing_happened_in_has_empty_books(desk: Desk) -> None:
    assert await statement(desk) == []
    assert await held(desk) == {}
