"""The gateway to Stripe: payment intents and hosted checkout sessions through Stripe's own package.

Nothing of that package leaves this folder, and nothing outside it knows Stripe's words.
"""
