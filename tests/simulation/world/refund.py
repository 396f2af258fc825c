"""The steps of refunds."""

from domain.money import Money
from domain.refund import RefundPayment, RefundReport, RefundRequest, RefundStatus
from domain.refusal import ExceedsCaptured
from tests.simulation.world.payment import Pieces
from tests.simulation.world.rows import Refund, Rows


class Refunds:
    """Money on its way back."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def open_refund(self, ask: RefundPayment) -> RefundReport:
        """Write down that money goes back; its run is begun by the relay."""
        payment = self._rows.payment(ask.payment_id, ask.booking_id)
        refund_id = str(ask.refund_id)
        if refund_id not in payment.refunds:
            amount = ask.amount or Money(minor=payment.kept, currency=payment.wish.amount.currency)
            if not 0 < amount.minor <= payment.kept:
                raise ExceedsCaptured("More would go back than is left.")
            refund = Refund(ask, amount, payment.booking.request.reference)
            payment.refunds[refund_id] = refund
            self._rows.teller.refund(refund.request)
        return payment.refunds[refund_id].report

    def refund_payment(self, ask: RefundRequest) -> Pieces[RefundReport]:
        """Give money back, once."""
        payment = self._rows.payment(ask.payment_id, ask.booking_id)
        refund, ref = payment.refunds[str(ask.refund_id)], payment.ref
        assert ref, "a refund of what was never paid"
        refund.calls += 1
        look = refund.calls > 1
        yield
        given = self._rows.provider.find_refund(ref, refund_id=refund.id) if look else None
        given = given or self._rows.provider.refund(ref, ask.amount.minor, refund_id=refund.id)
        sent_back = given in self._rows.provider.checkouts[ref].returned
        yield
        refund.stands(given, RefundStatus.FAILED if sent_back else RefundStatus.COMPLETED)
        return refund.report
