-- The relay marks what it has told in one statement, whosever it is: it sees what it has marked until its
-- transaction ends, and nothing that was told before.

alter policy due on bookings using (saga_started_at is null or saga_started_at = now());
alter policy due_again on bookings
    using (saga_started_at is null) with check (saga_started_at is null or saga_started_at = now());

alter policy due on notices using (told_at is null or told_at = now());
alter policy due_again on notices using (told_at is null) with check (told_at is null or told_at = now());

alter policy due on refunds using (told_at is null or told_at = now() or status in ('pending', 'processing'));
alter policy due_again on refunds using (told_at is null) with check (told_at is null or told_at = now());

alter policy due on webhook_events
    using (told_at is null or told_at = now() or tenant_id is null or tenant_id = current_tenant());
