-- The tables of the foundation, as `db/schema` describes them.

create sequence booking_numbers as bigint increment by 100;
create sequence ticket_numbers as bigint;

create table audit_entries (
    tenant_id uuid not null,
    id uuid not null,
    at timestamptz default now() not null,
    actor text not null,
    action text not null,
    subject uuid not null,
    before jsonb,
    after jsonb,
    constraint pk_audit_entries primary key (tenant_id, id)
);
create index ix_audit_entries_tenant_id_subject_at on audit_entries (tenant_id, subject, at);

create table bookings (
    tenant_id uuid not null,
    id uuid not null,
    channel_id uuid not null,
    source text not null,
    reference text not null,
    offer_id uuid not null,
    slot_id uuid not null,
    starts_at timestamptz not null,
    quote_id uuid,
    status text not null,
    cause text not null,
    total_minor bigint not null,
    due_minor bigint not null,
    currency char(3) not null,
    terms jsonb not null,
    summary text not null,
    locale text not null,
    contact_name text not null,
    contact_email text not null,
    contact_phone text,
    user_id text,
    expires_at timestamptz,
    created_at timestamptz default now() not null,
    confirmed_at timestamptz,
    ended_at timestamptz,
    saga_started_at timestamptz,
    next_at timestamptz default now() not null,
    tellings integer default 0 not null,
    constraint pk_bookings primary key (tenant_id, id),
    constraint ck_bookings_status_known check (
        status in ('initiated', 'held', 'rejected', 'awaiting_payment', 'payment_review', 'paid',
        'awaiting_partner', 'confirmed', 'completed', 'no_show', 'cancelling', 'cancelled',
        'refunding', 'refunded', 'expired', 'failed')
    ),
    constraint ck_bookings_source_known check (source in ('web', 'mobile', 'api')),
    constraint ck_bookings_due_within_total check (due_minor between 0 and total_minor)
);
create index ix_bookings_buyer on bookings (tenant_id, lower(contact_email), offer_id);
create index ix_bookings_newest on bookings (tenant_id, created_at, id);
create index ix_bookings_offer_status on bookings (tenant_id, offer_id, status, created_at);
create index ix_bookings_travel on bookings (tenant_id, starts_at, status)
    where status in ('held', 'awaiting_payment', 'paid', 'confirmed');
create index ix_bookings_untold on bookings (next_at)
    where saga_started_at is null;
create index ix_bookings_user on bookings (tenant_id, user_id, created_at)
    where user_id is not null;
create unique index uq_bookings_reference on bookings (tenant_id, reference);

create table counters (
    tenant_id uuid not null,
    id uuid not null,
    capacity integer not null,
    held integer default 0 not null,
    sold integer default 0 not null,
    constraint pk_counters primary key (tenant_id, id),
    constraint ck_counters_never_oversold check (held >= 0 and sold >= 0 and held + sold <= capacity)
) with (fillfactor = 20);

create table events (
    tenant_id uuid not null,
    seq bigint generated always as identity,
    xid bigint default pg_current_xact_id()::text::bigint not null,
    subject uuid not null,
    n integer not null,
    type text not null,
    data jsonb not null,
    at timestamptz default now() not null,
    constraint pk_events primary key (seq)
);
create index ix_events_place on events (xid, seq);
create unique index uq_events_n on events (tenant_id, subject, n);

create table idempotency_keys (
    tenant_id uuid not null,
    caller text not null,
    route text not null,
    key text not null,
    fingerprint text not null,
    subject uuid not null,
    status integer,
    answer bytea,
    created_at timestamptz default now() not null,
    constraint pk_idempotency_keys primary key (tenant_id, caller, route, key),
    constraint ck_idempotency_keys_answered_whole check ((status is null) = (answer is null))
);
create index ix_idempotency_keys_created_at on idempotency_keys (created_at);

create table ledger_transactions (
    tenant_id uuid not null,
    id bigint generated always as identity,
    source text not null,
    external_ref text not null,
    recorded_at timestamptz default now() not null,
    constraint pk_ledger_transactions primary key (tenant_id, id)
);
create unique index uq_ledger_transactions_source on ledger_transactions (tenant_id, source, external_ref);

create table quotes (
    tenant_id uuid not null,
    id uuid not null,
    offer_id uuid not null,
    slot_id uuid not null,
    total_minor bigint not null,
    currency char(3) not null,
    expires_at timestamptz not null,
    created_at timestamptz default now() not null,
    constraint pk_quotes primary key (tenant_id, id),
    constraint ck_quotes_total_not_negative check (total_minor >= 0)
);

