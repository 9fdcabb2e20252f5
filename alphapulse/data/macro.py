"""Rows of the macro table: what a series said about a period, and when that became known."""

from __future__ import annotations

import pandas as pd

from alphapulse.data.calendar import EXCHANGE_ZONE, dated, end_of_day

# The monthly mean of Moody's yields stands in the first weekly release of the next month.
AFTER_FIRST_WEEK = pd.offsets.Day(7)
# Core CPI comes out between the 10th and the end of the next month: its end is later than every release.
AFTER_NEXT_MONTH = pd.offsets.MonthEnd(1)
# The volatility index is settled a quarter of an hour after the exchange's regular close.
VIX_CLOSE = pd.Timedelta(hours=16, minutes=15)


def monthly_rows(values: "pd.Series[float]", published: pd.offsets.BaseOffset) -> pd.DataFrame:
    """Return rows of the monthly series `values`, stamped inside its month, known `published` after the month's end."""
    period_end = pd.DatetimeIndex(values.index) + pd.offsets.MonthEnd(0)
    return _rows(values, period_end, end_of_day(period_end + published))


def daily_rows(values: "pd.Series[float]", published: pd.Timedelta) -> pd.DataFrame:
    """Return rows of the daily series `values`, known at the New York time of day `published` of the same date."""
    dates = pd.DatetimeIndex(values.index)
    return _rows(values, dates, (dates + published).tz_localize(EXCHANGE_ZONE).tz_convert("UTC"))


def macro_table(rows: list[pd.DataFrame], sessions: pd.DatetimeIndex) -> pd.DataFrame:
    """Return the macro table for `sessions`; of what was known before them only the last row of each series."""
    table = dated(pd.concat(rows, ignore_index=True), sessions)
    early = table["session"] == sessions[0]
    superseded = early & table.loc[early].duplicated("series", keep="last").reindex(table.index, fill_value=False)
    return table.loc[~superseded].reset_index(drop=True)


def _rows(values: "pd.Series[float]", period_end: pd.DatetimeIndex, known: pd.DatetimeIndex) -> pd.DataFrame:
    return pd.DataFrame({"series": values.name, "period_end": period_end, "value": values.to_numpy(), "known": known})
