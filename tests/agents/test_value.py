"""Value by hand: yields on the market value, the gate for quality, and long-run reversal on prices alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from companies import companies, last

from alphapulse.agents import value
from alphapulse.agents.value import ValueAgent, long_run_return
from alphapulse.core.errors import ParamsError
from alphapulse.core.market import MarketData
from alphapulse.testing import example_market

NAN = float("nan")
# A year's income of 40, sales of 400, operating cash of 48, dividends of 8; equity of 200; 50 shares at 10.
ACME = {"net_income": 10.0, "revenue": 100.0, "cfo": 12.0, "dividends": 2.0, "equity": 200.0, "shares": 50.0}
BY_HAND = {
    "earnings_yield": 40.0 / 500.0,
    "book_yield": 200.0 / 500.0,
    "sales_yield": 400.0 / 500.0,
    "cash_flow_yield": 48.0 / 500.0,
    "shareholder_yield": 8.0 / 500.0,
}
PIECES = {piece.name: piece for piece in ValueAgent.evidence}
BURNING = {"net_income": -1.0, "cfo": -1.0, "equity": 900.0, "revenue": 900.0, "dividends": 9.0}


@pytest.mark.parametrize("name", BY_HAND)
def test_each_yield_by_hand(name: str) -> None:
    assert last(PIECES[name].compute, companies({"ACME": ACME}))["ACME"] == pytest.approx(BY_HAND[name], rel=1e-12)


def test_every_piece_on_filings_is_checked_by_hand() -> None:
    assert set(BY_HAND) == {piece.name for piece in ValueAgent.evidence if piece.kind == "fundamentals"}


@pytest.mark.parametrize("name", BY_HAND)
def test_the_same_company_at_half_the_price_is_preferred(name: str) -> None:
    market = companies({"ACME": ACME, "SALE": ACME}, price={"ACME": 10.0, "SALE": 5.0})
    agent = ValueAgent(weights={name: 1.0})
    assert agent.score(market).iloc[-1].tolist() == [-0.5, 0.5]
    assert last(PIECES[name].compute, market)["SALE"] == pytest.approx(2.0 * BY_HAND[name])


def test_buying_back_shares_is_paying_out_and_issuing_them_the_opposite() -> None:
    market = companies(
        {
            "KEEP": ACME,
            "BACK": {**ACME, "shares": [50.0] * 5 + [45.0] * 4},  # a tenth of all, over the last year
            "MORE": {**ACME, "shares": [50.0] * 5 + [55.0] * 4},
        }
    )
    found = last(value.shareholder_yield, market)
    assert found["BACK"] == pytest.approx(8.0 / 450.0 + 0.1)
    assert found["MORE"] == pytest.approx(8.0 / 550.0 - 0.1)
    assert found["KEEP"] == pytest.approx(8.0 / 500.0)


def test_twice_the_shares_are_no_buyback() -> None:
    market = companies({"JUMP": {**ACME, "shares": [50.0] * 8 + [100.0]}, "KEEP": ACME})
    assert np.isnan(last(value.shareholder_yield, market)["JUMP"])
    assert last(value.earnings_yield, market)["JUMP"] == pytest.approx(last(value.earnings_yield, market)["KEEP"] / 2.0)


@pytest.mark.parametrize("shares", [20.0, 500.0])
def test_a_share_count_that_jumps_is_believed_when_the_next_filing_agrees(shares: float) -> None:
    once = companies({"JUMP": {**ACME, "shares": [50.0] * 8 + [shares]}, "KEEP": ACME})
    found = last(value.earnings_yield, once)
    assert found["JUMP"] == found["KEEP"]  # the count of the quarter before serves
    twice = companies({"JUMP": {**ACME, "shares": [50.0] * 7 + [shares, shares]}, "KEEP": ACME})
    assert last(value.earnings_yield, twice)["JUMP"] == pytest.approx(found["KEEP"] * 50.0 / shares)


def test_a_loss_is_dear_on_earnings_not_unknown() -> None:
    market = companies({"ACME": ACME, "LOSS": {**ACME, "net_income": -10.0}})
    assert last(value.earnings_yield, market)["LOSS"] == -40.0 / 500.0
    assert ValueAgent({"earnings_yield": 1.0}).score(market).iloc[-1].tolist() == [0.5, -0.5]


def test_a_company_that_burns_cash_and_loses_money_is_not_called_cheap() -> None:
    market = companies({"ACME": ACME, "BURN": {**ACME, **BURNING}})
    agent = ValueAgent({"book_yield": 1.0, "sales_yield": 1.0})
    assert agent.score(market).iloc[-1].tolist() == [-0.5, 0.0]
    assert agent.coverage(market).iloc[-1].tolist() == [1.0, 1.0]


@pytest.mark.parametrize("better", [{"net_income": 1.0}, {"cfo": 1.0}, {"net_income": NAN}, {"cfo": NAN}])
def test_the_gate_shuts_only_on_both(better: dict[str, float]) -> None:
    market = companies({"ACME": ACME, "BURN": {**ACME, **BURNING, **better}})
    assert ValueAgent({"book_yield": 1.0}).score(market).iloc[-1].tolist() == [-0.5, 0.5]


def test_the_gate_judges_the_year_not_the_quarter() -> None:
    market = companies(
        {"ACME": ACME, "DIP": {**ACME, **BURNING, "net_income": [3.0, 3.0, 3.0, -8.0], "cfo": [3.0, 3.0, 3.0, -8.0]}}
    )
    assert ValueAgent({"book_yield": 1.0}).score(market).iloc[-1].tolist() == [-0.5, 0.5]


def test_the_gate_leaves_low_scores_as_they_are() -> None:
    market = companies({"ACME": ACME, "BURN": {**ACME, **BURNING, "equity": 20.0}})
    assert ValueAgent({"book_yield": 1.0}).score(market).iloc[-1].tolist() == [0.5, -0.5]


def test_peers_remove_the_sector() -> None:
    """All banks are cheaper on book than all software; within its sector the cheaper one comes first."""
    books = {f"BANK{k}": 600.0 - k for k in range(5)} | {f"SOFT{k}": 60.0 - k for k in range(5)}
    sectors = {name: name[:4] for name in books}
    market = companies({name: {**ACME, "equity": book} for name, book in books.items()}, sectors=sectors)
    weights = {"book_yield": 1.0}
    assert ValueAgent(weights).score(market).iloc[-1].tolist() == pytest.approx([0.8, 0.4, 0.0, -0.4, -0.8] * 2)
    apart = ValueAgent(weights, peers=False).score(market).iloc[-1]
    assert apart.tolist() == pytest.approx(np.linspace(0.9, -0.9, 10))


def test_a_company_without_peers_is_compared_with_all() -> None:
    books = {"BANK": 600.0, "SOFT": 60.0, "FARM": 200.0}
    market = companies({name: {**ACME, "equity": book} for name, book in books.items()}, sectors={n: n for n in books})
    score = ValueAgent({"book_yield": 1.0}).score(market).iloc[-1]
    assert score.to_dict() == pytest.approx({"BANK": 2.0 / 3.0, "FARM": 0.0, "SOFT": -2.0 / 3.0})


def test_a_missing_yield_is_missing() -> None:
    market = companies({"ACME": ACME, "PART": {**ACME, "cfo": NAN, "revenue": NAN}, "SALE": {**ACME, "shares": 40.0}})
    agent = ValueAgent()
    declared = sum(piece.weight for piece in agent.evidence)
    assert agent.coverage(market)["PART"].iloc[-1] == pytest.approx((1.0 + 1.0 + 0.5) / declared)
    assert agent.coverage(market)["ACME"].iloc[-1] == pytest.approx(4.0 / declared)
    # among the three PART ties with ACME on what is known
    assert agent.score(market)["PART"].iloc[-1] == pytest.approx(-1.0 / 3.0)


def test_parameters_and_their_errors() -> None:
    agent = ValueAgent({"long_run_reversal": 1.0}, long_run_reversal=600)
    assert agent.needs == ("total_return",)
    with pytest.raises(ParamsError, match="long_run_reversal = 300"):
        ValueAgent(long_run_reversal=300)  # it leaves out a year, so this would be a quarter a year ago
    with pytest.raises(ParamsError, match="windows of long_run_reversal"):
        ValueAgent(book_yield=5)
    with pytest.raises(ParamsError, match="did you mean book_yield"):
        ValueAgent({"book_yeild": 1.0})


def test_skips_the_last_year() -> None:
    market = example_market()
    level = market.panel("total_return")["A00"].ffill()
    got = long_run_return(market, 1260)["A00"]
    assert got.iloc[1400] == pytest.approx(level.iloc[1400 - 252] / level.iloc[1400 - 1260] - 1.0, rel=1e-12)


def test_losers_come_first_and_the_last_year_plays_no_part() -> None:
    sessions = pd.bdate_range("2010-01-01", periods=1400)
    growth = np.tile([0.0002, 0.0004, -0.0001], (1400, 1))
    growth[-200:] = [0.01, -0.01, 0.02]
    close = pd.DataFrame(np.cumprod(1.0 + growth, axis=0), sessions, ["A", "B", "C"])
    score = ValueAgent().score(MarketData({"close": close}))
    assert score.iloc[-1].round(3).tolist() == [0.0, -0.667, 0.667]
    assert score.iloc[:1260].isna().all(axis=None)
    coverage = ValueAgent().coverage(MarketData({"close": close})).iloc[1260:]
    np.testing.assert_allclose(coverage, 0.5 / 4.5)  # prices alone: a low voice
