"""PayPal's payouts in the sandbox: a batch is paid once, and each of its items has an end of its own."""

from typing import Any

import pytest

from tests.sandbox.paypal_merchant import HOUR, PayPalMerchant

DAY = 24 * HOUR
BATCHES, ITEMS = "/v1/payments/payouts", "/v1/payments/payouts-item"


def batch(*receivers: str, sender_batch_id: str = "march", value: str = "10.00") -> dict[str, Any]:
    """Write what a batch is made with."""
    return {
        "sender_batch_header": {"sender_batch_id": sender_batch_id, "email_subject": "Your share"},
        "items": [
            {
                "recipient_type": "EMAIL",
                "receiver": receiver,
                "amount": {"currency": "EUR", "value": value},
                "sender_item_id": f"item-{position}",
            }
            for position, receiver in enumerate(receivers)
        ],
    }


async def paid(paypal: PayPalMerchant, *receivers: str) -> dict[str, Any]:
    """Pay receivers out of 100.00, and return the batch as it stands a while later."""
    await paypal.captured("100.00")
    status, made = await paypal.ask("POST", BATCHES, batch(*receivers))
    assert status == 201, made
    await paypal.advance(2)
    _, found = await paypal.ask("GET", f"{BATCHES}/{made['batch_header']['payout_batch_id']}")
    return dict(found)


async def balance(paypal: PayPalMerchant) -> str:
    _, told = await paypal.ask("GET", "/v1/reporting/balances")
    return str(told["balances"][0]["total_balance"]["value"])


async def test_a_batch_is_taken_first_and_paid_a_moment_later(paypal: PayPalMerchant) -> None:
    await paypal.captured("100.00")

    status, made = await paypal.ask("POST", BATCHES, batch("a@shop.example", "b@shop.example"))
    path = f"{BATCHES}/{made['batch_header']['payout_batch_id']}"
    await paypal.advance(2)
    _, done = await paypal.ask("GET", f"{path}?page_size=1&page=2&total_required=true")
    _, item = await paypal.ask("GET", f"{ITEMS}/{done['items'][0]['payout_item_id']}")

    assert (status, made["batch_header"]["batch_status"], "items" in made) == (201, "PENDING", False)
    assert (done["batch_header"]["batch_status"], done["total_items"], done["total_pages"]) == (
        "SUCCESS",
        2,
        2,
    )
    assert done["batch_header"]["amount"] == {"currency": "EUR", "value": "20.00"}
    assert (item["transaction_status"], item["payout_item"]["sender_item_id"]) == ("SUCCESS", "item-1")
    assert await balance(paypal) == "77.75"  # 100.00 less its fee of 1.75, twice 10.00 and twice 0.25
    assert (await paypal.event_types())[-4:] == [
        "PAYMENT.PAYOUTSBATCH.PROCESSING",
        "PAYMENT.PAYOUTS-ITEM.SUCCEEDED",
        "PAYMENT.PAYOUTS-ITEM.SUCCEEDED",
        "PAYMENT.PAYOUTSBATCH.SUCCESS",
    ]


@pytest.mark.parametrize(
    ("receiver", "status", "event", "left"),
    [
        ("failed@shop.example", "FAILED", "FAILED", "98.25"),
        ("blocked@shop.example", "BLOCKED", "BLOCKED", "98.25"),
        ("held@shop.example", "ONHOLD", "HELD", "88.00"),
        ("unclaimed@shop.example", "UNCLAIMED", "UNCLAIMED", "88.00"),
    ],
)
async def test_an_item_ends_as_its_receiver_is_called(
    paypal: PayPalMerchant, receiver: str, status: str, event: str, left: str
) -> None:
    found = await paid(paypal, receiver)

    assert [each["transaction_status"] for each in found["items"]] == [status]
    assert f"PAYMENT.PAYOUTS-ITEM.{event}" in await paypal.event_types()
    assert await balance(paypal) == left


