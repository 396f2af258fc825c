-- What a payment may become, and money in a currency that nobody asked for.

select 1;
