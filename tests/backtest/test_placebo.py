"""Law 7: noise earns nothing."""

from __future__ import annotations

import numpy as np
import pandas as pd

import alphapulse as ap
from alphapulse.backtest.placebo import PlaceboReport


def test_the_whole_system_earns_nothing_on_noise() -> None:
    """100 driftless markets, 20 assets x 2,520 sessions, seed 0: all fixed by the design, none chosen."""
    strategy = ap.Strategy.from_params(ap.load_params("params/sample.yaml"))
    report = ap.placebo(strategy, n=100, seed=0)
    low, high = report.band
    assert len(report.sharpe) == 100
    assert low <= 0.0 <= high
    assert report.ok
    assert 0.1 < report.sharpe.std() < 0.6  # years of noise have Sharpe ratios around 1 / sqrt(years)


def report_of(sharpe: np.ndarray) -> PlaceboReport:
    series = pd.Series(sharpe)
    return PlaceboReport(series, series / 1_000, {})


def test_the_report_fails_a_system_that_earns_on_noise() -> None:
    noise = np.random.default_rng(1).standard_normal(100) * 0.3
    assert report_of(noise - noise.mean()).ok
    assert not report_of(noise + 0.25).ok
    assert not report_of(noise - 0.25).ok


def test_a_peeking_strategy_is_caught_by_the_placebo() -> None:
    """The same engine with tomorrow's returns as scores earns on noise, and the band shows it."""
    ratios = []
    for seed in range(12):
        market = ap.load_market("simulated", n_assets=20, n_sessions=400, seed=seed, drift_ann=0.0)
        tomorrow = market.panel("close").pct_change().shift(-1).iloc[:-2]
        weights = (tomorrow > 0).div((tomorrow > 0).sum(axis=1).clip(lower=1), axis=0).astype(float)
        returns = ap.backtest_weights(market, weights, fill="same_close").live_returns
        ratios.append(returns.mean() / returns.std() * np.sqrt(252))
    assert not report_of(np.array(ratios)).ok
