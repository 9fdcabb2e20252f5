"""Estimates that no optimiser likes: every allocator has one documented outcome for each, and never silence."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import alphapulse as ap
from alphapulse.core.estimates import RiskEstimate
from alphapulse.portfolio import ALLOCATORS
from alphapulse.testing import example_estimate

CAPPED = [name for name in ALLOCATORS if hasattr(ALLOCATORS[name](), "constraints")]


def sums_to_one(weights: pd.Series) -> None:
    assert np.isfinite(weights).all() and (weights >= 0.0).all()
    assert weights.sum() == pytest.approx(1.0, abs=1e-9)
    assert isinstance(weights.attrs["notes"], tuple)


def twins() -> RiskEstimate:
    """Two assets that are one: a singular covariance that nobody repaired."""
    estimate = example_estimate(4)
    copied = estimate.window.assign(A03=estimate.window["A02"])
    return RiskEstimate(copied, copied.mean(), copied.cov())


def indefinite() -> RiskEstimate:
    """Correlations that cannot all be true: a covariance with a negative eigenvalue."""
    estimate = example_estimate(3)
    correlation = np.array([[1.0, 0.9, -0.9], [0.9, 1.0, 0.9], [-0.9, 0.9, 1.0]])
    deviation = estimate.volatility
    wrong = pd.DataFrame(correlation * np.outer(deviation, deviation), estimate.assets, estimate.assets)
    assert np.linalg.eigvalsh(wrong).min() < 0.0
    return replace(estimate, covariance=wrong)


@pytest.mark.parametrize("capped", [False, True])
@pytest.mark.parametrize("build", [twins, indefinite])
@pytest.mark.parametrize("name", ALLOCATORS)
def test_a_covariance_that_is_not_positive_definite(name: str, build, capped: bool) -> None:
    if capped and name not in CAPPED:
        pytest.skip("takes no constraints")
    allocator = ALLOCATORS[name](constraints={"upper": 0.6}) if capped else ALLOCATORS[name]()
    weights = allocator.allocate(build())
    sums_to_one(weights)
    if capped:
        assert weights.max() <= 0.6 + 1e-12


@pytest.mark.parametrize("name", ALLOCATORS)
def test_fewer_sessions_than_assets(name: str) -> None:
    random = np.random.default_rng(0)
    window = pd.DataFrame(random.normal(0, 0.01, (30, 60)), pd.bdate_range("2001-01-01", periods=30))
    window.columns = [f"A{number:02d}" for number in range(60)]
    for covariance in ("sample", "ledoit_wolf"):
        estimate = ap.estimate_risk(window, covariance)
        assert covariance != "sample" or "close to singular" in estimate.notes[0]
        sums_to_one(ALLOCATORS[name]().allocate(estimate))


@pytest.mark.parametrize("name", ALLOCATORS)
def test_no_mean_above_zero(name: str) -> None:
    estimate = example_estimate()
    losing = replace(estimate, mean=-estimate.mean.abs() - 1e-4)
    weights = ALLOCATORS[name]().allocate(losing)
    sums_to_one(weights)
    if name == "max_sharpe":
        assert (
            weights.attrs["notes"][0] == "fallback: no mean return above zero, minimum variance instead of max_sharpe"
        )
        pd.testing.assert_series_equal(weights, ALLOCATORS["min_variance"]().allocate(losing))


@pytest.mark.parametrize("capped", [False, True])
@pytest.mark.parametrize("name", ALLOCATORS)
def test_a_still_or_unknown_asset_gets_nothing(name: str, capped: bool) -> None:
    if capped and name not in CAPPED:
        pytest.skip("takes no constraints")
    window = example_estimate(6).window.copy()
    window["A02"], window["A04"], window["A05"] = 0.0, np.nan, 0.0
    window.iloc[-1, 5] = 1e-4  # one tick in all that time is not a price that moves
    allocator = ALLOCATORS[name](constraints={"upper": 0.5}) if capped else ALLOCATORS[name]()
    weights = allocator.allocate(ap.estimate_risk(window))
    sums_to_one(weights)
    assert weights["A02"] == 0.0 and weights["A04"] == 0.0 and weights["A05"] == 0.0


@pytest.mark.parametrize("name", ALLOCATORS)
def test_one_asset_and_none(name: str) -> None:
    one = example_estimate(1).window
    assert ALLOCATORS[name]().allocate(ap.estimate_risk(one)).tolist() == [1.0]
    nothing = ALLOCATORS[name]().allocate(ap.estimate_risk(one * np.nan))
    assert nothing.tolist() == [0.0] and nothing.attrs["notes"]


@pytest.mark.parametrize("name", ALLOCATORS)
def test_price_scale_changes_nothing(name: str) -> None:
    """Prices in cents instead of dollars: the returns, and so the weights, are the same."""
    market = ap.load_market("sample", start="2019-01-01")
    close = market.panel("close")
    weights = [
        ALLOCATORS[name]().allocate(ap.estimate_risk((scale * close).pct_change().iloc[1:])) for scale in (1.0, 100.0)
    ]
    np.testing.assert_allclose(weights[1], weights[0], atol=1e-9)
