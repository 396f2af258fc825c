-- What the open rows of the doors need.

select 1;
