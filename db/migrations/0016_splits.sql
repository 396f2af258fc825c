-- Vendors who get a part of each payment: their balances at providers, and what of a payment or refund is whose.

create table vendor_payees (
    tenant_id uuid not null,
    vendor text not null,
    provider text not null,
    account text not null,
    payee text not null,
    constraint pk_vendor_payees primary key (tenant_id, vendor, provider, account)
);

alter table payments add column portions jsonb;
alter table refunds add column portions jsonb;

grant select, insert, update, delete on vendor_payees to holdfast_app;
grant select on vendor_payees to holdfast_payment, holdfast_readonly;

alter table vendor_payees enable row level security;
alter table vendor_payees force row level security;
create policy everything on vendor_payees for select to holdfast_readonly using (true);
create policy own on vendor_payees to holdfast_app, holdfast_payment
    using (tenant_id = current_tenant()) with check (tenant_id = current_tenant());
