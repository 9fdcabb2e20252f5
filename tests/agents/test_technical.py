"""Each piece of technical evidence against a plain loop, and what the agent says about planted patterns."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

from alphapulse.agents import technical
from alphapulse.agents.technical import TechnicalAgent
from alphapulse.agents.windows import rolling_sum, trailing_mean
from alphapulse.core.market import MarketData
from alphapulse.testing import example_market


@pytest.fixture(scope="module")
def market() -> MarketData:
    return example_market(sessions=400, assets=5, seed=3)


def known(values: np.ndarray) -> np.ndarray:
    return values[~np.isnan(values)]


def last_known(series: pd.Series, at: int) -> float:
    past = series.iloc[: at + 1].dropna() if at >= 0 else series.iloc[:0]
    return past.iloc[-1] if len(past) else np.nan


def simple_returns(market: MarketData, asset: str) -> pd.Series:
    level = market.panel("total_return")[asset]
    return level.dropna().pct_change().reindex(level.index)


def oracle_trend(market: MarketData, asset: str, at: int, window: int) -> float:
    level = market.panel("total_return")[asset]
    return level.iloc[at] / known(level.iloc[at - window + 1 : at + 1].to_numpy()).mean() - 1.0


def oracle_momentum(market: MarketData, asset: str, at: int, window: int) -> float:
    level = market.panel("total_return")[asset]
    return last_known(level, at - 21) / last_known(level, at - window) - 1.0


def oracle_recent(market: MarketData, asset: str, at: int, window: int) -> float:
    level = market.panel("total_return")[asset]
    return last_known(level, at) / last_known(level, at - window) - 1.0


def oracle_volatility(market: MarketData, asset: str, at: int, window: int) -> float:
    return np.sqrt((known(simple_returns(market, asset).iloc[at - window + 1 : at + 1].to_numpy()) ** 2).mean())


def oracle_state(market: MarketData, asset: str, at: int, window: int) -> float:
    return oracle_volatility(market, asset, at, 21) / oracle_volatility(market, asset, at, window)


def oracle_volume(market: MarketData, asset: str, at: int, window: int) -> float:
    rows = slice(at - window + 1, at + 1)
    value = (market.panel("volume") * market.panel("close"))[asset].iloc[rows].to_numpy()
    sign = np.sign(simple_returns(market, asset).iloc[rows].to_numpy())
    return known(value * sign).mean() / known(value).mean()


@pytest.mark.parametrize(
    ("function", "oracle", "window"),
    [
        (technical.trend, oracle_trend, 50),
        (technical.momentum, oracle_momentum, 252),
        (technical.recent_return, oracle_recent, 5),
        (technical.volatility, oracle_volatility, 126),
        (technical.volatility_state, oracle_state, 126),
        (technical.volume_confirmation, oracle_volume, 63),
    ],
)
def test_equals_a_plain_loop(function, oracle, window: int, market: MarketData) -> None:
    panel = function(market, window)
    for asset in ("A00", "A04"):
        for at in (300, 333, 399):
            if not market.members.iloc[at][asset]:
                continue
            assert panel[asset].iloc[at] == pytest.approx(oracle(market, asset, at, window), rel=1e-12)


@pytest.mark.parametrize("window", [1, 2, 7, 50, 51])
def test_rolling_sum_equals_a_loop(window: int) -> None:
    values = np.random.default_rng(0).standard_normal((50, 3))
    wanted = np.full(values.shape, np.nan)
    for at in range(window - 1, len(values)):
        wanted[at] = values[at - window + 1 : at + 1].sum(axis=0)
    np.testing.assert_allclose(rolling_sum(values, window), wanted, rtol=1e-12, atol=1e-12)


def test_an_outlier_leaves_with_its_row() -> None:
    values = np.full((60, 1), 0.1)
    values[5] = 1e16
    clean = rolling_sum(np.full((60, 1), 0.1), 10)
    np.testing.assert_array_equal(rolling_sum(values, 10)[15:], clean[15:])


def test_a_window_with_too_few_values_is_unknown() -> None:
    panel = pd.DataFrame({"A": np.ones(40)}, index=pd.bdate_range("2020-01-01", periods=40))
    panel.iloc[10:12] = np.nan
    mean = trailing_mean(panel, 10)["A"]
    assert np.isnan(mean.iloc[12])
    assert mean.iloc[20] == 1.0
    assert np.isnan(mean.iloc[:9]).all()


def test_winners_are_preferred() -> None:
    steps = np.linspace(-0.002, 0.002, 5)
    noise = 0.001 * np.random.default_rng(1).standard_normal((400, 5))
    close = pd.DataFrame(
        100.0 * np.cumprod(1.0 + steps + noise, axis=0),
        pd.bdate_range("2020-01-01", periods=400),
        list("ABCDE"),
    )
    score = TechnicalAgent({"momentum": 1.0, "trend_slow": 1.0}).score(MarketData({"close": close})).iloc[-1]
    assert score.tolist() == pytest.approx([-0.8, -0.4, 0.0, 0.4, 0.8])


def test_coverage_grows_as_windows_fill_and_ends_below_one_without_volume() -> None:
    full = example_market(sessions=400, assets=5)
    closes = MarketData({"close": full.panel("close")})
    coverage = TechnicalAgent().coverage(closes)["A00"]
    declared = sum(piece.weight for piece in TechnicalAgent.evidence)
    assert coverage.iloc[4] == 0.0
    assert coverage.iloc[-1] == pytest.approx(1.0 - 0.5 / declared)
    assert coverage.iloc[10] < coverage.iloc[100] < coverage.iloc[300]
    assert TechnicalAgent().coverage(full)["A00"].iloc[-1] == pytest.approx(1.0)


def test_short_flat_and_single_markets_are_answered_without_a_warning() -> None:
    sessions = pd.bdate_range("2020-01-01", periods=300)
    flat = MarketData(
        {"close": pd.DataFrame(5.0, sessions, ["A", "B"]), "volume": pd.DataFrame(0.0, sessions, ["A", "B"])}
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert (TechnicalAgent().score(flat).iloc[-1] == 0.0).all()
        assert TechnicalAgent().score(flat.until(sessions[0])).isna().all(axis=None)
        assert (TechnicalAgent().score(flat).iloc[5:].abs() == 0.0).all(axis=None)
