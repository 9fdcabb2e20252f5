"""Compiled indicators of one asset over its own traded sessions, and the strip of assets that runs them.

`strip` is called by several threads, each with assets of its own:

1. Copy eight assets (a cache line of a row of the panel) into buffers of their own, one after the other.
2. `_traded` closes the gaps, so that kernels see prices alone, and notes the session of each.
3. One kernel an indicator writes the column asked for; a column without room is not asked for.
4. `_spread` moves values to their sessions; every other session becomes NaN.

Smoothed means (Wilder's, exponential) start from the plain mean of their first window, as TA-Lib's do, and then move
by a share of what is new. Windows add the tail of one block to the head of the next, both as distances to the first
price of the block, which each of these windows holds: nothing outside a window touches it, equal prices have no
dispersion, and no variance is negative. Every value reads its own past only, in an order that later sessions, other
assets and the number of threads leave alone.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from alphapulse.agents.compiling import compiled
from alphapulse.core.stats import Array

Steps = npt.NDArray[np.int64]
TILE = 8


class Windows(NamedTuple):
    """Lengths in sessions by indicator; width: of the Bollinger bands, in standard deviations."""

    rsi: int = 14
    fast: int = 12
    slow: int = 26
    signal: int = 9
    bollinger: int = 20
    width: float = 2.0
    atr: int = 14
    sma: int = 50
    momentum: int = 252
    volatility: int = 21


class Columns(NamedTuple):
    """Results, assets x sessions each; 0 x 0 where an indicator is not asked for."""

    rsi: Array
    macd: Array
    macd_signal: Array
    macd_histogram: Array
    bollinger_middle: Array
    bollinger_upper: Array
    bollinger_lower: Array
    atr: Array
    sma: Array
    momentum: Array
    volatility: Array


@compiled
def strip(
    high: Array,
    low: Array,
    close: Array,
    steps: Steps,
    sessions: int,
    assets: tuple[int, int],
    windows: Windows,
    out: Columns,
) -> None:
    """Write the indicators of the assets from assets[0] to before assets[1].

    high, low, close: panels as flat arrays. steps: how far apart two sessions and two assets lie in each, three x two.
    """
    bars, kept = np.empty((TILE, 3, sessions)), np.empty((3, sessions))
    place = np.empty(sessions, dtype=np.int64)
    for first in range(assets[0], assets[1], TILE):
        lanes = min(TILE, assets[1] - first)
        _copy(close, steps[2], first, lanes, bars[:, 2])
        if out.atr.size > 0:
            _copy(high, steps[0], first, lanes, bars[:, 0])
            _copy(low, steps[1], first, lanes, bars[:, 1])
        for lane in range(lanes):
            if out.atr.size > 0:
                column = out.atr[first + lane]
                traded, count = _traded(bars[lane], place, kept)
                _atr(traded[0, :count], traded[1, :count], traded[2, :count], windows.atr, column)
                _spread(column, place, count)
            traded, count = _traded(bars[lane, 2:], place, kept)
            _of_closes(traded[0, :count], kept[1], kept[2], place, first + lane, windows, out)


@compiled
def _of_closes(
    price: Array, spare: Array, rest: Array, place: Steps, asset: int, windows: Windows, out: Columns
) -> None:
    count = len(price)
    if out.rsi.size > 0:
        _rsi(price, windows.rsi, out.rsi[asset])
        _spread(out.rsi[asset], place, count)
    if out.macd.size > 0:
        line, signal, histogram = out.macd[asset], out.macd_signal[asset], out.macd_histogram[asset]
        _macd(price, windows.fast, windows.slow, windows.signal, line, signal, histogram)
        _spread(line, place, count)
        _spread(signal, place, count)
        _spread(histogram, place, count)
    if out.bollinger_middle.size > 0:
        middle, upper, lower = out.bollinger_middle[asset], out.bollinger_upper[asset], out.bollinger_lower[asset]
        _bollinger(price, windows.bollinger, windows.width, middle, upper, lower)
        _spread(middle, place, count)
        _spread(upper, place, count)
        _spread(lower, place, count)
    if out.sma.size > 0:
        _moments(price, windows.sma, 0, out.sma[asset], spare)
        _spread(out.sma[asset], place, count)
    if out.momentum.size > 0:
        _momentum(price, windows.momentum, out.momentum[asset])
        _spread(out.momentum[asset], place, count)
    if out.volatility.size > 0:
        _volatility(price, windows.volatility, out.volatility[asset], spare[:count], rest[:count])
        _spread(out.volatility[asset], place, count)


@compiled
def _copy(panel: Array, step: Steps, first: int, lanes: int, out: Array) -> None:
    for session in range(out.shape[1]):
        begin = session * step[0] + first * step[1]
        if step[1] == 1 and lanes == TILE:  # said so that the compiler unrolls it
            for lane in range(TILE):
                out[lane, session] = panel[begin + lane]
        else:
            for lane in range(lanes):
                out[lane, session] = panel[begin + lane * step[1]]


@compiled
def _traded(bars: Array, place: Steps, kept: Array) -> tuple[Array, int]:
    """Return bars without the sessions on which any is unknown, and their count; `place` then holds their numbers."""
    unknown = 0
    for row in range(len(bars)):
        for session in range(bars.shape[1]):
            unknown += np.isnan(bars[row, session])
    if unknown == 0:
        return bars, bars.shape[1]
    count = 0
    for session in range(bars.shape[1]):
        known = True
        for row in range(len(bars)):
            kept[row, count] = bars[row, session]
            known &= not np.isnan(bars[row, session])
        place[count] = session
        count += known
    return kept, count


@compiled
def _spread(column: Array, place: Steps, count: int) -> None:
    if count == len(column):
        return
    session = len(column)
    for number in range(count - 1, -1, -1):
        value = column[number]
        column[place[number] : session] = np.nan
        session = place[number]
        column[session] = value
    column[:session] = np.nan


@compiled
def _rsi(price: Array, window: int, out: Array) -> None:
    """Relative strength: mean gain over mean gain plus mean loss, in per cent; NaN while no price has changed."""
    sessions, share = len(price), 1.0 / window
    out[: min(window, sessions)] = np.nan
    gain = loss = 0.0
    for session in range(1, min(window + 1, sessions)):
        change = price[session] - price[session - 1]
        gain += share * max(change, 0.0)
        loss -= share * min(change, 0.0)
    for session in range(window, sessions):
        if session > window:
            change = price[session] - price[session - 1]
            gain += share * (max(change, 0.0) - gain)
            loss += share * (max(-change, 0.0) - loss)
        moved = gain + loss
        out[session] = 100.0 * gain / moved if moved > 0.0 else np.nan


@compiled
def _macd(price: Array, fast: int, slow: int, signal: int, line: Array, smooth: Array, histogram: Array) -> None:
    """Both means start on the same session, the fast one from the latest prices; the signal starts from the line."""
    sessions, begin = len(price), slow - 1
    line[: min(begin, sessions)] = np.nan
    smooth[: min(begin + signal - 1, sessions)] = np.nan
    histogram[: min(begin + signal - 1, sessions)] = np.nan
    if begin >= sessions:
        return
    quick, lazy = _mean(price[slow - fast : slow]), _mean(price[:slow])
    quick_share, lazy_share, share = 2.0 / (fast + 1.0), 2.0 / (slow + 1.0), 2.0 / (signal + 1.0)
    line[begin] = quick - lazy
    for session in range(begin + 1, sessions):
        quick += quick_share * (price[session] - quick)
        lazy += lazy_share * (price[session] - lazy)
        line[session] = quick - lazy
    begin += signal - 1
    if begin >= sessions:
        return
    level = _mean(line[slow - 1 : slow - 1 + signal])
    smooth[begin], histogram[begin] = level, line[begin] - level
    for session in range(begin + 1, sessions):
        level += share * (line[session] - level)
        smooth[session] = level
        histogram[session] = line[session] - level


@compiled
def _mean(values: Array) -> float:
    first, total = float(values[0]), 0.0
    for value in values:
        total += value - first
    return first + total / len(values)


@compiled
def _atr(high: Array, low: Array, close: Array, window: int, out: Array) -> None:
    """Mean true range; the first session has none, because it has no close before it."""
    sessions, share = len(close), 1.0 / window
    out[: min(window, sessions)] = np.nan
    level = 0.0
    for session in range(1, min(window + 1, sessions)):
        level += max(high[session], close[session - 1]) - min(low[session], close[session - 1])
    level /= window
    for session in range(window, sessions):
        if session > window:
            reach = max(high[session], close[session - 1]) - min(low[session], close[session - 1])
            level += share * (reach - level)
        out[session] = level


@compiled
def _bollinger(price: Array, window: int, width: float, middle: Array, upper: Array, lower: Array) -> None:
    _moments(price, window, 0, middle, upper)
    for session in range(len(price)):
        reach = width * upper[session]
        upper[session] = middle[session] + reach
        lower[session] = middle[session] - reach


@compiled
def _momentum(price: Array, window: int, out: Array) -> None:
    out[: min(window, len(price))] = np.nan
    for session in range(window, len(price)):
        out[session] = price[session] / price[session - window] - 1.0


@compiled
def _volatility(price: Array, window: int, out: Array, returns: Array, mean: Array) -> None:
    """Deviation of the last `window` returns; the first session has no return."""
    out[: min(1, len(price))] = np.nan
    for session in range(1, len(price)):
        returns[session] = price[session] / price[session - 1] - 1.0
    _moments(returns[1:], window, 1, mean[1:], out[1:])


@compiled
def _moments(values: Array, window: int, ddof: int, mean: Array, deviation: Array) -> None:
    """Write mean and standard deviation of each window; NaN before the first is full."""
    share, freedom = 1.0 / window, 1.0 / max(window - ddof, 1)
    tail, tails = np.zeros(window + 1), np.zeros(window + 1)
    mean[: min(window - 1, len(values))] = np.nan
    deviation[: min(window - 1, len(values))] = np.nan
    for start in range(0, len(values), window):
        origin = values[start]
        if start > 0:
            for back in range(window - 1, 0, -1):
                apart = values[start - window + back] - origin
                tail[back] = tail[back + 1] + apart
                tails[back] = tails[back + 1] + apart * apart
        total = square = 0.0
        for place in range(min(window, len(values) - start)):
            apart = values[start + place] - origin
            total += apart
            square += apart * apart
            if start > 0 or place == window - 1:
                summed = total + tail[place + 1]
                spread = square + tails[place + 1] - summed * summed * share
                mean[start + place] = origin + summed * share
                deviation[start + place] = np.sqrt(spread * freedom)
