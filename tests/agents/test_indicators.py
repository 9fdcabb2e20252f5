"""Indicators against TA-Lib, ta and plain loops, and the laws they keep: own past only, own asset only, own scale."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import ta
import talib
from hypothesis import given
from hypothesis import strategies as st
from numba import config

import alphapulse as ap
from alphapulse.agents import indicators
from alphapulse.agents.indicators import INDICATORS, indicator_panels
from alphapulse.core.errors import DataError, ParamsError

SEEDED = 300  # sessions after which the seeds of ta no longer count
SMALL = {
    "rsi": 5,
    "fast": 3,
    "slow": 6,
    "signal": 4,
    "bollinger": 4,
    "atr": 3,
    "sma": 7,
    "momentum": 9,
    "volatility": 4,
}
FIRST = {
    "rsi": 14, "macd": 25, "macd_signal": 33, "macd_histogram": 33, "bollinger_middle": 19, "bollinger_upper": 19,
    "bollinger_lower": 19, "atr": 14, "sma": 49, "momentum": 252, "volatility": 21,
}  # fmt: skip
UNITLESS = ("rsi", "momentum", "volatility")


def bars(sessions: int = 400, assets: int = 5, seed: int = 0) -> dict[str, pd.DataFrame]:
    random = np.random.default_rng(seed)
    index = pd.bdate_range("2001-01-01", periods=sessions)
    names = [f"A{number}" for number in range(assets)]
    close = 50.0 * np.exp(np.cumsum(0.02 * random.standard_normal((sessions, assets)), axis=0))
    reach = 1.0 + 0.02 * random.random((2, sessions, assets))
    panels = {"close": close, "high": close * reach[0], "low": close / reach[1]}
    return {name: pd.DataFrame(values, index, names) for name, values in panels.items()}


def holed(panels: dict[str, pd.DataFrame], seed: int = 1) -> dict[str, pd.DataFrame]:
    """Listed late, gone early, and gaps between; now and then the close alone is known."""
    random = np.random.default_rng(seed)
    shape = panels["close"].shape
    gone = random.random(shape) < 0.1
    gone[:30, 0], gone[-40:, 1], gone[:, 2] = True, True, True
    barless = gone | (random.random(shape) < 0.03)
    return {name: frame.mask(gone if name == "close" else barless) for name, frame in panels.items()}


def real_bars(name: str) -> dict[str, pd.DataFrame]:
    """The sample's closes, or simulated bars; few of them where loops run uncompiled."""
    if name == "sample":
        close = ap.load_market("sample").panel("close")
        return {"close": close.iloc[:700, :2] if config.DISABLE_JIT else close}
    market = ap.load_market("simulated", n_assets=2 if config.DISABLE_JIT else 10, n_sessions=1_500, actions=False)
    return {name: market.panel(name) for name in ("close", "high", "low")}


def same(left: dict[str, pd.DataFrame], right: dict[str, pd.DataFrame]) -> None:
    """Assert equality of every bit."""
    assert list(left) == list(right)
    for name, panel in left.items():
        pd.testing.assert_frame_equal(panel, right[name], check_exact=True)


def by_talib(close: pd.Series, high: pd.Series | None = None, low: pd.Series | None = None) -> dict[str, np.ndarray]:
    price = close.to_numpy().copy()
    line, signal, histogram = talib.MACD(price)
    upper, middle, lower = talib.BBANDS(price, 20, 2.0, 2.0)
    deviation = np.r_[np.nan, talib.STDDEV(price[1:] / price[:-1] - 1.0, 21)]
    found = {
        "rsi": talib.RSI(price),
        "macd": line,
        "macd_signal": signal,
        "macd_histogram": histogram,
        "bollinger_middle": middle,
        "bollinger_upper": upper,
        "bollinger_lower": lower,
        "sma": talib.SMA(price, 50),
        "momentum": talib.ROCP(price, 252),
        "volatility": deviation * np.sqrt(21 / 20),
    }
    if high is not None and low is not None:
        found["atr"] = talib.ATR(high.to_numpy().copy(), low.to_numpy().copy(), price)
    return found


def by_ta(close: pd.Series, high: pd.Series | None = None, low: pd.Series | None = None) -> dict[str, np.ndarray]:
    macd, bands = ta.trend.MACD(close), ta.volatility.BollingerBands(close)
    found = {
        "rsi": ta.momentum.rsi(close),
        "macd": macd.macd(),
        "macd_signal": macd.macd_signal(),
        "macd_histogram": macd.macd_diff(),
        "bollinger_middle": bands.bollinger_mavg(),
        "bollinger_upper": bands.bollinger_hband(),
        "bollinger_lower": bands.bollinger_lband(),
    }
    if high is not None and low is not None:
        found["atr"] = ta.volatility.average_true_range(high, low, close)
    return {name: series.to_numpy() for name, series in found.items()}


