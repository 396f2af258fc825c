"""Bookings over HTTP: the wish, the look, the confirmation and the cancellation, with their shapes.

A booking is accepted by one database transaction and no call of Temporal; the relay tells its saga. What the
saga decides is asked by a wish, what it has decided is read from the rows: so looking works with no worker.
"""
