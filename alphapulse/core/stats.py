"""The few estimators that agents, risk and portfolio share. All are causal: row t reads rows up to t only."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from alphapulse.core.panel import Panel

Array = npt.NDArray[np.float64]


def session_returns(total_return: Panel) -> Panel:
    """Return simple returns per session, sessions x assets, from compounded total-return levels.

    A session without a level has no return (NaN); the next known level is compared with the last known one, so the
    product of returns over known sessions equals the ratio of the levels.
    """
    levels = total_return.to_numpy()
    known = ~np.isnan(levels)
    if known[1:].all():
        previous = levels[:-1]
    else:
        row = np.where(known, np.arange(len(levels))[:, None], -1)
        last = np.maximum.accumulate(row, axis=0)[:-1]
        previous = np.where(last >= 0, np.take_along_axis(levels, np.maximum(last, 0), axis=0), np.nan)
    out = np.full(levels.shape, np.nan)
    np.divide(levels[1:], previous, out=out[1:])
    out[1:] -= 1.0
    return pd.DataFrame(out, index=total_return.index, columns=total_return.columns, copy=False)


def centred_ranks(panel: Panel) -> Panel:
    """Rank each session's known values across assets, evenly spaced and centred: lowest -1 + 1/n, highest 1 - 1/n.

    NaN stays NaN, ties share their mean rank, and a session with a single known value ranks it 0. Monotone
    transformations of the input and the order of assets change nothing.
    """
    values = panel.to_numpy()
    out = np.empty(values.shape)
    for start in range(0, len(values), _RANKED_AT_ONCE):
        rows = slice(start, start + _RANKED_AT_ONCE)
        out[rows] = _ranked_rows(values[rows])
    return pd.DataFrame(out, index=panel.index, columns=panel.columns, copy=False)


_RANKED_AT_ONCE = 64  # rows that stay in the processor's cache


def _ranked_rows(values: Array) -> Array:
    unknown = np.isnan(values)
    rows, width = values.shape
    place = np.arange(width)
    count = np.maximum(width - unknown.sum(axis=1, keepdims=True), 1)
    filled = np.where(unknown, np.inf, values)  # unknown values sort last; NaN would sort five times slower
    order = (np.argsort(filled, axis=1) + np.arange(rows)[:, None] * width).ravel()
    ordered = np.take(filled, order).reshape(rows, width)
    tied = (ordered[:, 1:] == ordered[:, :-1]) & (place[1:] < count)
    if tied.any():
        starts = np.ones(values.shape, dtype=bool)
        starts[:, 1:] = ~tied
        ends = np.ones(values.shape, dtype=bool)
        ends[:, :-1] = ~tied
        first = np.maximum.accumulate(np.where(starts, place, 0), axis=1)
        last = np.minimum.accumulate(np.where(ends, place, width)[:, ::-1], axis=1)[:, ::-1]
        ranked = (first + last + 1.0) / count - 1.0
    else:
        ranked = (2.0 * place + 1.0) / count - 1.0
    out = np.empty(values.size)
    out[order] = ranked.ravel()
    out[unknown.ravel()] = np.nan
    return out.reshape(rows, width)
