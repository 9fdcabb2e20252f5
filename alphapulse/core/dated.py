"""Dated facts: rows with the time they became known and the first session that may use them.

A dated table is a DataFrame with at least the columns `known` (UTC time) and `session` (the first session whose
decision may use the row). Fundamentals add `asset` and `period_end`, news `asset` and `headline`, macro `series` and
`value`. `date_facts` is the only place where a knowledge time becomes a session.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from alphapulse.core.errors import DataError
from alphapulse.core.panel import Panel


def date_facts(rows: pd.DataFrame, opens: pd.DatetimeIndex, sessions: pd.DatetimeIndex) -> pd.DataFrame:
    """Add the column `session`: the first session that opens after the row became known; drop rows after the end.

    rows: a table with the column `known` (UTC). opens: the UTC opening time of each of `sessions`. A fact known
    during a session therefore counts from the next one, and a fact known before the first session from the first.
    Rows are sorted by session and knowledge time.
    """
    if "known" not in rows:
        raise DataError(
            f"dated table: columns {list(rows.columns)} hold no knowledge time",
            "a column `known` with UTC times",
            "add the time each row became public",
        )
    known = pd.DatetimeIndex(pd.to_datetime(rows["known"], utc=True))
    if known.hasnans:
        raise DataError(
            f"dated table: row {int(np.argmax(known.isna()))} has no knowledge time",
            "a UTC time in `known` on every row",
            "drop rows whose publication time is unknown",
        )
    position = opens.searchsorted(known, side="left")
    inside = position < len(sessions)
    out = rows.loc[inside].copy()
    out["known"] = known[inside]
    out["session"] = sessions[position[inside]]
    return out.sort_values(["session", "known"], kind="stable", ignore_index=True)


def as_of_panel(
    table: pd.DataFrame,
    field: str,
    sessions: pd.DatetimeIndex,
    assets: pd.Index,
    *,
    max_age: int | None = None,
) -> Panel:
    """Return the latest known value of `field` at each session, sessions x assets; NaN before the first.

    A row that reports an older period than one already known (a late restatement) does not replace it; a row for the
    same period does. Values older than `max_age` sessions are unknown again.
    """
    rows = table.loc[table[field].notna() & table["asset"].isin(assets)]
    if "period_end" in rows:
        newest = rows.groupby("asset", sort=False)["period_end"].cummax()
        rows = rows.loc[rows["period_end"] == newest]
    out = np.full((len(sessions), len(assets)), np.nan)
    at = sessions.get_indexer(pd.Index(rows["session"]))
    inside = at >= 0
    column = assets.get_indexer(pd.Index(rows["asset"]))[inside]
    out[at[inside], column] = rows[field].to_numpy(dtype=np.float64)[inside]
    return _carry_forward(pd.DataFrame(out, index=sessions, columns=assets), max_age)


def as_of_series(
    table: pd.DataFrame, name: str, sessions: pd.DatetimeIndex, *, max_age: int | None = None
) -> "pd.Series[float]":
    """Return the latest known value of the macro series `name` at each session; NaN before the first."""
    rows = table.loc[(table["series"] == name) & table["value"].notna()]
    if "period_end" in rows:
        rows = rows.loc[rows["period_end"] == rows["period_end"].cummax()]
    last = rows.groupby("session")["value"].last()
    return _carry_forward(last.reindex(sessions).to_frame(name), max_age)[name]


def _carry_forward(panel: Panel, max_age: int | None) -> Panel:
    return panel.ffill(limit=max_age) if max_age != 0 else panel
