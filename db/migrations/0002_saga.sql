-- What the whole saga needs: money held, reviewed, accepted by partners, paid in parts.

alter table payments
    add column manual boolean not null default false,
    add column to_capture_minor bigint,
    add column settles_seconds integer,
    add column review boolean not null default false;

drop index ix_bookings_travel;
create index ix_bookings_travel on bookings (tenant_id, starts_at, status)
    where status in ('held', 'awaiting_payment', 'payment_review', 'paid', 'awaiting_partner', 'confirmed');
