"""PayPal as its REST callers see it: orders, payments, webhooks, and the page on which a buyer approves.

Source: PayPal, "Orders v2", "Payments v2" and "Webhooks Management v1" of its REST reference.
"""