create table step_answers (
    tenant_id uuid not null,
    key text not null,
    answer jsonb not null,
    created_at timestamptz default now() not null,
    constraint pk_step_answers primary key (tenant_id, key)
);

create table tenants (
    id uuid not null,
    name text not null,
    slug text not null,
    reference_pattern text not null,
    ticket_pattern text not null,
    fee_basis_points integer not null,
    created_at timestamptz default now() not null,
    constraint pk_tenants primary key (id),
    constraint ck_tenants_fee_in_range check (fee_basis_points between 0 and 10000)
);
create unique index uq_tenants_slug on tenants (slug);

create table webhook_events (
    id uuid not null,
    provider text not null,
    account text not null,
    event_id text not null,
    kind text not null,
    occurred_at timestamptz,
    body bytea not null,
    status text not null,
    cause text not null,
    attempts integer default 0 not null,
    next_at timestamptz default now() not null,
    told_at timestamptz,
    tenant_id uuid,
    payment_id uuid,
    received_at timestamptz default now() not null,
    constraint pk_webhook_events primary key (id),
    constraint ck_webhook_events_status_known check (
        status in ('received', 'processed', 'ignored', 'parked', 'failed', 'dead')
    )
);
create index ix_webhook_events_payment on webhook_events (tenant_id, payment_id);
create index ix_webhook_events_untold on webhook_events (next_at)
    where told_at is null;
create unique index uq_webhook_events_event_id on webhook_events (provider, account, event_id);

create table booking_lines (
    tenant_id uuid not null,
    booking_id uuid not null,
    position integer not null,
    variant_id uuid not null,
    name text not null,
    quantity integer not null,
    unit_minor bigint not null,
    total_minor bigint not null,
    constraint pk_booking_lines primary key (tenant_id, booking_id, position),
    constraint ck_booking_lines_some_quantity check (quantity > 0),
    constraint ck_booking_lines_adds_up check (total_minor = unit_minor * quantity),
    constraint fk_booking_lines_bookings foreign key(tenant_id, booking_id) references bookings (tenant_id, id)
);

create table booking_payments (
    tenant_id uuid not null,
    booking_id uuid not null,
    payment_id uuid not null,
    amount_minor bigint not null,
    created_at timestamptz default now() not null,
    constraint pk_booking_payments primary key (tenant_id, booking_id, payment_id),
    constraint fk_booking_payments_bookings foreign key(tenant_id, booking_id) references bookings (tenant_id, id)
);
create unique index uq_booking_payments_payment_id on booking_payments (tenant_id, payment_id);

create table channels (
    tenant_id uuid not null,
    id uuid not null,
    name text not null,
    source text not null,
    publishable_key text not null,
    return_origins text[] default '{}' not null,
    created_at timestamptz default now() not null,
    constraint pk_channels primary key (tenant_id, id),
    constraint ck_channels_source_known check (source in ('web', 'mobile', 'api')),
    constraint fk_channels_tenants foreign key(tenant_id) references tenants (id)
);
create unique index uq_channels_publishable_key on channels (publishable_key);

create table holds (
    tenant_id uuid not null,
    booking_id uuid not null,
    counter_id uuid not null,
    n integer not null,
    places integer not null,
    status text not null,
    expires_at timestamptz,
    kept_until timestamptz,
    constraint pk_holds primary key (tenant_id, booking_id, counter_id, n),
    constraint ck_holds_status_known check (status in ('active', 'purchased', 'expired', 'released')),
    constraint ck_holds_some_places check (places > 0),
    constraint ck_holds_counted_from_one check (n > 0),
    constraint ck_holds_kept_at_least check (
        (expires_at is null) = (kept_until is null) and expires_at <= kept_until
    ),
    constraint fk_holds_bookings foreign key(tenant_id, booking_id) references bookings (tenant_id, id)
);
create index ix_holds_active_of_counter on holds (tenant_id, counter_id, kept_until)
    where status = 'active';
create index ix_holds_overdue on holds (kept_until)
    where status = 'active';

create table ledger_entries (
    tenant_id uuid not null,
    transaction_id bigint not null,
    position integer not null,
    account text not null,
    amount_minor bigint not null,
    currency char(3) not null,
    constraint pk_ledger_entries primary key (tenant_id, transaction_id, position),
    constraint ck_ledger_entries_some_amount check (amount_minor <> 0),
    constraint fk_ledger_entries_ledger_transactions foreign key(tenant_id, transaction_id) references ledger_transactions (tenant_id, id)
);
create index ix_ledger_entries_account on ledger_entries (tenant_id, account, currency);

