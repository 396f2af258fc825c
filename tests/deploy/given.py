"""Environments that are whole: one for development, one for production. Nothing in them is secret."""

import base64

PRIVATE_KEY = base64.b64encode(bytes.fromhex("302e020100300506032b657004220420") + bytes(32)).decode()
PEM = f"-----BEGIN PRIVATE KEY-----\n{PRIVATE_KEY}\n-----END PRIVATE KEY-----\n"
LONG = "0123456789abcdef" * 4


def database(role: str) -> str:
    """Answer the address of the database for a role."""
    return f"postgresql://holdfast_{role}:word@127.0.0.1:5432/holdfast"


# What has no default: each is asked for by name when it is missing.
DEVELOPMENT = {
    "DATABASE_URL": database("owner"),
    "DATABASE_APP_URL": database("app"),
    "DATABASE_PAYMENT_URL": database("payment"),
    "DATABASE_RELAY_URL": database("relay"),
    "DATABASE_READONLY_URL": database("readonly"),
    "STRIPE_SECRET_KEY": "sk_test_" + LONG,
    "STRIPE_PUBLISHABLE_KEY": "pk_test_" + LONG,
    "STRIPE_WEBHOOK_SECRET": "whsec_" + LONG,
    "ADYEN_API_KEY": "AQE" + LONG,
    "ADYEN_MERCHANT_ACCOUNT": "HoldfastECOM",
    "ADYEN_HMAC_KEY": LONG,
    "ADYEN_CLIENT_KEY": "test_" + LONG,
    "MAIL_API_KEY": "SG." + LONG,
    "JWT_PRIVATE_KEY": PEM,
    "TICKET_PRIVATE_KEY": PEM,
    "BOOKING_TOKEN_SECRET": LONG,
    "FIELD_KEYS": f"k1:{LONG}",
}
PRODUCTION = {
    **DEVELOPMENT,
    "HOLDFAST_ENV": "production",
    "TEMPORAL_ADDRESS": "temporal:7233",
    "TEMPORAL_UI_URL": "https://temporal.example.com",
    "API_URL": "https://tickets.example.com",
    "JWT_ISSUER": "https://tickets.example.com",
    "MAIL_FROM": "tickets@example.com",
    "STRIPE_SECRET_KEY": "sk_live_" + LONG,
    "STRIPE_PUBLISHABLE_KEY": "pk_live_" + LONG,
    "STRIPE_API_BASE": "https://api.stripe.com",
    "ADYEN_CLIENT_KEY": "live_" + LONG,
    "ADYEN_API_BASE": "https://prefix-checkout-live.adyenpayments.com/checkout",
    "PAYPAL_API_BASE": "https://api-m.paypal.com",
    "SENDGRID_API_BASE": "https://api.sendgrid.com",
    "PAYLOAD_KEYS": f"k1:{LONG}",
}
