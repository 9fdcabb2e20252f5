"""A Panel: a float DataFrame, sessions x assets, sorted and unique on both axes, where NaN means unknown."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from alphapulse.core.errors import DataError

Panel = pd.DataFrame


def check_sessions(index: Any, name: str) -> pd.DatetimeIndex:
    """Return the index as sessions (naive midnight dates, sorted, unique) or raise DataError naming the first fault."""
    if not isinstance(index, pd.DatetimeIndex):
        raise DataError(
            f"{name}: the index is {type(index).__name__} of {getattr(index, 'dtype', '?')}",
            "a DatetimeIndex of exchange dates",
            "convert it with pandas.to_datetime before handing it over",
        )
    if index.tz is not None:
        raise DataError(
            f"{name}: the index carries the time zone {index.tz}",
            "time-zone-naive exchange dates",
            "drop the zone with index.tz_localize(None) after converting to New York dates",
        )
    if index.hasnans:
        raise DataError(
            f"{name}: row {int(np.argmax(index.isna()))} has no date (NaT)",
            "a date on every row",
            "drop the row or give it its date",
        )
    ticks = index.to_numpy()
    if len(ticks) > 1:
        steps = np.diff(ticks) <= np.timedelta64(0, "ns")
        if steps.any():
            at = int(np.argmax(steps)) + 1
            fault = "twice" if ticks[at] == ticks[at - 1] else "after a later session"
            raise DataError(
                f"{name}: session {index[at].date()} comes {fault} (row {at})",
                "sessions in increasing order, each once",
                "sort the index and drop duplicates (keep the row you trust)",
            )
    clocked = ticks != ticks.astype("datetime64[D]")
    if clocked.any():
        raise DataError(
            f"{name}: row {int(np.argmax(clocked))} is {index[int(np.argmax(clocked))]}, a time of day",
            "dates at midnight, one row a session",
            "use index.normalize() once each session has one row",
        )
    return index


def check_panel(
    frame: Any,
    name: str,
    *,
    sessions: pd.DatetimeIndex | None = None,
    assets: pd.Index | None = None,
) -> Panel:
    """Return `frame` as a valid Panel, or raise DataError naming the first faulty session and asset.

    frame: sessions x assets, any unit; NaN means unknown, infinity is refused. With `sessions` or `assets` given,
    the axes must equal them.
    """
    if not isinstance(frame, pd.DataFrame):
        raise DataError(
            f"{name}: a {type(frame).__name__} came",
            "a DataFrame of sessions x assets",
            "build one with pandas.DataFrame(values, index=sessions, columns=assets)",
        )
    index = check_sessions(frame.index, name)
    _check_assets(frame.columns, name)
    _check_same_axis(index, sessions, name, "sessions")
    _check_same_axis(frame.columns, assets, name, "assets")
    try:
        values = frame.to_numpy(dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"{name}: {_first_text(frame)} ({error})",
            "numbers, NaN where unknown",
            "convert the column with pandas.to_numeric",
        ) from error
    infinite = np.isinf(values)
    if infinite.any():
        row, column = np.argwhere(infinite)[0]
        raise DataError(
            f"{name}: {values[row, column]} on {index[row].date()} for {frame.columns[column]}",
            "finite numbers, NaN where unknown",
            "replace the value by NaN if it is not known",
        )
    if all(dtype == np.float64 for dtype in frame.dtypes):
        return frame
    return pd.DataFrame(values, index=index, columns=frame.columns)


def _check_assets(columns: pd.Index, name: str) -> None:
    for label in columns:
        if not isinstance(label, str) or not label:
            raise DataError(
                f"{name}: the asset label {label!r} is {type(label).__name__}",
                "non-empty text labels",
                "rename the column, for example with frame.rename(columns=str)",
            )
    if columns.has_duplicates:
        raise DataError(
            f"{name}: the asset {columns[columns.duplicated()][0]} stands twice",
            "each asset once",
            "drop or merge one of its columns",
        )
    if not columns.is_monotonic_increasing:
        raise DataError(
            f"{name}: assets are not in order (first {list(columns[:3])})",
            "assets sorted by label",
            "use frame.sort_index(axis=1)",
        )


def _check_same_axis(got: pd.Index, wanted: pd.Index | None, name: str, axis: str) -> None:
    if wanted is None or got.equals(wanted):
        return
    odd = got.difference(wanted).append(wanted.difference(got))
    first = odd[0] if len(odd) else "the order"
    raise DataError(
        f"{name}: its {axis} differ from the market's ({len(got)} against {len(wanted)}, first difference {first})",
        f"the same {axis} as the market",
        f"reindex the panel to market.{axis}",
    )


def _first_text(frame: pd.DataFrame) -> str:
    for asset in frame.columns:
        column = frame[asset]
        bad = pd.to_numeric(column, errors="coerce").isna() & column.notna()
        if bad.any():
            session = column.index[int(np.argmax(bad.to_numpy()))]
            return f"{column[session]!r} on {session.date()} for {asset}"
    return "a value that is not a number"
