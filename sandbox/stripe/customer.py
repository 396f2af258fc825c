"""Customers: a name and an address to hang payments on."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

import stripe

from sandbox.record import Json, NotFound, Record
from sandbox.stripe import listing
from sandbox.stripe.blank import filled
from sandbox.stripe.call import Call
from sandbox.stripe.error import no_such
from sandbox.work import Work

KEPT = ("address", "business_name", "description", "email", "individual_name", "name", "phone", "shipping")


@dataclass(kw_only=True)
class Customer(Record):
    """A buyer an account wants to remember."""

    kind: ClassVar[str] = "customer"

    about: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)


def render(_: Work, customer: Customer) -> Json:
    """Return the customer as Stripe shows it."""
    settings = filled(stripe.Customer.InvoiceSettings)
    return filled(
        stripe.Customer,
        id=customer.id,
        object="customer",
        created=customer.created,
        livemode=False,
        balance=0,
        delinquent=False,
        invoice_settings=settings,
        tax_exempt="none",
        preferred_locales=[],
        next_invoice_sequence=1,
        metadata=customer.metadata,
        **customer.about,
    )


def create(call: Call) -> Json:
    """Remember a customer."""
    customer = Customer(
        id=call.work.new_id("customer"),
        account=call.work.account.id,
        created=call.work.now,
        about=_about(call, {}),
        metadata=call.metadata(),
    )
    call.work.add(customer)
    call.work.tell("customer.created", customer)
    return render(call.work, customer)


def retrieve(call: Call) -> Json:
    """Return one customer."""
    return render(call.work, call.work.get(Customer, call.id))


def update(call: Call) -> Json:
    """Change what is remembered."""
    customer = call.work.get(Customer, call.id)
    customer.about, customer.metadata = _about(call, customer.about), call.metadata(customer.metadata)
    call.work.save(customer)
    call.work.tell("customer.updated", customer)
    return render(call.work, customer)


def list_all(call: Call) -> Json:
    """List customers, by e-mail if asked."""
    return listing.listed(
        call, Customer, render, "/v1/customers", listing.about("about.email", call.get("email"))
    )


def check(call: Call) -> None:
    """Raise unless the customer that a call names, if any, is one of the account's."""
    name = call.get("customer")
    if name is not None:
        try:
            call.work.get(Customer, name)
        except NotFound:
            raise no_such("customer", name, "customer", status=400) from None


def _about(call: Call, before: dict[str, Any]) -> dict[str, Any]:
    given = {name: call.params[name] for name in KEPT if name in call.params}
    return {name: value for name, value in {**before, **given}.items() if value != ""}
