"""What surrounds the prices: membership, delistings, headlines, macro series, sectors and the index."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from alphapulse.data.calendar import end_of_day
from alphapulse.data.evaluation.names import EARLIER, LATER, REUSED_2021, REUSED_TODAY, relabel
from alphapulse.data.macro import AFTER_NEXT_MONTH, VIX_CLOSE, daily_rows, monthly_rows
from alphapulse.data.sample import index_levels

MEMBERSHIP = "membership_sp500/intervals_1996_2025.csv"
ARCHIVE_LAST = {"pystock": pd.Timestamp("2017-03-31")}
LEAVES_WITHIN = pd.Timedelta(days=10)
TREASURY_PUBLISHED = pd.Timedelta(hours=18)
MONTHLY = {
    "FEDFUNDS": "fed_funds",
    "TB3MS": "yield_3m_monthly",
    "GS10": "yield_10y_monthly",
    "CPIAUCSL": "cpi",
    "UNRATE": "unemployment",
    "PAYEMS": "payrolls",
    "INDPRO": "industrial_production",
    "HOUST": "housing_starts",
    "M2SL": "money_m2",
    "UMCSENTx": "consumer_sentiment",
}
TREASURY = {"3month": "yield_3m", "2year": "yield_2y", "10year": "yield_10y"}
VERSION = r"^(?:(?:UPDATE|BRIEF|CORRECTED|RPT|REFILE|WRAPUP|EXCLUSIVE|TEXT)[\s-]*\d*\s*-\s*)+"


def membership(root: Path, first: pd.Timestamp, last: pd.Timestamp) -> pd.DataFrame:
    """Return the intervals that touch `first` to `last`: asset, start, end (the first day out; NaT: still in)."""
    raw = pd.read_csv(root / MEMBERSHIP, dtype=str, keep_default_na=False)
    rows = pd.DataFrame(
        {
            "asset": raw["ticker"].replace(EARLIER),
            "start": pd.to_datetime(raw["start_date"]),
            "end": pd.to_datetime(raw["end_date"].replace("", None)),
        }
    )
    touches = (rows["start"] <= last) & ~(rows["end"] <= first)
    return rows.loc[touches].sort_values(["asset", "start"], ignore_index=True)


def delistings(prices: pd.DataFrame, vendor: "pd.Series[str]", intervals: pd.DataFrame) -> pd.DataFrame:
    """Return asset and last_session of the assets that left trading, as far as the files show it.

    Shown is: a daily archive (pystock) prices the asset no more before the archive ends, and the asset leaves the index
    within ten days of its last price. The end of another vendor's file shows nothing.
    """
    last_price = prices.groupby("asset", observed=True)["session"].max()
    left = intervals.groupby("asset")["end"].max()
    rows = pd.DataFrame({"last_session": last_price, "vendor": vendor, "left": left}).dropna()
    archived = rows["last_session"] < rows["vendor"].map(ARCHIVE_LAST)
    follows = (rows["left"] - rows["last_session"]).between(pd.Timedelta(0), LEAVES_WITHIN)
    found = rows.loc[archived & follows, ["last_session"]].rename_axis("asset").reset_index()
    return found.assign(asset=found["asset"].astype(str), cash=np.nan)


def news(root: Path, labels: pd.Index, first: pd.Timestamp, last: pd.Timestamp) -> tuple[pd.DataFrame, int]:
    """Return asset, headline, known (UTC) and source of the headlines, and how many repeats were left out.

    A headline has a date only, so it counts from the next session. Later versions of a story on the same day
    (UPDATE 1-, BRIEF-, ...) are left out; GOOG and GOOGL both carry their company's headlines.
    """
    raw = pd.read_parquet(root / "news_reuters_2011_2018/headlines.parquet", columns=["ticker", "date", "headline"])
    day = pd.to_datetime(raw["date"])
    rows = pd.DataFrame({"asset": raw["ticker"].replace(EARLIER), "day": day, "headline": raw["headline"].str.strip()})
    rows = rows.loc[rows["asset"].isin(labels) & (day >= first - pd.Timedelta(days=7)) & (day <= last)]
    story = rows["headline"].str.replace(VERSION, "", regex=True).str.lower()
    repeated = rows.assign(story=story).duplicated(["asset", "day", "story"])
    rows = rows.loc[~repeated]
    known = end_of_day(rows["day"])
    kept = rows[["asset", "headline"]].assign(known=known, source="Reuters").reset_index(drop=True)
    return kept, int(repeated.sum())


def macro(root: Path, first: pd.Timestamp, last: pd.Timestamp) -> pd.DataFrame:
    """Return series, period_end, value and known from two years before `first`.

    Monthly: FRED-MD of the 2026-02 vintage, so later revisions are inside; each month counts from the end of the next.
    credit_spread is BAA minus AAA. Daily: VIX at its close, Treasury yields (to 2017-03-29) at 18:00 of their day.
    Yields and spreads in percentage points.
    """
    since = first - pd.DateOffset(years=2)
    fred = pd.read_csv(root / "macro/fred_md_2026_02.csv", skiprows=[1])
    fred.index = pd.DatetimeIndex(pd.to_datetime(fred.pop("sasdate"), format="%m/%d/%Y"))
    monthly = fred.rename(columns=MONTHLY)[list(MONTHLY.values())].assign(credit_spread=fred["BAA"] - fred["AAA"])
    curve = pd.read_csv(root / "macro/treasury_curve_daily_1990_2017.csv", index_col=0)
    curve.index = pd.DatetimeIndex(pd.to_datetime(curve.index).tz_localize(None))
    yields = (curve.rename(columns=TREASURY)[list(TREASURY.values())] * 100.0).round(4)
    vix = pd.read_csv(root / "macro/vix_daily.csv", index_col=0, parse_dates=True)["CLOSE"].rename("vix")
    rows = [monthly_rows(monthly[name].loc[since:last].dropna(), AFTER_NEXT_MONTH) for name in monthly]
    rows += [daily_rows(yields[name].loc[since:last].dropna(), TREASURY_PUBLISHED) for name in yields]
    rows += [daily_rows(vix.loc[since:last].dropna(), VIX_CLOSE)]
    return pd.concat(rows, ignore_index=True)


def sectors(root: Path) -> pd.DataFrame:
    """Return asset and sector from the index lists of 2021 and, where those are silent, of 2025."""
    of_2021 = pd.read_csv(root / "prices_sp500_pooksoft/constituents_2021.csv", dtype=str, keep_default_na=False)
    of_2025 = pd.read_csv(root / "membership_sp500/current_2025_gics_cik.csv", dtype=str, keep_default_na=False)
    rows = pd.concat(
        [
            pd.DataFrame(
                {"asset": relabel(of_2021["Symbol"], LATER, without=REUSED_2021), "sector": of_2021["Sector"]}
            ),
            pd.DataFrame(
                {"asset": relabel(of_2025["Symbol"], LATER, without=REUSED_TODAY), "sector": of_2025["GICS Sector"]}
            ),
        ],
        ignore_index=True,
    )
    rows = rows.loc[rows["asset"].notna()]
    return rows.assign(asset=rows["asset"].astype(str)).drop_duplicates("asset", ignore_index=True)


def benchmark(first: pd.Timestamp, last: pd.Timestamp) -> pd.DataFrame:
    """Return session and value of the S&P 500 price index, from the sample: the evaluation data have no daily level."""
    level = index_levels().loc[first:last]
    return pd.DataFrame({"session": level.index, "value": level.to_numpy()})
