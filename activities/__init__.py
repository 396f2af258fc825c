"""The steps, done: one transaction or one provider call each; and the relay, which tells sagas what they have
not heard yet.

Nothing here decides what comes next, and nobody but worker.py imports it. Of `workflows/` it knows the steps
and the names.
"""
