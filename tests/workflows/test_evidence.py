"""What speaks for us in a dispute: told by an operator, handed in once, and heard by the bank."""

from typing import Any

import httpx2
import pytest

from tests.support.stack import Stack, bearer
from tests.workflows.test_dispute import disputed, until
from tests.workflows.test_refund import operator

# No words that the bank of the sandbox decides by, two seconds later.
EVIDENCE = {"text": "They came: here is the list.", "product": "Guided tour", "service_on": "2026-11-20"}


async def tell(stack: Stack, dispute: dict[str, Any], **changes: Any) -> httpx2.Response:
    token = await operator(stack, await stack.value("select id from tenants"))
    return await stack.http.post(
        f"/api/v1/disputes/{dispute['id']}/evidence", json={**EVIDENCE, **changes}, headers=bearer(token)
    )


async def shown(stack: Stack, dispute: dict[str, Any]) -> dict[str, Any]:
    token = await operator(stack, await stack.value("select id from tenants"))
    answer = await stack.http.get(f"/api/v1/disputes/{dispute['id']}", headers=bearer(token))
    return dict(answer.json()["evidence"])


async def at_stripe(stack: Stack, dispute: dict[str, Any]) -> dict[str, Any]:
    """Ask Stripe how it knows the dispute."""
    url = f"{stack.sandbox.url}/stripe/v1/disputes/{dispute['provider_ref']}"
    answer = await stack.http.get(url, headers=bearer(stack.sandbox.key))
    return dict(answer.json())


@pytest.mark.row("PAY-26")
async def test_evidence_is_handed_in_once_and_the_bank_decides(stack: Stack) -> None:
    booking, dispute = await disputed(stack)

    first, again = await tell(stack, dispute), await tell(stack, dispute)
    other = await tell(stack, dispute, text="something else")

    assert [each.status_code for each in (first, again, other)] == [202, 202, 409]
    await until(stack, booking, "evidence_submitted")
    evidence = await shown(stack, dispute)
    assert evidence["submitted_at"] is not None
    assert (evidence["told_by"], evidence["refused_at"]) == ("user:olga", None)
    heard = (await at_stripe(stack, dispute))["evidence"]
    assert (heard["uncategorized_text"], heard["product_description"]) == (
        EVIDENCE["text"],
        EVIDENCE["product"],
    )
    await stack.sandbox.decide_dispute(dispute["provider_ref"], won=True)
    await until(stack, booking, "won")
    assert await stack.value("select count(*) from audit_entries where action = 'dispute.evidence'") == 1


async def test_evidence_that_comes_when_the_bank_has_decided_is_refused(stack: Stack) -> None:
    booking, dispute = await disputed(stack)
    await stack.sandbox.decide_dispute(dispute["provider_ref"], won=False)
    await until(stack, booking, "lost")

    assert (await tell(stack, dispute)).status_code == 409
    assert await stack.value("select count(*) from dispute_evidence") == 0


async def test_evidence_was_handed_in_though_its_answer_was_lost_and_the_bank_decides_before_the_next_try(
    stack: Stack,
) -> None:
    booking, dispute = await disputed(stack)
    await stack.sandbox.break_down("POST /v1/disputes/*", "response_lost")

    async def decide_when_heard() -> None:
        if (await at_stripe(stack, dispute))["evidence_details"]["submission_count"]:
            await stack.sandbox.decide_dispute(dispute["provider_ref"], won=False)
        else:
            stack.faults.before("follow_dispute", decide_when_heard)

    await decide_when_heard()
    assert (await tell(stack, dispute)).status_code == 202

    await until(stack, booking, "lost")
    evidence = await shown(stack, dispute)
    assert (evidence["submitted_at"] is not None, evidence["refused_at"]) == (True, None)
