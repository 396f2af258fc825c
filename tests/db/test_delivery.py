"""What is heard of letters: in any order, once; addresses that get no more; sending again."""

from datetime import UTC, datetime
from itertools import permutations
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from db import delivery, notice
from db.delivery import News, Owed
from domain.ids import BookingId, NoticeId
from domain.notice import DeliveryFact, DeliveryState, NoticeKind, SendNotice, SendResult
from domain.refusal import NoticeUnderway, Unknown
from tests.db.test_relay import claim, owed
from tests.support.database import Databases

AT = datetime(2026, 11, 1, 12, tzinfo=UTC)
ADDRESSEE = "a keyed hash"


async def sent(databases: Databases, *, result: SendResult | None = SendResult.ACCEPTED) -> SendNotice:
    """Send a notice, to ADDRESSEE; without a result it is still under way."""
    ask = await owed(databases)
    assert await claim(databases, ask, ADDRESSEE) is None
    if result is not None:
        async with databases.app.tenant(ask.tenant_id) as connection:
            await notice.settle(connection, ask, result, "message-1")
    return ask


async def one_more(databases: Databases, ask: SendNotice, *, version: int) -> SendNotice:
    """Owe the people of a notice another."""
    async with databases.app.tenant(ask.tenant_id) as connection:
        booking_id = BookingId(await connection.fetchval("select booking_id from notices limit 1"))
        await notice.owe(connection, ask.tenant_id, booking_id, NoticeKind.BOOKING_CONFIRMED, version=version)
        notice_id = await connection.fetchval("select id from notices where version = $1", version)
    return ask.model_copy(update={"notice_id": notice_id})


async def hear(databases: Databases, ask: SendNotice, state: DeliveryState) -> News | None:
    fact = DeliveryFact(tenant_id=ask.tenant_id, notice_id=ask.notice_id, state=state, occurred_at=AT)
    async with databases.relay.tenant(ask.tenant_id) as connection:
        return await delivery.hear(connection, fact)


async def found(databases: Databases, ask: SendNotice) -> Owed:
    async with databases.app.tenant(ask.tenant_id) as connection:
        return await delivery.find(connection, ask.tenant_id, ask.notice_id)


@pytest.mark.row("NOT-13")
@pytest.mark.parametrize(
    "order", list(permutations([DeliveryState.DEFERRED, DeliveryState.DELIVERED, DeliveryState.SPAM]))
)
async def test_in_whatever_order_words_come_the_heaviest_stays(
    databases: Databases, order: tuple[DeliveryState, ...]
) -> None:
    ask = await sent(databases)

    for state in order:
        await hear(databases, ask, state)

    end = await found(databases, ask)
    assert (end.delivery, end.delivered_at, end.suppressed) == (DeliveryState.SPAM, AT, "spam")


async def test_a_word_that_comes_again_is_no_news(databases: Databases) -> None:
    ask = await sent(databases)

    first, second = [await hear(databases, ask, DeliveryState.DELIVERED) for _ in range(2)]

    assert first is not None
    assert second is not None
    assert (first.heavier, second.heavier) == (True, False)


async def test_what_is_heard_of_was_sent_though_its_answer_was_lost(databases: Databases) -> None:
    ask = await sent(databases, result=SendResult.UNKNOWN)

    news = await hear(databases, ask, DeliveryState.DEFERRED)

    assert news is not None
    assert news.settled
    assert (await found(databases, ask)).status == "accepted"


async def test_what_is_heard_of_before_its_answer_is_lost_was_sent_as_well(databases: Databases) -> None:
    ask = await sent(databases, result=None)
    await hear(databases, ask, DeliveryState.DEFERRED)

    async with databases.app.tenant(ask.tenant_id) as connection:
        assert await notice.settle(connection, ask, SendResult.UNKNOWN) is SendResult.ACCEPTED


@pytest.mark.parametrize("state", list(DeliveryState))
async def test_an_address_is_suppressed_by_what_says_that_it_takes_no_mail(
    databases: Databases, state: DeliveryState
) -> None:
    ask = await sent(databases)
    await hear(databases, ask, state)

    there = await claim(databases, await one_more(databases, ask, version=2), ADDRESSEE)
    elsewhere = await claim(databases, await one_more(databases, ask, version=3), "another keyed hash")

    assert there is (SendResult.SUPPRESSED if state.suppresses else None)
    assert elsewhere is None


async def test_one_tenants_suppressions_are_nobody_elses(databases: Databases) -> None:
    await hear(databases, await sent(databases), DeliveryState.BOUNCED)

    await sent(databases)  # another tenant's, to the same


async def test_what_is_heard_of_a_notice_of_nobody_is_nothing(databases: Databases) -> None:
    ask = await sent(databases)
    stranger = ask.model_copy(update={"notice_id": uuid7()})

    assert await hear(databases, stranger, DeliveryState.BOUNCED) is None
    with pytest.raises(Unknown):
        await found(databases, stranger)


async def again(databases: Databases, ask: SendNotice, email: str | None = None) -> Owed:
    async with databases.app.tenant(ask.tenant_id) as connection:
        owed = await delivery.find(connection, ask.tenant_id, ask.notice_id)
        return await delivery.send_again(connection, ask.tenant_id, owed, email=email)


async def contact(databases: Databases, ask: SendNotice, booking_id: UUID) -> str:
    async with databases.app.tenant(ask.tenant_id) as connection:
        email: str = await connection.fetchval("select contact_email from bookings where id = $1", booking_id)
        return email


async def test_a_notice_is_sent_again_once_however_often_it_is_asked_for(databases: Databases) -> None:
    ask = await sent(databases)
    await hear(databases, ask, DeliveryState.BOUNCED)

    first = await again(databases, ask)
    await hear(databases, ask, DeliveryState.SPAM)  # a late word of the first letter
    second = await again(databases, ask)

    assert first.id == second.id != ask.notice_id
    assert (first.sending, first.status, first.delivery) == (2, "owed", None)
    assert (await found(databases, ask)).suppressed == "spam"  # only the first wish vouched for the address
    third = await sent_again(databases, ask, first.id)
    assert third.sending == 3


async def sent_again(databases: Databases, ask: SendNotice, notice_id: NoticeId) -> Owed:
    second = ask.model_copy(update={"notice_id": notice_id})
    await claim(databases, second)
    async with databases.app.tenant(ask.tenant_id) as connection:
        await notice.settle(connection, second, SendResult.ACCEPTED)
    return await again(databases, second)


async def test_an_operator_vouches_for_the_address(databases: Databases) -> None:
    ask = await sent(databases)
    await hear(databases, ask, DeliveryState.BOUNCED)

    await again(databases, ask)

    assert (await found(databases, ask)).suppressed is None


async def test_another_address_becomes_the_bookings_and_the_old_one_stays_suppressed(
    databases: Databases,
) -> None:
    ask = await sent(databases)
    await hear(databases, ask, DeliveryState.BOUNCED)

    resent = await again(databases, ask, "new@example.com")
    await again(databases, ask, "newer@example.com")  # a repeat, whatever it says

    assert await contact(databases, ask, resent.booking_id) == "new@example.com"
    assert (await found(databases, ask)).suppressed == "bounced"


async def test_what_is_still_being_sent_is_not_sent_again(databases: Databases) -> None:
    ask = await sent(databases, result=None)

    with pytest.raises(NoticeUnderway):
        await again(databases, ask)
