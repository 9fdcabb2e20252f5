"""Drawdowns: how far below its last peak a return series stands, and the deepest such stretches.

The starting capital, one session before the first return, is the first peak.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import pandas as pd

from alphapulse.risk.sample import check_returns

Returns = TypeVar("Returns", "pd.Series[float]", pd.DataFrame)
COLUMNS = ("peak", "trough", "recovery", "depth", "length")


def drawdown_series(returns: Returns) -> Returns:
    """Return wealth over its peak so far, minus 1, at each session: 0 at a peak, negative below; same shape.

    returns: simple, per session, decimal, none unknown; a Series or a DataFrame with one series a column.
    """
    wealth = (1.0 + check_returns(returns)).cumprod(axis=1)
    fall = wealth / np.maximum(np.maximum.accumulate(wealth, axis=1), 1.0) - 1.0
    if isinstance(returns, pd.Series):
        return pd.Series(fall[0], index=returns.index, name=returns.name)
    return pd.DataFrame(fall.T, index=returns.index, columns=returns.columns, copy=False)


def top_drawdowns(returns: "pd.Series[float]", top: int = 5) -> pd.DataFrame:
    """Return the deepest stretches below a peak, deepest first, one a row.

    Columns: peak (last session at the peak, NaT for the starting capital), trough, recovery (first session back at
    the peak, NaT while it lasts), depth (negative), length (sessions from the peak to the recovery or to the end).
    """
    fall = drawdown_series(returns)
    sessions, depth = fall.index, fall.to_numpy()
    below = np.concatenate([[False], depth < 0.0, [False]])
    starts: list[int] = np.flatnonzero(below[1:] & ~below[:-1]).tolist()
    ends: list[int] = np.flatnonzero(below[:-1] & ~below[1:]).tolist()
    rows = [
        (
            sessions[start - 1] if start else pd.NaT,
            sessions[start + int(np.argmin(depth[start:end]))],
            sessions[end] if end < len(depth) else pd.NaT,
            float(depth[start:end].min()),
            min(end, len(depth) - 1) - start + 1,
        )
        for start, end in zip(starts, ends, strict=True)
    ]
    table = pd.DataFrame(rows, columns=list(COLUMNS)).astype(
        dict.fromkeys(COLUMNS[:3], sessions.dtype) | {"depth": float, "length": int}
    )
    return table.sort_values("depth", kind="stable", ignore_index=True).head(top)
