"""Money on its way back, over the whole stack: by an operator, by the provider's own desk, and what a bank,
an empty balance and a lost answer do to it.
"""

from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest
from temporalio.client import WorkflowHandle

from domain.ids import TenantId
from providers.token import KeyRing, UserTokens
from tests.support.check import violations
from tests.support.stack import Booked, Stack, bearer, idempotent
from tests.support.wait import eventually
from tests.workflows.test_provider_trouble import OF_REFUNDS, order
from workflows import names
from workflows.refund import RefundWorkflow


async def confirmed(stack: Stack, card: str = "visa", *, quantity: int = 2) -> tuple[Booked, UUID]:
    """Give a booking that is paid and confirmed, and its payment."""
    booking = await stack.book(await stack.shop(capacity=quantity), quantity=quantity)
    checkout = await stack.pay(booking, card)
    await stack.wait_for(booking, "confirmed")
    await stack.closed(booking.workflow)
    return booking, UUID(checkout["payment_id"])


async def give_back(stack: Stack, payment_id: UUID, minor: int | None = None) -> dict[str, Any]:
    """Give money back as an operator does; gives the refund."""
    amount = {} if minor is None else {"amount": {"minor": minor, "currency": "EUR"}}
    answer = await stack.http.post(
        f"/api/v1/payments/{payment_id}/refunds",
        json={"reason": "goodwill", **amount},
        headers=bearer(await operator(stack)) | idempotent(None),
    )
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def operator(stack: Stack, tenant_id: TenantId | None = None) -> str:
    """Sign the token of an operator of the tenant, by default the only one."""
    tenant_id = tenant_id or await stack.value("select id from tenants")
    now = await stack.value("select now()")
    signer = UserTokens(KeyRing(stack.settings.jwt_private_key), stack.settings.jwt_issuer)
    return signer.sign("olga", tenant_id, ["operator"], token_id=uuid4().hex, now=now)


async def at_the_desk(stack: Stack, minor: int | None = None) -> httpx2.Response:
    """Give money back as somebody does in the provider's dashboard: without any label of ours."""
    (paid,) = await stack.sandbox.payments()
    answer = await stack.http.post(
        f"{stack.sandbox.url}/stripe/v1/refunds",
        data={"payment_intent": paid["id"], **({} if minor is None else {"amount": str(minor)})},
        headers=bearer(stack.sandbox.key),
    )
    answer.raise_for_status()
    return answer


async def until(stack: Stack, refund: dict[str, Any], status: str) -> dict[str, Any]:
    """Read a refund until it has this status."""

    async def look() -> dict[str, Any] | None:
        answer = await stack.http.get(
            f"/api/v1/refunds/{refund['id']}", headers=bearer(await operator(stack))
        )
        seen: dict[str, Any] = answer.json()
        return seen if seen["status"] == status else None

    return await eventually(look, what=f"the refund to be {status}")


def run_of(stack: Stack, refund: dict[str, Any]) -> WorkflowHandle[Any, Any]:
    return stack.temporal.get_workflow_handle(names.refund(refund["id"]))


async def mails(stack: Stack, beginning: str) -> int:
    return len([mail for mail in await stack.sandbox.mailbox() if mail["subject"].startswith(beginning)])


@pytest.mark.row("PAY-13")
async def test_parts_of_a_booking_go_back_and_it_stays_until_the_last_has(stack: Stack) -> None:
    booking, payment_id = await confirmed(stack)

    part = await until(stack, await give_back(stack, payment_id, 2_000), "completed")

    assert part["payment_status"] == "partially_refunded"
    assert part["refund_psp_reference"].startswith("re_")
    assert (await stack.read(booking))["status"] == "confirmed"
    assert await violations(stack) == []

    rest = await until(stack, await give_back(stack, payment_id), "completed")

    assert (rest["amount"]["minor"], rest["payment_status"]) == (3_000, "refunded")
    await stack.wait_for(booking, "refunded")
    for refund in (part, rest):
        await run_of(stack, refund).result()
    await eventually(lambda: told(stack, 2), what="a mail per refund")
    assert await stack.sandbox.kept() == 0
    assert await stack.value("select sum(sold)::int from counters") == 0
    assert await violations(stack) == []


