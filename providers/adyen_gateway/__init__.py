"""Adyen behind the gateway protocol: it tells what became of a payment and cannot be asked, so what was told
is remembered. Only `worker.py` and `api/app.py` build it; nothing of its SDK leaves this folder.
"""
