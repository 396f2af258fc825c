"""What a hosted page asks of the provider it is shown for."""

from typing import Protocol, runtime_checkable

from sandbox.checkout import Checkout
from sandbox.payment import Payment
from sandbox.work import Face, Work, World


@runtime_checkable
class Payee(Face, Protocol):
    """A face with hosted pages."""

    def shown(self, amount: int, currency: str) -> str:
        """Return an amount for people."""

    def after_checkout(self, work: Work, checkout: Checkout, /) -> str:
        """Return where the buyer goes when a checkout is paid."""

    def after_cancel(self, work: Work, checkout: Checkout, /) -> str | None:
        """Return where the buyer goes who gives a checkout up, None if nowhere."""

    def after_challenge(self, work: Work, payment: Payment) -> str | None:
        """Return where the buyer goes after a challenge outside a checkout, None if nowhere."""


def payee_of(world: World, provider: str) -> Payee:
    """Return the provider as the one who shows pages to buyers."""
    face = world.faces[provider]
    if not isinstance(face, Payee):
        raise TypeError(f"{provider} shows no pages to buyers")
    return face
