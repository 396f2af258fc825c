"""Payment details that Adyen keeps for a shopper, under the merchant's own reference of that shopper."""

from sandbox import payment as payments
from sandbox.adyen import refusal, typed
from sandbox.adyen.call import Call, Reply
from sandbox.adyen.error import AdyenError, invalid, missing
from sandbox.card import Card
from sandbox.payment import Method
from sandbox.record import Json, NotFound
from sandbox.work import Work

# Source: Adyen, "Tokenization": so many details under one shopper reference.
MOST = 100
# A test card that can be kept and is declined whenever it pays.
DECLINES_LATER = "chargeCustomerFail"
MODELS = ("CardOnFile", "Subscription", "UnscheduledCardOnFile")


def create(call: Call) -> Reply:
    """Keep a card; the issuer is asked, so one that says no is not kept."""
    card, holder = typed.card(call.params["paymentMethod"])
    behaviour = card.held_by(holder)
    if behaviour.decline is not None and card.name != DECLINES_LATER:
        no = refusal.of({"code": behaviour.decline.code, "reason": behaviour.decline.reason})
        raise invalid(no.code, no.reason)
    method = keep(call.work, card, holder, call.params["merchantAccount"], call.params["shopperReference"])
    return Reply({**_named(call.params), **shown(method)}, 201)


def list_all(call: Call) -> Reply:
    """List what is kept for a shopper, the newest first."""
    kept = of_shopper(call.work, call.params["merchantAccount"], call.params["shopperReference"])
    return Reply({**_named(call.params), "storedPaymentMethods": [shown(each) for each in kept]})


def delete(call: Call) -> Reply:
    """Keep it no longer."""
    method = found(call.work, call.id, call.params["merchantAccount"], call.params["shopperReference"])
    method.detached = True
    call.work.save(method)
    return Reply(None, 204)


def keeps_for(params: Json) -> str | None:
    """Return for whom a session keeps the card that pays; raises where that is wanted and nobody named.

    Where the shopper is to be asked, they do not consent: the page has nothing to tick.
    """
    mode = params.get("storePaymentMethodMode", "enabled" if params.get("storePaymentMethod") else "disabled")
    if mode == "disabled":
        return None
    shopper = shopper_of(params)
    return _owner(params["merchantAccount"], shopper) if mode == "enabled" else None


def shopper_of(params: Json) -> str:
    """Return whose details are stored or paid with; raises unless it is said what for, too."""
    for field in ("shopperReference", "recurringProcessingModel"):
        if field not in params:
            raise missing(field)
    return str(params["shopperReference"])


def told(owner: str, method_id: str) -> Json:
    """Return what an authorisation says of the card that is kept with it."""
    shopper = owner.partition("/")[2]
    return {"tokenization.shopperReference": shopper, "tokenization.storedPaymentMethodId": method_id}


def keep(work: Work, card: Card, holder: str | None, merchant: str, shopper: str) -> Method:
    """Keep a card for a shopper of a merchant; raises when there are too many."""
    if len(of_shopper(work, merchant, shopper)) >= MOST:
        raise invalid("809", f"No more than {MOST} details can be stored for a shopper.")
    return payments.new_method(work, card, _owner(merchant, shopper), {"name": holder})


def of_shopper(work: Work, merchant: str, shopper: str) -> list[Method]:
    """Return what is kept for a shopper of a merchant, the newest first."""
    owner = _owner(merchant, shopper)
    kept = [each for each in work.store.all(Method, work.account.id) if each.customer == owner]
    return [each for each in reversed(kept) if not each.detached]


def found(work: Work, method_id: object, merchant: str, shopper: str) -> Method:
    """Return what is kept under an id for this shopper, or raise as Adyen does for nobody's."""
    try:
        method = work.get(Method, str(method_id))
    except NotFound:
        method = None
    if method is None or method.detached or method.customer != _owner(merchant, shopper):
        raise AdyenError(422, "800", "Contract not found")
    return method


def shown(method: Method) -> Json:
    """Return a kept card as Adyen shows it; the year has its last two digits."""
    return {
        "id": method.id,
        "type": "scheme",
        "name": "Cards",
        "brand": typed.brand_of(method),
        "lastFour": method.behaviour.last4,
        "expiryMonth": "03",
        "expiryYear": "30",
        "holderName": method.billing.get("name") or "",
        "supportedRecurringProcessingModels": list(MODELS),
        "supportedShopperInteractions": ["Ecommerce", "ContAuth"],
    }


def _named(params: Json) -> Json:
    return {"merchantAccount": params["merchantAccount"], "shopperReference": params["shopperReference"]}


def _owner(merchant: str, shopper: str) -> str:
    return f"{merchant}/{shopper}"