create table notices (
    tenant_id uuid not null,
    id uuid not null,
    booking_id uuid not null,
    kind text not null,
    version integer not null,
    data jsonb not null,
    status text not null,
    created_at timestamptz default now() not null,
    next_at timestamptz default now() not null,
    tellings integer default 0 not null,
    told_at timestamptz,
    claimed_at timestamptz,
    settled_at timestamptz,
    constraint pk_notices primary key (tenant_id, id),
    constraint ck_notices_kind_known check (
        kind in ('booking_confirmed', 'booking_expired', 'booking_cancelled', 'booking_failed',
        'payment_refunded')
    ),
    constraint ck_notices_status_known check (
        status in ('owed', 'claimed', 'accepted', 'no_address', 'unknown')
    ),
    constraint fk_notices_bookings foreign key(tenant_id, booking_id) references bookings (tenant_id, id)
);
create index ix_notices_untold on notices (next_at)
    where told_at is null;
create unique index uq_notices_key on notices (tenant_id, booking_id, kind, version);

create table offers (
    tenant_id uuid not null,
    id uuid not null,
    name text not null,
    description text not null,
    currency char(3) not null,
    zone text not null,
    terms jsonb not null,
    status text not null,
    position integer not null,
    created_at timestamptz default now() not null,
    constraint pk_offers primary key (tenant_id, id),
    constraint ck_offers_status_known check (status in ('draft', 'live', 'sold_out', 'hidden')),
    constraint fk_offers_tenants foreign key(tenant_id) references tenants (id)
);

create table payments (
    tenant_id uuid not null,
    id uuid not null,
    booking_id uuid not null,
    provider text not null,
    account text not null,
    method text,
    hosted boolean not null,
    return_url text not null,
    amount_minor bigint not null,
    currency char(3) not null,
    status text not null,
    authorized_minor bigint default 0 not null,
    captured_minor bigint default 0 not null,
    refunded_minor bigint default 0 not null,
    declines integer default 0 not null,
    decline_code text,
    provider_ref text,
    checkout jsonb,
    create_calls integer default 0 not null,
    created_at timestamptz default now() not null,
    changed_at timestamptz default now() not null,
    constraint pk_payments primary key (tenant_id, id),
    constraint ck_payments_status_known check (
        status in ('pending', 'processing', 'requires_action', 'authorized', 'captured', 'failed',
        'cancelled', 'expired', 'conflicted')
    ),
    constraint ck_payments_some_amount check (amount_minor > 0),
    constraint ck_payments_not_negative check (
        authorized_minor >= 0 and captured_minor >= 0 and refunded_minor >= 0
    ),
    constraint fk_payments_bookings foreign key(tenant_id, booking_id) references bookings (tenant_id, id)
);
create index ix_payments_provider_status on payments (tenant_id, provider, status);
create index ix_payments_tenant_id_booking_id on payments (tenant_id, booking_id);
create unique index uq_payments_provider_ref on payments (provider, account, provider_ref)
    where provider_ref is not null;

create table provider_accounts (
    tenant_id uuid not null,
    provider text not null,
    name text not null,
    mode text not null,
    preferred boolean not null,
    constraint pk_provider_accounts primary key (tenant_id, provider, name),
    constraint ck_provider_accounts_mode_known check (mode in ('test', 'live')),
    constraint fk_provider_accounts_tenants foreign key(tenant_id) references tenants (id)
);
create unique index uq_provider_accounts_preferred on provider_accounts (tenant_id)
    where preferred;

create table quote_lines (
    tenant_id uuid not null,
    quote_id uuid not null,
    position integer not null,
    variant_id uuid not null,
    name text not null,
    quantity integer not null,
    unit_minor bigint not null,
    total_minor bigint not null,
    constraint pk_quote_lines primary key (tenant_id, quote_id, position),
    constraint ck_quote_lines_some_quantity check (quantity > 0),
    constraint ck_quote_lines_adds_up check (total_minor = unit_minor * quantity),
    constraint fk_quote_lines_quotes foreign key(tenant_id, quote_id) references quotes (tenant_id, id)
);

