"""Expected returns against skfolio, plain loops and worked numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from skfolio.moments import EmpiricalCovariance, LedoitWolf, ShrunkMu, ShrunkMuMethods

from alphapulse.core.errors import DataError
from alphapulse.core.facts import PRIOR_SKILL, Facts
from alphapulse.risk.covariance import estimate_risk
from alphapulse.risk.expected import MEANS


def returns(sessions: int = 300, assets: int = 6, seed: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    values = 0.01 * (random.standard_normal((sessions, 1)) + random.standard_normal((sessions, assets)))
    return pd.DataFrame(
        values + np.linspace(-0.001, 0.002, assets),
        pd.bdate_range("2020-01-01", periods=sessions),
        [f"A{number:02d}" for number in range(assets)],
    )


def market_of(window: pd.DataFrame) -> pd.Series:
    return window.mean(axis=1) + 0.005 * np.random.default_rng(1).standard_normal(len(window))


def everything(window: pd.DataFrame) -> dict[str, object]:
    scores = pd.Series(np.linspace(-1.0, 1.0, window.shape[1]), index=window.columns)
    return {"scores": scores, "facts": Facts(benchmark=market_of(window))}


@pytest.mark.parametrize(
    ("covariance", "theirs"), [("sample", EmpiricalCovariance(ddof=1)), ("ledoit_wolf", LedoitWolf())]
)
def test_shrunk_equals_skfolio(covariance: str, theirs: object) -> None:
    window = returns()
    model = ShrunkMu(theirs, vol_weighted_target=True, method=ShrunkMuMethods.BAYES_STEIN).fit(window)
    assert 0.05 < model.beta_ < 0.95
    np.testing.assert_allclose(estimate_risk(window, covariance, "shrunk").mean, model.mu_, rtol=1e-10)


def test_shrunk_means_lie_between_the_historical_and_their_common_target() -> None:
    window = returns()
    plain, drawn = estimate_risk(window).mean, estimate_risk(window, mean="shrunk").mean
    shares = drawn.diff().dropna() / plain.diff().dropna()
    assert shares.to_numpy() == pytest.approx(shares.mean(), rel=1e-9)
    assert 0.0 < shares.mean() < 1.0


def test_capm_equals_a_loop() -> None:
    window = returns()
    benchmark = market_of(window)
    window.iloc[:70, 2] = np.nan
    benchmark.iloc[[10, 200]] = np.nan
    spread = pd.concat([benchmark, pd.Series(0.5, pd.bdate_range("2024-01-01", periods=5))])
    estimate = estimate_risk(window, mean="capm", min_observed=0.5, facts=Facts(benchmark=spread))
    for asset in window:
        both = window[asset].notna() & benchmark.notna()
        beta = np.polyfit(benchmark[both], window.loc[both, asset], 1)[0]
        assert estimate.mean[asset] == pytest.approx(beta * benchmark.mean(), rel=1e-10)


def test_capm_without_a_common_session_knows_no_beta() -> None:
    window = returns()
    benchmark = market_of(window)
    window.iloc[:150, 2] = np.nan
    benchmark.iloc[149:] = np.nan
    estimate = estimate_risk(window, mean="capm", min_observed=0.4, facts=Facts(benchmark=benchmark))
    assert estimate.usable.tolist() == [True, True, False, True, True, True]
    assert estimate.notes[-1] == "no beta to the benchmark: A02"


@pytest.mark.parametrize(
    ("benchmark", "words"),
    [
        (None, "no returns of a benchmark"),
        (pd.Series(0.01, pd.bdate_range("2000-01-03", periods=300)), "0 returns of the benchmark in a window of 300"),
    ],
)
def test_capm_without_a_benchmark_is_refused(benchmark: pd.Series | None, words: str) -> None:
    with pytest.raises(DataError, match=words):
        estimate_risk(returns(), mean="capm", facts=Facts(benchmark=benchmark))


def test_scores_promise_skill_times_volatility_times_score() -> None:
    values = 0.01 * np.array([[1.0, 2.0], [-1.0, 2.0], [1.0, -2.0], [-1.0, -2.0]])
    window = pd.DataFrame(values + 0.001, pd.bdate_range("2020-01-01", periods=4), ["A", "B"])
    scores = pd.Series({"B": 0.2, "A": 0.6})
    estimate = estimate_risk(window, "sample", "scores", scores=scores, facts=Facts(skill=0.05, horizon=25))
    # Volatilities 1 % and 2 % over sqrt(4 / 3); standardised scores are 1 and -1; a fifth of 5 % of them a session.
    promised = 0.01 * np.sqrt(4.0 / 3.0) * np.array([0.01, -0.02])
    np.testing.assert_allclose(estimate.mean, 0.001 + promised, rtol=1e-12)
    assert estimate.notes == ()


def test_scores_are_standardised_across_usable_assets() -> None:
    window = returns()
    window.iloc[:, 1] = 0.0
    scores = pd.Series([0.9, -1.0, 0.1, np.nan, -0.4, 0.3], index=window.columns)
    estimate = estimate_risk(window, mean="scores", scores=scores)
    usable = [0, 2, 3, 4, 5]
    grand = window.iloc[:, usable].mean().mean()
    edge = (estimate.mean - grand) / estimate.volatility
    known = scores.iloc[[0, 2, 4, 5]]
    wanted = PRIOR_SKILL / np.sqrt(21) * (known - known.mean()) / known.std(ddof=0)
    np.testing.assert_allclose(edge[known.index], wanted, rtol=1e-9)
    assert edge["A03"] == pytest.approx(0.0, abs=1e-12)
    assert np.isnan(edge["A01"])
    assert estimate.notes == ("returns never vary: A01", "no score, expected at the mean of all: A03")


@pytest.mark.parametrize("level", [0.0, 0.3])
def test_scores_that_do_not_differ_promise_nothing(level: float) -> None:
    window = returns()
    estimate = estimate_risk(window, mean="scores", scores=pd.Series(level, index=window.columns))
    np.testing.assert_allclose(estimate.mean, window.mean().mean(), rtol=1e-12)
    assert estimate.notes == ("scores do not differ: expected at the mean of all",)


def test_scores_that_are_all_unknown_promise_nothing() -> None:
    window = returns()
    estimate = estimate_risk(window, mean="scores", scores=pd.Series(np.nan, index=window.columns))
    np.testing.assert_allclose(estimate.mean, window.mean().mean(), rtol=1e-12)
    assert estimate.notes == ("no score, expected at the mean of all: A00, A01, A02, A03, A04 and 1 more",)


def test_missing_and_infinite_scores_are_refused() -> None:
    with pytest.raises(DataError, match="without scores"):
        estimate_risk(returns(), mean="scores")
    with pytest.raises(DataError, match="inf for A04"):
        estimate_risk(returns(), mean="scores", scores=pd.Series({"A00": 0.1, "A04": np.inf}))


@pytest.mark.parametrize("mean", MEANS)
def test_means_follow_their_assets_and_the_scale_of_returns(mean: str) -> None:
    window = returns()
    known = everything(window)
    plain = estimate_risk(window, mean=mean, **known)
    turned = estimate_risk(window[window.columns[::-1]], mean=mean, **known)
    pd.testing.assert_series_equal(turned.mean[window.columns], plain.mean, rtol=1e-9)
    scaled = estimate_risk(
        3.0 * window, mean=mean, scores=known["scores"], facts=Facts(benchmark=3.0 * market_of(window))
    )
    pd.testing.assert_series_equal(scaled.mean, 3.0 * plain.mean, rtol=1e-9)


@pytest.mark.parametrize("mean", MEANS)
def test_unusable_assets_have_no_mean(mean: str) -> None:
    window = returns()
    known = everything(window)
    window.iloc[:200, 4] = np.nan
    estimate = estimate_risk(window, mean=mean, **known)
    assert estimate.mean.isna().tolist() == [False, False, False, False, True, False]
    assert estimate.usable.tolist() == [True, True, True, True, False, True]
