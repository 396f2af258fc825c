"""Who travels and what they agree to, for tests."""

from typing import Any

from domain.catalog import SalesTerms
from domain.consent import ConsentText
from domain.passenger import PassengerRule

DANGEROUS = ConsentText(code="dangerous_goods", version="2026-01", text="I carry no dangerous goods.")
CARRIAGE = ConsentText(code="carriage", version="3", text="I accept the conditions of carriage.")
FLIGHT = SalesTerms(passengers=PassengerRule.INTERNATIONAL, consents=(DANGEROUS, CARRIAGE))
REACHABLE = {"name": "Ada Lovelace", "email": "ada@example.com", "phone": "+351211234567"}
BOTH = [{"code": text.code, "version": text.version} for text in FLIGHT.consents]


def traveller(**changes: Any) -> dict[str, Any]:
    """Write one who may travel abroad and leads; `...` leaves something out."""
    written = {
        "type": "lead",
        "given_name": "Ada",
        "family_name": "Lovelace",
        "birth_date": "1985-12-10",
        "nationality": "GB",
        "passport": {"number": "P1234567", "country": "GB", "expires_on": "2099-06-30"},
        **changes,
    }
    return {name: value for name, value in written.items() if value is not ...}
