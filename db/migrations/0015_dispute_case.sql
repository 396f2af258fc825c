-- Who writes that a dispute has ended closes its case, in the same transaction.

grant update (closed_at, closed_by, note) on cases to holdfast_payment;
