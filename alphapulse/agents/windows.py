"""Trailing windows over panels: row t reads rows t - window + 1 to t."""

from __future__ import annotations

import numpy as np
import pandas as pd

from alphapulse.core.panel import Panel
from alphapulse.core.stats import Array

MIN_KNOWN = 0.9


def rolling_sum(values: Array, window: int) -> Array:
    """Return the sum of each trailing window, sessions x assets; NaN in the first window - 1 rows.

    Each window is the tail of one block of `window` rows plus the head of the next, so no sum reaches beyond its own
    window: no rounding accumulates, and an outlier leaves with its row. `values` must not hold NaN.
    """
    rows, columns = values.shape
    out = np.full(values.shape, np.nan)
    if rows < window:
        return out
    blocks = -(-rows // window)
    padded = np.zeros((blocks, window, columns))
    padded.reshape(-1, columns)[:rows] = values
    head = padded.cumsum(axis=1).reshape(-1, columns)
    np.cumsum(padded[:, ::-1], axis=1, out=padded[:, ::-1])
    padded[:, 0] = 0.0  # a window that starts with its block is all head
    tail = padded.reshape(-1, columns)
    np.add(head[window - 1 : rows], tail[: rows - window + 1], out=out[window - 1 :])
    return out


def trailing_mean(panel: Panel, window: int) -> Panel:
    """Return the mean of the known values of each trailing window; NaN where fewer than 90 % of them are known.

    A run of identical values has exactly that mean, up to rounding of one sum.
    """
    values = panel.to_numpy()
    unknown = np.isnan(values)
    total = rolling_sum(np.where(unknown, 0.0, values), window)
    if unknown.any():
        passed = np.cumsum(~unknown, axis=0, dtype=np.int32)
        count = passed.copy()
        count[window:] -= passed[:-window]
        total[count < MIN_KNOWN * window] = np.nan
        np.maximum(count, 1, out=count)
        total /= count
    else:
        total /= window
    return pd.DataFrame(total, index=panel.index, columns=panel.columns, copy=False)
