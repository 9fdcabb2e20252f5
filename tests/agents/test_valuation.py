"""Valuation by hand: margins of safety against the market value, keeping their sign; missing methods stay missing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from companies import companies, last

from alphapulse.agents import valuation
from alphapulse.agents.valuation import LEAST_PEERS, ValuationAgent
from alphapulse.core.errors import ParamsError
from alphapulse.core.market import MarketData
from alphapulse.testing import example_market

NAN = float("nan")
# 50 shares at 10: a market value of 500. A year's income 40 on equity of 200: ROE 20 %, payout 8 / 40 = 20 %.
# Free cash flow of a year 4 x (12 - 4) = 32; revenue 400 after 320: growth of 25 %.
ACME = {
    "net_income": 10.0,
    "equity": 200.0,
    "dividends": 2.0,
    "cfo": 12.0,
    "capex": 4.0,
    "revenue": [80.0] * 5 + [100.0] * 4,
    "shares": 50.0,
}


def residual(book: float, roe: float, payout: float, cost: float = 0.09, years: int = 10) -> float:
    worth = book
    for year in range(1, years + 1):
        rate = roe - (roe - cost) * (year - 1) / years
        worth += (rate - cost) * book / (1.0 + cost) ** year
        book *= 1.0 + rate * (1.0 - payout)
    return worth


def cash(flow: float, growth: float, cost: float = 0.09, long_run: float = 0.025, years: int = 10) -> float:
    worth = 0.0
    for year in range(1, years + 1):
        flow *= 1.0 + growth + (long_run - growth) * (year - 1) / years
        worth += flow / (1.0 + cost) ** year
    return worth + flow * (1.0 + long_run) / (cost - long_run) / (1.0 + cost) ** years


def test_margins_of_the_intrinsic_methods_by_hand() -> None:
    market = companies({"ACME": ACME})
    assert last(valuation.residual_income, market)["ACME"] == pytest.approx(residual(200.0, 0.2, 0.2) / 500.0 - 1.0)
    assert last(valuation.discounted_cash_flow, market)["ACME"] == pytest.approx(cash(32.0, 0.25) / 500.0 - 1.0)


@pytest.mark.parametrize(
    ("revenue", "growth"),
    [
        ([80.0] * 5 + [84.0] * 4, 0.05),
        ([80.0] * 5 + [200.0] * 4, 0.25),  # not beyond 25 %
        ([80.0] * 5 + [40.0] * 4, -0.10),  # not below -10 %
        ([80.0] * 4 + [88.0], 0.10),  # without two years: this quarter over that of a year ago
    ],
)
def test_growth_is_that_of_revenue_within_bounds(revenue: list[float], growth: float) -> None:
    market = companies({"ACME": {**ACME, "revenue": revenue}})
    assert last(valuation.discounted_cash_flow, market)["ACME"] == pytest.approx(cash(32.0, growth) / 500.0 - 1.0)


@pytest.mark.parametrize(("dividends", "payout"), [(20.0, 1.0), (0.0, 0.0), (5.0, 0.5)])
def test_payout_lies_within_0_and_1(dividends: float, payout: float) -> None:
    market = companies({"ACME": {**ACME, "dividends": dividends}})
    wanted = residual(200.0, 0.2, payout) / 500.0 - 1.0
    assert last(valuation.residual_income, market)["ACME"] == pytest.approx(wanted)


def test_a_loss_is_worth_less_than_the_book() -> None:
    market = companies({"LOSS": {**ACME, "net_income": -5.0, "dividends": 0.0}})
    found = last(valuation.residual_income, market)["LOSS"]
    assert found == pytest.approx(residual(200.0, -0.1, 0.0) / 500.0 - 1.0)
    assert found < 200.0 / 500.0 - 1.0


@pytest.mark.parametrize("method", [valuation.residual_income, valuation.discounted_cash_flow])
def test_value_does_not_move_with_the_price_so_the_margin_does(method: object) -> None:
    market = companies({"ACME": ACME, "SALE": ACME}, price={"ACME": 10.0, "SALE": 5.0})
    found = last(method, market)  # type: ignore[arg-type]
    assert found["SALE"] + 1.0 == pytest.approx(2.0 * (found["ACME"] + 1.0))


# Incomes of a year over a market value of 500: yields of 4, 8, 12, 16, 20 %; their median is 12 %.
INCOMES = {"A": 5.0, "B": 10.0, "C": 15.0, "D": 20.0, "E": 25.0}
SECTOR = dict.fromkeys(INCOMES, "Makers")


def test_multiples_compare_with_the_median_of_the_sector() -> None:
    table = {name: {**ACME, "net_income": income} for name, income in INCOMES.items()}
    market = companies(table, sectors=SECTOR)
    found = last(valuation.earnings_multiple, market)
    assert found.tolist() == pytest.approx([4 / 12 - 1, 8 / 12 - 1, 0.0, 16 / 12 - 1, 20 / 12 - 1])


def test_a_company_that_makes_a_loss_has_no_multiple_and_moves_no_median() -> None:
    table = {name: {**ACME, "net_income": income} for name, income in {**INCOMES, "LOSS": -50.0}.items()}
    found = last(valuation.earnings_multiple, companies(table, sectors={**SECTOR, "LOSS": "Makers"}))
    assert np.isnan(found["LOSS"])
    assert found["D"] == pytest.approx(16 / 12 - 1)


def test_a_sector_of_few_is_compared_with_everybody() -> None:
    """Four in Banks are too few for their median of 18 %: that of all nine serves, 16 %. Five makers are enough."""
    assert LEAST_PEERS == 5
    banks = {"F": 20.0, "G": 25.0, "H": 50.0, "I": 2.5}  # 16, 20, 40, 2 %
    table = {name: {**ACME, "net_income": income} for name, income in {**INCOMES, **banks}.items()}
    market = companies(table, sectors={**SECTOR, **dict.fromkeys(banks, "Banks")})
    found = last(valuation.earnings_multiple, market)
    assert found["H"] == pytest.approx(40 / 16 - 1)
    assert found["A"] == pytest.approx(4 / 12 - 1)


def test_book_and_sales_multiples_by_hand() -> None:
    table = {name: {**ACME, "equity": 10.0 * income, "revenue": income} for name, income in INCOMES.items()}
    market = companies(table, sectors=SECTOR)
    wanted = [5 / 15 - 1, 10 / 15 - 1, 0.0, 20 / 15 - 1, 25 / 15 - 1]
    assert last(valuation.book_multiple, market).tolist() == pytest.approx(wanted)
    assert last(valuation.sales_multiple, market).tolist() == pytest.approx(wanted)


def test_a_sector_that_is_dear_as_a_whole_does_not_make_its_members_dear_by_multiples() -> None:
    table = {name: {**ACME, "net_income": income} for name, income in INCOMES.items()}
    dear = {name.lower(): {**ACME, "net_income": income / 4.0} for name, income in INCOMES.items()}
    market = companies({**table, **dear}, sectors={**SECTOR, **{name.lower(): "Software" for name in INCOMES}})
    found = last(valuation.earnings_multiple, market)
    assert found[[*"abcde"]].tolist() == pytest.approx(found[[*"ABCDE"]].tolist())


def test_only_members_make_the_median() -> None:
    table = {name: {**ACME, "net_income": income} for name, income in {**INCOMES, "OUT": 500.0}.items()}
    market = companies(table)
    membership = pd.DataFrame(True, market.sessions, market.assets)
    membership["OUT"] = False
    inside = MarketData(market.panels, membership=membership, tables=market.tables)
    found = last(valuation.earnings_multiple, inside)
    assert found["C"] == pytest.approx(0.0) and np.isnan(found["OUT"])


def test_the_score_keeps_the_sign_of_the_margin() -> None:
    """Where the market asks less than the value of every company, every score is above 0."""
    prices = {"A": 2.0, "B": 2.5, "C": 3.0, "D": 3.5}
    market = companies(dict.fromkeys(prices, ACME), price=prices)
    agent = ValuationAgent({"residual_income": 1.0, "discounted_cash_flow": 1.0})
    score = agent.score(market).iloc[-1]
    assert (score > 0.0).all() and (score.diff().dropna() <= 0.0).all()
    dear = companies(dict.fromkeys(prices, ACME), price={name: 50.0 * price for name, price in prices.items()})
    assert (agent.score(dear).iloc[-1] < 0.0).all()


def test_a_margin_counts_in_units_of_the_dispersion_of_the_members() -> None:
    prices = {"A": 6.0, "B": 8.0, "C": 10.0, "D": 14.0, "E": 20.0}
    market = companies(dict.fromkeys(prices, ACME), price=prices)
    margin = last(valuation.residual_income, market)
    deviation = 1.4826 * (margin - margin.median()).abs().median()
    score = ValuationAgent({"residual_income": 1.0}).score(market).iloc[-1]
    np.testing.assert_allclose(score, (margin / deviation).clip(-3.0, 3.0) / 3.0, rtol=1e-12)


def test_a_method_without_inputs_is_missing_never_zero() -> None:
    market = companies({"ACME": ACME, "PART": {**ACME, "capex": NAN}, "DEAR": {**ACME, "shares": 100.0}})
    agent = ValuationAgent()
    declared = sum(piece.weight for piece in agent.evidence)
    assert agent.coverage(market)["ACME"].iloc[-1] == 1.0
    assert agent.coverage(market)["PART"].iloc[-1] == pytest.approx((declared - 1.0) / declared)
    both = ValuationAgent({"residual_income": 1.0, "discounted_cash_flow": 1.0})
    alone = ValuationAgent({"residual_income": 1.0})
    assert both.score(market)["PART"].iloc[-1] == alone.score(market)["PART"].iloc[-1] != 0.0


def test_without_filings_the_agent_abstains() -> None:
    full = example_market(sessions=300)
    prices = MarketData({"close": full.panel("close")})
    assert ValuationAgent().score(prices).isna().all(axis=None)
    assert (ValuationAgent().coverage(prices) == 0.0).all(axis=None)


def test_negative_equity_burnt_cash_and_a_loss_leave_sales_alone() -> None:
    odd = {**ACME, "equity": -10.0, "cfo": -1.0, "net_income": -1.0}
    market = companies({"ACME": ACME, "ODD": odd, "COPY": ACME})
    agent = ValuationAgent()
    declared = sum(piece.weight for piece in agent.evidence)
    assert agent.coverage(market)["ODD"].iloc[-1] == pytest.approx(0.5 / declared)


def test_parameters_and_their_errors() -> None:
    ranked = ValuationAgent(scale="rank", peers=True)
    assert {(piece.scale, piece.peers) for piece in ranked.chosen} == {("rank", True)}
    assert {piece.scale for piece in ValuationAgent().chosen} == {"margin"}
    with pytest.raises(ParamsError, match="windows of no evidence"):
        ValuationAgent(residual_income=5)
    with pytest.raises(ParamsError, match="did you mean margin"):
        ValuationAgent(scale="margn")
