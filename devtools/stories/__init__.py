"""Stories for `./dev demo`: each plays one booking on the running stack, tells it, and verifies its claims.

Run by .venv's python with the settings of `.holdfast/env`. A story knows the product from outside only: its
API, its tables under the read-only role, and the sandbox's own books.
"""

TITLES = {
    "paid": "A booking is paid and gets its tickets",
    "declined": "A card is declined, another one is not",
    "3ds": "The buyer's bank asks for a code",
    "expired": "Nobody pays in time",
    "cancelled": "The buyer gives up before paying",
    "double-paid": "One buyer pays in two windows",
    "late-refunded": "Money comes after the buyer cancelled",
    "late-reacquired": "Money comes after the hold ran out",
    "refund": "The organizer gives money back, a part and then the rest",
    "dispute-opened": "The payer's bank wants its money back",
    "deposit": "A deposit confirms, in two payments",
    "debit": "The bank pays days later",
    "partner-refused": "A partner must accept, and does not",
    "fallback": "A provider takes nobody, and bookings go on over the next",
    "payment-link": "The organizer mails a link to pay by",
    "webhook-lost": "The provider pays and tells nobody",
    "crash-everywhere": "Each process is killed in the middle of three bookings",
    "crash": "Every process is killed while ten people buy",
}

# Whom a story can be paid over, with the setting that names our account there.
PROVIDERS = {
    "stripe": "STRIPE_SECRET_KEY",
    "adyen": "ADYEN_API_KEY",
    "paypal": "PAYPAL_CLIENT_ID",
    "cash": "",  # a drawer of our own: nobody else keeps books of it
}

# Over which providers a story is told, where it is not over all of them: what it breaks, or pays too late, is
# Stripe's in most, and what the others let happen to a closed page is not what it tells.
TOLD_OVER = {
    "declined": ("stripe", "adyen"),
    "3ds": ("stripe", "adyen"),
    "expired": ("stripe", "adyen"),
    "cancelled": ("stripe", "paypal"),
    "double-paid": ("stripe",),
    "late-refunded": ("stripe", "adyen"),
    "late-reacquired": ("stripe",),
    "dispute-opened": ("stripe",),
    "deposit": ("stripe", "adyen"),
    "webhook-lost": ("stripe",),
}
