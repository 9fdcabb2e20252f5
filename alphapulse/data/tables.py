"""The documented layout of a folder of market data: its long tables, their columns, and the checks on each value.

| table | columns (? = may be left out) | one row is |
|---|---|---|
| prices (required) | session, asset, close, open?, high?, low?, volume?, dividend?, split? | an asset on a session |
| benchmark | session, value | the index level on a session |
| membership | asset, start, end (empty: still a member) | a member from `start` until the day before `end` |
| fundamentals | asset, period_end, known, figures by name | the figures of one filing, flows of its quarter alone |
| news | asset, headline, known, source? | a headline about an asset |
| macro | series, value, known, period_end? | one value of a series |
| sectors | asset, sector | an asset's sector |
| delistings | asset, last_session, cash? (empty: the last close) | an asset that left trading |

Prices are as traded (dollars a share), volume is in shares, dividend in cash per share held after that day's split,
split is new shares for one old. Dates are ISO (2015-03-23); the column `date` is read as `session`. `known` is when
the row became public: a time with its zone (2015-03-23T16:30:00-04:00), or a bare date, which counts from the next
session.

Figures that agents read (`core.figures`): revenue, gross_profit, operating_income, net_income, eps_diluted, cfo, cfi,
cff, capex, free_cash_flow, dividends, dividends_per_share (flows); assets, current_assets, current_liabilities,
liabilities, equity, retained_earnings, cash, debt, shares (at the period's end). A flow is that of the quarter ending
on `period_end`: amounts of the year to date or of a year are taken apart before, or they count fourfold.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from alphapulse.core.errors import DataError
from alphapulse.data.calendar import end_of_day
from alphapulse.data.selection import nearest

REQUIRED: Mapping[str, tuple[str, ...]] = {
    "prices": ("session", "asset", "close"),
    "benchmark": ("session", "value"),
    "membership": ("asset", "start", "end"),
    "fundamentals": ("asset", "period_end", "known"),
    "news": ("asset", "headline", "known"),
    "macro": ("series", "value", "known"),
    "sectors": ("asset", "sector"),
    "delistings": ("asset", "last_session"),
}
PRICE_COLUMNS = ("open", "high", "low", "close", "volume", "dividend", "split")
TEXTS = ("asset", "headline", "source", "series", "sector")
DATES = ("session", "start", "end", "period_end", "last_session")
MAY_BE_EMPTY = ("end", "source", "headline")
NOT_GIVEN = ("", "nan", "NaN", "NA", "N/A", "null", "None", "<NA>")
BARE_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
MIDNIGHT = re.compile(r"(\d{4}-\d{2}-\d{2})(?:[T ]00:00(?::00(?:\.0+)?)?\s*(Z|[+-]\d{2}:?\d{2})?)?")
ZONED_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?\s*(?:Z|[+-]\d{2}:?\d{2})")


@dataclass(frozen=True, eq=False)
class FolderTables:
    """The long tables of one market, typed as `typed` leaves them; None is a table that is not there.

    flags: known biases in words. name: shown with every result. notes: rows for the quality report, about what was
    met while the tables were put together.
    """

    prices: pd.DataFrame
    benchmark: pd.DataFrame | None = None
    membership: pd.DataFrame | None = None
    fundamentals: pd.DataFrame | None = None
    news: pd.DataFrame | None = None
    macro: pd.DataFrame | None = None
    sectors: pd.DataFrame | None = None
    delistings: pd.DataFrame | None = None
    flags: tuple[str, ...] = ()
    name: str = "folder"
    notes: tuple[tuple[str, int, str, str], ...] = ()

    def present(self) -> dict[str, pd.DataFrame]:
        """Return the tables that are there, by name."""
        tables = {field.name: getattr(self, field.name) for field in fields(self) if field.name in REQUIRED}
        return {name: table for name, table in tables.items() if table is not None}


def typed(table: str, frame: pd.DataFrame, where: str) -> pd.DataFrame:
    """Return `frame` with the types of the layout, or raise DataError naming file, column and row.

    table: a name of the layout. where: the file, for messages. Texts become str (asset of prices: categorical), dates
    naive midnights, `known` UTC, everything else float64 with NaN for an empty cell. Rows keep their order.
    """
    if "session" not in frame and "date" in frame:
        frame = frame.rename(columns={"date": "session"})
    _check_columns(table, frame, where)
    if frame.empty:
        raise DataError(
            f"{where}: the columns {list(frame.columns)} and no row", "at least one row", "fill it, or remove the file"
        )
    out: dict[str, Any] = {}
    for name in frame.columns:
        column, label = frame[name], f"{where}: column {name}"
        if name in TEXTS:
            texts = _texts(column, label)
            out[name] = texts if table == "prices" else np.asarray(texts.astype(object))
        elif name in DATES:
            out[name] = _dates(column, label)
        elif name == "known":
            out[name] = _times(column, label)
        else:
            out[name] = _numbers(column, frame, label)
    return pd.DataFrame(out)


def _check_columns(table: str, frame: pd.DataFrame, where: str) -> None:
    names = [str(name) for name in frame.columns]
    twice = pd.Index(names)[pd.Index(names).duplicated()]
    if len(twice):
        raise DataError(f"{where}: the column {twice[0]} stands twice", "each column once", "remove or rename one")
    for column in REQUIRED[table]:
        if column not in names:
            raise DataError(
                f"{where}: no column {column}{nearest(column, names)}; it has {names}",
                f"the columns {', '.join(REQUIRED[table])}",
                "rename the column or add it",
            )


def _texts(column: "pd.Series[Any]", label: str) -> pd.Categorical:
    codes, unique = pd.factorize(column)
    if (codes < 0).any() and column.name not in MAY_BE_EMPTY:
        raise _fault(label, int(np.argmax(codes < 0)), "nothing", "text on every row", "fill the cell or drop the row")
    words = []
    for place, value in enumerate(unique):
        whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
        text = str(value).strip() if isinstance(value, str) or whole else ""
        if not text and column.name not in MAY_BE_EMPTY:
            row = int(np.argmax(codes == place))
            raise _fault(label, row, f"{value!r}", "text such as AAPL", "write a label, or drop the row")
        words.append(text)
    merged, names = pd.factorize(np.array(words, dtype=object))
    return pd.Categorical.from_codes(np.where(codes < 0, -1, merged[codes]), categories=pd.Index(names, dtype=str))


def _numbers(column: "pd.Series[Any]", frame: pd.DataFrame, label: str) -> "np.ndarray[Any, np.dtype[np.float64]]":
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    numbers = pd.to_numeric(column, errors="coerce")
    wrong = (numbers.isna() & column.notna() & ~column.astype(str).str.strip().isin(NOT_GIVEN)).to_numpy()
    if wrong.any() or pd.api.types.is_bool_dtype(column):
        row = int(np.argmax(wrong))
        keys = [str(frame[key].iloc[row]) for key in ("session", "asset", "series") if key in frame]
        place = f" ({' '.join(keys)})" if keys else ""
        raise _fault(label, row, f"{column.iloc[row]!r}{place}", "a number, or an empty cell", "correct the cell")
    return numbers.to_numpy(dtype=np.float64)


def _dates(column: "pd.Series[Any]", label: str) -> pd.DatetimeIndex:
    accepted = "dates such as 2015-03-23, without time of day"
    if pd.api.types.is_datetime64_any_dtype(column):
        days = pd.DatetimeIndex(column).tz_localize(None)
        clocked = np.asarray(days.notna() & (days != days.normalize()))
        if clocked.any():
            row = int(np.argmax(clocked))
            raise _fault(label, row, f"{column.iloc[row]}", accepted, "convert to New York dates and drop the time")
    else:
        codes, unique = pd.factorize(column)
        zones: set[str] = set()
        parsed = [_one_date(value, zones) for value in unique]
        faulty = np.array([day is None for day in parsed] + [False])[codes]
        if faulty.any():
            row = int(np.argmax(faulty))
            raise _fault(label, row, f"{column.iloc[row]!r}", accepted, "write the date in ISO form")
        if len(zones) > 1 and _zone_spread(zones) > 60:
            raise DataError(
                f"{label}: mixed time zones {sorted(zones)}",
                accepted,
                "convert all to New York dates and drop the zone",
            )
        # the extra NaT is what code -1, an empty cell, points at
        days = pd.DatetimeIndex(np.array([*parsed, "NaT"], dtype="datetime64[s]")[codes])
    if days.hasnans and column.name not in MAY_BE_EMPTY:
        raise _fault(label, int(np.argmax(days.isna())), "nothing", accepted, "fill the date or drop the row")
    return days.as_unit("us")


def _one_date(value: Any, zones: set[str]) -> str | None:
    """Return the ISO date of one cell, NaT for an empty one, None for anything else; collect the zones met."""
    if isinstance(value, date):
        clocked = isinstance(value, pd.Timestamp) and value != value.normalize()
        return None if clocked else value.strftime("%Y-%m-%d")
    if isinstance(value, str) and value.strip() in NOT_GIVEN:
        return "NaT"
    match = MIDNIGHT.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None or pd.isna(pd.to_datetime(match[1], errors="coerce")):
        return None
    if match[2]:
        zones.add(match[2])
    return match[1]


def _zone_spread(zones: set[str]) -> int:
    """Return the minutes between the most eastern and the most western offset; summer time makes 60."""
    minutes = [
        0 if zone == "Z" else (-1 if zone[0] == "-" else 1) * (int(zone[1:3]) * 60 + int(zone[-2:])) for zone in zones
    ]
    return max(minutes) - min(minutes)


def _times(column: "pd.Series[Any]", label: str) -> pd.DatetimeIndex:
    accepted = "a time with its zone (2015-03-23T16:30:00-04:00), or a bare date (then it counts from the next session)"
    cure = "add the zone to the time, or give the date alone"
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        known = pd.DatetimeIndex(column).tz_convert("UTC")
    elif pd.api.types.is_datetime64_any_dtype(column):
        days = pd.DatetimeIndex(column)
        clocked = np.asarray(days.notna() & (days != days.normalize()))
        if clocked.any():
            row = int(np.argmax(clocked))
            raise _fault(label, row, f"the time {days[row]} without a zone", accepted, cure)
        known = end_of_day(days)
    else:
        codes, unique = pd.factorize(column)
        bare = np.array([isinstance(v, date) or bool(BARE_DATE.fullmatch(str(v).strip())) for v in unique], dtype=bool)
        zoned = np.array([not isinstance(v, date) and bool(ZONED_TIME.fullmatch(str(v).strip())) for v in unique], bool)
        empty = np.array([str(v).strip() in NOT_GIVEN for v in unique], dtype=bool)
        text = pd.Series([str(v).strip() for v in unique], dtype=object)
        parsed = pd.Series(pd.NaT, index=text.index, dtype="datetime64[us, UTC]")
        if zoned.any():
            parsed[zoned] = pd.to_datetime(text[zoned], utc=True, errors="coerce", format="ISO8601")
        if bare.any():
            days = pd.DatetimeIndex(pd.to_datetime(text[bare], errors="coerce"))
            parsed[bare] = end_of_day(days)
        wrong = np.append(parsed.isna().to_numpy() & ~empty, False)[codes]
        if wrong.any():
            row = int(np.argmax(wrong))
            raise _fault(label, row, f"{column.iloc[row]!r}", accepted, cure)
        known = pd.DatetimeIndex(parsed.reindex(np.where(codes < 0, len(unique), codes)))
    if known.hasnans:
        raise _fault(label, int(np.argmax(known.isna())), "nothing", accepted, "drop rows whose publication is unknown")
    return known.as_unit("us")


def _fault(label: str, row: int, came: str, accepted: str, next_step: str) -> DataError:
    return DataError(f"{label}, row {row + 1}: {came}", accepted, next_step)
