"""Compiled passes over returns, series x sessions: sums that many measures share, and moments of moving windows.

`totals` reads each series twice (its mean, then everything that needs it). `_window_moments` adds to each window's
sum the running sum of its own block and the suffix sum of the block before it. Nothing is ever subtracted, so no
rounding is carried from wild sessions into quiet ones.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from alphapulse.core.stats import Array


class Totals(NamedTuple):
    """Sums over the sessions of each series; one value a series.

    second, third, fourth: sums of powers of the centred returns. downside: sum of squared returns below zero.
    """

    mean: Array
    second: Array
    third: Array
    fourth: Array
    downside: Array
    gains: Array
    losses: Array
    ups: Array
    lowest: Array
    highest: Array
    growth: Array
    drawdown: Array


def _compiled(function: Any) -> Any:
    return njit(cache=True, error_model="numpy")(function)


def totals(values: Array) -> Totals:
    """Return the totals of finite simple returns, series x sessions; at least one session."""
    return Totals(*_totals(values))


@_compiled
def _totals(values: Array) -> Array:
    out = np.empty((12, len(values)))
    for k in range(len(values)):
        row = values[k]
        mean = 0.0
        for value in row:
            mean += value
        mean /= len(row)
        second = third = fourth = 0.0
        for value in row:
            centred = value - mean
            square = centred * centred
            second += square
            third += square * centred
            fourth += square * square
        downside = gains = losses = ups = 0.0
        lowest, highest = np.inf, -np.inf
        for value in row:
            gain, loss = max(value, 0.0), min(value, 0.0)
            gains += gain
            losses -= loss
            downside += loss * loss
            ups += value > 0.0
            lowest, highest = min(lowest, value), max(highest, value)
        growth, peak, drawdown = 1.0, 1.0, 0.0
        for value in row:
            growth *= 1.0 + value
            peak = max(peak, growth)
            drawdown = min(drawdown, growth / peak - 1.0)
        out[:, k] = mean, second, third, fourth, downside, gains, losses, ups, lowest, highest, growth, drawdown
    return out


@_compiled
def window_deviation(values: Array, window: int) -> Array:
    """Return the standard deviation (ddof 1) of the last `window` sessions, series x sessions; NaN before."""
    out, mean = np.empty(values.shape), np.empty(values.shape[1])
    sums, squares = np.zeros((2, window + 1)), np.zeros((2, window + 1))
    for k in range(len(values)):
        _window_moments(values[k], window, sums, squares, mean, out[k])
    return out


@_compiled
def window_ratio(values: Array, window: int) -> Array:
    """Return mean over standard deviation of the last `window` sessions; NaN before, and without dispersion."""
    out, mean, deviation = np.empty(values.shape), np.empty(values.shape[1]), np.empty(values.shape[1])
    sums, squares = np.zeros((2, window + 1)), np.zeros((2, window + 1))
    for k in range(len(values)):
        _window_moments(values[k], window, sums, squares, mean, deviation)
        for i in range(len(mean)):
            out[k, i] = mean[i] / deviation[i] if deviation[i] > 0.0 else np.nan
    return out


@_compiled
def _window_moments(row: Array, window: int, sums: Array, squares: Array, mean: Array, deviation: Array) -> None:
    """Write mean and deviation of each window; sums and squares hold [suffixes of the last block, running sums].

    A deviation that rounding alone could produce is zero: equal returns have no dispersion.
    """
    rounding, share, freedom = window * np.finfo(np.float64).eps, 1.0 / window, 1.0 / (window - 1)
    mean[: window - 1] = np.nan
    deviation[: window - 1] = np.nan
    for start in range(0, len(row), window):
        length = min(window, len(row) - start)
        if start > 0:
            for back in range(window - 1, 0, -1):
                value = row[start - window + back]
                sums[0, back] = sums[0, back + 1] + value
                squares[0, back] = squares[0, back + 1] + value * value
        for place in range(length):
            value = row[start + place]
            sums[1, place + 1] = sums[1, place] + value
            squares[1, place + 1] = squares[1, place] + value * value
        for place in range(0 if start > 0 else window - 1, length):
            total = sums[1, place + 1] + sums[0, place + 1]
            square = squares[1, place + 1] + squares[0, place + 1]
            spread = square - total * total * share
            mean[start + place] = total * share
            deviation[start + place] = np.sqrt((spread if spread > rounding * square else 0.0) * freedom)
