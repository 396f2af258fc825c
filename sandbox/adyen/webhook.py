"""Where an account wants to be told: webhooks of the Management API, merchant level, and their HMAC keys."""

from sandbox.adyen.call import Call, Reply
from sandbox.adyen.error import AdyenError, invalid
from sandbox.event import Endpoint
from sandbox.record import Json, NotFound
from sandbox.work import Work

MAX_ENDPOINTS = 16


def create(call: Call) -> Reply:
    """Open a webhook; without a key of its own its items are not signed by one that anybody knows."""
    work, params = call.work, call.params
    if not params["url"].startswith(("http://", "https://")):
        raise invalid("31_003", "Field 'url' is not a valid address.")
    if len(work.store.all(Endpoint, work.account.id)) >= MAX_ENDPOINTS:
        raise invalid("31_001", f"No more than {MAX_ENDPOINTS} webhooks can be configured.")
    endpoint_id = work.new_id("endpoint")
    endpoint = Endpoint(
        id=endpoint_id,
        account=work.account.id,
        created=work.now,
        url=params["url"],
        secret=_fresh_key(work, endpoint_id, 0),
        types=["*"],
        enabled=params["active"],
        about={"merchant": call.id, "keys": 0, "sent": params},
    )
    work.add(endpoint)
    return Reply(_shown(endpoint))


def list_all(call: Call) -> Reply:
    """List a merchant's webhooks."""
    found = [each for each in call.work.store.all(Endpoint, call.work.account.id) if _is_of(each, call.id)]
    return Reply({"data": [_shown(each) for each in found], "itemsTotal": len(found), "pagesTotal": 1})


def retrieve(call: Call) -> Reply:
    """Tell of one webhook."""
    return Reply(_shown(_found(call)))


def delete(call: Call) -> Reply:
    """Forget a webhook; what was on its way to it is not sent any more."""
    call.work.store.delete(_found(call))
    return Reply(None, 204)


def generate_hmac(call: Call) -> Reply:
    """Make a new key that items are signed with from now on, and tell it this once."""
    endpoint = _found(call)
    endpoint.about["keys"] += 1
    endpoint.secret = _fresh_key(call.work, endpoint.id, endpoint.about["keys"])
    call.work.save(endpoint)
    return Reply({"hmacKey": endpoint.secret})


def _found(call: Call) -> Endpoint:
    try:
        endpoint = call.work.get(Endpoint, call.ids[1])
    except NotFound:
        endpoint = None
    if endpoint is None or not _is_of(endpoint, call.id):
        raise AdyenError(404, "31_006", "The webhook was not found.")
    return endpoint


def _is_of(endpoint: Endpoint, merchant: str) -> bool:
    return bool(endpoint.about.get("merchant") == merchant)


def _fresh_key(work: Work, endpoint_id: str, n: int) -> str:
    return work.secret("hmac", endpoint_id, str(n), length=32).encode().hex().upper()


def _shown(endpoint: Endpoint) -> Json:
    sent: Json = {name: each for name, each in endpoint.about["sent"].items() if name != "password"}
    return {
        **sent,
        "id": endpoint.id,
        "hasError": False,
        "hasPassword": bool(endpoint.about["sent"].get("password")),
        "active": endpoint.enabled,
    }
