"""Value speaks from five years of prices and then prefers the losers of the four before the last."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from alphapulse.agents.value import ValueAgent, long_run_return
from alphapulse.core.market import MarketData
from alphapulse.testing import example_market


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
