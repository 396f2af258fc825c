"""The relay: tells Temporal what it has not heard yet, and gives back places whose time is over.

    bookings without a run      → begin, half a second after the booking where something is to be paid
    inbox events                → payment_reported, to the booking's run or, it having ended, to the aftercare
    notices that are owed       → notify
    holds past their time       → free places

What is due is a row; nothing else is a queue. It is leased (skip locked, `next_at` moves on), committed,
told, and marked as told; who dies in between leaves a lease that runs out. Telling twice is harmless, so any
number of relays may run.
"""