create table tickets (
    tenant_id uuid not null,
    id uuid not null,
    booking_id uuid not null,
    position integer not null,
    offer_id uuid not null,
    slot_id uuid not null,
    variant_id uuid not null,
    number text not null,
    version integer not null,
    status text not null,
    valid_from timestamptz not null,
    valid_until timestamptz not null,
    created_at timestamptz default now() not null,
    constraint pk_tickets primary key (tenant_id, id),
    constraint ck_tickets_status_known check (
        status in ('active', 'used_partially', 'used', 'expired', 'cancelled', 'refunded',
        'transferred', 'blocked', 'listed')
    ),
    constraint ck_tickets_half_open check (valid_from < valid_until),
    constraint fk_tickets_bookings foreign key(tenant_id, booking_id) references bookings (tenant_id, id)
);
create index ix_tickets_offer_variant on tickets (tenant_id, offer_id, variant_id);
create index ix_tickets_slot_status on tickets (tenant_id, slot_id, status);
create unique index uq_tickets_number on tickets (tenant_id, number);
create unique index uq_tickets_position on tickets (tenant_id, booking_id, position);

create table payment_operations (
    tenant_id uuid not null,
    payment_id uuid not null,
    kind text not null,
    operation text not null,
    provider text not null,
    account text not null,
    provider_ref text not null,
    event_id text not null,
    amount_minor bigint,
    currency char(3),
    decline_code text,
    occurred_at timestamptz not null,
    source text not null,
    recorded_at timestamptz default now() not null,
    constraint pk_payment_operations primary key (tenant_id, payment_id, kind, operation),
    constraint ck_payment_operations_kind_known check (
        kind in ('pending', 'processing', 'requires_action', 'declined', 'authorized', 'captured',
        'failed', 'cancelled', 'expired', 'refunded', 'refund_failed')
    ),
    constraint ck_payment_operations_source_known check (source in ('api', 'webhook', 'report')),
    constraint fk_payment_operations_payments foreign key(tenant_id, payment_id) references payments (tenant_id, id)
);
create unique index uq_payment_operations_operation on payment_operations (provider, account, kind, operation)
    where kind in ('captured', 'refunded');

create table refunds (
    tenant_id uuid not null,
    id uuid not null,
    booking_id uuid not null,
    payment_id uuid not null,
    n integer,
    amount_minor bigint not null,
    currency char(3) not null,
    status text not null,
    cause text not null,
    provider_ref text,
    calls integer default 0 not null,
    created_at timestamptz default now() not null,
    completed_at timestamptz,
    constraint pk_refunds primary key (tenant_id, id),
    constraint ck_refunds_status_known check (status in ('pending', 'processing', 'completed', 'failed')),
    constraint ck_refunds_some_amount check (amount_minor > 0),
    constraint fk_refunds_payments foreign key(tenant_id, payment_id) references payments (tenant_id, id)
);
create index ix_refunds_tenant_id_status on refunds (tenant_id, status);
create unique index uq_refunds_n on refunds (tenant_id, payment_id, n);
create unique index uq_refunds_provider_ref on refunds (tenant_id, payment_id, provider_ref)
    where provider_ref is not null;

create table slots (
    tenant_id uuid not null,
    id uuid not null,
    offer_id uuid not null,
    starts_at timestamptz not null,
    ends_at timestamptz not null,
    sales_from timestamptz,
    sales_until timestamptz not null,
    status text not null,
    constraint pk_slots primary key (tenant_id, id),
    constraint ck_slots_status_known check (status in ('draft', 'live', 'sold_out', 'hidden')),
    constraint ck_slots_half_open check (starts_at < ends_at),
    constraint fk_slots_offers foreign key(tenant_id, offer_id) references offers (tenant_id, id),
    constraint fk_slots_counters foreign key(tenant_id, id) references counters (tenant_id, id)
);
create index ix_slots_tenant_id_offer_id_starts_at on slots (tenant_id, offer_id, starts_at);

create table variants (
    tenant_id uuid not null,
    id uuid not null,
    offer_id uuid not null,
    name text not null,
    price_minor bigint not null,
    status text not null,
    min_quantity integer not null,
    max_quantity integer not null,
    quota_id uuid,
    position integer not null,
    constraint pk_variants primary key (tenant_id, id),
    constraint ck_variants_status_known check (status in ('draft', 'live', 'sold_out', 'hidden')),
    constraint ck_variants_price_not_negative check (price_minor >= 0),
    constraint ck_variants_quantity_limits check (min_quantity between 1 and max_quantity),
    constraint fk_variants_offers foreign key(tenant_id, offer_id) references offers (tenant_id, id),
    constraint fk_variants_counters foreign key(tenant_id, quota_id) references counters (tenant_id, id)
);
create index ix_variants_tenant_id_offer_id_position on variants (tenant_id, offer_id, position);
