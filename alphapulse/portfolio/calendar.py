"""Rebalance calendars: which sessions decide, known from the past alone.

A calendar numbers periods, and the first session of a period decides. Which session is the last of a period is never
asked: that would depend on the sessions after it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.tseries.holiday import GoodFriday, USMemorialDay

from alphapulse.core.checks import check_choice, check_count
from alphapulse.core.errors import ParamsError

Days = npt.NDArray[np.int64]
Calendar = str | int | tuple[str, ...]

# day 0 is Thursday 1970-01-01; each rule numbers the period a day lies in
CALENDARS: dict[str, Callable[[Days], Days]] = {
    "daily": lambda days: days,
    "weekly": lambda days: (days + 3) // 7,
    "monthly": lambda days: _months(days),
    "month_end": lambda days: _months_ended(days),
    "quarterly": lambda days: _months(days) // 3,
}


def rebalance_sessions(sessions: pd.DatetimeIndex, rule: Calendar) -> npt.NDArray[np.bool_]:
    """Return True by session at which `rule` asks for a decision.

    daily, weekly, monthly, quarterly: the first session of each period; weeks begin on Monday. month_end: the last
    session that the New York Stock Exchange has scheduled in a month, a rule of dates alone: the last weekday that is
    neither Good Friday nor Memorial Day. Should there be no session that day after all (a closing nobody had
    scheduled), the first session of the next month decides, so that no month is missed.
    In all of these the very first session counts.
    A whole number n: every n-th session, counted from the very first. Dates as ISO text: those sessions, the next one
    for a date that is no session; several dates before one session make one decision. ParamsError on any other rule.
    """
    rule = checked_calendar(rule)
    if isinstance(rule, int):
        return np.asarray(np.arange(len(sessions)) % rule == 0)
    days = sessions.to_numpy().astype("datetime64[D]").astype(np.int64)
    period = _dates_passed(rule, days) if isinstance(rule, tuple) else CALENDARS[rule](days)
    first = np.ones(len(period), dtype=bool)
    first[1:] = period[1:] != period[:-1]
    if isinstance(rule, tuple):
        first[:1] = period[:1] > 0
    return first


def checked_calendar(rule: Any) -> Calendar:
    """Return the rule, a list of dates as a tuple, or raise ParamsError."""
    if isinstance(rule, list | tuple) and rule:
        return tuple(_iso(day) for day in rule)
    if isinstance(rule, int):
        return check_count("portfolio: rebalance", rule)
    if isinstance(rule, str):
        return check_choice("portfolio: rebalance", rule, CALENDARS)
    raise ParamsError(
        f"portfolio: rebalance = {rule!r}",
        f"one of {', '.join(CALENDARS)}, a number of sessions, or a list of dates",
        "write monthly, 10 or [2001-03-15, 2001-06-15]",
    )


def calendar_words(rule: Calendar) -> str:
    """Return what a calendar asks for, in words that follow "rebalanced:"."""
    if isinstance(rule, int):
        return "daily" if rule == 1 else f"every {rule} sessions"
    return rule if isinstance(rule, str) else "a given date"


def _months(days: Days) -> Days:
    return days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)


def _months_ended(days: Days) -> Days:
    """Number months so that each begins at the last scheduled session of the month before."""
    months = _months(days)
    if not len(days):
        return months
    start, end = np.array([months.min(), months.max() + 1]).astype("datetime64[M]")
    closed = [
        holiday.dates(start, end, return_name=False).to_numpy().astype("datetime64[D]")
        for holiday in (GoodFriday, USMemorialDay)
    ]
    following = (months + 1).astype("datetime64[M]").astype("datetime64[D]")
    last = np.busday_offset(following, -1, roll="forward", holidays=np.concatenate(closed))
    return months + (days >= last.astype(np.int64))


def _dates_passed(dates: tuple[str, ...], days: Days) -> Days:
    given = np.sort(np.array(dates, dtype="datetime64[D]").astype(np.int64))
    return np.searchsorted(given, days, side="right")


def _iso(day: Any) -> str:
    try:
        return date.fromisoformat(day).isoformat()
    except (TypeError, ValueError):
        raise ParamsError(
            f"portfolio: rebalance: {day!r}", "dates as text, year first", "write 2001-03-15 for 15 March 2001"
        ) from None
