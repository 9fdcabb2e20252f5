"""Rolling measures against empyrical and plain windows."""

import empyrical as ep
import numpy as np
import pandas as pd
import pytest
from skfolio.datasets import load_sp500_index

from alphapulse.core.errors import ParamsError
from alphapulse.risk import measures, relative, rolling


@pytest.fixture(scope="module")
def returns() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    wild = rng.standard_t(3, size=(700, 4)) * 0.02
    wild[300:400] *= 30.0  # a storm, after which quiet windows must not remember it
    return pd.DataFrame(wild, index=pd.bdate_range("2001-01-01", periods=700), columns=list("ABCD"))


@pytest.mark.parametrize("window", [2, 20, 63, 126, 699, 700])
def test_each_window_equals_the_oracle(returns: pd.DataFrame, window: int) -> None:
    sharpe, volatility = rolling.rolling_sharpe(returns, window), rolling.rolling_volatility(returns, window)
    assert sharpe.iloc[: window - 1].isna().all(axis=None)
    for name in returns:
        expected = ep.roll_sharpe_ratio(returns[name], window)
        np.testing.assert_allclose(sharpe[name].iloc[window - 1 :], expected, rtol=1e-10, atol=1e-12)
        expected = ep.roll_annual_volatility(returns[name], window)
        np.testing.assert_allclose(volatility[name].iloc[window - 1 :], expected, rtol=1e-11, atol=1e-13)
        pd.testing.assert_series_equal(rolling.rolling_sharpe(returns[name], window), sharpe[name])


def test_half_years_of_the_sample_index_equal_the_oracle_to_1e_12() -> None:
    index = load_sp500_index().iloc[:, 0].pct_change().iloc[1:]
    for ours, oracle in (
        (rolling.rolling_sharpe, ep.roll_sharpe_ratio),
        (rolling.rolling_volatility, ep.roll_annual_volatility),
    ):
        np.testing.assert_allclose(ours(index).iloc[125:], oracle(index, 126), rtol=1e-12, atol=1e-12)


def test_rolling_beta_equals_the_beta_of_each_window(returns: pd.DataFrame) -> None:
    market = returns.mean(axis=1)
    beta = rolling.rolling_beta(returns, market, 60)
    assert beta.iloc[:59].isna().all(axis=None)
    for end in (60, 61, 250, 400, 530, 700):
        window = returns.iloc[end - 60 : end]
        np.testing.assert_allclose(beta.iloc[end - 1], relative.beta(window, market), rtol=1e-9)
    pd.testing.assert_series_equal(rolling.rolling_beta(returns["B"], market, 60), beta["B"])


def test_a_window_as_long_as_the_series_equals_the_plain_measure(returns: pd.DataFrame) -> None:
    last = rolling.rolling_sharpe(returns, len(returns)).iloc[-1]
    pd.testing.assert_series_equal(last, measures.sharpe(returns), check_names=False)


def test_equal_returns_after_a_storm_have_no_dispersion(returns: pd.DataFrame) -> None:
    calm = returns["A"].copy()
    calm.iloc[400:] = 0.0001
    assert (rolling.rolling_volatility(calm, 50).iloc[449:] == 0.0).all()
    assert rolling.rolling_sharpe(calm, 50).iloc[449:].isna().all()


def test_later_sessions_change_nothing(returns: pd.DataFrame) -> None:
    full = rolling.rolling_sharpe(returns, 63)
    for end in (62, 63, 64, 126, 400):
        pd.testing.assert_frame_equal(rolling.rolling_sharpe(returns.iloc[:end], 63), full.iloc[:end])


def test_too_short_a_series_is_unknown_throughout(returns: pd.DataFrame) -> None:
    assert rolling.rolling_volatility(returns.iloc[:30], 63).isna().all(axis=None)


@pytest.mark.parametrize("window", [0, 1, -5, 2.5, True])
def test_a_window_is_a_count(returns: pd.DataFrame, window: int) -> None:
    with pytest.raises(ParamsError):
        rolling.rolling_sharpe(returns, window)
