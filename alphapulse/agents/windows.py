"""Trailing windows over panels: row t reads rows t - window + 1 to t."""

from __future__ import annotations

import numpy as np
import pandas as pd

from alphapulse.agents.compiling import compiled, in_threads
from alphapulse.core.panel import Panel
from alphapulse.core.stats import Array

MIN_KNOWN = 0.9


def trailing_sum(values: Array, window: int) -> Array:
    """Return the sum of the known values of each trailing window, sessions x assets; NaN in the first window - 1 rows.

    NaN counts as nothing. Each window is the tail of one block of `window` rows plus the head of the next, so no sum
    reaches beyond its own window: no rounding accumulates, and an outlier leaves with its row.
    """
    return _trailing(values, window, 0.0, mean=False)


def trailing_mean(panel: Panel, window: int) -> Panel:
    """Return the mean of the known values of each trailing window; NaN where fewer than 90 % of them are known.

    A run of identical values has exactly that mean, up to rounding of one sum.
    """
    mean = _trailing(panel.to_numpy(), window, MIN_KNOWN * window, mean=True)
    return pd.DataFrame(mean, index=panel.index, columns=panel.columns, copy=False)


def _trailing(values: Array, window: int, least: float, *, mean: bool) -> Array:
    rows = np.ascontiguousarray(values)
    out = np.empty(rows.shape)
    in_threads(lambda start, stop: _trail(rows, window, least, mean, start, stop, out), *rows.shape)
    return out


@compiled
def _trail(values: Array, window: int, least: float, mean: bool, start: int, stop: int, out: Array) -> None:
    """Write rows `start` to `stop`; blocks are counted from the first row, so where it starts changes no bit."""
    columns = values.shape[1]
    tail, tail_known = np.zeros((window, columns)), np.zeros((window, columns))
    head, head_known = np.zeros(columns), np.zeros(columns)
    for row in range(max((start - window + 1) // window, 0) * window, stop):
        place = row % window
        if place == 0:
            if row >= window:
                _suffix_sums(values[row - window : row], tail, tail_known)
            head[:] = 0.0
            head_known[:] = 0.0
        for column in range(columns):
            value = values[row, column]
            if not np.isnan(value):
                head[column] += value
                head_known[column] += 1.0
        if row < start:
            continue
        if row < window - 1:
            out[row] = np.nan
            continue
        after = place + 1 if place + 1 < window else 0  # a window that ends with its block is all head
        for column in range(columns):
            total, known = head[column], head_known[column]
            if after:
                total += tail[after, column]
                known += tail_known[after, column]
            if known < least:
                out[row, column] = np.nan
            else:
                out[row, column] = total / max(known, 1.0) if mean else total


@compiled
def _suffix_sums(block: Array, tail: Array, tail_known: Array) -> None:
    window, columns = block.shape
    tail[window - 1] = 0.0
    tail_known[window - 1] = 0.0
    for place in range(window - 1, -1, -1):
        for column in range(columns):
            value = block[place, column]
            before = tail[place + 1, column] if place + 1 < window else 0.0
            known = tail_known[place + 1, column] if place + 1 < window else 0.0
            if np.isnan(value):
                tail[place, column] = before
                tail_known[place, column] = known
            else:
                tail[place, column] = before + value
                tail_known[place, column] = known + 1.0


def trailing_max(panel: Panel, window: int) -> Panel:
    """Return the largest known value of each trailing window; NaN where fewer than 90 % of them are known."""
    rows = np.ascontiguousarray(panel.to_numpy())
    out = np.empty(rows.shape)
    in_threads(lambda start, stop: _climb(rows, window, MIN_KNOWN * window, start, stop, out), *rows.shape)
    return pd.DataFrame(out, index=panel.index, columns=panel.columns, copy=False)


@compiled
def _climb(values: Array, window: int, least: float, start: int, stop: int, out: Array) -> None:
    """Write rows `start` to `stop`: the larger of the head of the row's block and the tail of the block before."""
    columns = values.shape[1]
    tail, tail_known = np.empty((window + 1, columns)), np.zeros((window + 1, columns))
    head, head_known = np.empty(columns), np.zeros(columns)
    for row in range(max((start - window + 1) // window, 0) * window, stop):
        place = row % window
        if place == 0:
            tail[window] = -np.inf
            tail_known[window] = 0.0
            for back in range(window - 1, -1, -1):
                for column in range(columns):
                    value = values[row - window + back, column] if row >= window else np.nan
                    known = not np.isnan(value)
                    tail[back, column] = max(tail[back + 1, column], value) if known else tail[back + 1, column]
                    tail_known[back, column] = tail_known[back + 1, column] + known
            head[:] = -np.inf
            head_known[:] = 0.0
        for column in range(columns):
            value = values[row, column]
            if not np.isnan(value):
                head[column] = max(head[column], value)
                head_known[column] += 1.0
        if row < start:
            continue
        for column in range(columns):
            known = head_known[column] + tail_known[place + 1, column]
            enough = row >= window - 1 and known >= max(least, 1.0)
            out[row, column] = max(head[column], tail[place + 1, column]) if enough else np.nan
