"""What the filings of a company said at each moment: latest figures, trailing years, and the same a year before.

1. `_derived` adds what follows from one filing: liabilities, shares, dividends, free cash flow, accrued income. Share
   counts are put in shares of the market's first session, so that splits do not look like new ones (`_split_factor`).
2. `filing_states.as_known` walks each company through its filings in the order they became known and writes down the
   newest period as it then stood. A restatement replaces its own period from its own day on; a period older than one
   already known never becomes the newest.
3. `Filings.panel` spreads values by filing over sessions x assets.

Ratios are formed a filing (thousands of rows), not a session and asset (millions of cells).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import numpy as np
import pandas as pd

from alphapulse.agents.filing_states import (
    BEFORE,
    EXPIRES,
    NOW,
    NOW_AGO,
    NOW_TWO_AGO,
    YEAR,
    YEAR_AGO,
    Rows,
    as_known,
    spread,
    steady,
)
from alphapulse.core.errors import MissingField
from alphapulse.core.market import MarketData
from alphapulse.core.memory import once
from alphapulse.core.panel import Panel
from alphapulse.core.stats import Array

EXCHANGE_ZONE = "America/New_York"
# Net income over earnings per share gives shares; below this, rounding to a cent moves them by more than 10 %.
SMALLEST_EPS = 0.05
# Days a filing may come after its period; what comes later is that much older when it comes.
USUAL_DELAY = 180
# No company states a figure of a septillion, in any currency: infinities and faults of the file are unknown.
LARGEST = 1e24


@dataclass(frozen=True, eq=False)
class Filings:
    """Figures by filing, in the order of sessions; every array holds one value a filing, NaN unknown.

    row, column: session and asset from which the filing counts. expires: row from which it counts no more. figures:
    name to position. states: filings x figures x (now, the quarter before, trailing year, both a year ago, now two
    years ago).
    """

    sessions: pd.DatetimeIndex
    assets: pd.Index
    row: Rows
    column: Rows
    expires: Rows
    figures: Mapping[str, int]
    states: Array

    def latest(self, figure: str) -> Array:
        """Return the figure of the newest quarter (a flow of that quarter, or a stock at its end)."""
        return self._state(figure, NOW)

    def before(self, figure: str) -> Array:
        """Return the figure of the quarter before the newest."""
        return self._state(figure, BEFORE)

    def year(self, figure: str) -> Array:
        """Return the sum of the flow over the newest four quarters; unknown unless all four are known."""
        return self._state(figure, YEAR)

    def now_ago(self, figure: str) -> Array:
        """Return the figure of the quarter four quarters before the newest."""
        return self._state(figure, NOW_AGO)

    def year_ago(self, figure: str) -> Array:
        """Return the sum of the flow over the four quarters before the newest four."""
        return self._state(figure, YEAR_AGO)

    def now_two_ago(self, figure: str) -> Array:
        """Return the figure of the quarter eight quarters before the newest."""
        return self._state(figure, NOW_TWO_AGO)

    def panel(self, values: Array) -> Panel:
        """Spread values by filing over sessions x assets, each until the next filing or until it expires."""
        out = np.empty((len(self.sessions), len(self.assets)))
        spread(self.row, self.column, self.expires, values, out)
        return pd.DataFrame(out, self.sessions, self.assets, copy=False)

    def _state(self, figure: str, state: int) -> Array:
        if figure not in self.figures:
            return np.full(len(self.row), np.nan)
        return self.states[:, self.figures[figure], state]


@once
def filings(market: MarketData) -> Filings:
    """Return the filings of the market's companies as they were known, computed once a market."""
    table = market.table("fundamentals")
    if not {"asset", "period_end"} <= set(table.columns):
        raise MissingField(
            f"market {market.name}: fundamentals with the columns {list(table.columns)}",
            "at least asset, period_end, known and session, one row a filing",
            "add the asset and the end of the period of each filing",
        )
    column = market.assets.get_indexer(pd.Index(table["asset"]))
    row = market.sessions.get_indexer(pd.Index(table["session"]))
    ends, day = pd.DatetimeIndex(table["period_end"]), _public(table)
    inside = np.flatnonzero((column >= 0) & (row >= 0) & (ends <= day))  # nobody knows a period before it ends
    inside = inside[np.lexsort((pd.DatetimeIndex(table["known"]).asi8[inside], row[inside]))]
    table, day, column, row = table.iloc[inside], day[inside], column[inside].astype(np.int64), row[inside]
    figures = _derived(table)
    at = np.clip(market.sessions.searchsorted(day, side="right") - 1, 0, None)
    with np.errstate(over="ignore"):
        figures["shares"] = figures["shares"] / _split_factor(market)[at, column]
    order = np.argsort(column, kind="stable").astype(np.int64)
    figures["shares"] = steady(order, column, figures["shares"])
    values = np.column_stack([*figures.values()])
    period = ends[inside].to_numpy().astype("datetime64[D]").astype(np.int64)
    # figures are as old as they are, whenever the market began or the filing came: a year holds EXPIRES sessions
    known_for = np.clip((market.sessions[0] - day).days.to_numpy(), 0, None) * EXPIRES // 365
    held_back = np.clip((day - ends[inside]).days.to_numpy() - USUAL_DELAY, 0, None) * EXPIRES // 365
    since = row - known_for - held_back
    states, expires = as_known(order, since.astype(np.int64), column, period, values)
    row = row.astype(np.int64)
    return Filings(
        sessions=market.sessions,
        assets=market.assets,
        row=row,
        column=column,
        expires=expires,
        figures={name: at for at, name in enumerate(figures)},
        states=states,
    )


