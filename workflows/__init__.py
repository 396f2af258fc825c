"""The sagas: order, waiting, undoing; one workflow class per module, no I/O.

Doors start and tell them through `client.py`.
"""
