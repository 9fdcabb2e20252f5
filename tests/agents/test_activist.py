"""The profile of a target by hand: cheap, lagging, rich in cash, thrifty; and events on top."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from companies import companies, dated, last

from alphapulse.agents import activist
from alphapulse.agents.activist import TARGET_SIZE, ActivistAgent
from alphapulse.core.errors import ParamsError
from alphapulse.core.market import MarketData
from alphapulse.testing import example_market

NAN = float("nan")
ACME = {
    "assets": 400.0,
    "equity": 250.0,
    "cash": 40.0,
    "dividends": 3.0,
    "cfo": 12.0,
    "operating_income": 20.0,
    "revenue": 100.0,
    "shares": 50.0,
}
BY_HAND = {
    "valuation_gap": (500.0 + 150.0) / 400.0,  # market value and what is owed, over assets
    "excess_cash": 40.0 / 400.0,
    "low_leverage": 150.0 / 400.0,
    "low_payout": 12.0 / 48.0,
    "margin_gap": 80.0 / 400.0,
}
PIECES = {piece.name: piece for piece in ActivistAgent.evidence}
# What makes a better target.
TARGET: dict[str, dict[str, float]] = {
    "valuation_gap": {"shares": 40.0},
    "excess_cash": {"cash": 80.0},
    "low_leverage": {"equity": 300.0},
    "low_payout": {"dividends": 1.0},
    "margin_gap": {"operating_income": 10.0},
}


@pytest.mark.parametrize("name", BY_HAND)
def test_each_trait_by_hand(name: str) -> None:
    assert last(PIECES[name].compute, companies({"ACME": ACME}))["ACME"] == pytest.approx(BY_HAND[name], rel=1e-12)


@pytest.mark.parametrize("name", TARGET)
def test_the_better_target_is_preferred(name: str) -> None:
    market = companies({"ACME": ACME, "PREY": {**ACME, **TARGET[name]}})
    assert ActivistAgent({name: 1.0}).score(market).iloc[-1].tolist() == [-0.5, 0.5]


def test_targets_are_small_but_not_the_smallest() -> None:
    """Among ten, ranks go from -0.9 to 0.9; the company nearest to -0.4 comes first, the giant last."""
    shares = {f"C{number}": 10.0 * (number + 1) for number in range(10)}
    market = companies({name: {**ACME, "shares": count} for name, count in shares.items()})
    ranks = np.arange(-0.9, 1.0, 0.2)
    np.testing.assert_allclose(last(activist.size_band, market), np.abs(ranks - TARGET_SIZE), atol=1e-12)
    score = ActivistAgent({"size_band": 1.0}).score(market).iloc[-1]
    assert {*score.nlargest(2).index} == {"C2", "C3"}  # -0.5 and -0.3, a tenth away on either side
    assert score.idxmin() == "C9"
    assert score["C0"] > score["C9"]


def lagging(sessions: int) -> MarketData:
    growth = np.tile([0.0010, 0.0005, -0.0005], (sessions, 1))
    close = pd.DataFrame(
        100.0 * np.cumprod(1.0 + growth, axis=0), pd.bdate_range("2010-01-01", periods=sessions), ["A", "B", "C"]
    )
    return MarketData({"close": close})


def test_price_alone_finds_laggards_in_a_low_voice() -> None:
    agent = ActivistAgent()
    declared = sum(piece.weight for piece in agent.evidence)
    market = lagging(800)
    assert agent.score(market).iloc[-1].tolist() == pytest.approx([-2.0 / 3.0, 0.0, 2.0 / 3.0])
    coverage = agent.coverage(market)["A"]
    assert coverage.iloc[251] == 0.0 and agent.score(market).iloc[251].isna().all()
    assert coverage.iloc[252] == pytest.approx(0.25 / declared)  # a year
    assert coverage.iloc[-1] == pytest.approx(0.5 / declared)  # and three
    assert coverage.iloc[-1] < 0.15


def test_past_return_is_that_of_the_window() -> None:
    market = lagging(300)
    assert activist.past_return(market, 252)["A"].iloc[260] == pytest.approx(1.001**252 - 1.0)


def test_lagging_is_measured_within_the_sector() -> None:
    steps = np.arange(5) * 1e-4
    growth = np.tile(np.concatenate([0.0010 - steps, -0.0010 - steps]), (300, 1))
    names = list("ABCDEFGHIJ")
    close = pd.DataFrame(np.cumprod(1.0 + growth, axis=0), pd.bdate_range("2010-01-01", periods=300), names)
    sectors = pd.Series(["Rising"] * 5 + ["Falling"] * 5, index=names)
    market = MarketData({"close": close}, sectors=sectors)
    weights = {"lagging_year": 1.0}
    assert ActivistAgent(weights).score(market).iloc[-1].tolist() == pytest.approx([-0.8, -0.4, 0.0, 0.4, 0.8] * 2)
    apart = ActivistAgent(weights, peers=False).score(market).iloc[-1]
    assert apart.tolist() == pytest.approx(np.linspace(-0.9, 0.9, 10))


def test_a_campaign_in_the_news_speaks_for_the_company() -> None:
    market = companies({"ACME": ACME, "PREY": ACME})
    known = pd.Timestamp("2020-03-10 22:00", tz="UTC")
    rows = pd.DataFrame(
        {
            "asset": ["ACME", "PREY"],
            "headline": ["ACME to hold its annual meeting", "Activist fund seeks board seats at PREY"],
            "known": [known, known],
        }
    )
    told = MarketData(market.panels, tables={**market.tables, "news": dated(rows, market.sessions)})
    agent = ActivistAgent({"events": 1.0})
    before, after = agent.score(told).loc["2020-03-10"], agent.score(told).loc["2020-03-11"]
    assert before.isna().all() and after.tolist() == [-0.5, 0.5]
    whole = ActivistAgent().score(told).iloc[-1]
    assert whole["PREY"] > whole["ACME"]


def test_a_missing_trait_is_missing() -> None:
    market = companies({"ACME": ACME, "PART": {**ACME, "cash": NAN, "dividends": NAN}})
    agent = ActivistAgent()
    declared = sum(piece.weight for piece in agent.evidence)
    on_filings = sum(piece.weight for piece in agent.evidence if piece.kind == "fundamentals")
    coverage = agent.coverage(market).iloc[-1]
    assert coverage["ACME"] == pytest.approx(on_filings / declared)
    assert coverage["PART"] == pytest.approx((on_filings - 1.0) / declared)


def test_every_piece_is_checked_here() -> None:
    others = {"lagging_year", "lagging_three_years", "size_band", "events"}
    assert {*BY_HAND, *others} == {piece.name for piece in ActivistAgent.evidence}


def test_speaks_on_the_whole_with_everything() -> None:
    market = example_market()
    coverage = ActivistAgent().coverage(market)
    assert coverage.iloc[-1].max() == pytest.approx(1.0)


def test_parameters_and_their_errors() -> None:
    agent = ActivistAgent({"lagging_year": 1.0}, lagging_year=21, scale="zscore", peers=False)
    assert [(piece.window, piece.scale, piece.peers) for piece in agent.chosen] == [(21, "zscore", False)]
    with pytest.raises(ParamsError, match="windows of lagging_year, lagging_three_years"):
        ActivistAgent(size_band=5)
    with pytest.raises(ParamsError, match="did you mean excess_cash"):
        ActivistAgent({"exces_cash": 1.0})
