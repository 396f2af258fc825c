"""Every call of Stripe's API that is played: method, path, the SDK's parameters, who answers."""

from collections.abc import Callable
from dataclasses import dataclass, field

from stripe import params
from stripe.params import checkout as checkout_params

from sandbox.record import Json
from sandbox.stripe import (
    account,
    balance,
    charge,
    checkout_session,
    customer,
    dispute,
    event,
    kept_method,
    payment_intent,
    payment_method,
    payout,
    refund,
    transfer,
    webhook_endpoint,
)
from sandbox.stripe.call import Call


@dataclass(frozen=True)
class Route:
    """One call; `public` ones may be made with the publishable key and a client secret."""

    method: str
    path: str
    params: type
    answer: Callable[[Call], Json]
    public: bool = False
    steps: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", tuple(self.path.split("/")[1:]))

    def match(self, steps: tuple[str, ...]) -> tuple[str, ...] | None:
        """Return the ids in a path of the same length, None if it is another path."""
        ids = []
        for mine, given in zip(self.steps, steps, strict=True):
            if mine == "{id}" and given:
                ids.append(given)
            elif mine != given:
                return None
        return tuple(ids)


INTENT, SESSION = "/v1/payment_intents", "/v1/checkout/sessions"
ENDPOINT, REFUND, DISPUTE = "/v1/webhook_endpoints", "/v1/refunds", "/v1/disputes"
METHOD = "/v1/payment_methods/{id}"
ACCOUNT, TRANSFER, PAYOUT = "/v1/accounts", "/v1/transfers", "/v1/payouts"

