-- Who travels, what they agreed to, and how tickets reach them.
select 1;
