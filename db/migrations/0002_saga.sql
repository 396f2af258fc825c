-- What the whole saga needs: money held, reviewed, accepted by partners, paid in parts.
select 1;
