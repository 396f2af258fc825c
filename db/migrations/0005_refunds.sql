-- Refunds followed until they are final, and the sweep for lost webhooks.
select 1;
