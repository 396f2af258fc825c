-- Stored payment methods, payment links, and the full record of a payment.

create sequence payment_numbers as bigint;

alter table payments
    add column transaction_reference text,
    add column merchant_reference text,
    add column resource_type text,
    add column resource_id uuid,
    add column booking_reference text,
    add column user_id text,
    add column ip_address text,
    add column user_agent text,
    add column metadata jsonb not null default '{}',
    add column card_brand text,
    add column card_last4 text,
    add column risk_score numeric(3, 2),
    add column risk_result text,
    add column authorized_at timestamptz,
    add column captured_at timestamptz,
    add constraint ck_payments_risk_result_known check (risk_result in ('passed', 'review', 'blocked')),
    add constraint ck_payments_risk_in_range check (risk_score between 0 and 9.99),
    add constraint ck_payments_address_fits check (length(ip_address) <= 45);
update payments set transaction_reference = 'PAY-' || lpad(nextval('payment_numbers')::text, 10, '0'),
       merchant_reference = id::text, resource_type = 'booking', resource_id = booking_id,
       booking_reference = (select reference from bookings b
                             where b.tenant_id = payments.tenant_id and b.id = payments.booking_id);
alter table payments alter column transaction_reference set not null;
create index ix_payments_tenant_id_status on payments (tenant_id, status);
create index ix_payments_tenant_id_booking_reference on payments (tenant_id, booking_reference);
create index ix_payments_newest on payments (tenant_id, created_at, id);
create index ix_payments_user on payments (tenant_id, user_id, created_at desc);
create unique index uq_payments_transaction_reference on payments (tenant_id, transaction_reference);

alter table payment_operations
    add column method text,
    add column card_brand text,
    add column card_last4 text,
    add column risk_score numeric(3, 2),
    add column risk_result text;

create table payment_wishes (
    tenant_id uuid not null,
    payment_id uuid not null,
    user_id text,
    ip_address text,
    user_agent text,
    metadata jsonb default '{}' not null,
    created_at timestamptz default now() not null,
    constraint pk_payment_wishes primary key (tenant_id, payment_id),
    constraint ck_payment_wishes_address_fits check (length(ip_address) <= 45)
);

grant usage on sequence payment_numbers to holdfast_payment;
grant select, insert on payment_wishes to holdfast_payment;

do $$
declare
    name text;
begin
    foreach name in array array['payment_wishes']
    loop
        execute format('alter table %I enable row level security', name);
        execute format('alter table %I force row level security', name);
        execute format('create policy everything on %I for select to holdfast_readonly using (true)', name);
        execute format('create policy own on %I to holdfast_app, holdfast_payment, holdfast_relay '
                       'using (tenant_id = current_tenant()) with check (tenant_id = current_tenant())', name);
    end loop;
end $$;