@once
def market_value(market: MarketData) -> Panel:
    """Return the market value, sessions x assets: shares as filed, carried over later splits, times the close."""
    filed = filings(market)
    shares = filed.panel(filed.latest("shares"))
    return shares * _split_factor(market) * market.panel("close")


def _split_factor(market: MarketData) -> Array:
    """Return how many shares of each session one share of the first session has become, sessions x assets."""
    if "split" not in market:
        return np.ones((len(market.sessions), len(market.assets)))
    return market.panel("split").fillna(1.0).cumprod().to_numpy()


def _public(table: pd.DataFrame) -> pd.DatetimeIndex:
    """Return the exchange's date on which each filing became known.

    A filing states its shares as of that day: splits after the period's end are worked in (SEC staff accounting
    bulletin topic 4C).
    """
    known = pd.DatetimeIndex(pd.to_datetime(table["known"], utc=True))
    known = known - pd.Timedelta(seconds=1)  # a bare date stands at the midnight ending it
    return known.tz_convert(EXCHANGE_ZONE).tz_localize(None).normalize()


def _derived(table: pd.DataFrame) -> dict[str, Array]:
    """Return every figure of the table and what follows from them, where it was not filed itself."""
    fixed = ("asset", "period_end", "known", "session")
    numeric = table.drop(columns=[name for name in fixed if name in table]).select_dtypes("number")
    found = {str(name): numeric[name].to_numpy(dtype=np.float64, copy=True, na_value=np.nan) for name in numeric}
    for values in found.values():
        values[~(np.abs(values) < LARGEST)] = np.nan
    nothing = np.full(len(table), np.nan)

    def filed(name: str) -> Array:
        return found.get(name, nothing)

    def fill(name: str, values: Array) -> None:
        known = filed(name)
        found[name] = cast(Array, np.where(np.isnan(known), values, known))

    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        per_share = np.where(np.abs(filed("eps_diluted")) >= SMALLEST_EPS, filed("eps_diluted"), np.nan)
        fill("shares", filed("net_income") / per_share)
        found["shares"] = np.where(found["shares"] > 0.0, found["shares"], np.nan)
        fill("liabilities", filed("assets") - filed("equity"))
        fill("dividends", filed("dividends_per_share") * found["shares"])
        fill("free_cash_flow", filed("cfo") - np.abs(filed("capex")))
        fill("accrued_income", filed("net_income") - filed("cfo"))
    return found
