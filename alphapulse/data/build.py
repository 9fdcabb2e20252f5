"""From long tables to MarketData: the one way shared by folders and assembled sources.

1. axes        the exchange's sessions between the first and the last date asked for, assets sorted (`_axes`)
2. panels      long rows scattered to sessions x assets; of a repeated row the last one counts (`_panels`)
3. membership  intervals to True and False (`membership_panel`)
4. checks      `quality.clean`
5. delistings  cash on the session after the last one (`_delisting`)
6. facts       each row gets the first session that may use it (`_facts`)
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from alphapulse.core.errors import DataError, ParamsError
from alphapulse.core.figures import FIGURES, QUARTER_DAYS
from alphapulse.core.market import MarketData
from alphapulse.core.panel import Panel
from alphapulse.data.calendar import EXCHANGE_ZONE, dated, session_opens, sessions_between
from alphapulse.data.macro import macro_table
from alphapulse.data.quality import Mask, Report, clean
from alphapulse.data.selection import nearest, select_assets, select_sessions
from alphapulse.data.tables import PRICE_COLUMNS, REQUIRED, FolderTables

UNKNOWN_SECTOR = "Unknown"


def build(
    tables: FolderTables, start: str | None = None, end: str | None = None, assets: Sequence[str] | None = None
) -> MarketData:
    """Return the market of `tables` from `start` to `end` (both included), all assets or those asked for.

    Sessions are the exchange's between the first and the last price: rows on other days are dropped, sessions without
    a row stay NaN, both are reported in `quality`. Assets without a price in the window are left out and reported.
    Headlines known before the open of the session preceding the first are left out; older filings and macro values
    count from the first session. Raises ParamsError for wrong options and DataError when nothing is left.
    """
    sessions, chosen = _axes(tables, start, end, assets)
    report = Report(sessions)
    report.assets = chosen
    panels, off_calendar = _panels(tables, sessions, chosen, report)
    membership = None if tables.membership is None else _membership(tables.membership, sessions, chosen, report)
    cleaned, checks = clean(panels, sessions=sessions, membership=membership)
    if cleaned["close"].empty:
        raise DataError(
            f"market {tables.name}: no asset has a price from {sessions[0].date()} to {sessions[-1].date()}",
            "at least one close above zero",
            "ask for other dates or assets, or look at the prices",
        )
    priced = cleaned["close"].columns
    if tables.delistings is not None:
        cleaned["delisting"] = _delisting(tables.delistings, cleaned["close"])
    facts = _facts(tables, sessions, priced, report)
    benchmark = None if tables.benchmark is None else _benchmark(tables.benchmark, sessions, report)
    sectors = None
    if tables.sectors is not None:
        sectors = tables.sectors.drop_duplicates("asset", keep="last").set_index("asset")["sector"]
        sectors = sectors.reindex(priced).fillna(UNKNOWN_SECTOR).astype(str)
        report.add("asset without a sector", int((sectors == UNKNOWN_SECTOR).sum()), "flagged", "")
    notes = pd.DataFrame(tables.notes, columns=list(checks.columns))
    return MarketData(
        panels=cleaned,
        benchmark=benchmark,
        membership=None if membership is None else membership.loc[:, priced],
        tables=facts,
        sectors=sectors,
        flags=tables.flags + _derived_flags(tables, cleaned),
        name=tables.name,
        quality=pd.concat([notes, off_calendar, report.table(), checks], ignore_index=True),
    )


def _axes(
    tables: FolderTables, start: str | None, end: str | None, assets: Sequence[str] | None
) -> tuple[pd.DatetimeIndex, pd.Index]:
    dates = tables.prices["session"]
    try:
        sessions = sessions_between(dates.min(), dates.max())
    except ParamsError as error:
        raise DataError(
            f"market {tables.name}: prices from {dates.min().date()} to {dates.max().date()}",
            error.accepted,
            "correct the dates of the prices",
        ) from error
    if sessions.empty:
        raise DataError(
            f"market {tables.name}: no price lies on a session of the exchange (first {dates.min().date()})",
            "prices dated on trading days",
            "check the dates",
        )
    known = pd.Index(tables.prices["asset"].cat.categories, dtype=str)
    return select_sessions(sessions, start, end, tables.name), select_assets(known, assets, tables.name)


def _panels(
    tables: FolderTables, sessions: pd.DatetimeIndex, assets: pd.Index, report: Report
) -> tuple[dict[str, Panel], pd.DataFrame]:
    rows = tables.prices
    unused = [str(name) for name in rows if name not in ("session", "asset", *PRICE_COLUMNS)]
    hint = f"{unused[0]}{nearest(unused[0], PRICE_COLUMNS)}" if unused else ""
    report.add("column of prices not used", len(unused), "flagged", hint)

    dates = rows["session"].to_numpy()
    wanted = (dates >= sessions[0]) & (dates <= sessions[-1])
    column = assets.get_indexer(rows["asset"].cat.categories)[rows["asset"].cat.codes]
    place = sessions.get_indexer(pd.DatetimeIndex(dates))
    odd = wanted & (place < 0) & (column >= 0)
    calendar = Report(sessions)
    calendar.add("price row on a day without trading", int(odd.sum()), "dropped", _first_row(rows, odd))
    keep = wanted & (place >= 0) & (column >= 0)
    cell = (place * len(assets) + column)[keep]
    times = np.bincount(cell, minlength=len(sessions) * len(assets)).reshape(len(sessions), len(assets))
    report.cells("price row given twice (the last counts)", times > 1, "dropped")
    in_order = _sorted_pairs(place[keep], column[keep]) or _sorted_pairs(rows["asset"].cat.codes[keep], place[keep])
    report.add("rows out of order", int(not in_order), "repaired", "")

    ended = _after_delisting(tables.delistings, sessions, assets)
    panels = {}
    for name in PRICE_COLUMNS:
        if name in rows:
            values = np.full(len(sessions) * len(assets), np.nan)
            values[cell] = rows[name].to_numpy()[keep]
            grid = np.where(ended, np.nan, values.reshape(ended.shape))
            panels[name] = pd.DataFrame(grid, index=sessions, columns=assets)
    report.cells("price row after the delisting", ended & (times > 0), "dropped")
    return panels, calendar.table()


def _sorted_pairs(first: object, second: object) -> bool:
    """True when each run of equal `first` is in increasing `second` and no run comes back."""
    major, minor = np.asarray(first), np.asarray(second)
    same = major[1:] == major[:-1]
    runs = 1 + int(np.count_nonzero(~same)) if len(major) else 0
    return bool((minor[1:][same] >= minor[:-1][same]).all()) and runs == len(np.unique(major))


def _first_row(rows: pd.DataFrame, mask: Mask) -> str:
    if not mask.any():
        return ""
    row = rows.iloc[int(np.argmax(mask))]
    return f"{row['session'].date()} {row['asset']}"


def _after_delisting(delistings: pd.DataFrame | None, sessions: pd.DatetimeIndex, assets: pd.Index) -> Mask:
    after = np.zeros((len(sessions), len(assets)), dtype=bool)
    if delistings is not None:
        last = sessions.searchsorted(pd.DatetimeIndex(delistings["last_session"]), side="right")
        for at, asset in zip(last, assets.get_indexer(pd.Index(delistings["asset"])), strict=True):
            if asset >= 0:
                after[at:, asset] = True
    return after


def membership_panel(intervals: pd.DataFrame, sessions: pd.DatetimeIndex, assets: pd.Index) -> pd.DataFrame:
    """Return True where an asset is a member, sessions x assets, from rows of asset, start, end (the first day out)."""
    member = np.zeros((len(sessions), len(assets)), dtype=bool)
    start, stop = _interval_rows(intervals, sessions)
    column = assets.get_indexer(pd.Index(intervals["asset"]))
    for asset, first, last in zip(column, start, stop, strict=True):
        if asset >= 0:
            member[first:last, asset] = True
    return pd.DataFrame(member, index=sessions, columns=assets)


def _interval_rows(
    intervals: pd.DataFrame, sessions: pd.DatetimeIndex
) -> "tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]":
    until = pd.DatetimeIndex(intervals["end"].fillna(pd.Timestamp("2262-01-01")))
    start = sessions.searchsorted(pd.DatetimeIndex(intervals["start"]), side="left")
    return start, sessions.searchsorted(until, side="left")


def _membership(intervals: pd.DataFrame, sessions: pd.DatetimeIndex, assets: pd.Index, report: Report) -> pd.DataFrame:
    start, stop = _interval_rows(intervals, sessions)
    strangers = sorted(set(intervals["asset"][start < stop]) - set(assets))
    report.add("member not among the assets", len(strangers), "flagged", strangers[0] if strangers else "")
    return membership_panel(intervals, sessions, assets)


def _delisting(delistings: pd.DataFrame, close: Panel) -> Panel:
    sessions, held = close.index, close.ffill().to_numpy()
    cash = np.full(close.shape, np.nan)
    columns = close.columns
    paid = sessions.searchsorted(pd.DatetimeIndex(delistings["last_session"]), side="right")
    given = delistings["cash"].to_numpy() if "cash" in delistings else np.full(len(delistings), np.nan)
    for at, asset, amount in zip(paid, columns.get_indexer(pd.Index(delistings["asset"])), given, strict=True):
        if asset >= 0 and 0 < at < len(sessions):
            cash[at, asset] = held[at - 1, asset] if np.isnan(amount) else amount
    return pd.DataFrame(cash, index=sessions, columns=close.columns)


def _facts(
    tables: FolderTables, sessions: pd.DatetimeIndex, assets: pd.Index, report: Report
) -> dict[str, pd.DataFrame]:
    out = {}
    for name in ("fundamentals", "news"):
        rows = getattr(tables, name)
        if rows is None:
            continue
        about = rows["asset"].isin(assets)
        report.add(
            f"{name} about other assets", int((~about).sum()), "dropped", str(min(rows["asset"][~about], default=""))
        )
        if name == "fundamentals":
            about &= ~_checked_filings(rows, about, report)
        if name == "news":
            blank = about & (rows["headline"].fillna("").astype(str).str.strip() == "").to_numpy()
            first = rows.loc[blank, "asset"].min() if blank.any() else ""
            report.add("headline without text", int(blank.sum()), "dropped", str(first))
            before = sessions_between(sessions[0] - pd.Timedelta(days=14), sessions[0])[-2:-1]
            about &= (rows["known"] > session_opens(before)[0]) & ~blank
        out[name] = dated(rows.loc[about], sessions)
    if tables.macro is not None:
        out["macro"] = macro_table([tables.macro], sessions)
    return out


def _checked_filings(rows: pd.DataFrame, about: "pd.Series[bool]", report: Report) -> "pd.Series[bool]":
    """Report what is odd about filings; return True for those that cannot be: known before their period ended."""
    # nobody knows a period's figures before it ends: such a date is a fault of the file, or a leak
    # a bare date became the midnight that ends it
    day = (rows["known"] - pd.Timedelta(seconds=1)).dt.tz_convert(EXCHANGE_ZONE).dt.tz_localize(None).dt.normalize()
    early = about & (day < rows["period_end"])
    first = rows.loc[early, "asset"].min() if early.any() else ""
    report.add("fundamentals known before their period ended", int(early.sum()), "dropped", str(first))
    fixed = {*REQUIRED["fundamentals"], "session", "source"}
    strange = [str(name) for name in rows if name not in fixed and name not in FIGURES]
    hint = f"{strange[0]}{nearest(strange[0], FIGURES)}" if strange else ""
    report.add("figure that no agent reads", len(strange), "flagged", hint)
    own = rows.loc[about]
    again = own.duplicated(["asset", "period_end", "known"], keep=False) & ~own.duplicated(keep=False)
    report.add(
        "filings of one moment that differ (the last counts)",
        int(again.sum()),
        "flagged",
        str(own.loc[again, "asset"].min() if again.any() else ""),
    )
    ends = own[["asset", "period_end"]].drop_duplicates().sort_values(["asset", "period_end"])
    days = ends.groupby("asset")["period_end"].diff().dt.days
    yearly = days > 2 * QUARTER_DAYS[1]  # one quarter may be missing
    report.add(
        "filings more than two quarters apart: flows must be of a quarter",
        int(yearly.sum()),
        "flagged",
        str(ends.loc[yearly, "asset"].min() if yearly.any() else ""),
    )
    return early


def _benchmark(rows: pd.DataFrame, sessions: pd.DatetimeIndex, report: Report) -> "pd.Series[float]":
    level = rows.drop_duplicates("session", keep="last").set_index("session")["value"]
    report.add("benchmark rows twice", len(rows) - len(level), "dropped", "")
    level = level.reindex(sessions)
    wrong = ~(level > 0.0) | np.isinf(level)
    report.dates("session without a benchmark level above zero", sessions[wrong], "flagged")
    return level.mask(wrong)


def _derived_flags(tables: FolderTables, panels: dict[str, Panel]) -> tuple[str, ...]:
    flags = {
        "closes only: no opens, highs or lows": "open" not in panels,
        "no volume: participation cannot be capped": "volume" not in panels,
        "no benchmark": tables.benchmark is None,
        "membership unknown: every priced asset counts as a member": tables.membership is None,
    }
    return tuple(flag for flag, applies in flags.items() if applies)
