"""PayPal's payments in the sandbox: authorizations, captures, refunds, and what happens to them by itself."""

import asyncio

from tests.sandbox.paypal_merchant import HOUR, PayPalMerchant, issue_of

ECHECK, BAD_ECHECK = "AT611904300234573201", "AT861904300235473202"


async def test_a_bank_account_pays_days_later_or_does_not(paypal: PayPalMerchant) -> None:
    pending = await paypal.captured(iban=ECHECK)
    await paypal.captured(iban=BAD_ECHECK)
    await paypal.advance(5 * 24 * HOUR + 1)
    await paypal.log_in()

    _, done = await paypal.ask("GET", f"/v2/payments/captures/{pending['id']}")

    assert (pending["status"], pending["status_details"]) == ("PENDING", {"reason": "ECHECK"})
    assert done["status"] == "COMPLETED"
    types = await paypal.event_types()
    assert types.count("PAYMENT.CAPTURE.PENDING") == 2
    assert types[-2:] == ["PAYMENT.CAPTURE.COMPLETED", "PAYMENT.CAPTURE.DECLINED"]


async def test_what_is_authorized_is_captured_in_part_and_the_rest_released(paypal: PayPalMerchant) -> None:
    held = await paypal.authorized()
    path = f"/v2/payments/authorizations/{held['id']}"
    part = {"amount": {"currency_code": "EUR", "value": "30.00"}, "final_capture": True}

    early, too_soon = await paypal.ask("POST", f"{path}/reauthorize", {})
    status, taken = await paypal.ask("POST", f"{path}/capture", part, Prefer="return=representation")
    _, after = await paypal.ask("GET", path)
    late = await paypal.ask("POST", f"{path}/void")

    assert (held["status"], status, taken["amount"]["value"]) == ("CREATED", 201, "30.00")
    assert after["status"] == "PARTIALLY_CAPTURED"
    assert (early, issue_of(too_soon)) == (422, "REAUTHORIZATION_TOO_SOON")
    assert (late[0], issue_of(late[1])) == (422, "AUTHORIZATION_ALREADY_CAPTURED")


async def test_an_authorization_is_voided_once_and_lapses_after_29_days(paypal: PayPalMerchant) -> None:
    voided, lapsed = await paypal.authorized(), await paypal.authorized()
    path = f"/v2/payments/authorizations/{voided['id']}"

    done = await paypal.ask("POST", f"{path}/void")
    again = await paypal.ask("POST", f"{path}/void")
    await paypal.advance(29 * 24 * HOUR + 1)
    await paypal.log_in()
    status, told = await paypal.ask("POST", f"/v2/payments/authorizations/{lapsed['id']}/capture", {})

    assert (done, issue_of(again[1])) == ((204, None), "PREVIOUSLY_VOIDED")
    assert (status, issue_of(told)) == (422, "AUTHORIZATION_EXPIRED")
    assert (await paypal.event_types())[-1] == "PAYMENT.AUTHORIZATION.VOIDED"


async def test_a_capture_is_refunded_in_parts_and_no_further(paypal: PayPalMerchant) -> None:
    capture = await paypal.captured()
    path = f"/v2/payments/captures/{capture['id']}"
    part = {"amount": {"currency_code": "EUR", "value": "20.00"}, "invoice_id": "back-1"}

    first = await paypal.ask("POST", f"{path}/refund", part, Prefer="return=representation")
    much = await paypal.ask("POST", f"{path}/refund", part | {"amount": capture["amount"]})
    other = await paypal.ask("POST", f"{path}/refund", {"amount": {"currency_code": "USD", "value": "1.00"}})
    _, between = await paypal.ask("GET", path)
    rest, _ = await paypal.ask("POST", f"{path}/refund")
    none = await paypal.ask("POST", f"{path}/refund")

    assert (first[0], first[1]["status"], first[1]["invoice_id"]) == (201, "COMPLETED", "back-1")
    up = next(link["href"] for link in first[1]["links"] if link["rel"] == "up")
    assert up.endswith(path)
    assert issue_of(much[1]) == "REFUND_AMOUNT_EXCEEDED"
    assert issue_of(other[1]) == "CURRENCY_MISMATCH"
    assert (between["status"], rest) == ("PARTIALLY_REFUNDED", 201)
    assert issue_of(none[1]) == "CAPTURE_FULLY_REFUNDED"


async def test_an_invoice_is_paid_once(paypal: PayPalMerchant) -> None:
    orders = [await paypal.order(invoice_id="bill-7") for _ in range(2)]
    for each in orders:
        await paypal.approve(each)

    answers = [await paypal.ask("POST", f"/v2/checkout/orders/{each}/capture") for each in orders]

    assert answers[0][0] == 201
    assert issue_of(answers[1][1]) == "DUPLICATE_INVOICE_ID"


async def test_many_captures_at_once_take_the_money_once(paypal: PayPalMerchant) -> None:
    order_id = await paypal.order()
    await paypal.approve(order_id)
    path = f"/v2/checkout/orders/{order_id}/capture"

    answers = await asyncio.gather(*(paypal.ask("POST", path) for _ in range(10)))

    assert sorted(status for status, _ in answers) == [201] + [422] * 9
    books = await paypal.control("GET", f"/accounts/{paypal.client}/payments")
    assert [each["captured"] for each in books] == [5000]
