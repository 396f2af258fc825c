-- A refund of ours is looked after until its booking knows how it ended: its run may be lost right before.

alter table refunds add column recorded_at timestamptz;
drop index ix_refunds_open;
create index ix_refunds_unrecorded on refunds (created_at) where recorded_at is null and n is not null;

alter policy due on refunds
    using (told_at is null or told_at = now() or (recorded_at is null and n is not null));
