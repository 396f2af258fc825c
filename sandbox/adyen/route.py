"""Every call of Adyen's APIs that is played: method, path, shape of the body, who answers."""

from collections.abc import Callable
from dataclasses import dataclass, field

from sandbox.adyen import (
    balance_account,
    dispute,
    link,
    modification,
    payment,
    payment_method,
    report,
    session,
    shape,
    stored_method,
    transfer,
    webhook,
)
from sandbox.adyen.call import Call, Reply
from sandbox.adyen.shape import Shape

CHECKOUT, MANAGEMENT = "/checkout/v72", "/management/v3/merchants/{id}/webhooks"


@dataclass(frozen=True)
class Route:
    """One call; `query` are the parameters that its query must have, `more` those that it may have."""

    method: str
    path: str
    answer: Callable[[Call], Reply]
    body: Shape = shape.NOTHING
    query: tuple[str, ...] = ()
    more: tuple[str, ...] = ()
    steps: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", tuple(self.path.split("/")[1:]))

    def match(self, steps: tuple[str, ...]) -> tuple[str, ...] | None:
        """Return the ids in a path, None if it is another path."""
        if len(steps) != len(self.steps):
            return None
        pairs = list(zip(self.steps, steps, strict=True))
        if any(mine != given for mine, given in pairs if mine != "{id}"):
            return None
        ids = tuple(given for mine, given in pairs if mine == "{id}")
        return ids if all(ids) else None


PSP, STORED = f"{CHECKOUT}/payments/{{id}}", f"{CHECKOUT}/storedPaymentMethods"
DISPUTES, BALANCES = "/ca/services/DisputeService/v30", "/bcl/v2/balanceAccounts"
TRANSFERS, WHEN = "/btl/v4/transfers", ("balanceAccountId", "createdSince", "createdUntil")
LINKS, OWNER = f"{CHECKOUT}/paymentLinks", ("merchantAccount", "shopperReference")

ROUTES = (
    Route("POST", f"{CHECKOUT}/sessions", session.create, shape.SESSION),
    Route("GET", f"{CHECKOUT}/sessions/{{id}}", session.retrieve, query=("sessionResult",)),
    Route("POST", f"{CHECKOUT}/payments", payment.create, shape.PAYMENT),
    Route("POST", f"{CHECKOUT}/payments/details", payment.details, shape.DETAILS),
    Route("POST", f"{CHECKOUT}/paymentMethods", payment_method.list_all, shape.METHODS),
    Route("POST", STORED, stored_method.create, shape.STORED),
    Route("GET", STORED, stored_method.list_all, query=OWNER),
    Route("DELETE", f"{STORED}/{{id}}", stored_method.delete, query=OWNER),
    Route("POST", LINKS, link.create, shape.LINK),
    Route("GET", f"{LINKS}/{{id}}", link.retrieve),
    Route("PATCH", f"{LINKS}/{{id}}", link.update, shape.LINK_CHANGE),
    Route("POST", f"{PSP}/captures", modification.capture, shape.CAPTURE),
    Route("POST", f"{PSP}/refunds", modification.refund, shape.REFUND),
    Route("POST", f"{PSP}/cancels", modification.cancel, shape.CANCEL),
    Route("POST", f"{PSP}/reversals", modification.reversal, shape.CANCEL),
    Route("POST", f"{PSP}/amountUpdates", modification.amount_update, shape.AMOUNT_UPDATE),
    Route("POST", f"{CHECKOUT}/cancels", modification.technical_cancel, shape.TECHNICAL_CANCEL),
    Route("POST", f"{DISPUTES}/retrieveApplicableDefenseReasons", dispute.reasons, shape.DISPUTE),
    Route("POST", f"{DISPUTES}/supplyDefenseDocument", dispute.supply, shape.DOCUMENTS),
    Route("POST", f"{DISPUTES}/defendDispute", dispute.defend, shape.DEFENSE),
    Route("POST", f"{DISPUTES}/acceptDispute", dispute.accept, shape.DISPUTE),
    Route("POST", BALANCES, balance_account.create, shape.BALANCE_ACCOUNT),
    Route("GET", f"{BALANCES}/{{id}}", balance_account.retrieve),
    Route("POST", TRANSFERS, transfer.create, shape.TRANSFER),
    Route("GET", TRANSFERS, transfer.list_all, query=WHEN, more=("category", "limit", "reference")),
    Route("GET", f"{TRANSFERS}/{{id}}", transfer.retrieve),
    Route("GET", "/reports/download/MerchantAccount/{id}/{id}", report.download),
    Route("POST", MANAGEMENT, webhook.create, shape.WEBHOOK),
    Route("GET", MANAGEMENT, webhook.list_all),
    Route("GET", f"{MANAGEMENT}/{{id}}", webhook.retrieve),
    Route("DELETE", f"{MANAGEMENT}/{{id}}", webhook.delete),
    Route("POST", f"{MANAGEMENT}/{{id}}/generateHmac", webhook.generate_hmac),
)


def find(method: str, path: str) -> tuple[Route, tuple[str, ...]] | None:
    """Return the call and the ids in its path, None if there is no such call."""
    steps = tuple(path.split("/")[1:])
    for route in ROUTES:
        ids = route.match(steps) if route.method == method else None
        if ids is not None:
            return route, ids
    return None
