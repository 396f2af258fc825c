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

-- Whom a provider keeps methods for: one customer per user and account, its row before the provider is asked.
create table payment_customers (
    tenant_id uuid not null,
    id uuid not null,
    user_id text not null,
    provider text not null,
    account text not null,
    provider_ref text,
    calls integer default 0 not null,
    created_at timestamptz default now() not null,
    constraint pk_payment_customers primary key (tenant_id, id)
);
create unique index uq_payment_customers_user on payment_customers (tenant_id, user_id, provider, account);

create table payment_methods (
    tenant_id uuid not null,
    id uuid not null,
    customer_id uuid not null,
    user_id text not null,
    provider text not null,
    account text not null,
    token text not null,
    kind text,
    brand text,
    last4 text,
    wants_default boolean not null,
    is_default boolean default false not null,
    is_active boolean default false not null,
    created_at timestamptz default now() not null,
    stored_at timestamptz,
    last_used_at timestamptz,
    deactivated_at timestamptz,
    constraint pk_payment_methods primary key (tenant_id, id),
    constraint ck_payment_methods_default_is_active check (is_active or not is_default),
    constraint fk_payment_methods_payment_customers foreign key (tenant_id, customer_id)
        references payment_customers (tenant_id, id)
);
create unique index uq_payment_methods_token on payment_methods (tenant_id, provider, account, token);
create unique index uq_payment_methods_default on payment_methods (tenant_id, user_id) where is_default;
create index ix_payment_methods_tenant_id_user_id on payment_methods (tenant_id, user_id);

create table payment_links (
    tenant_id uuid not null,
    id uuid not null,
    booking_id uuid not null,
    n integer not null,
    created_by text not null,
    expires_at timestamptz not null,
    revoked_at timestamptz,
    created_at timestamptz default now() not null,
    constraint pk_payment_links primary key (tenant_id, id),
    constraint fk_payment_links_bookings foreign key (tenant_id, booking_id) references bookings (tenant_id, id)
);
create unique index uq_payment_links_active on payment_links (tenant_id, booking_id) where revoked_at is null;
create unique index uq_payment_links_n on payment_links (tenant_id, booking_id, n);

alter table notices drop constraint ck_notices_kind_known;
alter table notices add constraint ck_notices_kind_known check (
    kind in ('booking_confirmed', 'booking_expired', 'booking_cancelled', 'booking_failed',
    'payment_refunded', 'payment_link')
);

grant usage on sequence payment_numbers to holdfast_payment;
grant select, insert on payment_wishes to holdfast_payment;
-- Tokens are the payment role's alone.
grant select, insert, update on payment_customers to holdfast_payment;
grant select, insert, update, delete on payment_methods to holdfast_payment;
grant select, insert, update on payment_links to holdfast_payment;
grant select on payment_links to holdfast_app;
grant select on payment_links to holdfast_readonly;
grant select (tenant_id, id, user_id, provider, account, kind, brand, last4, is_default, is_active, created_at,
              stored_at, last_used_at, deactivated_at) on payment_methods to holdfast_readonly;

do $$
declare
    name text;
begin
    foreach name in array array['payment_wishes', 'payment_customers', 'payment_methods', 'payment_links']
    loop
        execute format('alter table %I enable row level security', name);
        execute format('alter table %I force row level security', name);
        execute format('create policy everything on %I for select to holdfast_readonly using (true)', name);
        execute format('create policy own on %I to holdfast_app, holdfast_payment, holdfast_relay '
                       'using (tenant_id = current_tenant()) with check (tenant_id = current_tenant())', name);
    end loop;
end $$;
