"""What has to be there before a payment starts."""

import pytest

from domain.catalog import SalesTerms
from domain.checkout import Given, asks_for_more, missing
from domain.consent import ConsentText
from domain.passenger import PassengerRule

NOTHING = Given(places=1, passengers=0, phone=False, consents=frozenset())
TEXT = ConsentText(code="terms", version="1", text="What is agreed to.")


@pytest.mark.parametrize("consents", [(), (TEXT,)])
@pytest.mark.parametrize("passengers", PassengerRule)
def test_what_asks_for_more_is_what_somebody_with_nothing_lacks(
    passengers: PassengerRule, consents: tuple[ConsentText, ...]
) -> None:
    terms = SalesTerms(passengers=passengers, consents=consents)

    assert asks_for_more(terms) is bool(missing(terms, NOTHING))
