"""What becomes of a letter that no service takes: its word and the case for a person are written together."""

import asyncpg
import pytest
from temporalio.testing import ActivityEnvironment

from activities.notice import NoticeActivities
from db import notice
from db.booking.place import place
from domain.ids import NoticeId, TenantId
from domain.notice import NoticeKind, SendNotice, SendResult
from providers.gateway import Refused
from providers.mail.addressee import Addressees
from providers.mail.post import Letter
from tests.support.database import Databases, superuser
from tests.support.shop import open_shop

NO_CASES = "alter table cases add constraint none check (false) not valid"


class Nobody:
    """Takes no letter."""

    async def send(
        self,
        letter: Letter,  # noqa: ARG002 - the protocol's
        *,
        notice_id: NoticeId,  # noqa: ARG002 - the protocol's
        tenant_id: TenantId,  # noqa: ARG002 - the protocol's
    ) -> str:
        raise Refused("bad_letter")


async def test_a_letter_is_refused_with_its_case_or_not_at_all(databases: Databases) -> None:
    shop = await open_shop(databases.app)
    booking = (await place(databases.app, shop.placement())).booking
    async with databases.app.tenant(shop.tenant_id) as connection:
        await notice.owe(connection, shop.tenant_id, booking.id, NoticeKind.BOOKING_EXPIRED)
    tokens = (None, None)  # of tickets and links: there are none
    steps = NoticeActivities(databases.app, Nobody(), Addressees("a secret"), *tokens)  # type: ignore[arg-type]
    async with superuser(databases.urls) as judge:
        ask = SendNotice(tenant_id=shop.tenant_id, notice_id=await judge.fetchval("select id from notices"))
        await judge.execute(NO_CASES)

        with pytest.raises(asyncpg.CheckViolationError):
            await ActivityEnvironment().run(steps.send_notice, ask)

        assert await judge.fetchval("select status from notices") == "claimed"
        await judge.execute("alter table cases drop constraint none")
        sent = await ActivityEnvironment().run(steps.send_notice, ask)

        assert sent.result is SendResult.UNKNOWN
        assert await judge.fetchval("select cause from cases") == "maybe_sent"
