"""Sessions of the New York Stock Exchange, and the place where knowledge times meet them.

Sessions are naive dates, opens and closes are UTC. A fact known only by its date is taken as known at the end of that
day in New York, so it counts from the next session.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import pandas as pd

from alphapulse.core.dated import date_facts
from alphapulse.core.errors import DataError, ParamsError

EXCHANGE = "XNYS"
EXCHANGE_ZONE = "America/New_York"
FIRST_DATE = "1960-01-01"  # exchange-calendars itself goes back 20 years only unless told


@lru_cache(maxsize=1)
def _schedule() -> pd.DataFrame:
    """Open and close (UTC) of every session from FIRST_DATE to about a year from now."""
    import exchange_calendars

    exchange = exchange_calendars.get_calendar(EXCHANGE, start=FIRST_DATE)
    return pd.DataFrame({"open": exchange.opens, "close": exchange.closes}, index=pd.DatetimeIndex(exchange.sessions))


def sessions_between(start: Any, end: Any) -> pd.DatetimeIndex:
    """Return the sessions from `start` to `end`, both included, as naive dates."""
    index = pd.DatetimeIndex(_schedule().index)
    first = index.searchsorted(pd.Timestamp(start), side="left")
    last = index.searchsorted(pd.Timestamp(end), side="right")
    _check_covered(pd.Timestamp(start), index)
    _check_covered(pd.Timestamp(end), index)
    return index[first:last].rename(None)


def sessions_from(start: Any, count: int) -> pd.DatetimeIndex:
    """Return the first `count` sessions on or after `start`; ParamsError when the calendar ends before."""
    index = pd.DatetimeIndex(_schedule().index)
    _check_covered(pd.Timestamp(start), index)
    first = int(index.searchsorted(pd.Timestamp(start), side="left"))
    if first + count > len(index):
        raise ParamsError(
            f"calendar: {count} sessions from {pd.Timestamp(start).date()}",
            f"at most {len(index) - first} sessions, to {index[-1].date()}",
            "start earlier or ask for fewer sessions",
        )
    return index[first : first + count].rename(None)


def session_opens(sessions: pd.DatetimeIndex) -> pd.DatetimeIndex:
    """Return the opening time (UTC) of each session; DataError names the first date without trading."""
    return _times(sessions, "open")


def session_closes(sessions: pd.DatetimeIndex) -> pd.DatetimeIndex:
    """Return the closing time (UTC) of each session, early closes included; DataError as `session_opens`."""
    return _times(sessions, "close")


def end_of_day(dates: Any) -> pd.DatetimeIndex:
    """Return the end of each date in New York as UTC: the knowledge time of facts known by their date only."""
    days = pd.DatetimeIndex(dates).normalize() + pd.Timedelta(days=1)
    return days.tz_localize(EXCHANGE_ZONE).tz_convert("UTC")


def dated(rows: pd.DataFrame, sessions: pd.DatetimeIndex) -> pd.DataFrame:
    """Add the column `session` to rows with `known` (UTC): the first session opening after (`core.dated`)."""
    return date_facts(rows, session_opens(sessions), sessions)


def _times(sessions: pd.DatetimeIndex, which: str) -> pd.DatetimeIndex:
    schedule = _schedule()
    place = schedule.index.get_indexer(sessions)
    if (place < 0).any():
        odd = sessions[place < 0][0]
        raise DataError(
            f"calendar: {odd.date()} is no session of {EXCHANGE}",
            f"trading days from {schedule.index[0].date()} to {schedule.index[-1].date()}",
            "drop the row, or check its date and time zone",
        )
    return pd.DatetimeIndex(schedule[which]).take(place).rename(None)


def _check_covered(date: pd.Timestamp, index: pd.DatetimeIndex) -> None:
    if not pd.Timestamp(FIRST_DATE) <= date <= index[-1]:
        raise ParamsError(
            f"calendar: the date {date.date()}",
            f"a date from {FIRST_DATE} to {index[-1].date()}",
            "choose a date inside the calendar",
        )
