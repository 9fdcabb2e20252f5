"""Weights against PyPortfolioOpt, scipy and worked examples; degenerate estimates have one documented outcome."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from alphapulse.core.errors import ParamsError
from alphapulse.core.estimates import RiskEstimate
from alphapulse.portfolio import ALLOCATORS
from alphapulse.portfolio.mean_variance import MaxSharpe, MinVariance
from alphapulse.portfolio.simple import EqualWeight, InverseVolatility
from alphapulse.testing import example_estimate, unusable


@pytest.fixture(scope="module")
def sample() -> RiskEstimate:
    from skfolio.datasets import load_sp500_dataset

    window = load_sp500_dataset().sort_index(axis=1).pct_change().loc[:"2022-12-28"].iloc[-756:]
    return RiskEstimate(window, window.mean(), window.cov())


def frontier(estimate: RiskEstimate):
    from pypfopt import EfficientFrontier

    return EfficientFrontier(252 * estimate.mean, 252 * estimate.covariance, weight_bounds=(0, 1))


def volatility_ann(weights: pd.Series, estimate: RiskEstimate) -> float:
    return float(np.sqrt(252 * weights @ estimate.covariance @ weights))


def test_min_variance_equals_pyportfolioopt(sample: RiskEstimate) -> None:
    theirs = pd.Series(frontier(sample).min_volatility())
    ours = MinVariance().allocate(sample)
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
    assert volatility_ann(ours, sample) <= volatility_ann(theirs, sample) + 1e-9


def test_max_sharpe_equals_pyportfolioopt(sample: RiskEstimate) -> None:
    theirs = pd.Series(frontier(sample).max_sharpe(risk_free_rate=0.0))
    ours = MaxSharpe().allocate(sample)
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
    sharpe = [weights @ sample.mean / volatility_ann(weights, sample) for weights in (ours, theirs)]
    assert sharpe[0] >= sharpe[1] - 1e-9


@pytest.mark.parametrize("target", [0.21, 0.25, 0.30, 0.40])
def test_target_volatility_equals_pyportfolioopt(sample: RiskEstimate, target: float) -> None:
    theirs = pd.Series(frontier(sample).efficient_risk(target))
    ours = MaxSharpe(target_volatility_ann=target).allocate(sample)
    assert volatility_ann(ours, sample) == pytest.approx(target, rel=1e-9)
    np.testing.assert_allclose(ours, theirs, atol=2e-4)
    assert ours @ sample.mean >= theirs @ sample.mean - 1e-8


def test_min_variance_equals_scipy(sample: RiskEstimate) -> None:
    covariance = 252 * sample.covariance.to_numpy()
    found = minimize(
        lambda w: w @ covariance @ w,
        np.full(20, 0.05),
        jac=lambda w: 2 * covariance @ w,
        bounds=[(0, 1)] * 20,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1, "jac": lambda w: np.ones(20)},
        method="SLSQP",
        options={"ftol": 1e-16, "maxiter": 1000},
    )
    ours = MinVariance().allocate(sample).to_numpy()
    assert ours @ covariance @ ours <= found.fun * (1 + 1e-12)
    np.testing.assert_allclose(ours, found.x, atol=1e-6)


def test_simple_allocators_are_what_they_say(sample: RiskEstimate) -> None:
    assert EqualWeight().allocate(sample).tolist() == [0.05] * 20
    inverse = InverseVolatility().allocate(sample)
    risk = inverse * sample.window.std()
    np.testing.assert_allclose(risk, risk.iloc[0], rtol=1e-12)


def test_two_uncorrelated_assets_have_the_textbook_weights() -> None:
    names = ["A", "B"]
    covariance = pd.DataFrame([[0.04, 0.0], [0.0, 0.01]], names, names)
    window = pd.DataFrame(np.zeros((2, 2)), pd.bdate_range("2020-01-01", periods=2), names)
    estimate = RiskEstimate(window, pd.Series([0.02, 0.01], names), covariance)
    np.testing.assert_allclose(MinVariance().allocate(estimate), [0.2, 0.8])
    np.testing.assert_allclose(MaxSharpe().allocate(estimate), [1 / 3, 2 / 3])


def test_target_volatility_outside_the_frontier_is_noted() -> None:
    estimate = example_estimate()
    low = MaxSharpe(target_volatility_ann=0.01).allocate(estimate)
    np.testing.assert_allclose(low, MinVariance().allocate(estimate))
    assert "below the minimum" in low.attrs["notes"][0]
    high = MaxSharpe(target_volatility_ann=2.0).allocate(estimate)
    assert high[estimate.mean.idxmax()] == 1.0
    assert "above the frontier" in high.attrs["notes"][0]


def test_target_volatility_with_losing_means_still_takes_the_best(sample: RiskEstimate) -> None:
    losing = RiskEstimate(sample.window, sample.mean - 0.01, sample.covariance)
    weights = MaxSharpe(target_volatility_ann=0.25).allocate(losing)
    np.testing.assert_allclose(weights, MaxSharpe(target_volatility_ann=0.25).allocate(sample), atol=1e-7)


def test_equal_means_give_minimum_variance(sample: RiskEstimate) -> None:
    level = RiskEstimate(sample.window, 0.0 * sample.mean, sample.covariance)
    weights = MaxSharpe(target_volatility_ann=0.25).allocate(level)
    np.testing.assert_allclose(weights, MinVariance().allocate(sample))
    assert "all mean returns are equal" in weights.attrs["notes"][0]


def test_max_sharpe_without_a_gain_in_sight_falls_back(sample: RiskEstimate) -> None:
    losing = RiskEstimate(sample.window, -sample.mean.abs(), sample.covariance)
    weights = MaxSharpe().allocate(losing)
    np.testing.assert_allclose(weights, MinVariance().allocate(sample))
    assert "minimum variance instead" in weights.attrs["notes"][0]


@pytest.mark.parametrize("name", ALLOCATORS)
def test_a_singular_covariance_is_allocated(name: str) -> None:
    estimate = example_estimate()
    twin = estimate.covariance.copy()
    twin.loc["A01"] = twin.loc["A00"].to_numpy()
    twin["A01"] = twin["A00"].to_numpy()
    twin.loc["A01", "A01"] = twin.loc["A00", "A00"]
    weights = ALLOCATORS[name]().allocate(RiskEstimate(estimate.window, estimate.mean, twin))
    assert weights.sum() == pytest.approx(1.0)
    assert (weights >= 0.0).all()


@pytest.mark.parametrize("target", [0.0, -0.1, 20, "0.2", True, float("nan")])
def test_a_wrong_target_is_refused(target: object) -> None:
    with pytest.raises(ParamsError, match="target_volatility_ann"):
        MaxSharpe(target_volatility_ann=target)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    assets=st.integers(1, 12),
    gone=st.sets(st.integers(0, 11), max_size=4),
    name=st.sampled_from(list(ALLOCATORS)),
    shift=st.floats(-0.01, 0.01),
    scale=st.sampled_from([1e-4, 1.0, 50.0]),
)
def test_weights_are_a_portfolio_or_all_cash(
    seed: int, assets: int, gone: set[int], name: str, shift: float, scale: float
) -> None:
    estimate = example_estimate(assets, seed=seed, scale=scale)
    estimate = RiskEstimate(estimate.window, estimate.mean + shift * scale, estimate.covariance)
    for asset in gone:
        if asset < assets:
            estimate = unusable(estimate, estimate.assets[asset])
    weights = ALLOCATORS[name]().allocate(estimate)
    assert weights.index.equals(estimate.assets)
    assert weights.notna().all()
    assert (weights >= 0.0).all()
    assert (weights[~estimate.usable] == 0.0).all()
    assert weights.sum() == pytest.approx(1.0 if estimate.usable.any() else 0.0, abs=1e-12)
