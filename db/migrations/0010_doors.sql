-- What the open rows of the doors need: mails for a decline, and for an organizer's own people.

alter table tenants add column operators_email text;

alter table notices drop constraint ck_notices_kind_known;
alter table notices add constraint ck_notices_kind_known check (
    kind in ('booking_confirmed', 'booking_expired', 'booking_cancelled', 'booking_failed', 'payment_refunded',
             'payment_link', 'payment_declined', 'refund_failed', 'case_opened')
);
alter table notices drop constraint ck_notices_status_known;
alter table notices add constraint ck_notices_status_known check (
    status in ('owed', 'claimed', 'accepted', 'no_address', 'outdated', 'unknown')
);

-- The relay opens cases, and owes their mail with them.
grant insert on notices to holdfast_relay;
grant select on tenants to holdfast_relay;
