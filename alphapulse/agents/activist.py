"""The activist agent: who looks like a target, and where something has begun."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pandas as pd

from alphapulse.agents.evidence import Evidence, EvidenceAgent
from alphapulse.agents.filings import filings, market_value
from alphapulse.agents.fundamental import leverage, operating_margin
from alphapulse.agents.news import activist_news
from alphapulse.agents.ranks import ranked
from alphapulse.agents.risk_traits import past_return
from alphapulse.agents.statements import ratio
from alphapulse.core.market import MarketData
from alphapulse.core.panel import Panel

YEAR = 252
# Targets are smaller than the members of a large index as a rule, but not the smallest: a stake must be worth it.
TARGET_SIZE = -0.4


def valuation_gap(market: MarketData, window: int) -> Panel:
    """Return Tobin's q: market value plus liabilities over assets."""
    filed = filings(market)
    assets = filed.latest("assets")
    liabilities = filed.panel(filed.latest("liabilities"))
    return (market_value(market) + liabilities) / filed.panel(np.where(assets > 0.0, assets, np.nan))


def excess_cash(market: MarketData, window: int) -> Panel:
    """Return cash over assets."""
    filed = filings(market)
    return filed.panel(ratio(filed.latest("cash"), filed.latest("assets")))


def payout(market: MarketData, window: int) -> Panel:
    """Return a year's dividends over operating cash flow; unknown where that is not above zero."""
    filed = filings(market)
    return filed.panel(ratio(filed.year("dividends"), filed.year("cfo")))


def size_band(market: MarketData, window: int) -> Panel:
    """Return how far the rank of the market value lies from the usual size of a target, in (0, 2)."""
    rank = ranked(market_value(market).where(market.members).to_numpy())
    return pd.DataFrame(np.abs(rank - TARGET_SIZE), market.sessions, market.assets, copy=False)


def _filed(*figures: str) -> tuple[str, ...]:
    return tuple(f"fundamentals.{figure}" for figure in figures)


class ActivistAgent(EvidenceAgent):
    """Scores companies that fit the profile of activists' targets, and those where news report a campaign's marks.

    Profile: cheap and lagging against peers, with cash, little debt, low payout and margins below the sector's. Price
    alone gives under-performance, at low coverage; events need headlines.
    """

    name: str = "activist"
    evidence: ClassVar[tuple[Evidence, ...]] = (
        Evidence(
            "valuation_gap",
            valuation_gap,
            0,
            -1,
            1.0,
            "Brav, Jiang, Partnoy, Thomas 2008",
            ("close", *_filed("assets")),
            peers=True,
        ),
        Evidence("lagging_year", past_return, YEAR, -1, 0.25, "Brav, Jiang, Partnoy, Thomas 2008", peers=True),
        Evidence("lagging_three_years", past_return, 3 * YEAR, -1, 0.25, "Brav, Jiang, Kim 2010", peers=True),
        Evidence("excess_cash", excess_cash, 0, 1, 0.5, "Klein and Zur 2009", _filed("cash", "assets"), peers=True),
        Evidence("low_leverage", leverage, 0, -1, 0.5, "Klein and Zur 2009", _filed("assets"), peers=True),
        Evidence(
            "low_payout",
            payout,
            0,
            -1,
            0.5,
            "Brav, Jiang, Partnoy, Thomas 2008",
            _filed("cfo"),
            peers=True,
        ),
        Evidence(
            "margin_gap",
            operating_margin,
            0,
            -1,
            0.5,
            "Brav, Jiang, Kim 2015",
            _filed("operating_income", "revenue"),
            peers=True,
        ),
        Evidence("size_band", size_band, 0, -1, 0.5, "Brav, Jiang, Partnoy, Thomas 2008", ("close", "fundamentals")),
        Evidence("events", activist_news, 0, 1, 1.0, "Greenwood and Schor 2009; Becht, Franks, Grant 2017", ("news",)),
    )