async def test_what_is_told_of_a_batch_and_of_an_item_is_what_paypal_shows(paypal: PayPalMerchant) -> None:
    found = await paid(paypal, "a@shop.example", "failed@shop.example")
    events = (await paypal.control("GET", f"/accounts/{paypal.client}/events"))[-4:]

    taken, *items, done = [event["resource"] for event in events]
    assert [event["resource_type"] for event in events] == ["payouts", *["payouts_item"] * 2, "payouts"]
    assert not any("resource_version" in event for event in events)
    assert items == found["items"]
    assert taken["batch_header"]["batch_status"] == "PENDING"
    assert done["batch_header"] == found["batch_header"] | {"payments": 2}
    assert items[1]["errors"]["name"] == "RECEIVER_ACCOUNT_LOCKED"


@pytest.mark.parametrize("by_hand", [True, False])
async def test_what_nobody_claims_comes_back(paypal: PayPalMerchant, by_hand: bool) -> None:
    found = await paid(paypal, "unclaimed@shop.example")
    path = f"{ITEMS}/{found['items'][0]['payout_item_id']}"

    if by_hand:
        status, taken = await paypal.ask("POST", f"{path}/cancel")
        assert (status, taken["transaction_status"]) == (200, "RETURNED")
    else:
        await paypal.advance(30 * DAY)
        await paypal.log_in()
    again, _ = await paypal.ask("POST", f"{path}/cancel")

    assert again == 400
    assert (await paypal.event_types())[-1] == "PAYMENT.PAYOUTS-ITEM.RETURNED"
    assert await balance(paypal) == "98.25"


async def test_an_id_that_was_used_is_refused_and_says_where_the_batch_is(paypal: PayPalMerchant) -> None:
    found = await paid(paypal, "a@shop.example")

    status, told = await paypal.ask("POST", BATCHES, batch("b@shop.example"))
    _, other = await paypal.ask(
        "POST", BATCHES, batch("b@shop.example", sender_batch_id="april"), PayPal_Request_Id="key"
    )
    repeat, same = await paypal.ask(
        "POST", BATCHES, batch("b@shop.example", sender_batch_id="april"), PayPal_Request_Id="key"
    )

    assert (status, told["name"]) == (400, "USER_BUSINESS_ERROR")
    assert told["details"][0]["link"][0]["href"].endswith(found["batch_header"]["payout_batch_id"])
    assert repeat == 200
    assert same["batch_header"]["payout_batch_id"] == other["batch_header"]["payout_batch_id"]


async def test_nobody_pays_more_than_there_is(paypal: PayPalMerchant) -> None:
    await paypal.captured("20.00")

    status, told = await paypal.ask("POST", BATCHES, batch("a@shop.example", "b@shop.example"))

    assert (status, told["name"]) == (422, "INSUFFICIENT_FUNDS")


async def test_of_two_batches_that_the_balance_allows_one_is_paid(paypal: PayPalMerchant) -> None:
    await paypal.captured("20.00")

    await paypal.ask("POST", BATCHES, batch("a@shop.example", value="19.00"))
    second, _ = await paypal.ask(
        "POST", BATCHES, batch("b@shop.example", sender_batch_id="april", value="19.00")
    )
    await paypal.advance(2)

    told = await paypal.event_types()
    assert told.count("PAYMENT.PAYOUTS-ITEM.SUCCEEDED") == 1
    if second == 201:  # it came before the first one was paid, as it does unless the machine stood still
        assert told[-2:] == ["PAYMENT.PAYOUTS-ITEM.DENIED", "PAYMENT.PAYOUTSBATCH.DENIED"]


@pytest.mark.parametrize(
    "change", [{"items": []}, {"items": [{}]}, {"sender_batch_header": {}}, {"colour": "blue"}]
)
async def test_a_batch_of_another_shape_is_refused(paypal: PayPalMerchant, change: dict[str, Any]) -> None:
    status, told = await paypal.ask("POST", BATCHES, batch("a@shop.example") | change)

    assert (status, told["name"]) == (400, "INVALID_REQUEST")
