-- What PayPal's accounts need.

select 1;
