-- Rate limits that all processes share.
select 1;