async def told(stack: Stack, times: int) -> bool:
    return await mails(stack, "Your money goes back") == times


@pytest.mark.row("WHK-17")
@pytest.mark.row("SAG-17", partly="cancelling by its holder under a policy")
async def test_a_refund_at_the_providers_desk_of_all_voids_the_booking(stack: Stack) -> None:
    booking, payment_id = await confirmed(stack)

    await at_the_desk(stack)

    seen = await stack.wait_for(booking, "refunded")
    assert {ticket["status"] for ticket in seen["tickets"]} <= {"refunded"}
    await eventually(lambda: told(stack, 1), what="the mail about the refund")
    rows = await stack.rows("select status, initiated_by from refunds where payment_id = $1", payment_id)
    assert rows == [{"status": "completed", "initiated_by": "provider"}]
    assert await violations(stack) == []
    places = await stack.rows("select capacity, held, sold from counters")
    assert places == [{"capacity": 2, "held": 0, "sold": 0}]


@pytest.mark.row("WHK-17")
async def test_a_refund_at_the_providers_desk_of_a_part_leaves_the_booking(stack: Stack) -> None:
    booking, payment_id = await confirmed(stack)

    await at_the_desk(stack, 1_500)

    refunds = "select amount_minor, status from refunds where payment_id = $1"
    await eventually(lambda: stack.rows(refunds, payment_id), what="the refund's row")
    await eventually(lambda: told(stack, 1), what="the mail about the refund")
    assert await stack.rows(refunds, payment_id) == [{"amount_minor": 1_500, "status": "completed"}]
    seen = await stack.read(booking)
    assert (seen["status"], len(seen["tickets"])) == ("confirmed", 2)
    assert await violations(stack) == []


async def test_a_refund_waits_for_money_in_our_balance_and_a_person_is_told(stack: Stack) -> None:
    booking, payment_id = await confirmed(stack)
    await stack.sandbox.break_down("POST /v1/refunds", "response_500_before", status=400, saved=True)
    refund = await give_back(stack, payment_id)

    async def waits() -> bool:
        hindered = "select hindrance from refunds where id = $1"
        return bool(await stack.value(hindered, UUID(refund["id"])) == "needs_funds")

    await eventually(waits, what="the refund to wait for funds")
    case = "select count(*) from cases where subject = $1 and cause = 'needs_funds' and closed_at is null"
    await eventually(lambda: stack.value(case, UUID(refund["id"])), what="a person to be told")
    assert (await stack.read(booking))["status"] == "refunding"

    await run_of(stack, refund).signal(RefundWorkflow.payment_reported)  # by hand: there is money now

    await until(stack, refund, "completed")
    await run_of(stack, refund).result()
    await stack.wait_for(booking, "refunded")
    assert await stack.value(case, UUID(refund["id"])) == 0
    assert len(await stack.sandbox.refunds()) == 1
    assert await violations(stack) == []


async def test_a_refund_for_which_too_little_is_left_is_a_persons_and_the_rest_can_go_back(
    stack: Stack,
) -> None:
    booking, payment_id = await confirmed(stack)
    await stack.sandbox.break_down("POST /v1/refunds", "response_500_before", status=400, saved=True)
    refund = await give_back(stack, payment_id)
    hindered = "select hindrance is not null from refunds where id = $1"
    await eventually(lambda: stack.value(hindered, UUID(refund["id"])), what="the refund to wait")

    await at_the_desk(stack, 1_500)
    await run_of(stack, refund).signal(RefundWorkflow.payment_reported)  # by hand: there is money now
    await until(stack, refund, "failed")

    case = "select count(*) from cases where subject = $1 and closed_at is null"
    assert await stack.value(case, UUID(refund["id"])) == 1
    await until(stack, await give_back(stack, payment_id), "completed")
    await stack.wait_for(booking, "refunded")
    owed = "select sum(amount_minor)::bigint from ledger_entries where account = 'refund_payable'"
    assert (await stack.sandbox.kept(), await stack.value(owed)) == (0, 0)
    assert await violations(stack) == []


