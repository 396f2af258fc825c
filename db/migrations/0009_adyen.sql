-- A provider that cannot be asked is remembered: which payment an event calls itself about is written when it
-- comes. Who names a payment sees what was told of it, and until when it could be paid.

alter table webhook_events add column about uuid;
create index ix_webhook_events_about on webhook_events (about) where about is not null;
grant select (about) on webhook_events to holdfast_readonly;

create policy shown_about on webhook_events for select to holdfast_payment using (about::text = shown());
create policy shown_to_payment on payments for select to holdfast_payment using (provider_ref = shown());
