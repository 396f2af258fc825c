"""Transfers to banks by Adyen's own package: sent once, followed, refused, sent back; the balance says so."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from Adyen.exceptions import (
    AdyenAPICommunicationError,
    AdyenAPIResponseError,
    AdyenAPIUnprocessableEntity,
    AdyenAPIValidationError,
)

from tests.sandbox.merchant import Merchant

BANK, NO_BANK = "SE00000000000000000000BANK", "SE00000000000111111116"
HAS, SOME = 1_500, {"value": 1_000, "currency": "EUR"}
DAYS = timedelta(days=3).total_seconds()


async def boat(merchant: Merchant) -> str:
    """Open a balance account, and have 15.00 put to it."""
    made = await merchant.balances("create_balance_account", {"accountHolderId": "AH1"})
    account = str(made["id"])
    theirs = {"type": "BalanceAccount", "account": account, "reference": "boat"}
    splits = [
        {**theirs, "amount": {"value": HAS, "currency": "EUR"}},
        {"type": "Commission", "amount": {"value": 1_000, "currency": "EUR"}, "reference": "ours"},
    ]
    await merchant.paid(splits=splits)
    await pass_by(merchant, 5)
    return account


async def pass_by(merchant: Merchant, seconds: float) -> None:
    await merchant.control("POST", "/clock/advance", seconds=seconds, account=merchant.key)


async def has(merchant: Merchant, account: str) -> int:
    told = await merchant.balances("get_balance_account", account)
    return sum(each["balance"] for each in told["balances"])


def to_bank(account: str, bank: str = BANK, **more: Any) -> dict[str, Any]:
    """Write the body of a transfer; None leaves a field out."""
    wish = {
        "amount": SOME,
        "balanceAccountId": account,
        "category": "bank",
        "counterparty": {"transferInstrumentId": bank},
        "priority": "regular",
        "reference": "payout:p1",
        **more,
    }
    return {name: value for name, value in wish.items() if value is not None}


async def standing(merchant: Merchant, transfer_id: str) -> tuple[str, str]:
    told = (await merchant.transfers("get_transfer", transfer_id)).message
    return told["status"], told["reason"]


async def test_a_transfer_is_sent_once_and_followed_to_the_bank_and_back(merchant: Merchant) -> None:
    account = await boat(merchant)

    sent, again = [
        await merchant.transfers("transfer_funds", to_bank(account), idempotency_key="p1:payout:1")
        for _ in range(2)
    ]

    assert (sent.status_code, sent.message["status"]) == (202, "received")
    assert again.message == sent.message
    told, transfer_id = sent.message, sent.message["id"]
    assert (told["amount"], told["balanceAccount"]["id"], told["direction"]) == (SOME, account, "outgoing")
    assert (told["category"], told["type"], told["reference"]) == ("bank", "bankTransfer", "payout:p1")
    assert await has(merchant, account) == HAS - 1_000
    await pass_by(merchant, 5)
    assert await standing(merchant, transfer_id) == ("authorised", "approved")
    await pass_by(merchant, DAYS)
    assert await standing(merchant, transfer_id) == ("booked", "approved")

    await merchant.control("POST", f"/payouts/{transfer_id}/fail")

    assert await standing(merchant, transfer_id) == ("returned", "counterpartyAccountClosed")
    assert await has(merchant, account) == HAS


async def test_a_bank_that_takes_nothing_fails_it(merchant: Merchant) -> None:
    account = await boat(merchant)
    sent = await merchant.transfers("transfer_funds", to_bank(account, NO_BANK))

    await pass_by(merchant, DAYS)

    assert await standing(merchant, sent.message["id"]) == ("failed", "counterpartyAccountNotFound")
    assert await has(merchant, account) == HAS


async def test_more_than_there_is_is_refused_and_there_to_be_seen(merchant: Merchant) -> None:
    account = await boat(merchant)

    sent = await merchant.transfers(
        "transfer_funds", to_bank(account, amount={"value": HAS + 1, "currency": "EUR"})
    )

    assert (sent.status_code, sent.message["status"]) == (202, "refused")
    assert await standing(merchant, sent.message["id"]) == ("refused", "notEnoughBalance")
    assert await has(merchant, account) == HAS


async def test_transfers_are_listed_by_account_time_and_reference(merchant: Merchant) -> None:
    account, other = await boat(merchant), await boat(merchant)
    mine = []
    for whose, name in ((account, "a"), (account, "b"), (other, "a")):
        wish = to_bank(whose, amount={"value": 1, "currency": "EUR"}, reference=name)
        mine.append((await merchant.transfers("transfer_funds", wish)).message["id"])
    now = datetime.now(UTC)
    time = {
        "createdSince": _written(now - timedelta(days=1)),
        "createdUntil": _written(now + timedelta(days=1)),
    }

    async def listed(**more: str) -> list[str]:
        query = {"balanceAccountId": account, **time, **more}
        found = await merchant.transfers("get_all_transfers", query_parameters=query)
        return [each["id"] for each in found.message["data"]]

    assert await listed() == [mine[1], mine[0]]
    assert await listed(reference="a") == [mine[0]]
    assert await listed(limit="1") == [mine[1]]
    assert await listed(createdUntil=time["createdSince"]) == []


def _written(at: datetime) -> str:
    return at.isoformat(timespec="seconds").replace("+", "%2B")


@pytest.mark.parametrize(
    ("changed", "kind", "code"),
    [
        ({"category": "internal"}, AdyenAPIUnprocessableEntity, "30_081"),
        ({"category": "cash"}, AdyenAPIValidationError, "702"),
        ({"priority": None}, AdyenAPIUnprocessableEntity, "158"),
        ({"priority": "soon"}, AdyenAPIValidationError, "702"),
        ({"amount": None}, AdyenAPIUnprocessableEntity, "100"),
        ({"amount": {"value": 0, "currency": "EUR"}}, AdyenAPIUnprocessableEntity, "137"),
        ({"balanceAccountId": "BA0000000000000000000NOBODY"}, AdyenAPIUnprocessableEntity, "30_011"),
        ({"balanceAccountId": None}, AdyenAPIUnprocessableEntity, "158"),
        ({"counterparty": {"bankAccount": {}}}, AdyenAPIUnprocessableEntity, "30_082"),
        ({"counterparty": {"transferInstrumentId": "NL91"}}, AdyenAPIUnprocessableEntity, "30_083"),
        ({"counterparty": BANK}, AdyenAPIValidationError, "702"),
        ({"reference": "x" * 81}, AdyenAPIValidationError, "702"),
        ({"iban": "NL91ABNA0417164300"}, AdyenAPIValidationError, "702"),
    ],
)
async def test_a_wrong_wish_is_refused_and_moves_nothing(
    merchant: Merchant, changed: dict[str, Any], kind: type[AdyenAPIResponseError], code: str
) -> None:
    account = await boat(merchant)

    with pytest.raises(kind) as refused:
        await merchant.transfers("transfer_funds", to_bank(account, **changed))

    assert refused.value.error_code == code
    assert await has(merchant, account) == HAS


@pytest.mark.parametrize(
    ("query", "kind"),
    [
        ({}, AdyenAPIUnprocessableEntity),
        ({"createdSince": "yesterday"}, AdyenAPIUnprocessableEntity),
        ({"createdSince": "2026-11-22T10:00:00"}, AdyenAPIUnprocessableEntity),
        ({"limit": "0"}, AdyenAPIUnprocessableEntity),
        ({"limit": "many"}, AdyenAPIUnprocessableEntity),
        ({"colour": "red"}, AdyenAPIValidationError),
    ],
)
async def test_a_wrong_question_is_refused(
    merchant: Merchant, query: dict[str, str], kind: type[AdyenAPIResponseError]
) -> None:
    made = await merchant.balances("create_balance_account", {"accountHolderId": "AH1"})
    asked = {"balanceAccountId": made["id"], "createdSince": "2026-11-22T10:00:00Z", **query}
    until = {"createdUntil": "2026-11-23T10:00:00Z"} if query else {}

    with pytest.raises(kind):
        await merchant.transfers("get_all_transfers", query_parameters={**asked, **until})


async def test_anothers_transfer_is_not_found(merchant: Merchant) -> None:
    account = await boat(merchant)
    sent = await merchant.transfers("transfer_funds", to_bank(account))
    other = Merchant(merchant.url, merchant.http)

    for whom, which in ((other, sent.message["id"]), (merchant, "NOBODYS")):
        with pytest.raises(AdyenAPICommunicationError):
            await whom.transfers("get_transfer", which)
