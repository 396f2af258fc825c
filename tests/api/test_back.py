"""Where a buyer comes back to: what is on the channel's list, be it a page or an app, and nothing else."""

from urllib.parse import parse_qsl, quote, urlsplit
from uuid import uuid4

import pytest

from api.back import through_us
from tests.api.conftest import ORIGIN, Door
from tests.support.stack import bearer

APP = "holidaibutler://booking/complete"
LISTED = (
    "update channels set return_origins = '{https://shop.example,holidaibutler://booking,javascript://x}'"
)

FOREIGN = [
    "https://evil.example/thanks",
    "http://shop.example/thanks",
    "https://shop.example.evil.example/",
    "https://shop.example:444/",
    "https://shop.example@evil.example/",
    "https://ada@shop.example/",
    "https://evil.example\\@shop.example/",
    "holidaibutler://other/complete",
    "otherapp://booking/complete",
    "javascript://x/%0aalert(1)",
    "data://x/y",
    "file://x/etc/passwd",
]


@pytest.mark.row("PAY-36")
@pytest.mark.parametrize("address", FOREIGN)
async def test_nobody_comes_back_to_a_foreign_address(door: Door, address: str) -> None:
    await door.judge.execute(LISTED)
    booking = await door.book()
    counts = await door.counts()

    paying = await door.http.post(
        f"/api/v1/bookings/{booking.id}/payments",
        json={"return_url": address},
        headers=bearer(booking.token) | {"Idempotency-Key": uuid4().hex},
    )
    booked = await door.ask(payment={"return_url": address})

    for answer, pointer in ((paying, "/return_url"), (booked, "/payment/return_url")):
        assert answer.status_code == 422, address
        assert answer.json()["errors"][0]["pointer"] == pointer
    assert await door.counts() == counts


@pytest.mark.row("PAY-36")
@pytest.mark.parametrize("address", ["https://shop.example/thanks?a=1", APP, f"{ORIGIN}/return"])
async def test_a_listed_address_will_do_and_another_tenants_list_counts_for_nothing(
    door: Door, address: str
) -> None:
    await door.judge.execute(LISTED)
    booking = await door.book()

    answer = await door.http.post(
        f"/api/v1/bookings/{booking.id}/payments",
        json={"return_url": address},
        headers=bearer(booking.token) | {"Idempotency-Key": uuid4().hex},
    )

    assert answer.status_code == 503, answer.text  # every rule holds; nobody is behind this door


class TestOurPageBeforeTheApp:
    def test_a_page_is_gone_to_directly_and_an_app_through_us(self, door: Door) -> None:
        shop = {"api_url": ORIGIN, "tenant_id": door.shop.tenant_id, "channel_id": door.shop.channel.id}

        assert through_us("https://shop.example/a", **shop) == "https://shop.example/a"  # type: ignore[arg-type]
        assert through_us(APP, **shop).startswith(f"{ORIGIN}/return/{door.shop.tenant_id}/")  # type: ignore[arg-type]

    @pytest.mark.row("PAY-36")
    async def test_it_passes_on_what_the_provider_added(self, door: Door) -> None:
        await door.judge.execute(LISTED)
        page = through_us(
            f"{APP}?lang=nl", api_url=ORIGIN, tenant_id=door.shop.tenant_id, channel_id=door.shop.channel.id
        )

        answer = await door.http.get(f"{page}&payment_id=1&checkout=done")

        assert answer.status_code == 303
        there = urlsplit(answer.headers["location"])
        assert there._replace(query="").geturl() == APP
        assert parse_qsl(there.query) == [("lang", "nl"), ("payment_id", "1"), ("checkout", "done")]

    @pytest.mark.row("PAY-36")
    @pytest.mark.parametrize("to", FOREIGN)
    async def test_it_passes_nobody_on_to_what_is_not_listed(self, door: Door, to: str) -> None:
        await door.judge.execute(LISTED)
        path = f"/return/{door.shop.tenant_id}/{door.shop.channel.id}"

        answer = await door.http.get(f"{path}?to={quote(to, safe='')}")

        assert answer.status_code == 404
        assert "location" not in answer.headers

    async def test_what_was_taken_off_the_list_is_gone(self, door: Door) -> None:
        path = f"/return/{door.shop.tenant_id}/{door.shop.channel.id}?to={quote(APP, safe='')}"

        assert (await door.http.get(path)).status_code == 404
        assert (await door.http.get(path.replace(str(door.shop.channel.id), "x"))).status_code == 404
