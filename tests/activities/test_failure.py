"""What a step's failure becomes on its way to Temporal."""

from datetime import timedelta

import asyncpg
import pytest
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from activities.failure import translated
from domain.refusal import PaymentDeclined, SoldOut
from providers.gateway import (
    Declined,
    GatewayTrouble,
    NeedsFunds,
    NotExecuted,
    NotFound,
    OutcomeUnknown,
    Refused,
    StateConflict,
)
from workflows import steps


def test_a_refusal_crosses_under_its_own_name_and_stays_no() -> None:
    crossed = steps.refused(SoldOut("There are not enough places left.", left=1))

    assert (crossed.type, crossed.non_retryable, crossed.category) == (
        "SoldOut",
        True,
        ApplicationErrorCategory.BENIGN,
    )
    back = steps.refusal_in(crossed)
    assert isinstance(back, SoldOut)
    assert back.facts == {"left": 1}


@pytest.mark.parametrize(
    ("trouble", "type_", "final"),
    [
        (Declined("insufficient_funds"), "PaymentDeclined", True),
        (Refused("invalid_request"), "ProviderRefused", True),
        (StateConflict("charge_already_refunded"), "StateConflict", False),
        (NeedsFunds("balance_insufficient"), "NeedsFunds", False),
        (NotFound("no_such_object"), "NotFound", False),
        (NotExecuted("rate_limited"), "NotExecuted", False),
        (OutcomeUnknown("no_answer"), "OutcomeUnknown", False),
        (ConnectionResetError("peer"), "ConnectionResetError", False),
        (KeyError("a defect"), "KeyError", False),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_trouble_is_final_only_when_it_is_an_answer(trouble: Exception, type_: str, final: bool) -> None:
    crossed = translated(trouble)

    assert (crossed.type, crossed.non_retryable) == (type_, final)


def test_every_trouble_of_a_gateway_is_looked_at_here() -> None:
    known = {Declined, Refused, NeedsFunds, StateConflict, NotFound, NotExecuted, OutcomeUnknown}

    assert set(GatewayTrouble.__subclasses__()) == known


def test_a_provider_that_asks_for_patience_gets_it() -> None:
    crossed = translated(NotExecuted("rate_limited", retry_after=timedelta(seconds=7)))

    assert crossed.next_retry_delay == timedelta(seconds=7)


def test_why_the_bank_said_no_is_kept() -> None:
    back = steps.refusal_in(translated(Declined("expired_card")))

    assert isinstance(back, PaymentDeclined)
    assert back.facts == {"reason": "expired_card"}


def test_the_words_of_a_database_stay_out_of_histories() -> None:
    """They quote rows, and histories are kept for weeks."""
    quoting = asyncpg.UniqueViolationError("Key (contact_email)=(ada@example.com) already exists.")

    crossed = translated(quoting)

    assert isinstance(crossed, ApplicationError)
    assert str(crossed) == "UniqueViolationError: 23505"
