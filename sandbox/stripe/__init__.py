"""Stripe as its own SDK sees it: form-encoded requests, idempotency, errors, objects, events.

Thin: what a payment is and does lives in the neutral core; here are only Stripe's words for it.
"""
