"""The real evaluation data assembled into the folder layout: index members as they were, with all six agents' inputs.

The data lie outside the project (environment variable ALPHAPULSE_DATA, or ../shared/data). What their notes warn of:

| trap | what is done |
|---|---|
| members carry later tickers (AABA for YHOO) | one label a company: `names` |
| a ticker means another company (IR, CB, AGN, DOW, AA, GCI) | split by date or left out: `names` |
| survivors only in pooksoft | leavers from three other vendors: `prices` |
| split-adjusted vendors (findata, cnuge) | used last; flagged: levels know later splits |
| no dividends in cnuge | flagged |
| no re-based close on 3 % of pystock's rows | their dividends are unknown, flagged |
| vendor faults | `prices.CORRECTIONS`; those of TRMB, ZBRA and GNRC lie before their membership |
| a file's end is no delisting | paid out only where `context.delistings` can show it, others flagged |
| cash flows year to date, 10-K full year, revenue 0, late and double filings | `fundamentals` |
| headlines without time, repeated versions | next session, versions of the day left out: `context.news` |
| macro of the latest vintage | lagged to the end of the next month, flagged |
| Shiller and the 2021-2026 series | not used: known much later, or after the windows |
| no daily index level | the sample's S&P 500 price index, flagged |
| sectors of 2021 and 2025 | flagged; unknown is a group of its own |
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from alphapulse.core.errors import DataError, ParamsError
from alphapulse.core.market import MarketData
from alphapulse.data.build import build, membership_panel
from alphapulse.data.calendar import sessions_between
from alphapulse.data.evaluation import context
from alphapulse.data.evaluation.fundamentals import fundamentals
from alphapulse.data.evaluation.prices import SPLIT_ADJUSTED, member_prices
from alphapulse.data.selection import iso_date, nearest
from alphapulse.data.tables import FolderTables

WINDOWS = {
    "gold": ("2015-03-23", "2017-03-31"),
    "wide": ("2014-05-01", "2018-06-29"),
    "long": ("2005-01-03", "2018-12-31"),
}
FLAGS = (
    "sectors known only as of 2021 and 2025",
    "macro of the latest vintage: revisions inside (lagged to the end of the next month)",
    "benchmark is the price index, without dividends",
    "spin-offs are paid as cash dividends",
    "delisted assets pay their last close in cash, also where holders got shares",
    "CB before 2016-01-15 is ACE, JCI before 2016-09-06 is Tyco (the legal successors' prices)",
    "headlines have dates only and the tickers of 2018: names that left before have none",
)


def load(
    window: str = "gold",
    root: str | None = None,
    start: str | None = None,
    end: str | None = None,
    assets: Sequence[str] | None = None,
) -> MarketData:
    """Load the evaluation data for a window: gold 2015-03 to 2017-03, wide 2014-05 to 2018-06, long 2005 to 2018.

    root: the folder of the data; by default ALPHAPULSE_DATA or ../shared/data seen from here or a folder above. start
    may lie before the window, to warm up; end lies within it. Raises DataError when the data are not there.
    """
    if window not in WINDOWS:
        raise ParamsError(
            f"market evaluation: the window {window!r}{nearest(str(window), WINDOWS)}",
            f"one of {list(WINDOWS)}",
            "choose one",
        )
    first, last = (pd.Timestamp(day) for day in WINDOWS[window])
    asked_end = iso_date(end, "end")
    if asked_end is not None and asked_end > last:
        raise ParamsError(
            f"market evaluation: end {asked_end.date()} lies after the window {window}",
            f"a date to {last.date()}",
            "choose an earlier end or a longer window",
        )
    asked_start = iso_date(start, "start")
    warm = first if asked_start is None else min(first, asked_start)
    tables = assemble(locate(root), first, last, warm, name=f"evaluation {window}")
    return build(tables, start, end, assets)


def locate(root: str | None = None) -> Path:
    """Return the folder of the evaluation data; DataError says where it was looked for and where to put it."""
    given = root or os.environ.get("ALPHAPULSE_DATA")
    here = Path.cwd()
    tried = [Path(given)] if given else [folder.parent / "shared/data" for folder in (here, *here.parents)]
    for folder in tried:
        if (folder / context.MEMBERSHIP).is_file():
            return folder
    raise DataError(
        f"evaluation data: not found in {tried[0]}" + ("" if given else " or seen from a folder above"),
        f"a folder that holds {context.MEMBERSHIP} and its neighbours",
        "put the data into ../shared/data beside the project, or set ALPHAPULSE_DATA",
    )


def assemble(
    root: Path, first: pd.Timestamp, last: pd.Timestamp, warm: pd.Timestamp | None = None, *, name: str = "evaluation"
) -> FolderTables:
    """Return the tables of all members between `first` and `last`, with prices from `warm` on (default: `first`)."""
    since = first if warm is None else warm
    intervals = context.membership(root, first, last)
    labels = pd.Index(sorted(set(intervals["asset"])), dtype=str)
    prices = member_prices(root, since, last, membership_panel(intervals, sessions_between(first, last), labels))
    gone = context.delistings(prices.rows, prices.vendor, intervals)
    ends = prices.rows.groupby("asset", observed=True)["session"].max()
    unexplained = ends[(ends < last - pd.Timedelta(days=7)) & ~ends.index.isin(gone["asset"])].sort_index()
    headlines, repeats = context.news(root, labels, since, last)
    by_vendor = prices.vendor.value_counts()
    flags = (
        *FLAGS,
        f"{sum(by_vendor.get(vendor, 0) for vendor in SPLIT_ADJUSTED)} assets with split-adjusted prices, "
        f"{by_vendor.get('cnuge', 0)} of them without dividends",
        *([f"{len(unexplained)} assets end with their file, which is no delisting"] if len(unexplained) else []),
        f"{prices.share:.1%} of member sessions priced, "
        f"{len(labels) - len(prices.vendor)} of {len(labels)} members never",
    )
    return FolderTables(
        prices=prices.rows,
        benchmark=context.benchmark(since, last),
        membership=intervals,
        fundamentals=fundamentals(root, labels, since - pd.DateOffset(years=3)),
        news=headlines,
        macro=context.macro(root, since, last),
        sectors=context.sectors(root),
        delistings=gone,
        flags=flags,
        name=name,
        notes=(
            *prices.notes,
            ("asset ends with its file", len(unexplained), "flagged", " ".join(unexplained.index[:1])),
            ("headline repeated as a new version", repeats, "dropped", ""),
        ),
    )
