-- A wish to pay is one transaction of the payment role: it finds an account, and counts the try.

grant select on channels, payment_routes, blocks to holdfast_payment;
grant select, insert on payment_tries to holdfast_payment;

alter policy own on payment_routes to holdfast_app, holdfast_payment;
alter policy own on payment_tries to holdfast_app, holdfast_payment;
alter policy own on blocks to holdfast_app, holdfast_payment;
