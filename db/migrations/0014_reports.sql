-- What a provider has told of its reports is read by whoever reads its books.

create index ix_webhook_events_reports on webhook_events (provider, account, id) where kind = 'REPORT_AVAILABLE';

create policy reports on webhook_events for select to holdfast_payment using (kind = 'REPORT_AVAILABLE');
