"""`expand[]`: ids in an answer replaced by the objects they name, up to four levels deep."""

from collections.abc import Callable, Sequence
from typing import Any

from sandbox import payment as payments
from sandbox.checkout import Checkout
from sandbox.dispute import Dispute
from sandbox.ledger import Movement
from sandbox.payout import Payout
from sandbox.record import Json, NotFound
from sandbox.refund import Refund
from sandbox.stripe import (
    balance,
    charge,
    customer,
    dispute,
    line_item,
    payment_intent,
    payment_method,
    payout,
    refund,
    transfer,
)
from sandbox.stripe.customer import Customer
from sandbox.stripe.error import invalid
from sandbox.transfer import Reversal, Transfer
from sandbox.work import Work

MAX_DEPTH, MAX_PATHS = 4, 20

Load = Callable[[Work, str], Json]

CHARGE: Load = lambda work, name: charge.render(work, work.get(payments.Attempt, name))  # noqa: E731
REFUND: Load = lambda work, name: refund.render(work, work.get(Refund, name))  # noqa: E731
DISPUTE: Load = lambda work, name: dispute.render(work, work.get(Dispute, name))  # noqa: E731
INTENT: Load = lambda work, name: payment_intent.render(work, work.get(payments.Payment, name))  # noqa: E731
METHOD: Load = lambda work, name: payment_method.render(work, work.get(payments.Method, name))  # noqa: E731
CUSTOMER: Load = lambda work, name: customer.render(work, work.get(Customer, name))  # noqa: E731
MOVEMENT: Load = lambda work, name: balance.render(work, work.get(Movement, name))  # noqa: E731


SOURCES: dict[str, Load] = {
    "attempt": CHARGE,
    "debit": CHARGE,
    "refund": REFUND,
    "dispute": DISPUTE,
    "reversal": lambda work, name: transfer.render_reversal(work, work.get(Reversal, name)),
    "transfer": lambda work, name: transfer.render(work, work.get(Transfer, name)),
    "payout": lambda work, name: payout.render(work, work.get(Payout, name)),
}


def _source(work: Work, name: str) -> Json:
    load = next(load for kind, load in SOURCES.items() if name.startswith(work.face.spelled(kind, "")))
    return load(work, name)


def _lines(work: Work, name: str) -> Json:
    return line_item.shown(work.get(Checkout, name))


def _refunds(work: Work, name: str) -> Json:
    found = [refund.render(work, each) for each in work.store.children(Refund, name)][::-1]
    return {
        "object": "list",
        "url": f"/v1/charges/{name}/refunds",
        "has_more": len(found) > 10,
        "data": found[:10],
    }


NAMED: dict[str, dict[str, Load]] = {
    "payment_intent": {"latest_charge": CHARGE, "customer": CUSTOMER, "payment_method": METHOD},
    "charge": {"balance_transaction": MOVEMENT, "customer": CUSTOMER, "payment_intent": INTENT},
    "refund": {
        "charge": CHARGE,
        "payment_intent": INTENT,
        "balance_transaction": MOVEMENT,
        "failure_balance_transaction": MOVEMENT,
    },
    "checkout.session": {"payment_intent": INTENT, "customer": CUSTOMER},
    "balance_transaction": {"source": _source},
    "transfer": {"balance_transaction": MOVEMENT, "source_transaction": CHARGE},
    "payout": {"balance_transaction": MOVEMENT, "failure_balance_transaction": MOVEMENT},
    "dispute": {"charge": CHARGE, "payment_intent": INTENT},
    "payment_method": {"customer": CUSTOMER},
}
INCLUDED: dict[str, dict[str, Load]] = {
    "checkout.session": {"line_items": _lines},
    "charge": {"refunds": _refunds},
}
NEVER = {
    "application",
    "on_behalf_of",
    "review",
    "subscription",
    "setup_intent",
    "invoice",
    "transfer",
    "payment_link",
}


def expand(work: Work, answer: Json, paths: Sequence[str]) -> Json:
    """Return the answer with every path in `paths` expanded, or raise as Stripe does for what cannot be."""
    if len(paths) > MAX_PATHS:
        raise invalid(f"You may expand up to {MAX_PATHS} properties.", "expand")
    for path in paths:
        steps = path.split(".")
        if len(steps) > MAX_DEPTH:
            raise invalid(
                f"You cannot expand more than {MAX_DEPTH} levels of a property. Property: {path}", "expand"
            )
        _walk(work, answer, steps, path)
    return answer


def _walk(work: Work, node: Any, steps: list[str], path: str) -> None:
    if isinstance(node, list):
        for item in node:
            _walk(work, item, steps, path)
    elif steps and node is not None:
        _open(work, node, steps[0], path)
        _walk(work, node[steps[0]], steps[1:], path)


def _open(work: Work, node: Any, step: str, path: str) -> None:
    """Put the object in place of what `step` names, where that can be done."""
    kind = str(node.get("object")) if isinstance(node, dict) else ""
    if kind == "list" and step == "data":
        return
    if step in INCLUDED.get(kind, {}):
        if node.get(step) is None:
            node[step] = INCLUDED[kind][step](work, node["id"])
    elif step in NAMED.get(kind, {}):
        if isinstance(node.get(step), str):
            node[step] = _load(work, NAMED[kind][step], node[step])
    elif not kind or step not in NEVER or step not in node:
        raise invalid(f"This property cannot be expanded ({path}).", "expand")


def _load(work: Work, load: Load, name: str) -> Json | str:
    try:
        return load(work, name)
    except NotFound:
        return name
