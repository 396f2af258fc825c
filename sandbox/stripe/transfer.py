"""Transfers to connected accounts, and what is taken back of them, in Stripe's words."""

import stripe

from sandbox import transfer as transfers
from sandbox.payee import Payee
from sandbox.record import Json, NotFound
from sandbox.stripe import listing
from sandbox.stripe.blank import filled
from sandbox.stripe.call import Call
from sandbox.stripe.error import StripeError, conflict, invalid, missing, no_such
from sandbox.stripe.money import check_currency
from sandbox.transfer import Reversal, TooLittle, TooMuch, Transfer
from sandbox.work import Work


def render(work: Work, transfer: Transfer) -> Json:
    """Return the transfer as Stripe shows it."""
    taken_back = [render_reversal(work, each) for each in work.store.children(Reversal, transfer.id)][::-1]
    url = f"/v1/transfers/{transfer.id}/reversals"
    return filled(
        stripe.Transfer,
        id=transfer.id,
        object="transfer",
        created=transfer.created,
        livemode=False,
        amount=transfer.amount,
        amount_reversed=transfer.taken_back,
        balance_transaction=transfer.movement,
        currency=transfer.currency,
        description=transfer.description,
        destination=transfer.payee,
        metadata=transfer.metadata,
        reversals=listing.whole(taken_back[:10], url, more=len(taken_back) > 10),
        reversed=transfer.taken_back == transfer.amount,
        source_transaction=transfer.source,
        source_type="card",
        transfer_group=transfer.group,
    )


def render_reversal(_: Work, reversal: Reversal) -> Json:
    """Return what was taken back as Stripe shows it."""
    return filled(
        stripe.TransferReversal,
        id=reversal.id,
        object="transfer_reversal",
        created=reversal.created,
        amount=reversal.amount,
        balance_transaction=reversal.movement,
        currency=reversal.currency,
        metadata=reversal.metadata,
        transfer=reversal.transfer,
    )


def create(call: Call) -> Json:
    """Move money to a connected account."""
    amount = call.get("amount")
    if amount is None:
        raise missing("amount")
    transfer = Transfer(
        id=call.work.new_id("transfer"),
        account=call.work.account.id,
        created=call.work.now,
        payee=call.params["destination"],
        amount=_positive(amount),
        currency=check_currency(call.params["currency"]),
        source=call.get("source_transaction"),
        group=call.get("transfer_group"),
        description=call.get("description"),
        metadata=call.metadata(),
    )
    try:
        return render(call.work, transfers.send(call.work, transfer))
    except NotFound as error:
        name = "destination" if error.kind == Payee.kind else "source_transaction"
        raise no_such(name, error.record_id, name, status=400) from None
    except TooLittle:
        raise insufficient() from None
    except TooMuch:
        raise invalid("You cannot transfer more than the amount of the source charge.", "amount") from None


def retrieve(call: Call) -> Json:
    """Return one transfer."""
    return render(call.work, call.work.get(Transfer, call.id))


def update(call: Call) -> Json:
    """Change a transfer's metadata or description."""
    transfer = call.work.get(Transfer, call.id)
    transfer.metadata = call.metadata(transfer.metadata)
    transfer.description = call.get("description", transfer.description)
    call.work.save(transfer)
    call.work.tell("transfer.updated", transfer)
    return render(call.work, transfer)


def list_all(call: Call) -> Json:
    """List transfers, to one account or of one group if asked."""
    where = [
        *listing.about("payee", call.get("destination")),
        *listing.about('"group"', call.get("transfer_group")),
    ]
    return listing.listed(call, Transfer, render, "/v1/transfers", where)


def create_reversal(call: Call) -> Json:
    """Take a transfer back, all that is left of it unless an amount is said."""
    transfer = call.work.get(Transfer, call.id)
    left = transfer.amount - transfer.taken_back
    if left == 0:
        raise StripeError(400, f"Transfer {transfer.id} is already fully reversed.", saved=True)
    reversal = Reversal(
        id=call.work.new_id("reversal"),
        account=call.work.account.id,
        created=call.work.now,
        transfer=transfer.id,
        amount=_positive(call.get("amount", left)),
        currency=transfer.currency,
        metadata=call.metadata(),
    )
    try:
        return render_reversal(call.work, transfers.take_back(call.work, transfer, reversal))
    except TooLittle:
        raise insufficient() from None
    except TooMuch:
        raise invalid("Reversal amount is greater than what is left of the transfer.", "amount") from None


def list_reversals(call: Call) -> Json:
    """List what was taken back of a transfer."""
    transfer = call.work.get(Transfer, call.id)
    url = f"/v1/transfers/{transfer.id}/reversals"
    return listing.listed(call, Reversal, render_reversal, url, [("parent = ?", transfer.id)])


def insufficient() -> Exception:
    """Return the refusal of what the balance does not allow."""
    return conflict("You have insufficient available funds in your Stripe account.", "balance_insufficient")


def _positive(amount: int) -> int:
    if amount < 1:
        raise invalid("Invalid positive integer", "amount", "parameter_invalid_integer")
    return amount
