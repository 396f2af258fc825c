"""Which events the stack on a developer's machine asks its providers for."""

from devtools.webhook import SENDGRID_EVENTS, STRIPE_EVENTS
from providers.mail.event import STATES
from providers.stripe_gateway import transfer, webhook


def test_stripe_is_asked_for_every_event_that_is_read_and_for_no_other() -> None:
    assert [*STRIPE_EVENTS] == sorted(webhook.TOLD | transfer.TELLS.keys())


def test_sendgrid_is_asked_for_every_event_that_is_read_and_for_no_other() -> None:
    assert [*SENDGRID_EVENTS] == sorted(STATES.keys() - {"blocked"})  # told as a bounce
