"""Notifications as Adyen's package reads them: signed item by item, packed, sent until they are accepted."""

import base64
import json

from Adyen.util import is_valid_hmac_notification

from tests.sandbox.merchant import EUR, MANUAL, MERCHANT, Merchant


async def test_notifications_are_signed_packed_and_sent_until_they_are_accepted(merchant: Merchant) -> None:
    key = await merchant.hmac()
    merchant.answers = ["ok", "[accepted]"]

    psp = await merchant.paid(**MANUAL)
    await merchant.control("POST", "/clock/advance", seconds=60, account=merchant.key)
    body = {"merchantAccount": MERCHANT, "amount": EUR}
    await merchant.call("modifications_api.capture_authorised_payment", body, psp)
    await merchant.told()

    refused, taken, captured = merchant.received
    assert refused[0] == taken[0]
    for told, shown in merchant.received:
        assert told["live"] == "false"
        assert base64.b64decode(shown.removeprefix("Basic ")).decode() == "adyen:open sesame"
        (item,) = (each["NotificationRequestItem"] for each in told["notificationItems"])
        assert is_valid_hmac_notification(json.loads(json.dumps(item)), key)
    assert captured[0]["notificationItems"][0]["NotificationRequestItem"]["eventCode"] == "CAPTURE"


async def test_what_waits_for_one_endpoint_goes_out_together(merchant: Merchant) -> None:
    key = await merchant.hmac()
    await merchant.control(
        "POST", "/faults", provider="adyen", account=merchant.key, kind="webhook_hold", times=3
    )
    for _ in range(3):
        await merchant.paid()

    await merchant.control("POST", "/deliveries/release", account=merchant.key)
    await merchant.told()

    items = [
        each["NotificationRequestItem"] for told, _ in merchant.received for each in told["notificationItems"]
    ]
    assert len(merchant.received) == 1
    assert len({each["pspReference"] for each in items}) == len(items) == 3
    assert all(is_valid_hmac_notification(each, key) for each in items)
