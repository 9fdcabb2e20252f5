"""Unequal histories against plain loops and a known truth: each asset's own variance, each pair's common sessions."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import eigh
from sklearn.covariance import OAS
from sklearn.covariance import ledoit_wolf_shrinkage as sklearn_shrinkage

from alphapulse.risk.covariance import EWMA_HALF_LIFE, estimate_risk


def returns(sessions: int = 300, assets: int = 6, seed: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    values = 0.01 * (random.standard_normal((sessions, 1)) + random.standard_normal((sessions, assets)))
    values *= np.linspace(1.0, 3.0, assets)
    return pd.DataFrame(
        values, pd.bdate_range("2020-01-01", periods=sessions), [f"A{number:02d}" for number in range(assets)]
    )


def listed_late(window: pd.DataFrame, unknown: dict[int, int]) -> pd.DataFrame:
    """Return the window with so many leading returns unknown, by position of the asset."""
    late = window.copy()
    for asset, count in unknown.items():
        late.iloc[:count, asset] = np.nan
    return late


def pairwise(window: pd.DataFrame, weights: np.ndarray, lost: float) -> np.ndarray:
    """Return the covariance pair by pair: own weighted variance, correlation over the common sessions."""
    away = (window - window.mean()).to_numpy()
    known = ~np.isnan(away)
    assets = away.shape[1]
    out = np.empty((assets, assets))
    for one in range(assets):
        for two in range(assets):
            both = known[:, one] & known[:, two]
            x, y, weight = away[both, one], away[both, two], weights[both]
            correlation = np.sum(weight * x * y) / np.sqrt(np.sum(weight * x * x) * np.sum(weight * y * y))
            variance = [
                np.sum(weights[known[:, at]] * away[known[:, at], at] ** 2) / (weights[known[:, at]].sum() - lost)
                for at in (one, two)
            ]
            out[one, two] = correlation * np.sqrt(variance[0] * variance[1])
    return out


def correlation(covariance: np.ndarray) -> np.ndarray:
    deviation = np.sqrt(np.diag(covariance))
    return covariance / np.outer(deviation, deviation)


def ledoit_wolf_shrinkage(away: np.ndarray) -> float:
    return float(sklearn_shrinkage(away, assume_centered=True))


def oas_shrinkage(away: np.ndarray) -> float:
    return float(OAS(assume_centered=True).fit(away).shrinkage_)


def test_a_few_gaps_are_estimated_pair_by_pair() -> None:
    window = listed_late(returns(), {1: 100, 4: 30})
    window.iloc[[5, 50, 120], 2] = np.nan
    estimate = estimate_risk(window, "sample", min_observed=0.5)
    assert estimate.notes == ()
    np.testing.assert_allclose(estimate.covariance, pairwise(window, np.ones(300), 1.0), rtol=1e-12)
    np.testing.assert_allclose(np.diag(estimate.covariance), window.var(), rtol=1e-12)
    np.testing.assert_allclose(estimate.mean, window.mean(), rtol=1e-12)


def test_a_few_gaps_are_weighted_by_age_pair_by_pair() -> None:
    window = listed_late(returns(), {1: 100, 4: 30})
    weights = 0.5 ** (np.arange(300)[::-1] / EWMA_HALF_LIFE)
    weights /= weights.sum()
    estimate = estimate_risk(window, "ewma", min_observed=0.5)
    np.testing.assert_allclose(estimate.covariance, pairwise(window, weights, 0.0), rtol=1e-12)


@pytest.mark.parametrize("covariance", ["factor", "denoised"])
def test_variances_come_from_the_known_returns_alone(covariance: str) -> None:
    window = listed_late(returns(assets=12), {1: 200, 7: 150})
    known = estimate_risk(window, covariance, min_observed=0.25).covariance
    np.testing.assert_allclose(np.diag(known), window.var(), rtol=1e-12)


@pytest.mark.parametrize(("covariance", "intensity"), [("ledoit_wolf", ledoit_wolf_shrinkage), ("oas", oas_shrinkage)])
def test_shrinkage_is_that_of_the_filled_window_scaled_to_each_variance(
    covariance: str, intensity: Callable[[np.ndarray], float]
) -> None:
    window = listed_late(returns(), {1: 100, 4: 30})
    away = (window - window.mean()) * np.sqrt(300 / window.notna().sum())
    shrinkage = intensity(away.fillna(0.0).to_numpy())
    wanted = (1.0 - shrinkage) * pairwise(window, np.ones(300), 0.0)
    wanted += shrinkage * np.eye(6) * window.var(ddof=0).mean()
    assert 0.0 < shrinkage < 1.0
    np.testing.assert_allclose(estimate_risk(window, covariance, min_observed=0.5).covariance, wanted, rtol=1e-12)


@pytest.mark.parametrize("covariance", ["sample", "ewma"])
def test_a_gap_of_one_asset_leaves_the_others_as_they_are(covariance: str) -> None:
    window = returns(120, 40)
    late = listed_late(window, {3: 80, 9: 70})
    estimate = estimate_risk(late, covariance, min_observed=0.25)
    assert "2 assets with gaps drawn" in estimate.notes[0]
    others = np.delete(np.arange(40), [3, 9])
    np.testing.assert_allclose(
        estimate.covariance.iloc[others, others],
        estimate_risk(window.iloc[:, others], covariance).covariance,
        rtol=1e-10,
    )


def test_correlations_are_drawn_no_further_than_they_must() -> None:
    window = listed_late(returns(120, 40), {3: 80, 9: 70, 20: 5})
    estimate = estimate_risk(window, "sample", min_observed=0.25)
    away = (window - window.mean()).fillna(0.0)
    filled = correlation((away.T @ away).to_numpy())
    raw = correlation(pairwise(window, np.ones(120), 1.0))
    given_ = correlation(estimate.covariance.to_numpy())
    assert eigh(raw, filled, eigvals_only=True)[0] < 0.4
    assert eigh(given_, filled, eigvals_only=True)[0] == pytest.approx(0.5, abs=1e-9)
    moved = np.abs(raw - filled) > 1e-9
    share = ((raw - given_) / np.where(moved, raw - filled, 1.0))[moved]
    assert share == pytest.approx(share.mean(), abs=1e-6)
    assert estimate.notes == (
        f"correlations of 3 assets with gaps drawn {share.mean():.0%} of the way to those of the filled window, "
        f"by {np.abs(raw - given_).max():.3f} at most",
    )


def test_assets_that_never_traded_together_are_noted_and_uncorrelated() -> None:
    window = returns()
    window.iloc[:150, 0] = np.nan
    window.iloc[140:, 1] = np.nan
    window.iloc[:145, 2] = np.nan
    estimate = estimate_risk(window, "sample", min_observed=0.25)
    assert estimate.notes[0] == "2 pairs of assets share fewer than 10% of the sessions"
    assert estimate.covariance.iloc[0, 1] == 0.0
    assert estimate.covariance.iloc[0, 2] > 0.0


@pytest.mark.parametrize(("sessions", "assets", "late"), [(756, 20, 6), (756, 100, 30), (252, 100, 50)])
@pytest.mark.parametrize("covariance", ["ledoit_wolf", "oas"])
def test_unequal_histories_recover_the_truth_better_than_the_mean_does(
    covariance: str, sessions: int, assets: int, late: int
) -> None:
    random = np.random.default_rng(0)
    loadings = random.normal(1.0, 0.3, (assets, 1))
    volatility = 0.01 * np.exp(0.4 * random.standard_normal(assets))
    truth = (loadings @ loadings.T + np.diag(random.uniform(1.0, 3.0, assets))) * np.outer(volatility, volatility)
    window = pd.DataFrame(random.multivariate_normal(np.zeros(assets), truth, sessions, method="cholesky"))
    window.columns = [f"A{number:03d}" for number in range(assets)]
    shares = random.uniform(0.25, 0.75, late)
    window = listed_late(window, {at: int(share * sessions) for at, share in enumerate(shares)})
    minded = estimate_risk(window, covariance, min_observed=0.2).covariance.to_numpy()
    meant = estimate_risk(window.fillna(window.mean()), covariance).covariance.to_numpy()
    assert np.linalg.norm(minded - truth) < 0.9 * np.linalg.norm(meant - truth)
    weights = [np.linalg.solve(matrix, np.ones(assets)) for matrix in (minded, meant)]
    risks = [weight @ truth @ weight / weight.sum() ** 2 for weight in weights]
    assert risks[0] < risks[1], "the portfolio of least variance is riskier than with the mean filled in"


@given(seed=st.integers(0, 10_000), sessions=st.integers(4, 60), assets=st.integers(1, 12), data=st.data())
def test_portfolios_keep_half_their_variance_under_any_gaps(
    seed: int, sessions: int, assets: int, data: st.DataObject
) -> None:
    late = data.draw(st.dictionaries(st.integers(0, assets - 1), st.integers(0, sessions - 3)))
    window = listed_late(returns(sessions, assets, seed), late)
    estimate = estimate_risk(window, "sample", min_observed=0.01)
    away = (window - window.mean()).fillna(0.0).to_numpy()
    scaled = away / np.sqrt((away**2).sum(axis=0)) * estimate.volatility
    portfolios = np.random.default_rng(seed).standard_normal((50, assets))
    variance = np.einsum("pi,ij,pj->p", portfolios, estimate.covariance.to_numpy(), portfolios)
    assert (variance >= 0.5 * ((portfolios @ scaled.T) ** 2).sum(axis=1) * (1 - 1e-6)).all()