@pytest.mark.row("PAY-13")
async def test_a_refund_that_comes_back_after_it_had_arrived_is_owed_again_and_tried_once_more(
    stack: Stack,
) -> None:
    """The first card has expired meanwhile; the second try reaches the buyer."""
    booking, payment_id = await confirmed(stack, "refundFail")
    refund = await give_back(stack, payment_id)
    await until(stack, refund, "completed")
    await stack.wait_for(booking, "refunded")
    await run_of(stack, refund).result()

    await stack.sandbox.advance(seconds=10)

    await until(stack, refund, "failed")
    retry = "select id::text from refunds where retry_of = $1"
    again = await eventually(lambda: stack.value(retry, UUID(refund["id"])), what="the second try")
    await until(stack, {"id": again}, "completed")
    await eventually(lambda: sent_back(stack), what="the mail that it came back")
    assert [each["status"] for each in await stack.sandbox.refunds()] == ["failed", "succeeded"]
    assert (await stack.read(booking))["status"] == "refunded"
    assert await violations(stack) == []


async def sent_back(stack: Stack) -> bool:
    return await mails(stack, "Your refund came back to us") == 1


async def test_a_pending_refund_is_followed_until_it_has_arrived(stack: Stack) -> None:
    booking, payment_id = await confirmed(stack, "pendingRefund")

    refund = await until(stack, await give_back(stack, payment_id), "processing")
    assert (await stack.read(booking))["status"] == "refunding"
    await stack.sandbox.advance(seconds=3_600)

    await until(stack, refund, "completed")
    await stack.wait_for(booking, "refunded")
    await eventually(lambda: told(stack, 1), what="the mail")
    assert await violations(stack) == []


@pytest.mark.parametrize("trouble", OF_REFUNDS)
async def test_a_part_goes_back_once_whatever_became_of_the_first_call(stack: Stack, trouble: str) -> None:
    """F9: of a part the provider would take a second one; nothing but our care prevents it."""
    _, payment_id = await confirmed(stack)
    await order(stack, "POST /v1/refunds", trouble)

    refund = await give_back(stack, payment_id, 1_000)

    await until(stack, refund, "completed")
    await run_of(stack, refund).result()
    assert [each["amount"] for each in await stack.sandbox.refunds()] == [1_000]
    assert await violations(stack) == []


async def test_a_refund_whose_key_the_provider_has_forgotten_is_looked_up_first(stack: Stack) -> None:
    """F14: the answer was lost, the provider away until the second day."""
    _, payment_id = await confirmed(stack)
    await stack.sandbox.break_down("POST /v1/refunds", "response_lost")
    await stack.sandbox.break_down("GET /v1/refunds", "html_error", times=1_000)
    refund = await give_back(stack, payment_id, 1_000)

    async def is_away() -> bool:
        return stack.faults.tried["refund_payment"] > 1

    await eventually(is_away, what="a second try")
    await stack.sandbox.advance(seconds=25 * 3_600)
    await stack.judge.execute("update refunds set keyed_at = keyed_at - interval '25 hours'")
    await stack.sandbox.mend()

    await until(stack, refund, "completed")
    assert len(await stack.sandbox.refunds()) == 1


async def test_a_run_that_somebody_has_terminated_is_begun_anew_by_news(stack: Stack) -> None:
    booking, payment_id = await confirmed(stack, "pendingRefund")
    refund = await until(stack, await give_back(stack, payment_id), "processing")
    await run_of(stack, refund).terminate("by hand")

    await stack.sandbox.advance(seconds=3_600)

    await until(stack, refund, "completed")
    await stack.wait_for(booking, "refunded")
