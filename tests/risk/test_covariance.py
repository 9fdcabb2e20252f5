"""Risk estimates against scikit-learn, pandas and plain loops; missing, flat and collinear assets have one outcome."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.covariance import ledoit_wolf as sklearn_ledoit_wolf

from alphapulse.core.errors import DataError, ParamsError
from alphapulse.risk.covariance import COVARIANCES, EWMA_HALF_LIFE, estimate_risk


def returns(sessions: int = 300, assets: int = 6, seed: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    values = 0.01 * (random.standard_normal((sessions, 1)) + random.standard_normal((sessions, assets)))
    values *= np.linspace(1.0, 3.0, assets)
    return pd.DataFrame(
        values, pd.bdate_range("2020-01-01", periods=sessions), [f"A{number:02d}" for number in range(assets)]
    )


@pytest.mark.parametrize(("sessions", "assets"), [(756, 20), (300, 6), (40, 60), (3, 2), (250, 1)])
def test_ledoit_wolf_equals_scikit_learn(sessions: int, assets: int) -> None:
    window = returns(sessions, assets)
    theirs, _ = sklearn_ledoit_wolf(window.to_numpy())
    np.testing.assert_allclose(estimate_risk(window).covariance, theirs, rtol=1e-12, atol=1e-12 * theirs.max())


def test_ledoit_wolf_equals_scikit_learn_on_real_returns() -> None:
    from skfolio.datasets import load_sp500_dataset

    window = load_sp500_dataset().pct_change().iloc[-756:]
    theirs, _ = sklearn_ledoit_wolf(window.to_numpy())
    np.testing.assert_allclose(estimate_risk(window).covariance, theirs, rtol=1e-12)


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


def test_scattered_missing_returns_count_as_the_mean() -> None:
    window = returns()
    window.iloc[[5, 50, 120], 2] = np.nan
    filled = window.fillna(window.mean())
    estimate = estimate_risk(window)
    assert estimate.notes == ()
    np.testing.assert_allclose(estimate.covariance, estimate_risk(filled).covariance, rtol=1e-12)
    assert estimate.mean["A02"] == pytest.approx(window["A02"].mean(), rel=1e-12)


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
    assert len(estimate.notes) == 1


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
    missing=st.floats(0.0, 0.2),
)
def test_symmetric_positive_definite_and_prompted_by_nobody_unusable(
    seed: int, sessions: int, assets: int, covariance: str, missing: float
) -> None:
    window = returns(sessions, assets, seed)
    window = window.mask(np.random.default_rng(seed).random(window.shape) < missing)
    before = window.copy()
    estimate = estimate_risk(window, covariance)
    usable = estimate.usable
    matrix = estimate.covariance.to_numpy()[np.ix_(usable, usable)]
    assert window.equals(before)
    assert (usable == estimate.mean.notna().to_numpy()).all()
    assert np.array_equal(matrix, matrix.T)
    if usable.any():
        np.linalg.cholesky(matrix)
    order = window.columns[::-1]
    moved = estimate_risk(window[order], covariance)
    pd.testing.assert_frame_equal(
        moved.covariance.loc[window.columns, window.columns], estimate.covariance, rtol=1e-6, atol=1e-12
    )


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
