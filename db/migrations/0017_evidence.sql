-- What speaks for us in a dispute: told by an operator, handed in by whoever follows the dispute.

create table dispute_evidence (
    tenant_id uuid not null,
    dispute_id uuid not null,
    text text not null,
    product text,
    service_on date,
    told_by text not null,
    told_at timestamptz not null default now(),
    submitted_at timestamptz,
    refused_at timestamptz,
    constraint pk_dispute_evidence primary key (tenant_id, dispute_id),
    constraint fk_dispute_evidence_disputes foreign key (tenant_id, dispute_id) references disputes (tenant_id, id),
    constraint ck_dispute_evidence_one_end check (submitted_at is null or refused_at is null)
);

alter table dispute_evidence enable row level security;
alter table dispute_evidence force row level security;
create policy everything on dispute_evidence for select to holdfast_readonly using (true);
create policy own on dispute_evidence to holdfast_app, holdfast_payment, holdfast_relay
    using (tenant_id = current_tenant()) with check (tenant_id = current_tenant());
grant select, insert, update on dispute_evidence to holdfast_payment;
grant select (tenant_id, dispute_id, told_by, told_at, submitted_at, refused_at) on dispute_evidence
    to holdfast_app, holdfast_readonly;