def scale_of(name: str, price: np.ndarray) -> np.ndarray | float:
    """What a difference is measured by: the MACD crosses zero, so its own value will not do."""
    return 100.0 if name == "rsi" else 1.0 if name in UNITLESS else price


@pytest.mark.parametrize("source", ["sample", "simulated"])
def test_equals_talib_from_its_first_value(source: str) -> None:
    panels = real_bars(source)
    ours = indicator_panels(**panels)
    compared = 0
    for asset in panels["close"]:
        columns = {name: panel[asset] for name, panel in panels.items()}
        price = columns["close"].to_numpy()
        moved = np.cumsum(np.r_[0.0, np.abs(np.diff(price))]) > 0.0
        for name, theirs in by_talib(**columns).items():
            value = ours[name][asset].to_numpy()
            known = ~np.isnan(theirs) & (moved | (name != "rsi"))  # TA-Lib calls unmoved prices RSI 0, we NaN
            assert np.abs(value - theirs)[known].max() <= 1e-9 * np.max(scale_of(name, price))
            assert (np.abs(value - theirs) / scale_of(name, price))[known].max() <= 1e-9, (name, asset)
            compared += known.sum()
    assert compared > 1_000


@pytest.mark.parametrize("source", ["sample", "simulated"])
def test_equals_ta_once_its_seeds_have_faded(source: str) -> None:
    panels = real_bars(source)
    ours = indicator_panels(**panels)
    for asset in panels["close"]:
        columns = {name: panel[asset].reset_index(drop=True) for name, panel in panels.items()}
        price = columns["close"].to_numpy()
        for name, theirs in by_ta(**columns).items():
            apart = np.abs(ours[name][asset].to_numpy() - theirs) / scale_of(name, price)
            if name in ("bollinger_upper", "bollinger_lower"):  # see the next test
                narrow = ours["bollinger_middle"][asset] - ours["bollinger_lower"][asset] < 1e-2 * price
                apart = apart[~narrow.to_numpy()]
            assert np.nanmax(apart[SEEDED:]) <= 1e-9, (name, asset)


def test_bands_of_calm_windows_are_ours_right_and_those_of_ta_rounded() -> None:
    """pandas, under ta, updates its variance from row to row and keeps rounding of wilder ones: up to 3e-8 of price."""
    close = real_bars("sample")["close"]
    ours = indicators.bollinger(close)
    windows = np.lib.stride_tricks.sliding_window_view(close.to_numpy(), 20, axis=0)
    exact = windows.std(axis=-1)
    price = close.to_numpy()[19:]
    reach = ((ours.upper - ours.lower) / 4.0).to_numpy()[19:]
    theirs = np.column_stack(
        [ta.volatility.BollingerBands(close[asset].reset_index(drop=True))._mstd.to_numpy()[19:] for asset in close]
    )
    assert np.max(np.abs(reach - exact) / price) < 1e-14
    assert np.max(np.abs(theirs - exact) / price) < 5e-8
    if not config.DISABLE_JIT:
        assert np.max(np.abs(theirs - exact) / price) > 1e-8


def test_seeds_of_ta_are_others_and_fade_with_the_windows() -> None:
    """A seed's share falls by 1 - 1/14 (RSI, ATR) or 1 - 2/27 (MACD) a session: to some 1e-10 in 300 sessions."""
    panels = real_bars("simulated")
    ours = indicator_panels(**panels)
    asset = panels["close"].columns[0]
    columns = {name: panel[asset].reset_index(drop=True) for name, panel in panels.items()}
    for name, theirs in by_ta(**columns).items():
        apart = np.abs(ours[name][asset].to_numpy() - theirs) / scale_of(name, columns["close"].to_numpy())
        if not name.startswith("bollinger"):
            assert np.nanmax(apart[FIRST[name] : 60]) > 1e-4, name
            assert np.nanmax(apart[200:]) < 1e-4 * np.nanmax(apart[FIRST[name] : 60]), name


@pytest.mark.parametrize("seed", [1, 2])
def test_gaps_are_skipped(seed: int) -> None:
    """Each indicator equals that of the traded sessions alone, put back to their dates."""
    panels = holed(bars(seed=seed), seed)
    ours = indicator_panels(**panels, **SMALL)
    closes = [name for name in ours if name != "atr"]
    for asset in panels["close"]:
        columns = pd.DataFrame({name: panel[asset] for name, panel in panels.items()})
        for names, traded in ((closes, columns[["close"]].dropna()), (["atr"], columns.dropna())):
            parts = {name: traded[name if name in traded else "close"].to_frame(asset) for name in panels}
            alone = indicator_panels(**parts, **SMALL)
            for name in names:
                back = alone[name][asset].reindex(columns.index)
                pd.testing.assert_series_equal(ours[name][asset], back, check_exact=True)


