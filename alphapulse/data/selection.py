"""The options every source shares: `start`, `end` and `assets`, checked once and in the same words."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

import pandas as pd

from alphapulse.core.errors import DataError, ParamsError


def nearest(word: str, known: Iterable[str]) -> str:
    """Return ' (did you mean ...?)' with the nearest known word, or nothing when none is near."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def iso_date(value: object, option: str) -> pd.Timestamp | None:
    """Return an option such as '2015-03-23' as a naive midnight, None as None; ParamsError for anything else."""
    if value is None:
        return None
    accepted = f"{option} as an ISO date such as '2015-03-23'"
    try:
        date = pd.Timestamp(str(value))
    except ValueError as error:
        raise ParamsError(f"{option}: {value!r} is not a date", accepted, "correct the date") from error
    if pd.isna(date) or date.tz is not None or date != date.normalize():
        raise ParamsError(f"{option}: {value!r} is not a plain date", accepted, "drop the time of day and the zone")
    return date


def select_sessions(sessions: pd.DatetimeIndex, start: object, end: object, source: str) -> pd.DatetimeIndex:
    """Return the sessions from `start` to `end`, both included; DataError when none is left."""
    first, last = iso_date(start, "start"), iso_date(end, "end")
    if first is not None and last is not None and first > last:
        raise ParamsError(
            f"market {source}: start {first.date()} lies after end {last.date()}",
            "start on or before end",
            "swap the two dates",
        )
    at = slice(
        0 if first is None else int(sessions.searchsorted(first, side="left")),
        len(sessions) if last is None else int(sessions.searchsorted(last, side="right")),
    )
    chosen = sessions[at]
    if chosen.empty:
        span = f"{sessions[0].date()} to {sessions[-1].date()}" if len(sessions) else "no session at all"
        raise DataError(
            f"market {source}: no session from {start} to {end}",
            f"dates within {span}",
            "ask for other dates",
        )
    return chosen


def select_assets(available: pd.Index, assets: Sequence[str] | None, source: str) -> pd.Index:
    """Return the assets asked for, sorted, all of them for None; ParamsError names the nearest label."""
    if assets is None:
        return available.sort_values()
    if isinstance(assets, str) or not len(assets):
        raise ParamsError(
            f"market {source}: assets={assets!r}",
            "a list of labels with at least one",
            "write assets=['AAPL', 'MSFT'], or leave it out for all",
        )
    for asset in assets:
        if asset not in available:
            raise ParamsError(
                f"market {source}: the asset {asset!r}{nearest(str(asset), available)}",
                f"one of the {len(available)} assets {available[0]} to {available[-1]}",
                "correct the label",
            )
    return pd.Index(sorted(set(assets)))
