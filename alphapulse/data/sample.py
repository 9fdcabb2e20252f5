"""The embedded sample: 20 S&P 500 stocks and the index 1990 to 2022, with three macro series. No key, no network.

Prices and index come with skfolio, macro series with arch. Their files are read in place, because importing the two
packages costs five seconds and reading the files a tenth of one.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import pandas as pd

from alphapulse.core.errors import DataError
from alphapulse.core.market import MarketData
from alphapulse.data.macro import AFTER_FIRST_WEEK, AFTER_NEXT_MONTH, VIX_CLOSE, daily_rows, macro_table, monthly_rows
from alphapulse.data.quality import clean
from alphapulse.data.selection import select_assets, select_sessions

FLAGS = (
    "survivors only: 20 stocks that lived to 2022",
    "closes only: no opens, highs or lows",
    "adjusted closes serve as traded prices (dividends and splits inside), no volume",
    "prices rounded to 0.001: steps up to 0.7 % in the early 1990s (BBY, AAPL, UNH)",
    "benchmark is the price index, without dividends",
    "sectors as of 2022",
    "macro ends: credit spread and core CPI (revised) 2018, VIX 2014-01 to 2019-01",
)
SECTORS = {
    "AAPL": "Information Technology",
    "AMD": "Information Technology",
    "BAC": "Financials",
    "BBY": "Consumer Discretionary",
    "CVX": "Energy",
    "GE": "Industrials",
    "HD": "Consumer Discretionary",
    "JNJ": "Health Care",
    "JPM": "Financials",
    "KO": "Consumer Staples",
    "LLY": "Health Care",
    "MRK": "Health Care",
    "MSFT": "Information Technology",
    "PEP": "Consumer Staples",
    "PFE": "Health Care",
    "PG": "Consumer Staples",
    "RRC": "Energy",
    "UNH": "Health Care",
    "WMT": "Consumer Staples",
    "XOM": "Energy",
}


def load(start: str | None = None, end: str | None = None, assets: Sequence[str] | None = None) -> MarketData:
    """Load the sample from `start` to `end` (ISO dates, both included), all 20 assets or those asked for.

    close: adjusted closes in dollars, sessions x assets, none missing. benchmark: S&P 500 price index. Table macro:
    series credit_spread (BAA minus AAA yield, percentage points, monthly), core_cpi (index level, monthly) and vix
    (points, daily). Raises ParamsError for a wrong date or asset, DataError when no session is left.
    """
    prices = _read("skfolio", "datasets/data/sp500_dataset.csv.gz")
    index = index_levels()
    sessions = select_sessions(pd.DatetimeIndex(prices.index), start, end, "sample")
    chosen = select_assets(prices.columns, assets, "sample")
    panels, quality = clean({"close": prices.loc[sessions, chosen]}, sessions=sessions)
    return MarketData(
        panels=panels,
        benchmark=index.loc[sessions],
        tables={"macro": _macro(sessions)},
        sectors=pd.Series(SECTORS).loc[chosen],
        flags=FLAGS,
        name="sample",
        quality=quality,
    )


def index_levels() -> "pd.Series[float]":
    """Return the S&P 500 price index by session, 1990 to 2022, without dividends."""
    return _read("skfolio", "datasets/data/sp500_index.csv.gz")["SP500"]


def _macro(sessions: pd.DatetimeIndex) -> pd.DataFrame:
    yields = _read("arch", "data/default/default.csv.gz")
    spread = (yields["BAA"] - yields["AAA"]).rename("credit_spread")
    core_cpi = _read("arch", "data/core_cpi/core-cpi.csv.gz")["CPILFESL"].rename("core_cpi")
    vix = _read("arch", "data/vix/vix.csv.gz")["vix"].dropna()
    rows = [
        monthly_rows(spread, AFTER_FIRST_WEEK),
        monthly_rows(core_cpi, AFTER_NEXT_MONTH),
        daily_rows(vix, VIX_CLOSE),
    ]
    return macro_table(rows, sessions)


def _read(package: str, file: str) -> pd.DataFrame:
    """Read a file that an installed package carries, dates in the first column, without importing the package."""
    spec = find_spec(package)
    folders = (spec.submodule_search_locations if spec else None) or [""]
    path = Path(folders[0]) / file
    if not path.is_file():
        raise DataError(
            f"sample: the package {package} does not hold {file}",
            f"an installation of {package} with its data files",
            f"reinstall it: pip install --force-reinstall {package}",
        )
    return pd.read_csv(path, index_col=0, parse_dates=True, na_values=".")
