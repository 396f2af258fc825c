"""Refunds: asked for once under their own id, and what providers say of them. Written by the payment role.

The row is the intent: it is written before anybody is told, the relay begins its run, and nobody needs to
remember it. A payment's row is locked before one of its refunds is added, so that together they never exceed
what was captured; what somebody gave back at the provider's own desk is not ours to refuse.
"""
