"""Small markets of companies whose every figure is written down, so that evidence can be reckoned by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from alphapulse.core.dated import date_facts
from alphapulse.core.market import MarketData
from alphapulse.core.panel import Panel

SESSIONS = pd.bdate_range("2020-03-02", periods=30)
QUARTERS = pd.date_range("2017-12-31", "2019-12-31", freq="QE")  # nine: two years and the quarter before them
LAG = pd.Timedelta(days=40)

Figure = float | Sequence[float]


def dated(rows: pd.DataFrame, sessions: pd.DatetimeIndex) -> pd.DataFrame:
    """Add the session from which each row counts; the exchange opens at 14:30 UTC."""
    return date_facts(rows, (sessions + pd.Timedelta(hours=14, minutes=30)).tz_localize("UTC"), sessions)


def filings_table(rows: Sequence[Mapping[str, Any]], sessions: pd.DatetimeIndex = SESSIONS) -> pd.DataFrame:
    """Return filings given as mappings of asset, period_end, known (a date: after that day's close) and figures."""
    table = pd.DataFrame(list(rows))
    table["period_end"] = pd.to_datetime(table["period_end"])
    table["known"] = (pd.to_datetime(table["known"]) + pd.Timedelta(hours=22)).dt.tz_localize("UTC")
    return dated(table, sessions)


def companies(
    figures: Mapping[str, Mapping[str, Figure]],
    *,
    price: float | Mapping[str, float] = 10.0,
    sectors: Mapping[str, str] | None = None,
    sessions: pd.DatetimeIndex = SESSIONS,
    **panels: Panel,
) -> MarketData:
    """Return companies with a constant price that filed each of QUARTERS 40 days after its end.

    figures: by company and name; a number holds for every quarter, a list gives the last ones, NaN before.
    """
    names = pd.Index(sorted(figures))
    rows = []
    for name in names:
        for at, end in enumerate(QUARTERS):
            row: dict[str, Any] = {"asset": name, "period_end": end, "known": end + LAG}
            for figure, value in figures[name].items():
                given = [value] * len(QUARTERS) if isinstance(value, int | float) else list(value)
                place = at - (len(QUARTERS) - len(given))
                row[figure] = float(given[place]) if place >= 0 else float("nan")
            rows.append(row)
    paid = {name: price[name] if isinstance(price, Mapping) else price for name in names}
    close = pd.DataFrame(paid, index=sessions, columns=names, dtype=float)
    return MarketData(
        {"close": close, **panels},
        tables={"fundamentals": filings_table(rows, sessions)},
        sectors=None if sectors is None else pd.Series(dict(sectors)).loc[names],
    )


def last(evidence: Callable[[MarketData, int], Panel], market: MarketData, window: int = 0) -> "pd.Series[float]":
    """Return what the evidence says at the market's last session, by asset."""
    return evidence(market, window).iloc[-1]
