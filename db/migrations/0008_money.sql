-- What a payment may become, and money in a currency that nobody asked for.

-- In which a payment was taken, where that is not the currency asked for.
alter table payments add column captured_currency character(3);

-- The moves of a payment, as `domain.payment.MOVES` has them: a later word never lowers a stronger one.
create function guard_payment() returns trigger language plpgsql as $$
declare
    strength constant text[] := array['pending', 'requires_action', 'processing', 'failed', 'expired',
                                      'authorized', 'cancelled', 'captured', 'conflicted'];
begin
    if array_position(strength, new.status) <= array_position(strength, old.status) then
        raise exception 'a payment that is % does not become %', old.status, new.status
            using errcode = 'check_violation', constraint = 'payments_move_on', table = 'payments';
    end if;
    return new;
end $$;
create trigger guard_payment before update of status on payments
    for each row when (old.status is distinct from new.status) execute function guard_payment();
revoke all on function guard_payment() from public;
