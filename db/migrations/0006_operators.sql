-- What operators see and decide: parked events, cases, settlements by hand.
select 1;
