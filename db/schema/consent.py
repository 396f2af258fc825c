"""What buyers agreed to. Inserts only, held by permission and by a trigger."""

from db.schema.base import Id, KeyWords, Stamped, TenantRow, Words, refers_to


class Consent(TenantRow, table=True):
    """A buyer's word to a text of the booking's terms; `address` is where it came from."""

    __tablename__ = "consents"
    __table_args__ = (refers_to("bookings", "booking_id"),)

    booking_id: Id
    code: KeyWords
    version: Words
    address: Words
    agreed_at: Stamped
