"""Adyen as its callers see it: Checkout API v72, webhooks of the Management API v3, standard notifications.

Only this package knows Adyen's words; the core knows payments, refunds and checkouts.
"""
