"""PayPal's disputes in the sandbox: opened by a buyer's bank, answered by the merchant, settled by PayPal."""

from typing import Any

from tests.sandbox.paypal_merchant import PayPalMerchant, issue_of

DISPUTES = "/v1/customer/disputes"
EVIDENCE = {"evidences": [{"evidence_type": "OTHER", "notes": "They were on board."}]}


async def opened(paypal: PayPalMerchant, *, inquiry: bool = False) -> dict[str, Any]:
    """Return the dispute of a payment of 100.00."""
    await paypal.captured("100.00")
    (payment,) = await paypal.control("GET", f"/accounts/{paypal.client}/payments")
    reason = "product_not_received"
    made = await paypal.control("POST", f"/payments/{payment['id']}/dispute", reason=reason, inquiry=inquiry)
    return await found(paypal, made["id"])


async def found(paypal: PayPalMerchant, dispute_id: str) -> dict[str, Any]:
    status, told = await paypal.ask("GET", f"{DISPUTES}/{dispute_id}")
    assert status == 200, told
    return dict(told)


def moved(dispute: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [
        (each["reason"], each["type"], each["amount"]["value"]) for each in dispute.get("money_movements", ())
    ]


async def test_a_claim_takes_the_money_and_waits_for_the_merchant(paypal: PayPalMerchant) -> None:
    dispute = await opened(paypal)

    assert (dispute["status"], dispute["dispute_life_cycle_stage"]) == (
        "WAITING_FOR_SELLER_RESPONSE",
        "CHARGEBACK",
    )
    assert dispute["reason"] == "MERCHANDISE_OR_SERVICE_NOT_RECEIVED"
    assert dispute["disputed_transactions"][0]["custom"] == "mine"
    assert dispute["seller_response_due_date"]
    assert moved(dispute) == [("DISPUTE_SETTLEMENT", "DEBIT", "100.00"), ("DISPUTE_FEE", "DEBIT", "20.00")]
    assert (await paypal.event_types())[-2:] == ["CUSTOMER.DISPUTE.CREATED", "CUSTOMER.DISPUTE.UPDATED"]


async def test_evidence_is_taken_once_and_a_claim_that_is_won_gives_the_money_back(
    paypal: PayPalMerchant,
) -> None:
    dispute = await opened(paypal)
    path = f"{DISPUTES}/{dispute['dispute_id']}"

    early, _ = await paypal.ask("POST", f"{path}/adjudicate", {"adjudication_outcome": "SELLER_FAVOR"})
    first, _ = await paypal.ask("POST", f"{path}/provide-evidence", EVIDENCE)
    again, told = await paypal.ask("POST", f"{path}/provide-evidence", EVIDENCE)
    reviewed = await found(paypal, dispute["dispute_id"])
    done, _ = await paypal.ask("POST", f"{path}/adjudicate", {"adjudication_outcome": "SELLER_FAVOR"})
    won = await found(paypal, dispute["dispute_id"])

    assert (early, first, again, done) == (422, 200, 422, 200)
    assert issue_of(told) == "ACTION_NOT_ALLOWED_IN_CURRENT_DISPUTE_STATE"
    handed = [{**each, "source": "SUBMITTED_BY_SELLER"} for each in EVIDENCE["evidences"]]
    assert (reviewed["status"], reviewed["evidences"]) == ("UNDER_REVIEW", handed)
    assert won["dispute_outcome"] == {"outcome_code": "RESOLVED_SELLER_FAVOUR"}
    assert moved(won)[2:] == [("DISPUTE_SETTLEMENT", "CREDIT", "100.00"), ("DISPUTE_FEE", "CREDIT", "20.00")]
    assert (await paypal.event_types())[-1] == "CUSTOMER.DISPUTE.RESOLVED"


async def test_an_inquiry_moves_no_money_before_it_is_escalated_or_accepted(paypal: PayPalMerchant) -> None:
    dispute = await opened(paypal, inquiry=True)
    path = f"{DISPUTES}/{dispute['dispute_id']}"

    escalated, _ = await paypal.ask("POST", f"{path}/escalate", {"note": "We do not agree."})
    between = await found(paypal, dispute["dispute_id"])
    accepted, _ = await paypal.ask("POST", f"{path}/accept-claim", {"note": "So be it."})
    lost = await found(paypal, dispute["dispute_id"])

    assert (dispute["status"], dispute["dispute_life_cycle_stage"], moved(dispute)) == ("OPEN", "INQUIRY", [])
    assert (escalated, between["dispute_life_cycle_stage"], len(moved(between))) == (200, "CHARGEBACK", 2)
    assert (accepted, lost["dispute_outcome"]) == (200, {"outcome_code": "RESOLVED_BUYER_FAVOUR"})
    assert moved(lost) == moved(between)


async def test_what_is_disputed_is_not_refunded_as_well(paypal: PayPalMerchant) -> None:
    dispute = await opened(paypal)
    taken = dispute["disputed_transactions"][0]["seller_transaction_id"]

    status, told = await paypal.ask("POST", f"/v2/payments/captures/{taken}/refund")

    assert (status, issue_of(told)) == (422, "TRANSACTION_DISPUTED")


async def test_disputes_are_listed_by_transaction_and_state(paypal: PayPalMerchant) -> None:
    dispute = await opened(paypal)
    taken = dispute["disputed_transactions"][0]["seller_transaction_id"]

    async def listed(query: str) -> list[str]:
        _, page = await paypal.ask("GET", f"{DISPUTES}?{query}")
        return [each["dispute_id"] for each in page["items"]]

    assert await listed(f"disputed_transaction_id={taken}") == [dispute["dispute_id"]]
    assert await listed("dispute_state=REQUIRED_ACTION&page_size=1") == [dispute["dispute_id"]]
    assert await listed("disputed_transaction_id=OTHER") == []
    assert (await paypal.ask("GET", f"{DISPUTES}?next_page_token=nobody"))[0] == 400
