-- What was found by trying to break in.

select 1;
