"""Information coefficients, their errors and signal returns, each against a plain loop."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from alphapulse.agents.information import (
    information_coefficients,
    newey_west,
    period_returns,
    rank_correlations,
    signal_returns,
)
from alphapulse.agents.technical import TechnicalAgent
from alphapulse.core.errors import ParamsError
from alphapulse.core.market import MarketData
from alphapulse.core.stats import session_returns
from alphapulse.testing import example_market


@pytest.fixture(scope="module")
def market() -> MarketData:
    return example_market(sessions=700, assets=9, seed=4)


@pytest.fixture(scope="module")
def score(market: MarketData) -> pd.DataFrame:
    return TechnicalAgent().score(market).round(1)  # rounded, so that some are tied


@pytest.mark.parametrize("horizon", [1, 5, 21])
def test_coefficients_equal_a_plain_loop(horizon: int, market: MarketData, score: pd.DataFrame) -> None:
    levels = market.panel("total_return")
    found = information_coefficients(score, levels, horizon)
    assert found.iloc[: horizon + 5].isna().all()
    for at in range(horizon, len(levels)):
        last = levels.iloc[: at + 1].ffill().iloc[-1]
        first = levels.iloc[: at - horizon + 1].ffill().iloc[-1]
        both = pd.DataFrame({"score": score.iloc[at - horizon], "growth": last / first}).dropna()
        if len(both) < 5 or np.ptp(both["score"]) == 0.0:
            assert np.isnan(found.iloc[at])
        else:
            assert found.iloc[at] == pytest.approx(spearmanr(both["score"], both["growth"])[0], abs=1e-12)


def test_coefficients_know_nothing_of_later_sessions(market: MarketData, score: pd.DataFrame) -> None:
    levels = market.panel("total_return")
    whole = information_coefficients(score, levels, 21)
    for length in (15, 22, 400, 513, 534):
        part = information_coefficients(score.iloc[:length], levels.iloc[:length], 21)
        pd.testing.assert_series_equal(part, whole.iloc[:length], check_exact=True)


def test_the_order_of_assets_changes_no_bit(market: MarketData, score: pd.DataFrame) -> None:
    levels, turned = market.panel("total_return"), market.assets[::-1]
    pd.testing.assert_series_equal(
        information_coefficients(score[turned], levels[turned], 5),
        information_coefficients(score, levels, 5),
        check_exact=True,
    )


def test_few_assets_and_no_dispersion_are_unknown() -> None:
    sessions = pd.bdate_range("2020-01-01", periods=3)
    levels = pd.DataFrame(np.arange(1.0, 19.0).reshape(3, 6) ** 2, sessions)
    rising = pd.DataFrame([[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]] * 3, sessions)
    assert information_coefficients(rising, levels, 1).tolist()[1:] == [-1.0, -1.0]
    assert information_coefficients(rising.where(rising > 1.0), levels, 1).iloc[1] == -1.0
    assert information_coefficients(rising.where(rising > 2.0), levels, 1).isna().all()
    assert information_coefficients(rising * 0.0, levels, 1).isna().all()
    assert information_coefficients(rising, levels * 0.0 + 1.0, 1).isna().all()
    with pytest.raises(ParamsError, match="horizon"):
        information_coefficients(rising, levels, 0)


@pytest.mark.parametrize("lags", [0, 1, 7, 500])
def test_newey_west_equals_the_weighted_autocovariances(lags: int) -> None:
    values = np.random.default_rng(0).standard_normal(60).cumsum()
    apart = values - values.mean()
    wanted = 0.0
    for one in range(60):
        for other in range(60):
            wanted += max(0.0, 1.0 - abs(one - other) / (lags + 1)) * apart[one] * apart[other]
    mean, error = newey_west(pd.Series(values), lags)
    assert mean == pytest.approx(values.mean(), rel=1e-13)
    assert error == pytest.approx(np.sqrt(wanted) / 60, rel=1e-10)


def test_newey_west_drops_what_is_unknown() -> None:
    values = np.array([np.nan, 1.0, 2.0, np.nan, 4.0])
    assert newey_west(values, 0) == pytest.approx((7.0 / 3.0, np.std([1.0, 2.0, 4.0]) / np.sqrt(3.0)))
    assert newey_west(values, 1) == newey_west(np.array([1.0, 2.0, 4.0]), 1)
    assert np.isnan(newey_west(np.array([np.nan]), 3)).all()
    mean, error = newey_west(np.array([np.nan, 2.0]), 3)
    assert mean == 2.0
    assert np.isnan(error)


def test_errors_are_honest_when_labels_overlap() -> None:
    """The t-statistic of overlapping sums of noise is spread like a standard normal; the naive one is not."""
    random = np.random.default_rng(0)
    overlapping = [np.convolve(random.standard_normal(2520), np.ones(21), "valid") for _ in range(400)]
    spread = [np.std([mean / error for mean, error in (newey_west(x, lags) for x in overlapping)]) for lags in (0, 42)]
    assert spread[0] > 4.0
    assert 0.9 < spread[1] < 1.2


def test_signal_returns_equal_a_plain_loop(market: MarketData, score: pd.DataFrame) -> None:
    returns = session_returns(market.panel("total_return"))
    found = signal_returns(score, returns)
    for at in range(1, len(score)):
        held = score.iloc[at - 1].dropna()
        held = held - held.mean()
        if len(held) < 2 or held.abs().sum() < 1e-9:
            assert np.isnan(found.iloc[at])
            continue
        held /= held.abs().sum()
        assert found.iloc[at] == pytest.approx((held * returns.iloc[at][held.index].fillna(0.0)).sum(), abs=1e-15)


def test_equal_scores_hold_nothing() -> None:
    sessions = pd.bdate_range("2020-01-01", periods=4)
    returns = pd.DataFrame(0.01, sessions, range(7))
    assert signal_returns(pd.DataFrame(0.3, sessions, range(7)), returns).isna().all()
    assert signal_returns(pd.DataFrame(0.0, sessions, range(7)), returns).isna().all()


def test_ranks_of_compounded_returns_reward_low_volatility_and_sums_do_not() -> None:
    """Prices are martingales: calm assets earn no more than wild ones, but their median compounded return is higher."""
    random = np.random.default_rng(0)
    volatility = np.linspace(0.005, 0.04, 40)
    returns = pd.DataFrame(volatility * random.choice([-1.0, 1.0], (1 + 21 * 400, 40)))
    calm = np.tile(-volatility, (400, 1))
    compounded = (1.0 + returns).cumprod().iloc[::21]
    mean, error = newey_west(rank_correlations(calm, compounded.pct_change().to_numpy()[1:]), 0)
    assert mean > 4.0 * error
    mean, error = newey_west(rank_correlations(calm, period_returns(returns, 21)[1:]), 0)
    assert abs(mean) < 3.0 * error


def test_period_returns_are_sums_from_the_first_session() -> None:
    returns = session_returns(example_market(sessions=24, assets=3).panel("total_return"))
    found = period_returns(returns, 5)
    assert found.shape == (5, 3)
    assert np.isnan(found[0]).all()
    np.testing.assert_allclose(found[4], returns.iloc[16:21].sum(), rtol=1e-13)
    assert period_returns(returns.iloc[:1], 5).shape == (1, 3)
    assert period_returns(returns.iloc[:21], 5).shape == (5, 3)
    assert period_returns(returns.iloc[:20], 5).shape == (4, 3)
