-- What no statement may do, whoever wrote it: illegal moves, unbalanced books, rows of another tenant.

-- Whose rows the transaction may see; none when no tenant was set.
create function current_tenant() returns uuid
    language sql stable parallel safe
    return nullif(current_setting('app.tenant_id', true), '')::uuid;

-- What somebody without a tenant shows to be recognised: a publishable key, a provider's reference.
create function shown() returns text
    language sql stable parallel safe
    return nullif(current_setting('app.shown', true), '');

-- A hold ends once: active → purchased, expired or released. The rest of it never changes, but that it is kept
-- longer.
create function guard_hold() returns trigger language plpgsql as $$
begin
    if old.status <> 'active' then
        raise exception 'a hold that is % stays so', old.status
            using errcode = 'check_violation', constraint = 'holds_end_once', table = 'holds';
    end if;
    if (new.tenant_id, new.booking_id, new.counter_id, new.n, new.places)
       is distinct from (old.tenant_id, old.booking_id, old.counter_id, old.n, old.places) then
        raise exception 'what a hold claims never changes'
            using errcode = 'check_violation', constraint = 'holds_are_fixed', table = 'holds';
    end if;
    return new;
end $$;
create trigger guard_hold before update on holds for each row execute function guard_hold();

-- Every transaction of the books sums to zero in each currency. It must see its entries to judge them, so that
-- changing the tenant before the commit does not slip by.
create function guard_ledger() returns trigger language plpgsql as $$
begin
    if (select count(*) from ledger_entries
         where tenant_id = new.tenant_id and transaction_id = new.transaction_id) < 2
       or exists (select from ledger_entries
                   where tenant_id = new.tenant_id and transaction_id = new.transaction_id
                   group by currency having sum(amount_minor) <> 0) then
        raise exception 'ledger transaction % does not balance', new.transaction_id
            using errcode = 'check_violation', constraint = 'ledger_balances', table = 'ledger_entries';
    end if;
    return null;
end $$;
create constraint trigger guard_ledger after insert on ledger_entries
    deferrable initially deferred for each row execute function guard_ledger();

-- Roles. Nothing is granted but what is written here.
revoke all on schema public from public;
grant usage on schema public to holdfast_app, holdfast_payment, holdfast_relay, holdfast_readonly;
revoke all on function current_tenant(), shown(), guard_hold(), guard_ledger() from public;
grant execute on function current_tenant(), shown()
    to holdfast_app, holdfast_payment, holdfast_relay, holdfast_readonly;

-- app: the bookings, and what is sold. Reads payments, writes none.
grant select, insert, update
    on tenants, channels, provider_accounts, offers, variants, slots, counters, bookings, holds, tickets, notices
    to holdfast_app;
grant select, insert
    on quotes, quote_lines, booking_lines, booking_payments, ledger_transactions, ledger_entries, events,
       audit_entries, step_answers
    to holdfast_app;
grant select, insert, update, delete on idempotency_keys to holdfast_app;
grant select on payments, payment_operations, refunds to holdfast_app;
grant insert on webhook_events to holdfast_app;
grant usage on sequence booking_numbers, ticket_numbers to holdfast_app;

-- payment: the money. Reads bookings, writes none.
grant select, insert, update on payments, payment_operations, refunds to holdfast_payment;
grant select, insert on ledger_transactions, ledger_entries, events, notices, audit_entries, step_answers
    to holdfast_payment;
grant select, insert, update, delete on idempotency_keys to holdfast_payment;
grant select
    on tenants, provider_accounts, offers, slots, bookings, booking_lines, booking_payments, holds, webhook_events
    to holdfast_payment;

-- relay: across tenants what is due, nothing else; with a tenant set, what it takes to tell it.
grant select
    on bookings, holds, counters, webhook_events, notices, events, payments, payment_operations, idempotency_keys
    to holdfast_relay;
grant update (saga_started_at, next_at, tellings) on bookings to holdfast_relay;
grant update (status) on holds to holdfast_relay;
grant update (held) on counters to holdfast_relay;
grant update (status, cause, attempts, next_at, told_at, tenant_id, payment_id) on webhook_events
    to holdfast_relay;
grant update (next_at, tellings, told_at) on notices to holdfast_relay;
grant delete on idempotency_keys to holdfast_relay;

-- readonly: reports and the checks of invariants; no answers and no raw bodies.
grant select
    on tenants, channels, provider_accounts, offers, variants, slots, counters, quotes, quote_lines, bookings,
       booking_lines, booking_payments, holds, payments, payment_operations, refunds, ledger_transactions,
       ledger_entries, tickets, events, notices, audit_entries
    to holdfast_readonly;
grant select (id, provider, account, event_id, kind, occurred_at, status, cause, attempts, next_at, told_at,
              tenant_id, payment_id, received_at) on webhook_events to holdfast_readonly;

-- Row-level security, forced: it holds for the owner too.
do $$
declare
    name text;
begin
    for name in select relname from pg_class
                 where relnamespace = 'public'::regnamespace and relkind = 'r' and relname <> 'alembic_version'
    loop
        execute format('alter table %I enable row level security', name);
        execute format('alter table %I force row level security', name);
        execute format('create policy everything on %I for select to holdfast_readonly using (true)', name);
        if name not in ('tenants', 'webhook_events') then
            execute format('create policy own on %I to holdfast_app, holdfast_payment, holdfast_relay '
                           'using (tenant_id = current_tenant()) with check (tenant_id = current_tenant())', name);
        end if;
    end loop;
end $$;
create policy own on tenants to holdfast_app, holdfast_payment, holdfast_relay
    using (id = current_tenant()) with check (id = current_tenant());

-- Who shows a publishable key sees the channel it belongs to.
create policy shown_key on channels for select to holdfast_app using (publishable_key = shown());

-- The inbox belongs to the provider's account until an event is matched; then its tenant's rules hold too.
create policy deliver on webhook_events for insert to holdfast_app
    with check (tenant_id is null and told_at is null);
create policy own on webhook_events for select to holdfast_payment using (tenant_id = current_tenant());
create policy due on webhook_events to holdfast_relay
    using (told_at is null or tenant_id is null or tenant_id = current_tenant()) with check (true);

-- What the relay sees without a tenant.
create policy due on bookings for select to holdfast_relay using (saga_started_at is null);
create policy due_again on bookings for update to holdfast_relay using (saga_started_at is null);
create policy due on notices for select to holdfast_relay using (told_at is null);
create policy due_again on notices for update to holdfast_relay using (told_at is null);
create policy overdue on holds for select to holdfast_relay using (status = 'active' and kept_until < now());
create policy feed on events for select to holdfast_relay using (true);
create policy shown_reference on payments for select to holdfast_relay using (provider_ref = shown());
create policy outlived on idempotency_keys to holdfast_relay using (created_at < now() - interval '1 hour');
