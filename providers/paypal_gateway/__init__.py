"""The gateway to PayPal: orders that a buyer approves and we capture, over a small client of our own.

Nothing outside this folder knows PayPal's words. Source: PayPal, "Orders v2", "Payments v2", "Webhooks".
"""
