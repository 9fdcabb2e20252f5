"""The posterior against He and Litterman's own tables and Bayes' rule; what cannot be weighed is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphapulse.core.errors import ParamsError, RiskError
from alphapulse.portfolio.posterior import black_litterman_posterior
from alphapulse.testing import example_estimate

TAU = 0.05

# He and Litterman 1999, The Intuition Behind Black-Litterman Model Portfolios, tables 1, 2, 4 and 5, in per cent.
COUNTRIES = ["Australia", "Canada", "France", "Germany", "Japan", "UK", "USA"]
VOLATILITY = np.array([16.0, 20.3, 24.8, 27.1, 21.0, 20.0, 18.7]) / 100
MARKET = np.array([1.6, 2.2, 5.2, 5.5, 11.6, 12.4, 61.5]) / 100
CORRELATION = [
    [0.488, 0.478, 0.515, 0.439, 0.512, 0.491],
    [0.664, 0.655, 0.310, 0.608, 0.779],
    [0.861, 0.355, 0.783, 0.668],
    [0.354, 0.777, 0.653],
    [0.405, 0.306],
    [0.652],
]
GERMANY = [0.0, 0.0, -0.295, 1.0, 0.0, -0.705, 0.0]
CANADA = [0.0, 1.0, 0.0, 0.0, 0.0, 0.0, -1.0]


def countries() -> np.ndarray:
    correlation = np.eye(7)
    for row, values in enumerate(CORRELATION):
        correlation[row, row + 1 :] = correlation[row + 1 :, row] = values
    return correlation * np.outer(VOLATILITY, VOLATILITY)


@pytest.mark.parametrize(
    ("picks", "views", "mean", "weights"),
    [
        ([GERMANY], [0.05], [4.3, 7.6, 9.3, 11.0, 4.5, 7.0, 8.1], [1.5, 2.1, -4.0, 35.4, 11.0, -9.5, 58.6]),
        (
            [GERMANY, CANADA],
            [0.05, 0.03],
            [4.4, 8.7, 9.5, 11.2, 4.6, 7.0, 7.5],
            [1.5, 41.9, -3.4, 33.6, 11.0, -8.2, 18.8],
        ),
    ],
)
def test_he_and_litterman_tables_4_and_5(
    picks: list[list[float]], views: list[float], mean: list[float], weights: list[float]
) -> None:
    covariance, chosen = countries(), np.array(picks)
    prior = 2.5 * covariance @ MARKET
    np.testing.assert_allclose(100 * prior, [3.9, 6.9, 8.4, 9.0, 4.3, 6.8, 7.6], atol=0.05)
    omega = TAU * np.diag(chosen @ covariance @ chosen.T)
    np.testing.assert_allclose(omega / TAU, [0.021, 0.017][: len(views)], atol=5e-4)
    found, spread = black_litterman_posterior(covariance, prior, chosen, np.array(views), omega, TAU)
    np.testing.assert_allclose(100 * found, mean, atol=0.055)
    np.testing.assert_allclose(100 * np.linalg.solve(2.5 * spread, found), weights, atol=0.055)


@given(
    seed=st.integers(0, 10_000),
    size=st.integers(1, 9),
    tau=st.sampled_from([1e-3, 0.05, 1.0]),
    viewed=st.sets(st.integers(0, 8)),
    relative=st.integers(0, 3),
)
def test_posterior_is_the_precision_weighted_mean(
    seed: int, size: int, tau: float, viewed: set[int], relative: int
) -> None:
    """Against Bayes' rule in precisions, by inverses; single views against the same as rows of a matrix."""
    random = np.random.default_rng(seed)
    estimate = example_estimate(size, seed=seed)
    covariance = estimate.covariance.to_numpy()
    prior = 2.5 * covariance @ random.dirichlet(np.ones(size))
    at = np.array(sorted(number for number in viewed if number < size), dtype=int)
    rows = np.vstack([np.eye(size)[at], random.standard_normal((relative, size))])
    views = 1e-3 * random.standard_normal(len(rows))
    omega = tau * np.diag(rows @ covariance @ rows.T) * random.uniform(0.05, 20.0, len(rows))

    def believed(rows: np.ndarray, views: np.ndarray, omega: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        before = np.linalg.inv(tau * covariance)
        left = np.linalg.inv(before + rows.T @ np.diag(1.0 / omega) @ rows)
        return left @ (before @ prior + rows.T @ (views / omega)), covariance + left

    mean, spread = black_litterman_posterior(covariance, prior, rows, views, omega, tau)
    np.testing.assert_allclose(mean, believed(rows, views, omega)[0], rtol=1e-9, atol=1e-14)
    np.testing.assert_allclose(spread, believed(rows, views, omega)[1], rtol=1e-9, atol=1e-16)
    assert (np.linalg.eigvalsh(spread - covariance) > -1e-16).all(), "views make returns surer than they are"
    assert (np.linalg.eigvalsh((1 + tau) * covariance - spread) > -1e-16).all(), "views make the mean less sure"

    count = len(at)
    mean, spread = black_litterman_posterior(covariance, prior, at, views[:count], omega[:count], tau)
    np.testing.assert_allclose(mean, believed(rows[:count], views[:count], omega[:count])[0], rtol=1e-9, atol=1e-14)
    np.testing.assert_allclose(spread, believed(rows[:count], views[:count], omega[:count])[1], rtol=1e-9, atol=1e-16)
    np.testing.assert_array_equal(spread, spread.T)


def test_contradicting_views_meet_by_how_sure_they_are() -> None:
    covariance, prior = np.array([[0.04, 0.01], [0.01, 0.09]]), np.array([0.02, 0.03])
    twice, views = np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([0.10, -0.10])
    mean, _ = black_litterman_posterior(covariance, prior, twice, views, np.array([1e-9, 3e-9]))
    assert mean[0] == pytest.approx(0.75 * 0.10 - 0.25 * 0.10, abs=1e-6)
    with pytest.raises(RiskError, match="2 views cannot hold together"):
        black_litterman_posterior(covariance, prior, twice, views, np.zeros(2))


@pytest.mark.parametrize(
    ("picks", "views", "omega"),
    [
        (np.eye(2), [0.1], [0.1]),
        (np.array([0, 0]), [0.1, 0.2], [0.1, 0.1]),
        (np.array([1, 0]), [0.1, 0.2], [0.1, 0.1]),
        (np.array([-1]), [0.1], [0.1]),
        (np.array([2]), [0.1], [0.1]),
        (np.array([0]), [0.1], [-0.1]),
        (np.array([0]), [0.1], [np.nan]),
        (np.array([0]), [0.1], [0.1, 0.1]),
    ],
)
def test_arrays_that_do_not_fit_are_refused(picks: np.ndarray, views: list[float], omega: list[float]) -> None:
    with pytest.raises(ParamsError, match="posterior: covariance"):
        black_litterman_posterior(np.eye(2), np.zeros(2), picks, np.array(views), np.array(omega))
