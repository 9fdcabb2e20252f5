"""What portfolios promised and kept, against a plain loop over decisions, and on returns without any skill in them."""

from __future__ import annotations

import numpy as np
import pytest

import alphapulse as ap
from alphapulse.backtest.promises import promises
from alphapulse.backtest.shootout import Shootout

LOOKBACK = 126


@pytest.fixture(scope="module")
def shot() -> Shootout:
    market = ap.load_market("sample", start="2010-01-01", end="2012-12-31")
    params = {"agents": {"use": ["technical"]}, "portfolio": {"lookback": LOOKBACK, "select": 1.0}}
    return ap.shootout(market, ap.Strategy.from_params(params), ["equal_weight", "max_sharpe"])


def test_they_are_the_means_of_a_plain_loop(shot: Shootout) -> None:
    returns = shot.market.panel("close").pct_change().to_numpy()
    sessions = list(shot.market.sessions)
    for name, result in shot.results.items():
        starts = [sessions.index(session) + 1 for session in result.decisions.targets.index]
        means, variances, after = [], [], []
        for start, end in zip(starts, [*starts[1:], len(sessions) - 1], strict=True):
            held = result.weights.iloc[start].to_numpy()
            window = [float(returns[row] @ held) for row in range(start - LOOKBACK, start)]
            means.append(np.mean(window))
            variances.append(np.var(window))
            after += [float(returns[row] @ held) for row in range(start + 1, end + 1)]
        row = shot.promises.loc[name]
        assert row["promised_return_ann"] == pytest.approx(252 * np.mean(means))
        assert row["promised_volatility_ann"] == pytest.approx(np.sqrt(252 * np.mean(variances)))
        assert row["promised_sharpe"] == pytest.approx(np.sqrt(252) * np.mean(means) / np.sqrt(np.mean(variances)))
        assert row["kept_return_ann"] == pytest.approx(252 * np.mean(after))
        assert row["kept_sharpe"] == pytest.approx(np.sqrt(252) * np.mean(after) / np.std(after))


def test_an_optimiser_promises_on_noise_and_keeps_nothing() -> None:
    market = ap.load_market("simulated", n_assets=20, n_sessions=1500, seed=0)
    params = {"agents": {"use": ["technical"]}, "portfolio": {"lookback": LOOKBACK, "select": 1.0}}
    table = ap.shootout(market, ap.Strategy.from_params(params), ["equal_weight", "max_sharpe"]).promises
    gap = table["promised_sharpe"] - table["kept_sharpe"]
    assert table.loc["max_sharpe", "promised_sharpe"] > table.loc["equal_weight", "promised_sharpe"] + 0.5
    assert gap["max_sharpe"] > gap["equal_weight"] + 0.5


def test_a_decision_without_a_session_after_it_says_nothing(shot: Shootout) -> None:
    last = np.array([len(shot.market.sessions) - 2])
    assert promises(shot.results, last, LOOKBACK).isna().all(axis=None)
