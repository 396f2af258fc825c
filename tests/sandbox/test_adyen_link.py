"""Payment links at Adyen, by its own package: made, looked at, paid, ended."""

from typing import Any

import pytest
from Adyen.exceptions import (
    AdyenAPICommunicationError,
    AdyenAPIResponseError,
    AdyenAPIUnprocessableEntity,
    AdyenAPIValidationError,
)

from tests.sandbox.merchant import EUR, REFERENCE, Merchant, wish


async def linked(merchant: Merchant, **more: Any) -> dict[str, Any]:
    done = await merchant.call("payment_links_api.payment_links", wish(**more))
    assert done.status_code == 201
    made: dict[str, Any] = done.message
    return made


async def status(merchant: Merchant, link: str) -> str:
    return str((await merchant.call("payment_links_api.get_payment_link", link)).message["status"])


async def test_a_link_is_paid_once_and_says_so(merchant: Merchant) -> None:
    link = await linked(merchant, returnUrl=None, description="Two places")
    before = await status(merchant, link["id"])

    await merchant.pay(link["id"])

    assert (link["id"][:2], link["amount"], link["reference"]) == ("PL", EUR, REFERENCE)
    assert link["url"].endswith(f"/pay/{link['id']}")
    assert (before, await status(merchant, link["id"])) == ("active", "completed")
    (item,) = await merchant.told("AUTHORISATION")
    assert item["additionalData"]["paymentLinkId"] == link["id"]
    with pytest.raises(AdyenAPIUnprocessableEntity):
        await merchant.call("payment_links_api.update_payment_link", {"status": "expired"}, link["id"])


async def test_a_link_that_was_ended_is_paid_no_more(merchant: Merchant) -> None:
    link = await linked(merchant)

    ended = await merchant.call("payment_links_api.update_payment_link", {"status": "expired"}, link["id"])

    assert ended.message["status"] == await status(merchant, link["id"]) == "expired"
    async with merchant.http.get(link["url"]) as page:
        assert page.status == 410
    async with merchant.http.post(f"{merchant.url}/_sandbox/checkout/{link['id']}/pay", json={}) as tried:
        assert tried.status == 409


async def test_a_link_ends_by_itself(merchant: Merchant) -> None:
    link = await linked(merchant)

    await merchant.control("POST", "/clock/advance", seconds=25 * 3600, account=merchant.key)

    assert await status(merchant, link["id"]) == "expired"


@pytest.mark.parametrize(
    ("changed", "kind"),
    [
        ({"reference": None}, AdyenAPIUnprocessableEntity),
        ({"expiresAt": "2999-01-01T00:00:00+00:00"}, AdyenAPIUnprocessableEntity),
        ({"reusable": True}, AdyenAPIUnprocessableEntity),
        ({"mode": "hosted"}, AdyenAPIValidationError),
    ],
)
async def test_a_wrong_wish_for_a_link_is_refused(
    merchant: Merchant, changed: dict[str, Any], kind: type[AdyenAPIResponseError]
) -> None:
    with pytest.raises(kind):
        await linked(merchant, **changed)


async def test_a_session_is_no_link_and_a_link_no_session(merchant: Merchant) -> None:
    session, link = await merchant.session(), await linked(merchant)

    for name, given in (
        ("payment_links_api.get_payment_link", (session["id"],)),
        ("payment_links_api.update_payment_link", ({"status": "expired"}, session["id"])),
        ("payment_links_api.get_payment_link", ("PLNOBODYS",)),
    ):
        with pytest.raises(AdyenAPICommunicationError) as refused:
            await merchant.call(name, *given)
        assert refused.value.status_code == 404
    with pytest.raises(AdyenAPICommunicationError):
        await merchant.call(
            "payments_api.get_result_of_payment_session", link["id"], query_parameters={"sessionResult": "x"}
        )
