"""Risk budgets are met to 1e-10; weights against skfolio and the worked example of the paper; hedges are handled."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import alphapulse as ap
from alphapulse.core.errors import ParamsError, RiskError
from alphapulse.core.estimates import RiskEstimate
from alphapulse.core.stats import session_returns
from alphapulse.portfolio.risk_parity import RiskParity, budgeted
from alphapulse.testing import ALLOCATOR_CHECKS, example_estimate


@pytest.fixture(scope="module")
def sample() -> RiskEstimate:
    returns = session_returns(ap.load_market("sample").panel("total_return"))
    return ap.estimate_risk(returns.loc[:"2022-12-28"].iloc[-756:], covariance="sample")


def estimate_of(covariance: np.ndarray) -> RiskEstimate:
    names = [f"A{number:02d}" for number in range(len(covariance))]
    window = pd.DataFrame(np.zeros((2, len(names))), pd.bdate_range("2020-01-01", periods=2), names)
    return RiskEstimate(window, window.mean(), pd.DataFrame(covariance, names, names))


def contributions(weights: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """Return shares of the portfolio's variance, relative to an equal share."""
    parts = np.asarray(weights) * (np.asarray(covariance) @ np.asarray(weights))
    return len(parts) * parts / parts.sum()


@pytest.mark.parametrize("allocator", [RiskParity(), RiskParity({"A01": 3.0, "A05": 0.1})], ids=repr)
@pytest.mark.parametrize("check", ALLOCATOR_CHECKS)
def test_the_laws_hold(allocator: RiskParity, check: str) -> None:
    ALLOCATOR_CHECKS[check](allocator, 1e-9)


def test_equals_skfolio(sample: RiskEstimate) -> None:
    from skfolio.optimization import RiskBudgeting

    weights = RiskParity().allocate(sample)
    np.testing.assert_allclose(weights, RiskBudgeting().fit(sample.window).weights_, atol=1e-5, rtol=0)
    np.testing.assert_allclose(contributions(weights, sample.covariance), 1.0, atol=1e-10)


def test_budgets_equal_skfolio(sample: RiskEstimate) -> None:
    from skfolio.optimization import RiskBudgeting

    budgets = {"AAPL": 3.0, "XOM": 0.5, "nobody": 7.0}
    weights = RiskParity(budgets).allocate(sample)
    theirs = RiskBudgeting(risk_budget={name: budgets.get(name, 1.0) for name in sample.assets})
    np.testing.assert_allclose(weights, theirs.fit(sample.window).weights_, atol=1e-5, rtol=0)
    shares = pd.Series(contributions(weights, sample.covariance), sample.assets)
    assert shares["AAPL"] == pytest.approx(3.0 * shares["KO"], rel=1e-9)
    assert shares["XOM"] == pytest.approx(0.5 * shares["KO"], rel=1e-9)


def test_the_papers_example() -> None:
    """Maillard, Roncalli and Teiletche 2010, four assets, second table."""
    volatility = np.array([0.1, 0.2, 0.3, 0.4])
    correlation = np.eye(4)
    correlation[0, 1] = correlation[1, 0] = 0.8
    correlation[2, 3] = correlation[3, 2] = -0.5
    weights = RiskParity().allocate(estimate_of(correlation * np.outer(volatility, volatility)))
    np.testing.assert_allclose(weights, [0.384, 0.192, 0.243, 0.182], atol=5e-4)


@pytest.mark.parametrize("size", [1, 2, 3, 33])
@pytest.mark.parametrize("correlation", [0.0, 0.3, 0.999])
def test_equal_correlations_give_inverse_volatility(size: int, correlation: float) -> None:
    volatility = np.linspace(0.01, 0.05, size)
    matrix = np.full((size, size), correlation)
    np.fill_diagonal(matrix, 1.0)
    weights = RiskParity().allocate(estimate_of(matrix * np.outer(volatility, volatility)))
    np.testing.assert_allclose(weights, 1.0 / volatility / (1.0 / volatility).sum(), rtol=1e-10)


