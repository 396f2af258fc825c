-- Stored payment methods, payment links, and the full record of a payment.
select 1;
