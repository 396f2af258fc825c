-- Which account takes a payment: an organizer's rules, each list of accounts in the order they are asked.

create table payment_routes (
    tenant_id uuid not null,
    position integer not null,
    accounts text[] not null,
    offer_id uuid,
    method text,
    country char(2),
    currency char(3),
    constraint pk_payment_routes primary key (tenant_id, position),
    constraint ck_payment_routes_some_account check (cardinality(accounts) > 0),
    constraint fk_payment_routes_offers foreign key (tenant_id, offer_id) references offers (tenant_id, id)
);
create unique index uq_payment_routes_purchase
    on payment_routes (tenant_id, offer_id, method, country, currency) nulls not distinct;

grant select, insert, delete on payment_routes to holdfast_app;
grant select on payment_routes to holdfast_readonly;

alter table payment_routes enable row level security;
alter table payment_routes force row level security;
create policy everything on payment_routes for select to holdfast_readonly using (true);
create policy own on payment_routes to holdfast_app
    using (tenant_id = current_tenant()) with check (tenant_id = current_tenant());
