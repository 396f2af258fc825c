-- What Adyen's accounts need.

select 1;
