"""Risk estimates against scikit-learn, pandas and plain loops; missing, flat and collinear assets have one outcome."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skfolio.datasets import load_sp500_dataset
from skfolio.moments import DenoiseCovariance, EmpiricalCovariance
from sklearn.covariance import ledoit_wolf as sklearn_ledoit_wolf
from sklearn.covariance import oas as sklearn_oas

from alphapulse.core.errors import DataError, ParamsError
from alphapulse.core.facts import Facts
from alphapulse.risk.covariance import COVARIANCES, EWMA_HALF_LIFE, estimate_risk


def returns(sessions: int = 300, assets: int = 6, seed: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    values = 0.01 * (random.standard_normal((sessions, 1)) + random.standard_normal((sessions, assets)))
    values *= np.linspace(1.0, 3.0, assets)
    return pd.DataFrame(
        values, pd.bdate_range("2020-01-01", periods=sessions), [f"A{number:02d}" for number in range(assets)]
    )


def three_factors(sessions: int = 756, assets: int = 60) -> pd.DataFrame:
    """Return returns of assets that three factors of 3 %, 2 % and 2 % move beside 1 % of their own."""
    random = np.random.default_rng(3)
    loadings = random.standard_normal((3, assets)) * np.array([[0.03], [0.02], [0.02]])
    values = random.standard_normal((sessions, 3)) @ loadings + 0.01 * random.standard_normal((sessions, assets))
    return pd.DataFrame(values, columns=[f"A{number:02d}" for number in range(assets)])


@pytest.mark.parametrize(("name", "theirs"), [("ledoit_wolf", sklearn_ledoit_wolf), ("oas", sklearn_oas)])
@pytest.mark.parametrize(("sessions", "assets"), [(756, 20), (300, 6), (40, 60), (3, 2), (250, 1)])
def test_shrinkage_equals_scikit_learn(
    name: str, theirs: Callable[[np.ndarray], tuple[np.ndarray, float]], sessions: int, assets: int
) -> None:
    window = returns(sessions, assets)
    wanted, _ = theirs(window.to_numpy())
    estimate = estimate_risk(window, name)
    np.testing.assert_allclose(estimate.covariance, wanted, rtol=1e-12, atol=1e-12 * wanted.max())
    assert estimate.notes == ()


@pytest.mark.parametrize(("name", "theirs"), [("ledoit_wolf", sklearn_ledoit_wolf), ("oas", sklearn_oas)])
def test_shrinkage_equals_scikit_learn_on_real_returns(
    name: str, theirs: Callable[[np.ndarray], tuple[np.ndarray, float]]
) -> None:
    window = load_sp500_dataset().pct_change().iloc[-756:]
    wanted, _ = theirs(window.to_numpy())
    np.testing.assert_allclose(estimate_risk(window, name).covariance, wanted, rtol=1e-12)


def test_factor_keeps_the_planted_factors_and_the_sample_variances() -> None:
    window = three_factors()
    standard = ((window - window.mean()) / window.std()).to_numpy() / np.sqrt(755)
    _, singular, vectors = np.linalg.svd(standard)
    wanted = sum(singular[at] ** 2 * np.outer(vectors[at], vectors[at]) for at in range(3))
    np.fill_diagonal(wanted, 1.0)
    estimate = estimate_risk(window, "factor")
    correlation = estimate.covariance / np.outer(estimate.volatility, estimate.volatility)
    np.testing.assert_allclose(correlation, wanted, atol=1e-12)
    np.testing.assert_allclose(np.diag(estimate.covariance), window.var(), rtol=1e-14)


def test_denoised_equals_skfolio_where_both_see_the_same_edge() -> None:
    window = three_factors()
    theirs = DenoiseCovariance(EmpiricalCovariance(ddof=1)).fit(window).covariance_
    np.testing.assert_allclose(estimate_risk(window, "denoised").covariance, theirs, rtol=1e-11, atol=1e-17)


def test_denoised_equals_a_loop_on_real_returns() -> None:
    window = load_sp500_dataset().pct_change().iloc[-756:]
    values, vectors = np.linalg.eigh(window.corr())
    edge = (1.0 - max(values) / 20.0) * (1.0 + np.sqrt(20.0 / 756.0)) ** 2
    noise = [value for value in values if value <= edge]
    wanted = np.zeros((20, 20))
    for value, vector in zip(values, vectors.T, strict=True):
        wanted += (value if value > edge else sum(noise) / len(noise)) * np.outer(vector, vector)
    wanted /= np.sqrt(np.outer(np.diag(wanted), np.diag(wanted)))
    assert 10 < len(noise) < 19
    np.testing.assert_allclose(
        estimate_risk(window, "denoised").covariance, wanted * np.outer(window.std(), window.std()), rtol=1e-11
    )


def test_denoising_takes_away_what_unrelated_assets_seem_to_share() -> None:
    window = pd.DataFrame(0.01 * np.random.default_rng(0).standard_normal((756, 40)))
    window.columns = [f"A{number:02d}" for number in range(40)]
    estimate = estimate_risk(window, "denoised")
    correlation = (estimate.covariance / np.outer(estimate.volatility, estimate.volatility)).to_numpy()
    apart = ~np.eye(40, dtype=bool)
    assert np.abs(correlation[apart]).mean() < 0.5 * np.abs(window.corr().to_numpy()[apart]).mean()


def test_sample_equals_pandas() -> None:
    estimate = estimate_risk(returns(), "sample")
    np.testing.assert_allclose(estimate.covariance, returns().cov(), rtol=1e-12)
    np.testing.assert_allclose(estimate.mean, returns().mean(), rtol=1e-12)


def test_ewma_equals_a_loop() -> None:
    window = returns(100, 3)
    centred = (window - window.mean()).to_numpy()
    weights = [0.5 ** ((99 - at) / EWMA_HALF_LIFE) for at in range(100)]
    wanted = sum(weight * np.outer(row, row) for weight, row in zip(weights, centred, strict=True)) / sum(weights)
    np.testing.assert_allclose(estimate_risk(window, "ewma").covariance, wanted, rtol=1e-12)


def test_a_short_history_is_unusable_and_noted() -> None:
    window = returns()
    window.iloc[:40, 1] = np.nan
    estimate = estimate_risk(window)
    assert estimate.usable.tolist() == [True, False, True, True, True, True]
    assert estimate.mean.isna().tolist() == [False, True, False, False, False, False]
    assert estimate.covariance["A01"].isna().all()
    assert estimate.covariance.loc["A01"].isna().all()
    assert estimate.notes == ("too few of 300 returns known: A01",)
    rest = estimate_risk(window.drop(columns="A01"))
    np.testing.assert_allclose(estimate.restricted(estimate.usable).covariance, rest.covariance, rtol=1e-12)
    assert estimate_risk(window, min_observed=0.8).usable.all()


@pytest.mark.parametrize("covariance", COVARIANCES)
@pytest.mark.parametrize("level", [0.0, 0.001])
def test_returns_that_never_vary_are_unusable_and_noted(covariance: str, level: float) -> None:
    window = returns()
    window["A03"] = level
    estimate = estimate_risk(window, covariance)
    assert estimate.usable.tolist() == [True, True, True, False, True, True]
    assert estimate.notes == ("returns never vary: A03",)


def test_many_unusable_assets_are_counted() -> None:
    window = returns(100, 9)
    window.iloc[:50, :8] = np.nan
    assert estimate_risk(window).notes == ("too few of 100 returns known: A00, A01, A02, A03, A04 and 3 more",)


@pytest.mark.parametrize("covariance", COVARIANCES)
@pytest.mark.parametrize("rows", [0, 1])
def test_too_short_a_window_leaves_nobody_usable(covariance: str, rows: int) -> None:
    estimate = estimate_risk(returns().iloc[:rows], covariance)
    assert not estimate.usable.any()
    assert "no asset is usable" in estimate.notes[0]


def test_all_missing_leaves_nobody_usable() -> None:
    estimate = estimate_risk(returns() * np.nan)
    assert not estimate.usable.any()
    assert estimate.notes == ("too few of 300 returns known: A00, A01, A02, A03, A04 and 1 more",)


@pytest.mark.parametrize("covariance", COVARIANCES)
def test_no_assets_leave_an_estimate_of_none(covariance: str) -> None:
    estimate = estimate_risk(returns().iloc[:, :0], covariance)
    assert estimate.usable.shape == (0,)
    assert estimate.covariance.shape == (0, 0)
    assert estimate.notes == ("300 sessions of 0 assets: no asset is usable",)


@pytest.mark.parametrize("covariance", COVARIANCES)
def test_one_asset_has_its_variance(covariance: str) -> None:
    window = returns(assets=1)
    estimate = estimate_risk(window, covariance)
    assert estimate.notes == ()
    assert estimate.volatility[0] == pytest.approx(window["A00"].std(), rel=0.2 if covariance == "ewma" else 2e-3)


def test_facts_go_with_the_estimate_on_its_assets() -> None:
    price = pd.Series([5.0, 7.0, 9.0], index=["A03", "Z", "A00"])
    estimate = estimate_risk(returns(), facts=Facts(price=price, skill=0.03))
    assert estimate.facts.skill == 0.03
    told = estimate.facts.values("price", estimate.assets)
    assert (told[0], told[3]) == (9.0, 5.0) and np.isnan(told[[1, 2, 4, 5]]).all()


@pytest.mark.parametrize("build", ["twin", "fewer sessions than assets"])
def test_a_singular_covariance_is_repaired_and_noted(build: str) -> None:
    window = returns(30, 40) if build != "twin" else returns().assign(A05=lambda frame: frame["A00"])
    estimate = estimate_risk(window, "sample")
    assert "close to singular" in estimate.notes[0]
    np.linalg.cholesky(estimate.covariance)
    np.testing.assert_allclose(np.diag(estimate.covariance), window.var(), rtol=1e-6)
    np.testing.assert_allclose(estimate.covariance, window.cov(), atol=1e-6 * float(window.var().max()))


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    sessions=st.integers(2, 60),
    assets=st.integers(1, 12),
    covariance=st.sampled_from(list(COVARIANCES)),
    missing=st.one_of(st.just(0.0), st.floats(0.0, 0.5)),
)
def test_symmetric_positive_definite_and_prompted_by_nobody_unusable(
    seed: int, sessions: int, assets: int, covariance: str, missing: float
) -> None:
    window = returns(sessions, assets, seed)
    window = window.mask(np.random.default_rng(seed).random(window.shape) < missing)
    before = window.copy()
    estimate = estimate_risk(window, covariance, min_observed=0.25)
    usable = estimate.usable
    matrix = estimate.covariance.to_numpy()[np.ix_(usable, usable)]
    assert window.equals(before)
    assert (usable == estimate.mean.notna().to_numpy()).all()
    assert np.array_equal(matrix, matrix.T)
    if usable.any():
        np.linalg.cholesky(matrix)
    order = window.columns[::-1]
    moved = estimate_risk(window[order], covariance, min_observed=0.25)
    pd.testing.assert_frame_equal(
        moved.covariance.loc[window.columns, window.columns], estimate.covariance, rtol=1e-6, atol=1e-12
    )
    scaled = estimate_risk(3.0 * window, covariance, min_observed=0.25)
    pd.testing.assert_frame_equal(scaled.covariance, 9.0 * estimate.covariance, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("assets", [1, 6])
def test_prices_and_per_cent_are_refused(assets: int) -> None:
    window = returns(assets=assets)
    assert estimate_risk(20.0 * window).usable.all()
    for wrong in (50.0 * (1.0 + window).cumprod(), 100.0 * window, (1.0 + window).cumprod().iloc[-30:]):
        with pytest.raises(DataError, match="pct_change"):
            estimate_risk(wrong)
        wrong.iloc[:15] = np.nan
        with pytest.raises(DataError, match="pct_change"):
            estimate_risk(wrong, min_observed=0.25)


def test_infinite_returns_are_refused_by_session_and_asset() -> None:
    window = returns()
    window.iloc[7, 2] = np.inf
    with pytest.raises(DataError, match=r"inf on 2020-01-10.* for A02"):
        estimate_risk(window)


@pytest.mark.parametrize(
    ("given_", "words"),
    [
        ({"covariance": "ledoitwolf"}, "did you mean ledoit_wolf"),
        ({"mean": "historic"}, "did you mean historical"),
        ({"min_observed": 90}, "min_observed"),
    ],
)
def test_wrong_parameters_are_refused(given_: dict[str, object], words: str) -> None:
    with pytest.raises(ParamsError, match=words):
        estimate_risk(returns(), **given_)