ROUTES = (
    Route("POST", INTENT, params.PaymentIntentCreateParams, payment_intent.create),
    Route("GET", INTENT, params.PaymentIntentListParams, payment_intent.list_all),
    Route("GET", INTENT + "/{id}", params.PaymentIntentRetrieveParams, payment_intent.retrieve, public=True),
    Route("POST", INTENT + "/{id}", params.PaymentIntentUpdateParams, payment_intent.update),
    Route(
        "POST",
        INTENT + "/{id}/confirm",
        params.PaymentIntentConfirmParams,
        payment_intent.confirm,
        public=True,
    ),
    Route("POST", INTENT + "/{id}/capture", params.PaymentIntentCaptureParams, payment_intent.capture),
    Route("POST", INTENT + "/{id}/cancel", params.PaymentIntentCancelParams, payment_intent.cancel),
    Route("POST", SESSION, checkout_params.SessionCreateParams, checkout_session.create),
    Route("GET", SESSION, checkout_params.SessionListParams, checkout_session.list_all),
    Route("GET", SESSION + "/{id}", checkout_params.SessionRetrieveParams, checkout_session.retrieve),
    Route("POST", SESSION + "/{id}", checkout_params.SessionUpdateParams, checkout_session.update),
    Route("POST", SESSION + "/{id}/expire", checkout_params.SessionExpireParams, checkout_session.expire),
    Route(
        "GET",
        SESSION + "/{id}/line_items",
        checkout_params.SessionListLineItemsParams,
        checkout_session.list_lines,
    ),
    Route("GET", "/v1/charges", params.ChargeListParams, charge.list_all),
    Route("GET", "/v1/charges/{id}", params.ChargeRetrieveParams, charge.retrieve),
    Route("POST", REFUND, params.RefundCreateParams, refund.create),
    Route("GET", REFUND, params.RefundListParams, refund.list_all),
    Route("GET", REFUND + "/{id}", params.RefundRetrieveParams, refund.retrieve),
    Route("POST", REFUND + "/{id}", params.RefundUpdateParams, refund.update),
    Route("POST", REFUND + "/{id}/cancel", params.RefundCancelParams, refund.cancel),
    Route("GET", DISPUTE, params.DisputeListParams, dispute.list_all),
    Route("GET", DISPUTE + "/{id}", params.DisputeRetrieveParams, dispute.retrieve),
    Route("POST", DISPUTE + "/{id}", params.DisputeUpdateParams, dispute.update),
    Route("POST", DISPUTE + "/{id}/close", params.DisputeCloseParams, dispute.close),
    Route("POST", "/v1/customers", params.CustomerCreateParams, customer.create),
    Route("GET", "/v1/customers", params.CustomerListParams, customer.list_all),
    Route("GET", "/v1/customers/{id}", params.CustomerRetrieveParams, customer.retrieve),
    Route("POST", "/v1/customers/{id}", params.CustomerUpdateParams, customer.update),
    Route("GET", METHOD, params.PaymentMethodRetrieveParams, payment_method.retrieve),
    Route(
        "GET",
        "/v1/customers/{id}/payment_methods",
        params.CustomerListPaymentMethodsParams,
        kept_method.list_of_customer,
    ),
    Route("GET", "/v1/payment_methods", params.PaymentMethodListParams, kept_method.list_all),
    Route("POST", METHOD + "/attach", params.PaymentMethodAttachParams, kept_method.attach),
    Route("POST", METHOD + "/detach", params.PaymentMethodDetachParams, kept_method.detach),
    Route("GET", "/v1/events", params.EventListParams, event.list_all),
    Route("GET", "/v1/events/{id}", params.EventRetrieveParams, event.retrieve),
    Route("POST", ENDPOINT, params.WebhookEndpointCreateParams, webhook_endpoint.create),
    Route("GET", ENDPOINT, params.WebhookEndpointListParams, webhook_endpoint.list_all),
    Route("GET", ENDPOINT + "/{id}", params.WebhookEndpointRetrieveParams, webhook_endpoint.retrieve),
    Route("POST", ENDPOINT + "/{id}", params.WebhookEndpointUpdateParams, webhook_endpoint.update),
    Route("DELETE", ENDPOINT + "/{id}", params.WebhookEndpointDeleteParams, webhook_endpoint.delete),
    Route("POST", ACCOUNT, params.AccountCreateParams, account.create),
    Route("GET", ACCOUNT, params.AccountListParams, account.list_all),
    Route("GET", ACCOUNT + "/{id}", params.AccountRetrieveParams, account.retrieve),
    Route("POST", ACCOUNT + "/{id}", params.AccountUpdateParams, account.update),
    Route("POST", "/v1/account_links", params.AccountLinkCreateParams, account.create_link),
    Route("POST", TRANSFER, params.TransferCreateParams, transfer.create),
    Route("GET", TRANSFER, params.TransferListParams, transfer.list_all),
    Route("GET", TRANSFER + "/{id}", params.TransferRetrieveParams, transfer.retrieve),
    Route("POST", TRANSFER + "/{id}", params.TransferUpdateParams, transfer.update),
    Route(
        "POST", TRANSFER + "/{id}/reversals", params.TransferCreateReversalParams, transfer.create_reversal
    ),
    Route("GET", TRANSFER + "/{id}/reversals", params.TransferListReversalsParams, transfer.list_reversals),
    Route("POST", PAYOUT, params.PayoutCreateParams, payout.create),
    Route("GET", PAYOUT, params.PayoutListParams, payout.list_all),
    Route("GET", PAYOUT + "/{id}", params.PayoutRetrieveParams, payout.retrieve),
    Route("POST", PAYOUT + "/{id}", params.PayoutUpdateParams, payout.update),
    Route("POST", PAYOUT + "/{id}/cancel", params.PayoutCancelParams, payout.cancel),
    Route("GET", "/v1/balance", params.BalanceRetrieveParams, balance.retrieve),
    Route("GET", "/v1/balance_transactions", params.BalanceTransactionListParams, balance.list_transactions),
    Route(
        "GET",
        "/v1/balance_transactions/{id}",
        params.BalanceTransactionRetrieveParams,
        balance.retrieve_transaction,
    ),
)

_BY_SHAPE: dict[tuple[str, int], list[Route]] = {}
for _route in ROUTES:
    _BY_SHAPE.setdefault((_route.method, len(_route.steps)), []).append(_route)


def find(method: str, path: str) -> tuple[Route, tuple[str, ...]] | None:
    """Return the route of a request and the ids in its path, None if nothing answers there."""
    steps = tuple(path.split("/")[1:])
    for route in _BY_SHAPE.get((method, len(steps)), ()):
        ids = route.match(steps)
        if ids is not None:
            return route, ids
    return None