def test_no_value_without_a_price_nor_before_or_after_an_assets_life() -> None:
    panels = holed(bars())
    for name, panel in indicator_panels(**panels, **SMALL).items():
        assert panel.where(panels["close"].isna()).isna().all().all(), name
        assert panel["A2"].isna().all()
        assert panel["A0"].notna().any()


def test_warm_up_is_unknown_and_ends_with_the_first_window() -> None:
    for name, panel in indicator_panels(**bars()).items():
        assert panel.iloc[: FIRST[name]].isna().all().all(), name
        assert panel.iloc[FIRST[name] :].notna().all().all(), name


@pytest.mark.parametrize("sessions", [0, 1, 2, 5, 14, 15])
def test_short_histories_are_unknown(sessions: int) -> None:
    panels = {name: panel.iloc[:sessions] for name, panel in bars().items()}
    for name, panel in indicator_panels(**panels).items():
        assert panel.shape == (sessions, 5)
        assert panel.notna().to_numpy().any() == (sessions > FIRST[name]), name


@pytest.mark.parametrize("cut", [15, 40, 41, 199, 300])
def test_later_sessions_change_no_bit(cut: int) -> None:
    panels = holed(bars())
    whole = indicator_panels(**panels, **SMALL)
    past = indicator_panels(**{name: panel.iloc[:cut] for name, panel in panels.items()}, **SMALL)
    same(past, {name: panel.iloc[:cut] for name, panel in whole.items()})
    altered = {name: panel.copy() for name, panel in panels.items()}
    for panel in altered.values():
        panel.iloc[cut:] *= 1e9
    same(past, {name: panel.iloc[:cut] for name, panel in indicator_panels(**altered, **SMALL).items()})


def test_other_assets_and_their_order_change_no_bit() -> None:
    panels = holed(bars(assets=70), 3)
    whole = indicator_panels(**panels, **SMALL)
    order = list(np.random.default_rng(4).permutation(panels["close"].columns))
    turned = indicator_panels(**{name: panel[order] for name, panel in panels.items()}, **SMALL)
    same(whole, {name: panel[panels["close"].columns] for name, panel in turned.items()})
    alone = indicator_panels(**{name: panel[["A7"]] for name, panel in panels.items()}, **SMALL)
    same(alone, {name: panel[["A7"]] for name, panel in whole.items()})


def test_neither_threads_nor_memory_layout_change_a_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    panels = holed(bars(assets=70))
    whole = indicator_panels(**panels, **SMALL)
    by_columns = {
        name: pd.DataFrame(np.asfortranarray(panel.to_numpy()), panel.index, panel.columns, copy=False)
        for name, panel in panels.items()
    }
    same(whole, indicator_panels(**by_columns, **SMALL))
    mixed = {**panels, "low": by_columns["low"]}
    same(whole, indicator_panels(**mixed, **SMALL))
    cut = {name: panel.iloc[:150, ::3] for name, panel in by_columns.items()}
    same({name: panel.iloc[:150, ::3] for name, panel in whole.items()}, indicator_panels(**cut, **SMALL))

    def by_threes(work: Callable[[int, int], None], length: int, least: int) -> None:
        for begin in range(0, length, 3):
            work(begin, min(begin + 3, length))

    monkeypatch.setattr(indicators, "in_threads", by_threes)
    same(whole, indicator_panels(**panels, **SMALL))


@pytest.mark.parametrize("power", [-20, 1, 13])
def test_scaled_prices_scale_what_is_in_units_of_price(power: int) -> None:
    panels = holed(bars())
    before = indicator_panels(**panels, **SMALL)
    after = indicator_panels(**{name: panel * 2.0**power for name, panel in panels.items()}, **SMALL)
    same(after, {name: panel if name in UNITLESS else panel * 2.0**power for name, panel in before.items()})


def test_prices_that_never_move() -> None:
    flat = bars()["close"] * 0.0 + 0.1
    found = indicator_panels(flat, flat, flat)
    assert found["rsi"].isna().all().all()
    expected = dict.fromkeys(("bollinger_middle", "bollinger_upper", "bollinger_lower", "sma"), 0.1)
    for name, panel in found.items():
        if name != "rsi":
            assert (panel.iloc[FIRST[name] :] == expected.get(name, 0.0)).all().all(), name


