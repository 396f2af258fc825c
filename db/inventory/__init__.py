"""Places: taken, kept, given back, sold. The rules, for whoever adds a statement:

1. Places move in counters by conditional updates; the guard stands in the statement, never in Python.
2. Lock order: counters by id, then holds, then the booking. Whoever moves places locks its counters before it
   touches a hold; with holds first, races are one deadlock after another. Who moves none (`keep_places`)
   locks no counter.
3. A hold claims places of all its counters or of none. It is live until a statement changes its row: a
   deadline that has passed changes nothing by itself. From `kept_until` on anybody who needs the places takes
   them back, counter by counter; a booking that has lost one of its places has lost its hold.
4. Nobody hears *sold out* before the overdue holds on the counter were taken back in the same transaction,
   and reads count them as free. So neither a late timer nor a stopped worker blocks a sale.
5. held → sold is one update of one row: no other buyer ever sees the place free in between.
6. The clock is the database's.
"""
