"""Each piece of technical evidence against a plain loop, and what the agent says about planted patterns."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphapulse.agents import compiling, technical
from alphapulse.agents.technical import TechnicalAgent
from alphapulse.agents.windows import trailing_max, trailing_mean, trailing_sum
from alphapulse.core.market import MarketData
from alphapulse.testing import example_market

BARS = {"true_range": technical.true_range, "range_position": technical.range_position}


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


def bars(market: MarketData, asset: str) -> list[tuple[float, float, float, float]]:
    """High, low, close and the close before (the last one known), in levels of the total return."""
    close, high, low = (market.panel(name)[asset] for name in ("close", "high", "low"))
    level = market.panel("total_return")[asset]
    out, before = [], np.nan
    for at in range(len(level)):
        unit = level.iloc[at] / close.iloc[at]
        out.append((high.iloc[at] * unit, low.iloc[at] * unit, level.iloc[at], before))
        before = before if np.isnan(level.iloc[at]) else level.iloc[at]
    return out


def oracle_true_range(market: MarketData, asset: str, at: int, window: int) -> float:
    """Wilder 1978: the largest of high - low, |high - close before| and |low - close before|."""
    ranges = [
        max(high - low, abs(high - before), abs(low - before)) / before
        for high, low, _, before in bars(market, asset)[at - window + 1 : at + 1]
        if not np.isnan(high + low + before)
    ]
    return float(np.mean(ranges))


def oracle_range_position(market: MarketData, asset: str, at: int, window: int) -> float:
    rows = bars(market, asset)[at - window + 1 : at + 1]
    top = max(high for high, *_ in rows if not np.isnan(high))
    bottom = min(low for _, low, *_ in rows if not np.isnan(low))
    return (rows[-1][2] - bottom) / (top - bottom)


@pytest.mark.parametrize(
    ("function", "oracle", "window"),
    [
        (technical.trend, oracle_trend, 50),
        (technical.momentum, oracle_momentum, 252),
        (technical.past_return, oracle_recent, 5),
        (technical.volatility, oracle_volatility, 126),
        (technical.volatility_state, oracle_state, 126),
        (technical.volume_confirmation, oracle_volume, 63),
        (technical.true_range, oracle_true_range, 63),
        (technical.range_position, oracle_range_position, 126),
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
def test_trailing_sum_equals_a_loop(window: int) -> None:
    values = np.random.default_rng(0).standard_normal((50, 3))
    wanted = np.full(values.shape, np.nan)
    for at in range(window - 1, len(values)):
        wanted[at] = values[at - window + 1 : at + 1].sum(axis=0)
    np.testing.assert_allclose(trailing_sum(values, window), wanted, rtol=1e-12, atol=1e-12)


def test_an_outlier_leaves_with_its_row() -> None:
    values = np.full((60, 1), 0.1)
    values[5] = 1e16
    clean = trailing_sum(np.full((60, 1), 0.1), 10)
    np.testing.assert_array_equal(trailing_sum(values, 10)[15:], clean[15:])


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
    unread = sum(piece.weight for piece in TechnicalAgent.evidence if piece.name in ("volume", *BARS))
    assert coverage.iloc[-1] == pytest.approx(1.0 - unread / declared)
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


def holed(seed: int, rows: int, columns: int, share: float) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    values = np.cumsum(random.standard_normal((rows, columns)), axis=0)
    values[random.random(values.shape) < share] = np.nan
    return pd.DataFrame(values, pd.bdate_range("2020-01-01", periods=rows))


@given(
    seed=st.integers(0, 2**32 - 1),
    rows=st.integers(1, 700),
    window=st.integers(1, 80),
    share=st.sampled_from([0.0, 0.03, 0.12, 0.9]),
)
def test_trailing_maximum_and_mean_equal_pandas(seed: int, rows: int, window: int, share: float) -> None:
    panel = holed(seed, rows, 3, share)
    least = max(int(np.ceil(0.9 * window - 1e-9)), 1)
    windows = panel.rolling(window, min_periods=least)
    full = np.repeat(np.arange(rows)[:, None] >= window - 1, 3, axis=1)
    pd.testing.assert_frame_equal(trailing_max(panel, window), windows.max().where(full))
    pd.testing.assert_frame_equal(trailing_mean(panel, window), windows.mean().where(full), rtol=1e-9, atol=1e-9)


def test_a_maximum_knows_infinities_and_all_that_is_unknown() -> None:
    panel = pd.DataFrame({"A": [1.0, -np.inf, np.inf, 0.0, 0.0], "B": np.nan}, pd.bdate_range("2020-01-01", periods=5))
    found = trailing_max(panel, 2)
    assert found["A"].tolist()[1:] == [1.0, np.inf, np.inf, 0.0] and found["B"].isna().all()


def test_true_range_of_a_gap_by_hand() -> None:
    """Closes 100 then 110, a bar from 108 to 112: the range reaches down to the close before, 12 of 100."""
    sessions = pd.bdate_range("2020-01-01", periods=2)
    panels = {
        name: pd.DataFrame({"A": values}, sessions, dtype=float)
        for name, values in {"close": [100, 110], "high": [101, 112], "low": [99, 108]}.items()
    }
    assert technical.true_range(MarketData(panels), 1)["A"].iloc[1] == pytest.approx(0.12)
    assert technical.range_position(MarketData(panels), 2)["A"].iloc[1] == pytest.approx((110 - 99) / (112 - 99))


@pytest.mark.parametrize("function", BARS.values())
def test_bars_do_not_know_the_scale_of_prices(function, market: MarketData) -> None:
    panels = {name: market.panel(name) * (8.0 if name != "volume" else 0.125) for name in market.panels}
    panels["total_return"] = market.panel("total_return")
    pd.testing.assert_frame_equal(function(MarketData(panels), 63), function(market, 63))


@pytest.mark.parametrize("function", BARS.values())
def test_a_split_and_a_dividend_leave_no_trace_in_bars(function, market: MarketData) -> None:
    """After 3 for 1, prices stand at a third; a dividend of 2 % is paid out of the price, and nothing else changes."""
    sessions, assets = market.sessions, market.assets
    factor = pd.DataFrame(1.0, sessions, assets)
    factor.iloc[200:] /= 3.0
    factor.iloc[250:] *= 0.98
    names = ("close", "open", "high", "low")
    panels = {name: market.panel(name) * factor for name in names}
    split, dividend = pd.DataFrame(1.0, sessions, assets), pd.DataFrame(0.0, sessions, assets)
    split.iloc[200] = 3.0
    dividend.iloc[250] = market.panel("close").ffill().iloc[250] * (factor.iloc[249] - factor.iloc[250])
    acted = MarketData({**panels, "split": split, "dividend": dividend})
    pd.testing.assert_frame_equal(acted.panel("total_return"), market.panel("total_return"))
    pd.testing.assert_frame_equal(function(acted, 63), function(market, 63))


def test_a_session_without_its_bar_is_left_out_not_counted_as_still() -> None:
    market = example_market(sessions=120, assets=3, seed=5)
    panels = {name: market.panel(name).copy() for name in ("close", "high", "low")}
    panels["high"].iloc[80, 0] = np.nan
    short = MarketData(panels)
    assert technical.true_range(short, 20)["A00"].iloc[85] == pytest.approx(
        oracle_true_range(short, "A00", 85, 20), rel=1e-12
    )
    panels["high"].iloc[78:82, 0] = np.nan
    assert np.isnan(technical.true_range(MarketData(panels), 20)["A00"].iloc[85])


def test_near_the_high_and_still_is_preferred() -> None:
    sessions = pd.bdate_range("2020-01-01", periods=300)
    path = np.linspace(0.0, 1.0, 300)
    close = pd.DataFrame({"DOWN": 110.0 - 10.0 * path, "UP": 100.0 + 10.0 * path}, sessions)
    width = pd.DataFrame({"DOWN": 2.0, "UP": 0.5}, sessions)
    market = MarketData({"close": close, "high": close + width, "low": close - width})
    for name in BARS:
        assert TechnicalAgent({name: 1.0}).score(market).iloc[-1].tolist() == [-0.5, 0.5]


def test_how_the_rows_are_shared_among_threads_changes_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    panel = pd.DataFrame(random.standard_normal((901, 7)), pd.bdate_range("2001-01-01", periods=901))
    panel = panel.mask(random.random(panel.shape) < 0.05)
    alone = [function(panel, window) for function in (trailing_mean, trailing_max) for window in (1, 21, 252)]
    monkeypatch.setattr(compiling, "CELLS_A_THREAD", 1)
    monkeypatch.setattr(compiling.numba.config, "NUMBA_NUM_THREADS", 5)
    shared = [function(panel, window) for function in (trailing_mean, trailing_max) for window in (1, 21, 252)]
    for one, other in zip(alone, shared, strict=True):
        pd.testing.assert_frame_equal(one, other, check_exact=True)