def test_a_wild_price_leaves_with_its_window() -> None:
    panels = bars()
    wild = {name: panel.copy() for name, panel in panels.items()}
    for panel in wild.values():
        panel.iloc[100] *= 1e12
    before, after = indicator_panels(**panels, **SMALL), indicator_panels(**wild, **SMALL)
    lasting = {
        "bollinger_middle": 4,
        "bollinger_upper": 4,
        "bollinger_lower": 4,
        "sma": 7,
        "momentum": 10,
        "volatility": 5,
    }
    for name, window in lasting.items():
        pd.testing.assert_frame_equal(
            before[name].iloc[100 + window :], after[name].iloc[100 + window :], check_exact=True
        )


@given(
    st.lists(st.floats(1e-6, 1e12), min_size=3, max_size=40),
    st.integers(2, 9),
)
def test_windows_have_the_mean_and_deviation_of_their_own_values(prices: list[float], window: int) -> None:
    panel = pd.DataFrame({"A": prices}, pd.bdate_range("2001-01-01", periods=len(prices)))
    bands = indicators.bollinger(panel, window)
    reach = ((bands.upper - bands.lower) / 4.0)["A"].to_numpy()
    for last in range(window - 1, len(prices)):
        part = np.array(prices[last - window + 1 : last + 1])
        top = part.max()
        assert bands.middle["A"].iloc[last] == pytest.approx(part.mean(), abs=1e-14 * top)
        assert reach[last] == pytest.approx(part.std(), rel=1e-9, abs=1e-13 * top)
        assert bands.upper["A"].iloc[last] >= bands.middle["A"].iloc[last] >= bands.lower["A"].iloc[last]


def test_rsi_stays_within_its_scale_and_reaches_its_ends() -> None:
    rising = pd.DataFrame({"A": np.arange(1.0, 60.0)}, pd.bdate_range("2001-01-01", periods=59))
    assert (indicators.rsi(rising).iloc[14:] == 100.0).all().all()
    assert (indicators.rsi(rising[::-1].set_axis(rising.index)).iloc[14:] == 0.0).all().all()
    found = indicators.rsi(holed(bars())["close"], 2)
    assert found.min().min() >= 0.0 and found.max().max() <= 100.0


@pytest.mark.parametrize(
    ("name", "alone"),
    [
        ("rsi", lambda p: [indicators.rsi(p["close"], 5)]),
        ("macd", lambda p: list(indicators.macd(p["close"], 3, 6, 4))),
        ("bollinger", lambda p: list(indicators.bollinger(p["close"], 4))),
        ("atr", lambda p: [indicators.atr(p["high"], p["low"], p["close"], 3)]),
        ("sma", lambda p: [indicators.sma(p["close"], 7)]),
        ("momentum", lambda p: [indicators.momentum(p["close"], 9)]),
        ("volatility", lambda p: [indicators.volatility(p["close"], 4)]),
    ],
)
def test_one_function_equals_its_part_of_the_whole(name: str, alone: Callable[..., list[pd.DataFrame]]) -> None:
    panels = holed(bars())
    whole = indicator_panels(**panels, **SMALL)
    asked = indicator_panels(**panels, which=[name], **SMALL)
    assert list(asked) == list(INDICATORS[name])
    same(asked, {panel: whole[panel] for panel in INDICATORS[name]})
    same(asked, dict(zip(INDICATORS[name], alone(panels), strict=True)))


def test_closes_alone_give_all_but_the_true_range() -> None:
    found = indicator_panels(bars()["close"])
    assert set(found) == {panel for name in INDICATORS for panel in INDICATORS[name]} - {"atr"}


def test_inputs_stay_as_they_are_and_results_can_be_written() -> None:
    panels = holed(bars())
    before = {name: panel.copy() for name, panel in panels.items()}
    found = indicator_panels(**panels)
    found["rsi"].iloc[0, 0] = 1.0
    same(panels, before)


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"which": ["rsj"]}, ParamsError, "rsi"),
        ({"which": ["atr"]}, ParamsError, "high and low"),
        ({"rsi": 0}, ParamsError, "whole number"),
        ({"rsi": 14.0}, ParamsError, "whole number"),
        ({"volatility": 1}, ParamsError, "from 2"),
        ({"width": 0.0}, ParamsError, "above 0"),
        ({"smaa": 3}, ParamsError, "sma"),
        ({"fast": 26}, ParamsError, "below the slow"),
    ],
)
def test_wrong_requests_are_refused(options: dict[str, object], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        indicator_panels(bars()["close"], **options)


def test_panels_on_other_axes_are_refused() -> None:
    panels = bars()
    for other in (panels["high"].iloc[1:], panels["high"].rename(columns={"A0": "B0"})):
        with pytest.raises(DataError, match="high"):
            indicator_panels(panels["close"], other, panels["low"])
