"""The value agent: what is cheap against what the company earns, owns, sells and pays out."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from alphapulse.agents.evidence import Evidence, EvidenceAgent
from alphapulse.agents.filings import filings, market_value
from alphapulse.agents.risk_traits import past_return
from alphapulse.core.market import MarketData
from alphapulse.core.panel import Panel
from alphapulse.core.stats import Array

YEAR = 252


def earnings_yield(market: MarketData, window: int) -> Panel:
    """Return a year's net income over market value."""
    filed = filings(market)
    return filed.panel(filed.year("net_income")) / market_value(market)


def book_yield(market: MarketData, window: int) -> Panel:
    """Return book equity over market value; unknown where equity is not above zero."""
    filed = filings(market)
    equity = filed.latest("equity")
    return filed.panel(np.where(equity > 0.0, equity, np.nan)) / market_value(market)


def sales_yield(market: MarketData, window: int) -> Panel:
    """Return a year's revenue over market value."""
    filed = filings(market)
    return filed.panel(filed.year("revenue")) / market_value(market)


def cash_flow_yield(market: MarketData, window: int) -> Panel:
    """Return a year's operating cash flow over market value."""
    filed = filings(market)
    return filed.panel(filed.year("cfo")) / market_value(market)


def shareholder_yield(market: MarketData, window: int) -> Panel:
    """Return a year's dividends over market value plus the share of the company bought back in that year.

    Shares derived from rounded earnings per share jump: a change beyond a quarter of all within a year is unknown.
    """
    filed = filings(market)
    with np.errstate(divide="ignore", invalid="ignore"):
        bought = 1.0 - filed.latest("shares") / filed.now_ago("shares")
    bought = np.where(np.abs(bought) < 0.25, bought, np.nan)
    return filed.panel(filed.year("dividends")) / market_value(market) + filed.panel(bought)


def long_run_return(market: MarketData, window: int) -> Panel:
    """Return the total return over `window` sessions, leaving out the last year, which belongs to momentum."""
    return past_return(market, window, YEAR)


def _filed(*figures: str) -> tuple[str, ...]:
    return ("close", *(f"fundamentals.{figure}" for figure in figures))


class ValueAgent(EvidenceAgent):
    """Scores cheap companies above dear ones of their sector, with a gate for quality.

    Gate: a company whose last year burnt cash and made a loss is not called cheap; its score is at most 0
    (Piotroski 2000: most cheap companies that disappoint are in distress). Without filings only long-run reversal
    speaks, at low coverage.
    """

    name: str = "value"
    evidence: ClassVar[tuple[Evidence, ...]] = (
        Evidence("earnings_yield", earnings_yield, 0, 1, 1.0, "Basu 1977", _filed("net_income"), peers=True),
        Evidence(
            "book_yield",
            book_yield,
            0,
            1,
            1.0,
            "Rosenberg, Reid, Lanstein 1985; Asness and Frazzini 2013",
            _filed("equity"),
            peers=True,
        ),
        Evidence("sales_yield", sales_yield, 0, 1, 0.5, "Barbee, Mukherji, Raines 1996", _filed("revenue"), peers=True),
        Evidence(
            "cash_flow_yield",
            cash_flow_yield,
            0,
            1,
            1.0,
            "Lakonishok, Shleifer, Vishny 1994",
            _filed("cfo"),
            peers=True,
        ),
        Evidence(
            "shareholder_yield",
            shareholder_yield,
            0,
            1,
            0.5,
            "Boudoukh, Michaely, Richardson, Roberts 2007",
            _filed("net_income"),
            peers=True,
        ),
        Evidence(
            "long_run_reversal",
            long_run_return,
            5 * YEAR,
            -1,
            0.5,
            "De Bondt and Thaler 1985; Asness, Moskowitz, Pedersen 2013",
            least=2 * YEAR,
        ),
    )

    def adjusted(self, score: Array, market: MarketData) -> Array:
        """Return the scores (sessions x assets) capped at 0 where the gate is shut; NaN stays NaN."""
        if "fundamentals" not in market:
            return score
        filed = filings(market)
        shut = filed.panel(((filed.year("net_income") < 0.0) & (filed.year("cfo") < 0.0)).astype(float)) == 1.0
        return np.where(shut.to_numpy() & (score > 0.0), 0.0, score)
