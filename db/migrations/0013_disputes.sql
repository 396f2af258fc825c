-- What payers' banks want back: one row per dispute, written by the payment role as the provider tells it.

create table disputes (
    tenant_id uuid not null,
    id uuid not null,
    booking_id uuid not null,
    payment_id uuid not null,
    provider text not null,
    account text not null,
    provider_ref text not null,
    state text not null,
    amount_minor bigint not null,
    currency char(3) not null,
    reason text not null,
    evidence_due timestamptz,
    taken_minor bigint not null default 0,
    fee_minor bigint not null default 0,
    losses integer not null default 0,
    opened_at timestamptz not null default now(),
    changed_at timestamptz not null default now(),
    closed_at timestamptz,
    constraint pk_disputes primary key (tenant_id, id),
    constraint fk_disputes_payments foreign key (tenant_id, payment_id) references payments (tenant_id, id),
    constraint ck_disputes_state_known
        check (state in ('warning', 'open', 'evidence_submitted', 'won', 'lost', 'closed')),
    constraint ck_disputes_not_negative check (amount_minor >= 0)
);
create unique index uq_disputes_provider_ref on disputes (tenant_id, provider, account, provider_ref);
create index ix_disputes_tenant_id_payment_id on disputes (tenant_id, payment_id);
create index ix_disputes_tenant_id_booking_id on disputes (tenant_id, booking_id);

alter table disputes enable row level security;
alter table disputes force row level security;
create policy everything on disputes for select to holdfast_readonly using (true);
create policy own on disputes to holdfast_app, holdfast_payment, holdfast_relay
    using (tenant_id = current_tenant()) with check (tenant_id = current_tenant());
grant select on disputes to holdfast_app, holdfast_relay, holdfast_readonly;
grant select, insert, update on disputes to holdfast_payment;

alter table cases drop constraint ck_cases_kind_known;
alter table cases add constraint ck_cases_kind_known check (
    kind in ('webhook', 'step', 'payment', 'refund', 'dispute', 'notice', 'review', 'partner', 'investigation')
);
