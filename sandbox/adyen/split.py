"""How a payment is divided among balance accounts: what a request may say of it, and what follows.

Only the form is judged, as by Adyen: what is for a balance account that nobody has stays with the merchant.
Source: Adyen, "Split payments at authorization", "Split refunds".
"""

import re

from sandbox.adyen.error import invalid, malformed, missing
from sandbox.record import Json
from sandbox.share import Parts

FIELDS = frozenset({"type", "account", "amount", "reference", "description"})
BALANCE = "BalanceAccount"
# What a part of the amount is, and what are only fees that somebody is charged.
PARTS = frozenset({BALANCE, "Commission", "Default", "Surcharge", "Tip", "VAT"})
FEES = frozenset({
    "AcquiringFees", "AdyenCommission", "AdyenFees", "AdyenMarkup", "Interchange", "PaymentFee", "SchemeFee",
})  # fmt: skip
REST = "Remainder"
ACCOUNT = re.compile(r"BA[0-9A-Z]{20,24}")


def judged(params: Json) -> list[Json]:
    """Return the splits of a request, or raise for the first thing that is wrong with them."""
    splits: list[Json] = params.get("splits", [])
    for place, split in enumerate(splits):
        _check(split, f"splits[{place}]", params["amount"]["currency"])
    if splits and _sum(splits) != params["amount"]["value"]:
        raise invalid("14_091", "The amounts of the splits do not add up to the amount of the request.")
    named = [split["reference"] for split in splits if "reference" in split]
    if len(named) != len({*named}):
        raise invalid("14_092", "The reference of a split has to be unique.")
    return splits


def of_original(splits: list[Json], original: list[Json]) -> None:
    """Raise unless a refund is of balance accounts that were paid, under the references they were paid."""
    known = {(each.get("account"), each.get("reference")) for each in original}
    for split in splits:
        if (split.get("account"), split.get("reference")) not in known and split["type"] in PARTS:
            raise invalid("14_093", "A refund can only be split as the payment was.")


def parts(splits: list[Json]) -> Parts:
    """Return what each balance account gets."""
    found: Parts = {}
    for split in splits:
        if split["type"] == BALANCE:
            found[split["account"]] = found.get(split["account"], 0) + split["amount"]["value"]
    return found


def _check(split: Json, name: str, currency: str) -> None:
    unknown = [field for field in split if field not in FIELDS]
    if unknown:
        raise malformed(f"Structure of Split contains the following unknown fields: [{unknown[0][:80]}]")
    if str(split.get("type")) not in PARTS | FEES | {REST}:
        raise invalid("158", f"Field '{name}.type' is not valid.")
    for field in ("account", "reference", "description"):
        if field in split and not (isinstance(split[field], str) and 1 <= len(split[field]) <= 80):
            raise malformed(f"Field '{name}.{field}' is not valid.")
    if split["type"] in PARTS:
        _check_amount(split.get("amount"), name, currency)
    if split["type"] == BALANCE:
        _check_account(split, name)


def _check_amount(amount: object, name: str, currency: str) -> None:
    if amount is None:
        raise missing(f"{name}.amount")
    if not isinstance(amount, dict) or not {"value"} <= set(amount) <= {"value", "currency"}:
        raise malformed(f"Field '{name}.amount' is not valid.")
    if not isinstance(amount["value"], int) or isinstance(amount["value"], bool) or amount["value"] <= 0:
        raise invalid("137", "Invalid amount specified")
    if amount.get("currency", currency) != currency:
        raise invalid("138", "Unsupported currency specified")


def _check_account(split: Json, name: str) -> None:
    for field in ("account", "reference"):
        if field not in split:
            raise missing(f"{name}.{field}")
    if not ACCOUNT.fullmatch(split["account"]):
        raise invalid("158", f"Field '{name}.account' is not valid.")


def _sum(splits: list[Json]) -> int:
    return sum(split["amount"]["value"] for split in splits if split["type"] in PARTS)
