"""Residual income equals discounted dividends, and fading growth a plain loop; both by hand in closed form."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphapulse.agents.intrinsic import fading_growth_value, residual_income_value

BOOKS = st.floats(0.1, 1e6)
COSTS = st.floats(0.03, 0.25)
YEARS = st.integers(1, 30)


def number(value: np.ndarray) -> float:
    return float(np.asarray(value))


def discounted_dividends(
    book: float, roe: float, payout: float, cost: float, years: int, fade: bool, terminal: float = 1.0
) -> float:
    """What the dividends of `years` and the book left after them are worth, by a plain loop."""
    worth = 0.0
    for year in range(1, years + 1):
        rate = roe + (cost - roe) * (year - 1) / years if fade else roe
        earnings = rate * book
        dividend = payout * earnings
        book = book + earnings - dividend  # clean surplus
        worth += dividend / (1.0 + cost) ** year
    return worth + terminal * book / (1.0 + cost) ** years


@given(book=BOOKS, roe=st.floats(-0.9, 1.0), payout=st.floats(0.0, 1.0), cost=COSTS, years=YEARS, fade=st.booleans())
def test_residual_income_is_discounted_dividends_under_clean_surplus(
    book: float, roe: float, payout: float, cost: float, years: int, fade: bool
) -> None:
    """Ohlson 1995: with B_t = B_(t-1) + earnings - dividends the two are one value, whatever the payout."""
    got = number(
        residual_income_value(np.array(book), np.array(roe), np.array(payout), cost=cost, years=years, fade=fade)
    )
    wanted = discounted_dividends(book, roe, payout, cost, years, fade)
    assert got == pytest.approx(wanted, rel=1e-9, abs=1e-9 * book * (1.0 + abs(roe)) ** years)


@given(book=BOOKS, cost=COSTS, payout=st.floats(0.0, 1.0), fade=st.booleans())
def test_who_earns_its_cost_is_worth_its_book(book: float, cost: float, payout: float, fade: bool) -> None:
    got = residual_income_value(np.array(book), np.array(cost), np.array(payout), cost=cost, fade=fade)
    assert number(got) == pytest.approx(book, rel=1e-12)


@pytest.mark.parametrize("fade", [True, False])
def test_value_rises_with_the_return_and_falls_with_the_cost(fade: bool) -> None:
    returns = np.linspace(0.0, 0.4, 9)
    value = residual_income_value(np.full(9, 100.0), returns, np.full(9, 0.4), fade=fade)
    assert (np.diff(value) > 0.0).all()
    dear = [number(residual_income_value(100.0, 0.2, 0.4, cost=cost, fade=fade)) for cost in (0.06, 0.09, 0.12, 0.15)]
    assert (np.diff(dear) < 0.0).all()


def test_fading_returns_are_worth_less_than_lasting_ones_and_more_than_none() -> None:
    lasting, fading = (number(residual_income_value(100.0, 0.2, 0.4, fade=fade)) for fade in (False, True))
    assert 100.0 < fading < lasting


def test_six_years_of_twenty_per_cent() -> None:
    """ROE 20 % for six years and 12 % afterwards, cost 12 %, book 18, payout 30 %: a geometric sum.

    The book grows by 0.7 x 20 % = 14 % a year, so V = 18 + 0.08 x 18 / 1.12 x (q^6 - 1) / (q - 1), q = 1.14 / 1.12.
    """
    q = 1.14 / 1.12
    wanted = 18.0 + 0.08 * 18.0 / 1.12 * (q**6 - 1.0) / (q - 1.0)
    got = number(residual_income_value(18.0, 0.20, 0.30, cost=0.12, years=6, fade=False))
    assert got == pytest.approx(wanted, rel=1e-12)
    assert got == pytest.approx(26.0667, abs=5e-4)


def test_two_examples_of_the_chartered_analysts_curriculum() -> None:
    """Level II, residual income valuation, as its study notes give them.

    JM: ROE 15 % for five years, book 5.00, no dividends, cost 10 %, nothing above the cost afterwards: 6.25 from
    residual incomes rounded to cents. WAR: book 23, ROE 14 % for ever, payout 60 %, cost 12 %: economic profits of
    7.19.
    """
    residual = [0.25, 0.29, 0.33, 0.38, 0.44]
    noted = 5.0 + sum(income / 1.1**year for year, income in enumerate(residual, 1))
    assert round(noted, 2) == 6.25
    got = number(residual_income_value(5.0, 0.15, 0.0, cost=0.10, years=5, fade=False))
    assert got == pytest.approx(noted, abs=0.005)
    for_ever = number(residual_income_value(23.0, 0.14, 0.6, cost=0.12, years=1000, fade=False))
    assert for_ever - 23.0 == pytest.approx(0.02 * 23.0 / (0.12 - 0.4 * 0.14), rel=1e-9)
    assert round(for_ever - 23.0, 2) == 7.19


def test_the_fade_is_a_straight_line_that_ends_at_the_cost() -> None:
    """Two years, cost 10 %, ROE 30 % then 20 %, payout 0, book 100.

    Residual income 20 on 100, then 10 % of 130 = 13: V = 100 + 20 / 1.1 + 13 / 1.21.
    """
    got = number(residual_income_value(100.0, 0.30, 0.0, cost=0.10, years=2))
    assert got == pytest.approx(100.0 + 20.0 / 1.1 + 13.0 / 1.21, rel=1e-12)


def plain_cash_flow(flow: float, growth: float, cost: float, long_run: float, years: int) -> float:
    worth, discount = 0.0, 1.0
    for year in range(1, years + 2000):  # for ever, near enough
        share = (year - 1) / years
        flow *= 1.0 + ((1.0 - share) * growth + share * long_run if year <= years else long_run)
        discount /= 1.0 + cost
        worth += flow * discount
    return worth


@given(flow=BOOKS, spread=st.floats(0.01, 0.2), long_run=st.floats(-0.02, 0.04), years=YEARS)
def test_growth_that_is_the_long_run_one_gives_gordon(flow: float, spread: float, long_run: float, years: int) -> None:
    cost = long_run + spread
    got = number(fading_growth_value(np.array(flow), np.array(long_run), cost=cost, long_run=long_run, years=years))
    assert got == pytest.approx(flow * (1.0 + long_run) / (cost - long_run), rel=1e-9)


@given(
    flow=BOOKS,
    growth=st.floats(-0.1, 0.25),
    spread=st.floats(0.02, 0.2),
    long_run=st.floats(0.0, 0.04),
    years=st.integers(1, 20),
)
def test_fading_growth_equals_a_plain_loop(
    flow: float, growth: float, spread: float, long_run: float, years: int
) -> None:
    cost = long_run + spread
    got = number(fading_growth_value(np.array(flow), np.array(growth), cost=cost, long_run=long_run, years=years))
    assert got == pytest.approx(plain_cash_flow(flow, growth, cost, long_run, years), rel=1e-9)


def test_cash_flow_is_worth_more_with_growth_and_less_with_cost() -> None:
    value = fading_growth_value(np.full(5, 10.0), np.array([-0.1, 0.0, 0.1, 0.2, 0.25]))
    assert (np.diff(value) > 0.0).all()
    dear = [number(fading_growth_value(np.array(10.0), np.array(0.1), cost=cost)) for cost in (0.05, 0.07, 0.09, 0.2)]
    assert (np.diff(dear) < 0.0).all()


def test_two_years_of_cash_by_hand() -> None:
    """10 growing by 10 % then 6 % (half way to 2 %), cost 12 %: 11, 11.66, then 11.66 x 1.02 / 0.10 after two years."""
    got = number(fading_growth_value(np.array(10.0), np.array(0.10), cost=0.12, long_run=0.02, years=2))
    assert got == pytest.approx(11.0 / 1.12 + 11.66 / 1.12**2 + 11.66 * 1.02 / 0.10 / 1.12**2, rel=1e-12)


def test_the_unknown_stays_unknown_and_alone() -> None:
    unknown = np.array([1.0, np.nan])
    assert np.isnan(residual_income_value(unknown, np.array([0.1, 0.1]), np.array([0.5, 0.5]))).tolist() == [
        False,
        True,
    ]
    assert np.isnan(residual_income_value(np.ones(2), unknown * 0.1, np.ones(2))).tolist() == [False, True]
    assert np.isnan(residual_income_value(np.ones(2), np.ones(2) * 0.1, unknown)).tolist() == [False, True]
    assert np.isnan(fading_growth_value(unknown, np.zeros(2))).tolist() == [False, True]
    assert np.isnan(fading_growth_value(np.ones(2), unknown * 0.1)).tolist() == [False, True]


def test_inputs_are_not_altered() -> None:
    book, flow = np.array([100.0]), np.array([10.0])
    residual_income_value(book, np.array([0.2]), np.array([0.3]))
    fading_growth_value(flow, np.array([0.1]))
    assert book.tolist() == [100.0] and flow.tolist() == [10.0]
