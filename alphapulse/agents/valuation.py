"""The valuation agent: what the company is worth against what the market asks for it."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pandas as pd

from alphapulse.agents.compiling import compiled
from alphapulse.agents.evidence import Evidence, EvidenceAgent, sector_codes
from alphapulse.agents.filings import filings, market_value
from alphapulse.agents.intrinsic import fading_growth_value, residual_income_value
from alphapulse.agents.scales import LEAST_PEERS, Codes
from alphapulse.agents.statements import believable, ratio
from alphapulse.core.market import MarketData
from alphapulse.core.panel import Panel
from alphapulse.core.stats import Array

USUAL_RETURN_ON_ASSETS = 0.06
GROWTH = (-0.10, 0.25)


def residual_income(market: MarketData, window: int) -> Panel:
    """Return the margin of safety by residual income: value over market value, minus 1.

    ROE is a year's net income over equity. Payout is a year's dividends over net income, in a loss over what would be
    usual to earn, 6 % of assets (Frankel and Lee 1998), within 0 and 1. Unknown for equity not above zero and for an
    ROE beyond 100 %.
    """
    filed = filings(market)
    income, equity = filed.year("net_income"), filed.latest("equity")
    dividends = filed.year("dividends")
    earnings = np.where(income > 0.0, income, USUAL_RETURN_ON_ASSETS * filed.latest("assets"))
    payout = np.where(dividends == 0.0, 0.0, np.clip(ratio(dividends, earnings), 0.0, 1.0))
    value = residual_income_value(equity, believable(ratio(income, equity)), payout)
    return filed.panel(value) / market_value(market) - 1.0


def discounted_cash_flow(market: MarketData, window: int) -> Panel:
    """Return the margin of safety by free cash flow with fading growth; unknown where the flow is not above zero.

    Growth starts at that of a year's revenue over the year before, or where that is unknown at that of the quarter's
    revenue over the same quarter a year ago, within -10 % and 25 %.
    """
    filed = filings(market)
    flow = filed.year("free_cash_flow")
    yearly = ratio(filed.year("revenue"), filed.year_ago("revenue"))
    grown = np.where(np.isnan(yearly), ratio(filed.latest("revenue"), filed.now_ago("revenue")), yearly)
    value = fading_growth_value(np.where(flow > 0.0, flow, np.nan), np.clip(grown - 1.0, *GROWTH))
    return filed.panel(value) / market_value(market) - 1.0


def earnings_multiple(market: MarketData, window: int) -> Panel:
    """Return the margin of safety if the company sold at the median price-earnings ratio of its sector."""
    filed = filings(market)
    return _against_peers(market, filed.year("net_income"))


def book_multiple(market: MarketData, window: int) -> Panel:
    """Return the margin of safety if the company sold at the median price-book ratio of its sector."""
    return _against_peers(market, filings(market).latest("equity"))


def sales_multiple(market: MarketData, window: int) -> Panel:
    """Return the margin of safety if the company sold at the median price-sales ratio of its sector."""
    return _against_peers(market, filings(market).year("revenue"))


def _against_peers(market: MarketData, figure: Array) -> Panel:
    """Return own yield over the sector's median yield, minus 1; NaN for figures not above zero.

    In a sector with fewer than LEAST_PEERS known yields the median of all members serves.
    """
    filed = filings(market)
    yields = filed.panel(np.where(figure > 0.0, figure, np.nan)) / market_value(market)
    members = yields.where(market.members).to_numpy()
    usual = _peer_median(members, sector_codes(market), LEAST_PEERS)
    return pd.DataFrame(members / usual - 1.0, market.sessions, market.assets, copy=False)


@compiled
def _peer_median(values: Array, groups: Codes, least: int) -> Array:
    """Return by row and column the median of the known values in the column's group, of all for fewer than `least`."""
    rows, width = values.shape
    count = groups.max() + 1
    out = np.full((rows, width), np.nan)
    gathered = np.empty((count, width))
    filled = np.empty(count, dtype=np.int64)
    median = np.empty(count)
    for row in range(rows):
        filled[:] = 0
        for column in range(width):
            if not np.isnan(values[row, column]):
                group = groups[column]
                gathered[group, filled[group]] = values[row, column]
                filled[group] += 1
        everyone = np.nanmedian(values[row])
        for group in range(count):
            size = filled[group]
            median[group] = np.median(gathered[group, :size]) if size >= least else everyone
        for column in range(width):
            out[row, column] = median[groups[column]]
    return out


def _filed(*figures: str) -> tuple[str, ...]:
    return ("close", *(f"fundamentals.{figure}" for figure in figures))


class ValuationAgent(EvidenceAgent):
    """Scores the margin of safety of several methods, each in units of its own dispersion across the members.

    The sign stays: above 0 the market asks less than the value. A method without its inputs is missing, never zero;
    without filings the agent abstains.
    """

    name: str = "valuation"
    evidence: ClassVar[tuple[Evidence, ...]] = (
        Evidence(
            "residual_income",
            residual_income,
            0,
            1,
            1.5,
            "Ohlson 1995; Lee, Myers, Swaminathan 1999",
            _filed("net_income", "equity"),
            scale="margin",
        ),
        Evidence(
            "discounted_cash_flow",
            discounted_cash_flow,
            0,
            1,
            1.0,
            "Fuller and Hsia 1984; Damodaran 2012",
            _filed("cfo", "revenue"),
            scale="margin",
        ),
        Evidence(
            "earnings_multiple",
            earnings_multiple,
            0,
            1,
            1.0,
            "Liu, Nissim, Thomas 2002",
            _filed("net_income"),
            scale="margin",
        ),
        Evidence(
            "book_multiple", book_multiple, 0, 1, 0.5, "Liu, Nissim, Thomas 2002", _filed("equity"), scale="margin"
        ),
        Evidence(
            "sales_multiple", sales_multiple, 0, 1, 0.5, "Liu, Nissim, Thomas 2002", _filed("revenue"), scale="margin"
        ),
    )
