-- Refunds followed until they are final, and the sweep for lost webhooks.

create sequence refund_numbers as bigint;

alter table refunds rename column completed_at to processed_at;
alter table refunds
    add column reference text,
    add column original_ref text,
    add column reason text not null default '',
    add column initiated_by text not null default 'holdfast',
    add column retry_of uuid,
    add column hindrance text,
    add column failure_code text,
    add column key_n integer not null default 0,
    add column key_calls integer not null default 0,
    add column keyed_at timestamptz,
    add column changed_at timestamptz not null default now(),
    add column told_at timestamptz,
    add column next_at timestamptz not null default now(),
    add column tellings integer not null default 0,
    add constraint ck_refunds_hindrance_known check (hindrance in ('needs_funds', 'provider_refuses')),
    add constraint ck_refunds_reason_fits check (length(reason) <= 500);
update refunds r set reference = 'RF-' || lpad(nextval('refund_numbers')::text, 10, '0'),
       original_ref = (select provider_ref from payments p where p.tenant_id = r.tenant_id and p.id = r.payment_id);
alter table refunds alter column reference set not null;
create unique index uq_refunds_reference on refunds (tenant_id, reference);
create unique index uq_refunds_retry_of on refunds (tenant_id, retry_of);
create index ix_refunds_tenant_id_payment_id on refunds (tenant_id, payment_id);
create index ix_refunds_tenant_id_booking_id on refunds (tenant_id, booking_id);
create index ix_refunds_untold on refunds (next_at) where told_at is null;
create index ix_refunds_open on refunds (created_at) where status in ('pending', 'processing');
create index ix_payments_open on payments (created_at)
    where status in ('pending', 'processing', 'requires_action', 'authorized');
create index ix_bookings_overdue on bookings (coalesce(expires_at, created_at))
    where status in ('held', 'awaiting_payment', 'payment_review', 'paid', 'awaiting_partner');

-- Which of our refunds a provider speaks of, by the label it carries.
alter table payment_operations add column refund_id uuid;

-- When the sweep asks again about what is open: a payment, a refund, a booking.
create table sweeps (
    tenant_id uuid not null,
    subject uuid not null,
    looks integer not null default 0,
    next_at timestamptz not null default now(),
    constraint pk_sweeps primary key (tenant_id, subject)
);
alter table sweeps enable row level security;
alter table sweeps force row level security;
create policy everything on sweeps for select to holdfast_readonly using (true);
create policy due on sweeps to holdfast_relay using (true) with check (true);

alter table notices drop constraint ck_notices_kind_known;
alter table notices add constraint ck_notices_kind_known check (
    kind in ('booking_confirmed', 'booking_expired', 'booking_cancelled', 'booking_failed', 'payment_refunded',
             'payment_link', 'refund_failed')
);

grant usage on sequence refund_numbers to holdfast_payment;
grant select on refunds to holdfast_relay;
grant update (told_at, next_at, tellings) on refunds to holdfast_relay;
grant select, insert, update on sweeps to holdfast_relay;
grant select on sweeps to holdfast_readonly;

-- What the relay sees without a tenant.
create policy due on refunds for select to holdfast_relay
    using (told_at is null or status in ('pending', 'processing'));
create policy due_again on refunds for update to holdfast_relay using (told_at is null);
create policy open on payments for select to holdfast_relay
    using (status in ('pending', 'processing', 'requires_action', 'authorized'));
create policy overdue on bookings for select to holdfast_relay
    using (status in ('held', 'awaiting_payment', 'payment_review', 'paid', 'awaiting_partner')
           and coalesce(expires_at, created_at) < now());
