"""Payment links: a page whose address the merchant sends to the shopper; paid once, or ended before."""

from datetime import UTC, datetime, timedelta

from sandbox import checkout as checkouts
from sandbox.adyen import money, split
from sandbox.adyen.call import Call, Reply
from sandbox.adyen.error import AdyenError, invalid
from sandbox.adyen.payment import capture_of
from sandbox.adyen.session import expiry, line, takes
from sandbox.checkout import Checkout
from sandbox.payment import Payment
from sandbox.record import Json, NotFound
from sandbox.work import Work

LIFE, LONGEST = timedelta(hours=24), timedelta(days=70)


def create(call: Call) -> Reply:
    """Make a link that can be paid once."""
    work, params = call.work, call.params
    value, currency = money.checked(params["amount"])
    if params.get("reusable"):
        raise invalid("158", "Field 'reusable': the sandbox makes links that are paid once.")
    splits = split.judged(params)
    about = {"merchant": params["merchantAccount"], "reference": params["reference"], "splits": splits}
    link_id = work.new_id("link")
    checkout = Checkout(
        id=link_id,
        account=work.account.id,
        created=work.now,
        amount=value,
        currency=currency,
        expires_at=expiry(params.get("expiresAt"), work.now, LIFE, LONGEST),
        success_url=params.get("returnUrl") or f"{work.world.public_url}/pay/{link_id}",
        capture=capture_of(params),
        takes=takes(params),
        reference=params["reference"],
        email=params.get("shopperEmail"),
        note=params.get("description"),
        lines=[line(each, params["amount"]) for each in params.get("lineItems", ())],
        metadata=params.get("metadata", {}),
        payment_metadata=params.get("metadata", {}),
        parts=split.parts(splits),
        about={**about, "sent": params, "payment": {**about, "link": link_id}},
    )
    checkouts.open_checkout(work, checkout)
    return Reply(_shown(work, checkout), 201)


def retrieve(call: Call) -> Reply:
    """Tell how a link stands."""
    return Reply(_shown(call.work, _found(call)))


def update(call: Call) -> Reply:
    """End a link; one that was paid, or has ended, cannot be."""
    checkout = _found(call)
    if checkout.status != "open":
        raise invalid("210", "Only active payment links can be expired.")
    checkouts.expire(call.work, checkout)
    return Reply(_shown(call.work, checkout))


def _found(call: Call) -> Checkout:
    try:
        checkout = call.work.get(Checkout, call.id)
    except NotFound:
        checkout = None
    if checkout is None or "link" not in checkout.about["payment"]:
        raise AdyenError(404, "14_002", "The payment link was not found.")
    return checkout


def _shown(work: Work, checkout: Checkout) -> Json:
    return {
        **checkout.about["sent"],
        "id": checkout.id,
        "status": _status(work, checkout),
        "url": f"{work.world.public_url}/pay/{checkout.id}",
        "expiresAt": datetime.fromtimestamp(checkout.expires_at, UTC).isoformat(),
    }


def _status(work: Work, checkout: Checkout) -> str:
    if checkout.status == "complete" and checkout.payment is not None:
        pending = work.get(Payment, checkout.payment).status == "processing"
        return "paymentPending" if pending else "completed"
    return "expired" if checkout.status == "expired" else "active"
