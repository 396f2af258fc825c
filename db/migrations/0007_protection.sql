-- Rate limits that all processes share, who is blocked, and the provider's own word for a decline.

alter table payment_operations add column decline_reason text;

-- Not logged: a crash of the server forgets them, and nothing but fairness is lost.
create unlogged table rate_limits (
    policy text not null,
    subject text not null,
    begun_at timestamptz not null,
    used integer not null,
    constraint pk_rate_limits primary key (policy, subject)
) with (fillfactor = 50);
create index ix_rate_limits_begun_at on rate_limits (begun_at);

create unlogged table payment_tries (
    tenant_id uuid not null,
    address text not null,
    payment_id uuid not null,
    tried_at timestamptz default now() not null,
    constraint pk_payment_tries primary key (tenant_id, address, payment_id)
);
create index ix_payment_tries_tried_at on payment_tries (tried_at);

create table blocks (
    tenant_id uuid not null,
    kind text not null,
    subject text not null,
    reason text not null,
    blocked_by text not null,
    blocked_at timestamptz default now() not null,
    constraint pk_blocks primary key (tenant_id, kind, subject),
    constraint ck_blocks_kind_known check (kind in ('user', 'address'))
);

grant select, insert, update on rate_limits to holdfast_app;
grant select, insert on payment_tries to holdfast_app;
grant select, insert, update, delete on blocks to holdfast_app;
grant select, delete on rate_limits, payment_tries to holdfast_relay;
grant select on rate_limits, payment_tries, blocks to holdfast_readonly;

do $$
declare
    name text;
begin
    foreach name in array array['rate_limits', 'payment_tries', 'blocks']
    loop
        execute format('alter table %I enable row level security', name);
        execute format('alter table %I force row level security', name);
        execute format('create policy everything on %I for select to holdfast_readonly using (true)', name);
    end loop;
end $$;
create policy own on payment_tries to holdfast_app
    using (tenant_id = current_tenant()) with check (tenant_id = current_tenant());
create policy own on blocks to holdfast_app
    using (tenant_id = current_tenant()) with check (tenant_id = current_tenant());

-- Who asks may not be known yet, so a limit belongs to no tenant; its subject is a hash and tells nobody apart.
create policy counted on rate_limits to holdfast_app using (true) with check (true);
create policy outlived on rate_limits to holdfast_relay using (begun_at < now() - interval '1 day');
create policy outlived on payment_tries to holdfast_relay using (tried_at < now() - interval '1 day');
