-- What operators see and decide: the inbox with the tries of each event, and the cases that wait for a person.

alter table webhook_events add column tries jsonb not null default '[]';
create index ix_webhook_events_attention on webhook_events (id) where status in ('parked', 'failed', 'dead');

create table cases (
    id uuid not null,
    tenant_id uuid,
    kind text not null,
    subject uuid not null,
    booking_id uuid,
    cause text not null,
    opened_at timestamptz not null default now(),
    opened_by text not null,
    closed_at timestamptz,
    closed_by text,
    note text,
    constraint pk_cases primary key (id),
    constraint ck_cases_kind_known
        check (kind in ('webhook', 'step', 'payment', 'refund', 'notice', 'review', 'partner', 'investigation')),
    constraint ck_cases_closed_by_somebody check ((closed_at is null) = (closed_by is null))
);
create unique index uq_cases_open on cases (tenant_id, subject, kind) nulls not distinct where closed_at is null;
create index ix_cases_booking on cases (tenant_id, booking_id);

-- Whether the transaction is one of the platform's own people, who see what belongs to no tenant yet.
create function of_platform() returns boolean
    language sql stable parallel safe
    return coalesce(current_setting('app.platform', true), '') = 'on';
revoke all on function of_platform() from public;
grant execute on function of_platform() to holdfast_app;

grant select, insert, update (closed_at, closed_by, note) on cases to holdfast_app, holdfast_relay;
grant select, insert on cases to holdfast_payment;
grant select on cases to holdfast_readonly;

alter table cases enable row level security;
alter table cases force row level security;
create policy everything on cases for select to holdfast_readonly using (true);
create policy own on cases to holdfast_app, holdfast_payment, holdfast_relay
    using (tenant_id = current_tenant()) with check (tenant_id = current_tenant());
create policy platform on cases to holdfast_app using (tenant_id is null and of_platform());
create policy deliver on cases for insert to holdfast_app with check (tenant_id is null);
create policy ownerless on cases to holdfast_relay using (tenant_id is null) with check (tenant_id is null);

-- An event belongs to its tenant once it is matched; before that it is the platform's, whose the account is.
grant select, update (status, cause, attempts, next_at, told_at) on webhook_events to holdfast_app;
grant update (tries) on webhook_events to holdfast_relay;
grant select (tries) on webhook_events to holdfast_readonly;
create policy operate on webhook_events for select to holdfast_app
    using (tenant_id = current_tenant() or tenant_id is null and of_platform());
create policy decide on webhook_events for update to holdfast_app
    using (tenant_id = current_tenant() or tenant_id is null and of_platform());

-- A dispute names the charge that it is about, and nothing of ours.
create policy shown_operation on payment_operations for select to holdfast_relay using (operation = shown());
