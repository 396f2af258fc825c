"""Whatever is divided adds up; whoever got something gives exactly that back, in however many parts."""

import pytest
from hypothesis import given, strategies as st
from pydantic import ValidationError

from domain.catalog import SalesTerms
from domain.money import Money
from domain.split import Part, Portion, Share, in_proportion, left, parts, passed_on, portions

BOAT = Share(vendor="boat", basis_points=6_000, commission_basis_points=1_000)
LUNCH = Share(vendor="lunch", basis_points=1_500)


def eur(minor: int) -> Money:
    return Money(minor=minor, currency="EUR")


@st.composite
def shared(draw: st.DrawFn) -> tuple[Share, ...]:
    cuts = sorted(draw(st.lists(st.integers(0, 10_000), max_size=4)))
    points = [after - before for before, after in zip([0, *cuts], cuts, strict=False)]
    return tuple(
        Share(vendor=f"v{n}", basis_points=each, commission_basis_points=draw(st.integers(0, 10_000)))
        for n, each in enumerate(points)
        if each
    )


amounts = st.integers(min_value=1, max_value=10**10).map(eur)


def test_each_party_gets_its_part_less_what_the_platform_keeps() -> None:
    assert parts(eur(10_000), [BOAT, LUNCH], 500) == [
        Part(vendor="boat", amount=eur(5_400), commission=eur(600)),
        Part(vendor="lunch", amount=eur(1_500), commission=eur(0)),
        Part(vendor=None, amount=eur(2_375), commission=eur(125)),
    ]


@pytest.mark.row("PAY-20", partly="the lines sum to the total")
@given(amounts, shared(), st.integers(0, 10_000))
def test_all_parts_and_commissions_add_up_to_the_price(
    total: Money, shares: tuple[Share, ...], fee: int
) -> None:
    divided = parts(total, shares, fee)

    assert sum((part.amount + part.commission for part in divided), eur(0)) == total
    assert [part.vendor for part in divided] == [*(share.vendor for share in shares), None]
    assert all(part.amount >= eur(0) and part.commission >= eur(0) for part in divided)


@given(amounts, shared())
def test_portions_add_up_to_the_payment_and_go_to_those_who_have_a_balance_there(
    total: Money, shares: tuple[Share, ...]
) -> None:
    payees = {share.vendor: f"BA{share.vendor}" for share in shares[1:]}

    divided = portions(total, shares, payees)

    assert sum((portion.amount for portion in divided), eur(0)) == (total if divided else eur(0))
    assert {portion.payee for portion in divided} <= {None, *payees.values()}
    assert [portion.payee for portion in divided].count(None) == bool(divided)


def test_where_no_vendor_has_a_balance_nothing_is_divided() -> None:
    assert portions(eur(10_000), [BOAT, LUNCH], {}) == ()


@given(amounts, shared(), st.lists(st.integers(min_value=1, max_value=10**10), max_size=5))
def test_refunds_in_however_many_parts_take_from_each_what_it_got_and_no_more(
    total: Money, shares: tuple[Share, ...], wished: list[int]
) -> None:
    divided = portions(total, shares, {share.vendor: share.vendor for share in shares})
    given_back: list[tuple[Portion, ...]] = []
    rest = total.minor
    for minor in [*wished, total.minor]:
        amount = eur(min(minor, rest))
        back = in_proportion(amount, left(divided, given_back)) if amount else ()
        given_back.append(back)
        rest -= amount.minor
        assert sum((portion.amount for portion in back), eur(0)) == (amount if back else eur(0))
        assert all(portion.amount >= eur(0) for portion in left(divided, given_back))

    assert not any(portion.amount for portion in left(divided, given_back))


def test_half_of_a_payment_is_given_back_half_by_each() -> None:
    divided = portions(eur(10_000), [BOAT, LUNCH], {"boat": "BA1", "lunch": "BA2"})

    half = in_proportion(eur(5_000), divided)

    assert [portion.amount.minor for portion in half] == [2_700, 750, 1_550]
    assert passed_on(half, "EUR") == eur(3_450)


def test_another_currency_is_divided_among_nobody() -> None:
    divided = portions(eur(10_000), [BOAT], {"boat": "BA1"})

    assert in_proportion(Money(minor=10_000, currency="USD"), divided) == ()


@pytest.mark.parametrize(
    "shares", [(BOAT, BOAT), (BOAT, Share(vendor="lunch", basis_points=4_001))], ids=["twice", "too much"]
)
def test_terms_share_no_more_than_the_price_and_each_vendor_once(shares: tuple[Share, ...]) -> None:
    with pytest.raises(ValidationError, match="no more than the price"):
        SalesTerms(shares=shares)
