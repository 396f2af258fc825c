"""Webhook endpoints: where an account wants its events; the secret is shown once."""

import stripe

from sandbox.event import Endpoint
from sandbox.record import Json
from sandbox.stripe import listing
from sandbox.stripe.address import check_url
from sandbox.stripe.blank import filled
from sandbox.stripe.call import Call
from sandbox.stripe.error import StripeError, invalid
from sandbox.work import Work

MAX_ENDPOINTS = 16


def render(_: Work, endpoint: Endpoint) -> Json:
    """Return the endpoint without its secret."""
    about = endpoint.about
    shown = filled(
        stripe.WebhookEndpoint,
        id=endpoint.id,
        object="webhook_endpoint",
        created=endpoint.created,
        livemode=False,
        api_version=about.get("api_version"),
        description=about.get("description"),
        enabled_events=endpoint.types,
        metadata=about.get("metadata", {}),
        status="enabled" if endpoint.enabled else "disabled",
        url=endpoint.url,
    )
    del shown["secret"]
    return shown


def create(call: Call) -> Json:
    """Register an endpoint, for the account's own events or those of accounts it has connected, and show its
    secret, this once.
    """
    work = call.work
    if len(work.store.all(Endpoint, work.account.id)) >= MAX_ENDPOINTS:
        raise StripeError(400, f"You have reached the maximum of {MAX_ENDPOINTS} test webhook endpoints.")
    version = call.get("api_version")
    if version not in (None, stripe.api_version):
        raise invalid(
            f"Invalid API version: {version}. The sandbox plays {stripe.api_version}.", "api_version"
        )
    endpoint_id = work.new_id("endpoint")
    endpoint = Endpoint(
        id=endpoint_id,
        account=work.account.id,
        created=work.now,
        url=check_url(call.params["url"], "url"),
        secret="whsec_" + work.secret(endpoint_id),
        types=_types(call.params["enabled_events"]),
        of_payees=bool(call.get("connect")),
        about={"api_version": version, "description": call.get("description"), "metadata": call.metadata()},
    )
    work.add(endpoint)
    return {**render(work, endpoint), "secret": endpoint.secret}


def retrieve(call: Call) -> Json:
    """Return one endpoint."""
    return render(call.work, call.work.get(Endpoint, call.id))


def update(call: Call) -> Json:
    """Change where events go, which, or whether at all."""
    endpoint = call.work.get(Endpoint, call.id)
    about = endpoint.about
    endpoint.url = check_url(call.get("url", endpoint.url), "url")
    endpoint.types = _types(call.get("enabled_events", endpoint.types))
    endpoint.enabled = not call.get("disabled", not endpoint.enabled)
    about["metadata"] = call.metadata(about.get("metadata"))
    about["description"] = call.get("description", about.get("description"))
    call.work.save(endpoint)
    return render(call.work, endpoint)


def list_all(call: Call) -> Json:
    """List endpoints."""
    return listing.listed(call, Endpoint, render, "/v1/webhook_endpoints")


def delete(call: Call) -> Json:
    """Forget an endpoint; what was on its way to it is not sent any more."""
    endpoint = call.work.get(Endpoint, call.id)
    call.work.store.delete(endpoint)
    return {"id": endpoint.id, "object": "webhook_endpoint", "deleted": True}


def _types(types: list[str]) -> list[str]:
    if not types:
        raise invalid("You must enable at least one event.", "enabled_events")
    if "*" in types and len(types) > 1:
        raise invalid("`*` cannot be combined with other events.", "enabled_events")
    return types
