"""Rebalance calendars: which sessions decide, known from the past alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pandas as pd

from alphapulse.core.checks import check_choice

Days = npt.NDArray[np.int64]

# day 0 is Thursday 1970-01-01; each rule numbers the period a day lies in
CALENDARS: dict[str, Callable[[Days], Days]] = {
    "daily": lambda days: days,
    "weekly": lambda days: (days + 3) // 7,
    "monthly": lambda days: _months(days),
    "quarterly": lambda days: _months(days) // 3,
}


def rebalance_sessions(sessions: pd.DatetimeIndex, rule: str) -> npt.NDArray[np.bool_]:
    """Return True by session where a new period begins: the first session of each day, week, month or quarter.

    The last session of a period is not used: which one it is would depend on the sessions after it. The very first
    session counts. rule: a name from CALENDARS, ParamsError otherwise. Weeks begin on Monday.
    """
    number = CALENDARS[check_choice("rebalance", rule, CALENDARS)]
    period = number(sessions.to_numpy().astype("datetime64[D]").astype(np.int64))
    first = np.ones(len(period), dtype=bool)
    first[1:] = period[1:] != period[:-1]
    return first


def _months(days: Days) -> Days:
    return days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
