-- Who travels, what they agreed to, whom a payment is billed to, and how tickets reach them.

alter table bookings
    add column delivery text not null default 'email',
    add constraint ck_bookings_delivery_known check (delivery in ('email', 'sms', 'app', 'wallet'));
create index ix_bookings_source on bookings (tenant_id, source, created_at);

create table passengers (
    tenant_id uuid not null,
    booking_id uuid not null,
    position integer not null,
    type text not null,
    given_name text not null,
    family_name text not null,
    nationality char(2) not null,
    birth_date text not null,
    passport text,
    constraint pk_passengers primary key (tenant_id, booking_id, position),
    constraint ck_passengers_type_known check (type in ('lead', 'adult', 'child')),
    constraint ck_passengers_counted_from_one check (position > 0),
    constraint fk_passengers_bookings foreign key (tenant_id, booking_id) references bookings (tenant_id, id)
);

create table consents (
    tenant_id uuid not null,
    booking_id uuid not null,
    code text not null,
    version text not null,
    address text not null,
    agreed_at timestamptz not null default now(),
    constraint pk_consents primary key (tenant_id, booking_id, code),
    constraint fk_consents_bookings foreign key (tenant_id, booking_id) references bookings (tenant_id, id)
);

create table billings (
    tenant_id uuid not null,
    payment_id uuid not null,
    booking_id uuid not null,
    holder_name text,
    line1 text,
    line2 text,
    city text,
    postal_code text,
    region text,
    country char(2),
    created_at timestamptz not null default now(),
    constraint pk_billings primary key (tenant_id, payment_id),
    constraint ck_billings_address_whole
        check ((line1 is null) = (city is null) and (line1 is null) = (country is null)),
    constraint fk_billings_bookings foreign key (tenant_id, booking_id) references bookings (tenant_id, id)
);

-- What somebody agreed to stays as it was, whoever asks.
create function guard_consent() returns trigger language plpgsql as $$
begin
    raise exception 'what was agreed to stays'
        using errcode = 'check_violation', constraint = 'consents_stay', table = 'consents';
end $$;
create trigger guard_consent before update or delete on consents
    for each row execute function guard_consent();

-- The lines of a booking may be chosen anew until a payment has started.
create function guard_line() returns trigger language plpgsql as $$
begin
    if not exists (select from bookings
                    where tenant_id = old.tenant_id and id = old.booking_id and status = 'held') then
        raise exception 'the lines of a booking stay once a payment has started'
            using errcode = 'check_violation', constraint = 'lines_stay', table = 'booking_lines';
    end if;
    return old;
end $$;
create trigger guard_line before delete on booking_lines for each row execute function guard_line();
revoke all on function guard_consent(), guard_line() from public;

grant select, insert, delete on passengers to holdfast_app;
grant select, insert on consents, billings to holdfast_app;
grant delete on booking_lines to holdfast_app;
grant select (tenant_id, booking_id, position, type, nationality) on passengers to holdfast_readonly;
grant select (tenant_id, booking_id, code, version, agreed_at) on consents to holdfast_readonly;

do $$
declare
    name text;
begin
    foreach name in array array['passengers', 'consents', 'billings']
    loop
        execute format('alter table %I enable row level security', name);
        execute format('alter table %I force row level security', name);
        execute format('create policy everything on %I for select to holdfast_readonly using (true)', name);
        execute format('create policy own on %I to holdfast_app, holdfast_payment, holdfast_relay '
                       'using (tenant_id = current_tenant()) with check (tenant_id = current_tenant())', name);
    end loop;
end $$;
