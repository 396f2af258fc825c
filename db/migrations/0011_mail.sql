-- What becomes of a letter after a mail service has taken it, and the addresses that get no more of them.

alter table notices
    add column sending integer not null default 1,
    add column addressee text,
    add column message_id text,
    add column delivery text,
    add column delivered_at timestamptz;
alter table notices drop constraint ck_notices_status_known;
alter table notices add constraint ck_notices_status_known check (
    status in ('owed', 'claimed', 'accepted', 'no_address', 'outdated', 'suppressed', 'refused', 'unknown')
);
alter table notices add constraint ck_notices_delivery_known check (
    delivery in ('deferred', 'delivered', 'blocked', 'dropped', 'bounced', 'spam')
);
drop index uq_notices_key;
create unique index uq_notices_key on notices (tenant_id, booking_id, kind, version, sending);

create table mail_suppressions (
    tenant_id uuid not null,
    addressee text not null,
    cause text not null,
    suppressed_at timestamptz default now() not null,
    constraint pk_mail_suppressions primary key (tenant_id, addressee),
    constraint ck_mail_suppressions_cause_known check (cause in ('dropped', 'bounced', 'spam'))
);

-- The relay writes down what it reads in the inbox; operators vouch for an address again.
grant update (status, delivery, delivered_at) on notices to holdfast_relay;
grant select, delete on mail_suppressions to holdfast_app;
grant select, insert on mail_suppressions to holdfast_relay;
grant select on mail_suppressions to holdfast_readonly;

alter table mail_suppressions enable row level security;
alter table mail_suppressions force row level security;
create policy everything on mail_suppressions for select to holdfast_readonly using (true);
create policy own on mail_suppressions to holdfast_app, holdfast_relay
    using (tenant_id = current_tenant()) with check (tenant_id = current_tenant());