@given(
    seed=st.integers(0, 10_000),
    size=st.integers(1, 40),
    factors=st.integers(1, 5),
    noise=st.sampled_from([1.0, 0.1, 0.01]),
    uneven=st.floats(0.0, 2.0),
)
def test_budgets_are_met(seed: int, size: int, factors: int, noise: float, uneven: float) -> None:
    """Exposures of both signs: assets hedge each other, and turns alone would not do."""
    random = np.random.default_rng(seed)
    exposures = random.standard_normal((size, factors))
    covariance = exposures @ exposures.T + noise * np.eye(size)
    covariance *= np.outer(scale := random.uniform(0.005, 0.05, size), scale)
    budgets = random.lognormal(0.0, uneven, size)
    amounts, ridged = budgeted(covariance, budgets)
    assert not ridged
    assert (amounts > 0.0).all()
    np.testing.assert_allclose(contributions(amounts, covariance) / (budgets / budgets.mean()), 1.0, atol=2e-10)


def test_two_assets_get_inverse_volatility_even_as_near_hedges() -> None:
    weights = RiskParity().allocate(estimate_of(np.array([[0.0001, -0.0001998], [-0.0001998, 0.0004]])))
    np.testing.assert_allclose(weights, [2 / 3, 1 / 3], rtol=1e-10)
    assert weights.attrs["notes"] == ()


def test_many_hedges_at_full_size() -> None:
    exposure = np.random.default_rng(0).standard_normal(500)
    covariance = 0.0004 * (np.outer(exposure, exposure) + 0.02 * np.eye(500))
    amounts, ridged = budgeted(covariance, np.ones(500))
    assert not ridged
    np.testing.assert_allclose(contributions(amounts, covariance), 1.0, atol=1e-10)


def test_twins_share_the_risk_of_two() -> None:
    covariance = 0.0004 * np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    weights = RiskParity().allocate(estimate_of(covariance))
    assert weights.attrs["notes"] == ()
    assert weights["A00"] == pytest.approx(weights["A01"], rel=1e-10)
    np.testing.assert_allclose(contributions(weights, covariance), 1.0, atol=1e-10)


def test_a_full_hedge_takes_nearly_all_and_is_noted() -> None:
    """The contributions of a portfolio without risk are undefined; a ridge of 1e-6 of each variance defines them."""
    covariance = 0.0004 * np.array([[1.0, -1.0, 0.0], [-1.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    weights = RiskParity().allocate(estimate_of(covariance))
    assert "hedge each other" in weights.attrs["notes"][0]
    # x^2 1e-6 v = b for the hedged, x^2 (1 + 1e-6) v = b for the third
    third = 1.0 / (1.0 + 2.0 * np.sqrt((1.0 + 1e-6) / 1e-6))
    np.testing.assert_allclose(weights, [(1.0 - third) / 2.0, (1.0 - third) / 2.0, third], rtol=1e-6)


def test_no_portfolio_without_variances_that_are_one() -> None:
    with pytest.raises(RiskError, match="no weights met the risk budgets"):
        budgeted(np.array([[0.0004, -0.0006], [-0.0006, 0.0004]]), np.ones(2))
    with pytest.raises(RiskError, match="no weights met the risk budgets"):
        budgeted(np.array([[0.0004, np.nan], [np.nan, 0.0004]]), np.ones(2))


@given(seed=st.integers(0, 10_000), scale=st.sampled_from([1e-6, 1e3]))
def test_the_unit_of_returns_does_not_matter(seed: int, scale: float) -> None:
    weights = RiskParity().allocate(example_estimate(9, seed=seed))
    np.testing.assert_allclose(RiskParity().allocate(example_estimate(9, seed=seed, scale=scale)), weights, rtol=1e-9)


@pytest.mark.parametrize("budgets", [{"A": 0.0}, {"A": -1.0}, {"A": "2"}, {"A": float("nan")}, {"A": True}, 2.0, ["A"]])
def test_wrong_budgets_are_refused(budgets: object) -> None:
    with pytest.raises(ParamsError, match="budgets"):
        RiskParity(budgets)
