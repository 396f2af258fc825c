"""Captures beside the first one of a hold: further parts of it, for accounts that keep the rest held, and
captures that fail after they had succeeded.
"""

from sandbox import ledger, share
from sandbox.payment import Attempt, Payment, Unexpected, settle
from sandbox.share import Parts
from sandbox.work import Work


def are_several(work: Work) -> bool:
    """Return whether this account takes a hold in several parts."""
    return work.store.meta(_setting(work), "") == "several"


def set_several(work: Work, *, several: bool) -> None:
    """Let this account take holds in several parts, or in one."""
    work.store.remember(_setting(work), "several" if several else "")


def take_more(work: Work, payment: Payment, amount: int, parts: Parts) -> None:
    """Take a further part of what is left held, of which payees get `parts`."""
    if payment.status != "captured" or payment.attempt is None or amount > payment.left_held:
        raise Unexpected(payment, "take more of")
    settle(work, payment.attempt)  # what was taken before is a line of its own
    attempt = work.get(Attempt, payment.attempt)
    attempt.captured += amount
    payment.captured += amount
    payment.left_held -= amount
    payment.parts = share.together(payment.parts, parts)
    payment.verify()
    work.save(attempt)
    work.save(payment)
    ledger.move(
        work, "charge", source=attempt.id, currency=attempt.currency, amount=amount, fee=ledger.fee_of(amount)
    )
    share.put(work, attempt.id, attempt.currency, parts)


def lose(work: Work, payment: Payment) -> None:
    """Let all captures fail after they had succeeded: the money goes back, and what was held is gone."""
    if payment.status != "captured" or payment.left < payment.captured or payment.attempt is None:
        raise Unexpected(payment, "lose the capture of")
    settle(work, payment.attempt)
    attempt = work.get(Attempt, payment.attempt)
    ledger.move(
        work, "capture_failure", source=attempt.id, currency=attempt.currency, amount=-attempt.captured
    )
    share.take(work, attempt.id, attempt.currency, payment.parts)
    payment.status, payment.cancelled_at, payment.cancel_reason = "cancelled", work.now, "capture_lost"
    payment.captured = payment.authorized = payment.left_held = 0
    attempt.captured, attempt.released = 0, True
    work.save(attempt)
    work.save(payment)
    work.tell("attempt.capture_lost", attempt)


def _setting(work: Work) -> str:
    return f"captures {work.account.id}"
