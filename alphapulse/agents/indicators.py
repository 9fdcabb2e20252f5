"""Classic indicators as panels: one call for many of them, and one function each.

An indicator runs over an asset's own traded sessions. A gap is skipped: no value on a session without a price, and the
next one continues where the last one stood. Warm-up, gaps and what lies outside an asset's life are NaN; nothing is
filled. Row t reads rows up to t only, and no value depends on later rows, on other assets or on the number of threads.

Values are TA-Lib's from its first one, up to rounding; for prices that never moved its RSI is 0 and ours unknown. Those
in units of price (MACD, bands, ATR, averages) scale with it: divide by the price before comparing assets. A split moves
traded prices, so hand over levels without splits (total_return, and highs and lows scaled alike).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from alphapulse.agents.compiling import in_threads
from alphapulse.agents.indicator_kernels import Columns, Windows, strip
from alphapulse.core.checks import check_choice, check_count, check_number
from alphapulse.core.errors import DataError, ParamsError
from alphapulse.core.panel import Panel
from alphapulse.core.stats import Array

# The panels of each indicator.
INDICATORS: dict[str, tuple[str, ...]] = {
    "rsi": ("rsi",),
    "macd": ("macd", "macd_signal", "macd_histogram"),
    "bollinger": ("bollinger_middle", "bollinger_upper", "bollinger_lower"),
    "atr": ("atr",),
    "sma": ("sma",),
    "momentum": ("momentum",),
    "volatility": ("volatility",),
}


class Macd(NamedTuple):
    """Line, its signal, and line minus signal; in units of price."""

    line: Panel
    signal: Panel
    histogram: Panel


class Bollinger(NamedTuple):
    """Moving average and the bands above and below it; in units of price."""

    middle: Panel
    upper: Panel
    lower: Panel


def indicator_panels(
    close: Panel,
    high: Panel | None = None,
    low: Panel | None = None,
    which: Iterable[str] | None = None,
    **windows: float,
) -> dict[str, Panel]:
    """Return the panels of several indicators by name, sessions x assets, reading the prices once.

    close, high, low: prices above zero or total-return levels, sessions x assets, NaN where not traded. which: names
    from INDICATORS; by default all that these panels allow (ATR needs highs and lows). windows: fields of Windows in
    sessions, for example rsi=21 or slow=35. The functions below say what each indicator is. Raises ParamsError on
    unknown names and windows, DataError on other axes.
    """
    lengths = _windows(windows)
    bars = high is not None and low is not None
    chosen = [name for name in INDICATORS if bars or name != "atr"] if which is None else list(which)
    for name in chosen:
        check_choice("indicator", name, INDICATORS)
    if "atr" in chosen and not bars:
        raise ParamsError("atr: no highs and lows came", "the panels high and low", "pass them, or leave atr out")
    panels = [close if panel is None else panel for panel in (high, low, close)]
    for name, panel in zip(("high", "low"), panels[:2], strict=True):
        if not (panel.index.equals(close.index) and panel.columns.equals(close.columns)):
            raise DataError(
                f"{name}: {panel.shape[0]} sessions x {panel.shape[1]} assets other than those of close",
                "panels on the same sessions and assets",
                "reindex it to the sessions and assets of close",
            )
    asked = [panel for name in chosen for panel in INDICATORS[name]]
    out = Columns(*(np.empty(close.shape[::-1] if name in asked else (0, 0)) for name in Columns._fields))
    _compute(panels, lengths, out)
    return {
        name: pd.DataFrame(getattr(out, name).T, index=close.index, columns=close.columns, copy=False) for name in asked
    }


def rsi(panel: Panel, window: int = 14) -> Panel:
    """Return the relative strength index, 0 to 100: mean gain over mean gain plus mean loss (Wilder 1978).

    First value after `window` changes; NaN while an asset's price has never changed, where gains have no share.
    """
    return indicator_panels(panel, which=["rsi"], rsi=window)["rsi"]


def macd(panel: Panel, fast: int = 12, slow: int = 26, signal: int = 9) -> Macd:
    """Return the fast exponential mean minus the slow one, its own exponential mean, and their difference (Appel 2005).

    The line begins after `slow` sessions, the signal after `signal` values of the line.
    """
    found = indicator_panels(panel, which=["macd"], fast=fast, slow=slow, signal=signal)
    return Macd(*(found[name] for name in INDICATORS["macd"]))


def bollinger(panel: Panel, window: int = 20, width: float = 2.0) -> Bollinger:
    """Return the moving average and the bands `width` standard deviations (ddof 0) around it (Bollinger 2001)."""
    found = indicator_panels(panel, which=["bollinger"], bollinger=window, width=width)
    return Bollinger(*(found[name] for name in INDICATORS["bollinger"]))


def atr(high: Panel, low: Panel, close: Panel, window: int = 14) -> Panel:
    """Return the average true range in units of price: how far prices reach in a session (Wilder 1978).

    The range includes the gap from the last close. A session counts where high, low and close are known.
    """
    return indicator_panels(close, high, low, which=["atr"], atr=window)["atr"]


def sma(panel: Panel, window: int = 50) -> Panel:
    """Return the mean price of the last `window` traded sessions."""
    return indicator_panels(panel, which=["sma"], sma=window)["sma"]


def momentum(panel: Panel, window: int = 252) -> Panel:
    """Return the simple return over the last `window` traded sessions, as a decimal."""
    return indicator_panels(panel, which=["momentum"], momentum=window)["momentum"]


def volatility(panel: Panel, window: int = 21) -> Panel:
    """Return the standard deviation (ddof 1) of the last `window` simple returns, per session.

    A return over a gap counts once.
    """
    return indicator_panels(panel, which=["volatility"], volatility=window)["volatility"]


def _windows(given: dict[str, Any]) -> Windows:
    for name, value in given.items():
        check_choice("indicator window", name, Windows._fields)
        if name == "width":
            check_number("indicator width", value, above=True)
        else:
            check_count(f"indicator window {name}", value, least=2 if name in ("bollinger", "volatility") else 1)
    windows = Windows()._replace(**given)
    if windows.fast >= windows.slow:
        raise ParamsError(
            f"macd: fast = {windows.fast}, slow = {windows.slow}", "a fast window below the slow one", "swap them"
        )
    return windows._replace(width=float(windows.width))


def _compute(panels: list[Panel], windows: Windows, out: Columns) -> None:
    (high, *high_steps), (low, *low_steps), (close, *close_steps) = (_flat(panel) for panel in panels)
    steps = np.array([high_steps, low_steps, close_steps])
    sessions, assets = panels[2].shape

    in_threads(
        lambda begin, end: strip(high, low, close, steps, sessions, (begin, end), windows, out), assets, sessions
    )


def _flat(panel: Panel) -> tuple[Array, int, int]:
    """Return the values as they lie in memory, read-only, and how far apart two sessions and two assets are."""
    values = panel.to_numpy(dtype=np.float64)
    if not (values.flags.c_contiguous or values.flags.f_contiguous):
        values = values.copy(order="K")
    by_session = values.flags.c_contiguous
    flat = values.ravel(order="K").view()
    flat.flags.writeable = False  # one type for the compiler, whatever came
    return flat, *((values.shape[1], 1) if by_session else (1, values.shape[0]))
