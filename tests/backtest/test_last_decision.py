"""The last decision of a shoot-out is the one its runs made, and its tables agree with plain sums."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import alphapulse as ap
from alphapulse.backtest.shootout import Shootout

NAMES = ("equal_weight", "min_variance", "hrp", "max_sharpe")


@pytest.fixture(scope="module")
def market() -> ap.MarketData:
    return ap.load_market("sample", start="2010-01-01", end="2013-06-28")


@pytest.fixture(scope="module")
def strategy() -> ap.Strategy:
    return ap.Strategy.from_params({"agents": {"use": ["technical"]}, "portfolio": {"lookback": 252, "select": 0.5}})


@pytest.fixture(scope="module")
def shot(market: ap.MarketData, strategy: ap.Strategy) -> Shootout:
    return ap.shootout(market, strategy, NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_portfolios_are_the_last_targets_of_the_runs(shot: Shootout, name: str) -> None:
    """Without sizing, bands or limits what was allocated is what was decided."""
    targets = shot.results[name].decisions.targets
    assert targets.index[-1] == shot.last.session
    mine = shot.last.portfolios[name].reindex(targets.columns, fill_value=0.0)
    np.testing.assert_allclose(mine, targets.iloc[-1], atol=1e-12)
    assert mine.sum() == pytest.approx(1.0)


def test_the_estimate_is_of_the_assets_handed_on(shot: Shootout, market: ap.MarketData) -> None:
    estimate = shot.estimate
    held = shot.results["equal_weight"].decisions.targets.iloc[-1]
    assert list(estimate.assets) == list(held.index[held > 0.0])
    assert len(estimate.assets) == 10
    window = market.panel("close").pct_change()[list(estimate.assets)].loc[: shot.last.session].iloc[-252:]
    np.testing.assert_allclose(estimate.window, window, rtol=1e-9)
    alone = ap.estimate_risk(market.panel("close").pct_change().loc[: shot.last.session].iloc[-252:])
    np.testing.assert_allclose(estimate.covariance, alone.covariance.loc[estimate.assets, estimate.assets], rtol=1e-9)


def test_later_sessions_change_nothing_before_the_next_decision(strategy: ap.Strategy, market: ap.MarketData) -> None:
    whole = ap.shootout(market, strategy, ["hrp"])
    cut = ap.shootout(market.until(whole.last.session), strategy, ["hrp"])
    assert cut.last.session == whole.last.session
    pd.testing.assert_frame_equal(cut.last.portfolios, whole.last.portfolios, rtol=1e-12)


def test_moments_frontier_and_contributions_agree_with_plain_sums(shot: Shootout) -> None:
    last = shot.last
    covariance, mean = 252 * last.estimate.covariance.to_numpy(), 252 * last.estimate.mean.to_numpy()
    for name in NAMES:
        held = last.portfolios[name].to_numpy()
        variance = held @ covariance @ held
        assert last.moments.loc[name, "volatility_ann"] == pytest.approx(np.sqrt(variance))
        assert last.moments.loc[name, "return_ann"] == pytest.approx(held @ mean)
        parts = last.contributions.loc[name].reindex(last.estimate.assets, fill_value=0.0)
        np.testing.assert_allclose(parts["share"], held * (covariance @ held) / variance, atol=1e-12)
    ends = last.frontier["volatility_ann"].iloc[[0, -1]].to_numpy()
    assert ends[0] == pytest.approx(last.moments.loc["min_variance", "volatility_ann"])
    inside = last.moments["volatility_ann"].between(*ends)
    best = np.interp(last.moments["volatility_ann"], last.frontier["volatility_ann"], last.frontier["return_ann"])
    assert (last.moments["return_ann"] <= best + 2e-3)[inside].all()  # the line is drawn through 30 points


def test_nothing_handed_on_is_told_by_empty_tables(market: ap.MarketData) -> None:
    """The lookback is too patchy for any estimate: nobody is eligible, all is cash."""
    gaps = market.panel("close").copy()
    gaps.iloc[::2] = np.nan
    patchy = ap.MarketData({"close": gaps}, name="patchy")
    params = {"agents": {"use": ["technical"]}, "portfolio": {"lookback": 252}}
    shot = ap.shootout(patchy, ap.Strategy.from_params(params), ["equal_weight", "hrp"])
    assert len(shot.last.estimate.assets) == len(shot.last.portfolios) == len(shot.last.contributions) == 0
    assert shot.last.frontier.empty
