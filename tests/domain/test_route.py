"""Which account takes a payment: the most specific rule, then what providers take."""

from uuid import UUID

import pytest
from hypothesis import given, strategies as st

from domain.ids import OfferId
from domain.route import AccountName, Purchase, RouteRule, route

STRIPE, SECOND, ADYEN, PAYPAL, STRANGER = map(
    AccountName.parse,
    ("stripe/default", "stripe/second", "adyen/default", "paypal/default", "elsewhere/default"),
)
ALL = (STRIPE, SECOND, ADYEN, PAYPAL, STRANGER)
FESTIVAL, MUSEUM = OfferId(UUID(int=1)), OfferId(UUID(int=2))

ANYTHING = RouteRule(accounts=(ADYEN,))
IN_FRANCS = RouteRule(accounts=(SECOND,), currency="CHF")
DUTCH = RouteRule(accounts=(STRIPE,), country="NL")
BY_CARD = RouteRule(accounts=(SECOND, ADYEN), method="card")
DUTCH_CARDS = RouteRule(accounts=(STRIPE, PAYPAL), method="card", country="NL", currency="EUR")
OF_THE_FESTIVAL = RouteRule(accounts=(PAYPAL, STRIPE), offer_id=FESTIVAL)
TABLE = (ANYTHING, IN_FRANCS, DUTCH, BY_CARD, DUTCH_CARDS, OF_THE_FESTIVAL)


def purchase(**changes: object) -> Purchase:
    return Purchase(offer_id=MUSEUM, currency="EUR").model_copy(update=changes)


@pytest.mark.row("PAY-42")
@pytest.mark.parametrize(
    ("wanted", "bought"),
    [
        ([ADYEN], {}),
        ([SECOND], {"currency": "CHF"}),
        ([STRIPE], {"country": "NL"}),
        ([STRIPE], {"country": "NL", "currency": "CHF"}),
        ([SECOND, ADYEN], {"method": "card"}),
        ([SECOND, ADYEN], {"method": "card", "currency": "CHF"}),
        ([SECOND, ADYEN], {"method": "card", "country": "DE"}),
        ([STRIPE], {"method": "card", "country": "NL"}),
        ([PAYPAL, STRIPE], {"offer_id": FESTIVAL}),
        ([PAYPAL, STRIPE], {"offer_id": FESTIVAL, "country": "NL"}),
        ([STRIPE], {"offer_id": FESTIVAL, "method": "card", "country": "NL"}),
    ],
)
def test_the_most_specific_rule_decides_in_whatever_order_rules_are_written(
    wanted: list[AccountName], bought: dict[str, object]
) -> None:
    for rules in (TABLE, TABLE[::-1]):
        assert list(route(purchase(**bought), rules, ALL)) == wanted


@pytest.mark.row("PAY-42")
def test_without_a_rule_the_organizers_accounts_count_in_their_order() -> None:
    assert route(purchase(), [], ALL) == ALL
    assert route(purchase(), [OF_THE_FESTIVAL, IN_FRANCS], ALL[::-1]) == ALL[::-1]


@pytest.mark.row("PAY-42")
def test_a_buyers_wish_narrows_the_list_and_widens_no_rule() -> None:
    assert route(purchase(), [], ALL, provider="stripe") == (STRIPE, SECOND)
    assert route(purchase(offer_id=FESTIVAL), TABLE, ALL, provider="stripe") == (STRIPE,)
    assert route(purchase(offer_id=FESTIVAL), TABLE, ALL, provider="adyen") == ()


@pytest.mark.row("PAY-42")
def test_an_account_that_cannot_be_used_is_left_out_though_a_rule_names_it() -> None:
    assert route(purchase(offer_id=FESTIVAL), TABLE, [STRIPE, ADYEN]) == (STRIPE,)
    assert route(purchase(offer_id=FESTIVAL), TABLE, [ADYEN]) == ()


@pytest.mark.row("PAY-42")
def test_an_account_that_a_rule_names_twice_is_asked_once() -> None:
    """Else whoever turns to the next account would never come to the last."""
    assert route(purchase(), [RouteRule(accounts=(ADYEN, STRIPE, ADYEN))], ALL) == (ADYEN, STRIPE)


@pytest.mark.row("PAY-42")
@pytest.mark.parametrize(
    ("wanted", "bought"),
    [
        ((STRIPE, SECOND, ADYEN, STRANGER), {"method": "card"}),
        ((ADYEN, PAYPAL, STRANGER), {"method": "paypal"}),
        ((STRIPE, SECOND, STRANGER), {"method": "sepa_debit"}),
        ((STRANGER,), {"method": "sepa_debit", "currency": "USD"}),
        ((STRANGER,), {"method": "ideal", "country": "US"}),
        ((STRANGER,), {"method": "sofort", "country": "DE"}),
        ((STRIPE, SECOND, ADYEN, STRANGER), {"currency": "KRW"}),
    ],
)
def test_only_who_takes_the_method_and_the_currency_is_on_the_route(
    wanted: tuple[AccountName, ...], bought: dict[str, object]
) -> None:
    """A provider that the table does not know is asked, and answers for itself."""
    assert route(purchase(**bought), [], ALL) == wanted


_somewhere = st.sampled_from(["NL", "ES", "US"]) | st.none()
_somehow = st.sampled_from(["card", "ideal", "paypal"]) | st.none()
_priced = st.sampled_from(["EUR", "USD"])
_rules = st.builds(
    RouteRule,
    accounts=st.lists(st.sampled_from(ALL), min_size=1, unique=True).map(tuple),
    offer_id=st.sampled_from([FESTIVAL, MUSEUM]) | st.none(),
    method=_somehow,
    country=_somewhere,
    currency=_priced | st.none(),
)


@given(
    rules=st.lists(
        _rules, unique_by=lambda rule: (rule.offer_id, rule.method, rule.country, rule.currency), max_size=12
    ),
    bought=st.builds(
        Purchase, offer_id=st.just(MUSEUM), currency=_priced, country=_somewhere, method=_somehow
    ),
    data=st.data(),
)
def test_a_route_depends_on_what_rules_say_and_never_on_their_order(
    rules: list[RouteRule], bought: Purchase, data: st.DataObject
) -> None:
    found = route(bought, rules, ALL)

    assert found == route(bought, data.draw(st.permutations(rules)), ALL)
    applying = [rule for rule in rules if rule.applies(bought)]
    assert not applying or any(set(found) <= set(rule.accounts) for rule in applying)
    assert len(set(found)) == len(found)
