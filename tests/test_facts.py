"""Facts of a close are read from that close and before; skill is credited as documented."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import alphapulse as ap
from alphapulse.core.facts import UNKNOWN_SECTOR, Facts
from alphapulse.core.stats import session_returns
from alphapulse.facts import HORIZON, PRIOR_PERIODS, PRIOR_SKILL, background, facts_at, market_facts, trailing_skill

NEEDS = frozenset({"market_value", "coverage", "skill"})
BY_ASSET = ("price", "market_value", "traded_value", "true_range", "coverage", "tradable")


@pytest.fixture(scope="module")
def market() -> ap.MarketData:
    return ap.load_market("simulated", n_assets=12, n_sessions=420, seed=3, fundamentals=True)


def facts(market: ap.MarketData, row: int) -> Facts:
    agent = ap.AgentManager(["technical", "value"])
    returns = session_returns(market.panel("total_return"))
    return facts_at(background(market, agent, agent.score(market), returns, NEEDS), row)


@pytest.mark.parametrize("row", [30, 200, 333])
def test_what_comes_later_changes_nothing(market: ap.MarketData, row: int) -> None:
    whole, cut = facts(market, row), facts(market.until(market.sessions[row]), row)
    for name in BY_ASSET:
        pd.testing.assert_series_equal(getattr(whole, name), getattr(cut, name))
    assert whole.skill == cut.skill
    if whole.benchmark is not None:
        pd.testing.assert_series_equal(whole.benchmark, cut.benchmark)


def test_traded_value_and_range_by_hand(market: ap.MarketData) -> None:
    row, asset = 250, market.assets[4]
    seen = market_facts(market, row)
    sessions = market.sessions[row - 20 : row + 1]
    value = (market.panel("volume") * market.panel("close")).loc[sessions, asset]
    assert seen.traded_value[asset] == pytest.approx(value.mean())
    split = market.panel("split")[asset].iloc[row - 14 : row + 1] if "split" in market else pd.Series([1.0])
    assert (split.fillna(1.0) == 1.0).all(), "choose an asset without a split here"
    bars = [market.panel(name)[asset] for name in ("high", "low", "close")]
    ranges = [
        max(bars[0].iloc[k], bars[2].iloc[k - 1]) - min(bars[1].iloc[k], bars[2].iloc[k - 1])
        for k in range(row - 13, row + 1)
    ]
    assert seen.true_range[asset] == pytest.approx(np.mean(ranges))


def test_a_split_is_not_a_range() -> None:
    sessions = pd.bdate_range("2001-01-01", periods=30)
    split = pd.DataFrame({"A": 1.0}, index=sessions)
    split.iloc[20] = 2.0
    close = 100.0 / split.cumprod()
    market = ap.MarketData(name="split", panels={"close": close, "split": split})
    assert market_facts(market, 25).true_range["A"] == pytest.approx(0.0, abs=1e-12)


def test_skill_of_perfect_and_of_random_scores() -> None:
    random = np.random.default_rng(0)
    sessions = pd.bdate_range("2001-01-01", periods=1 + 60 * HORIZON)
    returns = pd.DataFrame(random.normal(size=(len(sessions), 30)) * 0.01, sessions)
    earned = returns[::-1].rolling(HORIZON).sum()[::-1].shift(-1)
    perfect, noise = trailing_skill(earned, returns), trailing_skill(returns * 0 + random.normal(size=30), returns)
    assert perfect.iloc[0] == PRIOR_SKILL and perfect.iloc[HORIZON - 1] == PRIOR_SKILL
    assert perfect.iloc[HORIZON] == pytest.approx((1.0 + PRIOR_PERIODS * PRIOR_SKILL) / (1 + PRIOR_PERIODS))
    assert perfect.iloc[-1] == pytest.approx((60 + PRIOR_PERIODS * PRIOR_SKILL) / (60 + PRIOR_PERIODS))
    assert 0.0 <= noise.iloc[-1] < 0.07, "about PRIOR_SKILL x 12 / 72, plus noise of 1 / sqrt(29 x 60)"
    assert (trailing_skill(-earned, returns).iloc[5 * HORIZON :] == 0.0).all(), "a wrong score is not turned round"


def test_facts_of_some_assets() -> None:
    one = Facts(sector=pd.Series({"A": "x"}), price=pd.Series({"A": 2.0, "B": 3.0}), skill=0.1)
    assert one.sectors(pd.Index(["B", "A"])).tolist() == [UNKNOWN_SECTOR, "x"]
    part = one.on(pd.Index(["B", "C"]))
    assert part.price["B"] == 3.0 and np.isnan(part.price["C"]) and part.skill == 0.1
    assert np.isnan(one.values("market_value", pd.Index(["A"]))).all()
