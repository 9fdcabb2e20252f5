"""The technical agent: what prices and volumes of the last year say."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from alphapulse.agents.evidence import Evidence, EvidenceAgent, market_returns
from alphapulse.agents.risk_traits import past_return, volatility
from alphapulse.agents.windows import trailing_max, trailing_mean
from alphapulse.core.market import MarketData
from alphapulse.core.panel import Panel

MONTH = 21


def trend(market: MarketData, window: int) -> Panel:
    """Return the price over its moving average of `window` sessions, minus 1."""
    levels = market.panel("total_return")
    return levels / trailing_mean(levels, window) - 1.0


def momentum(market: MarketData, window: int) -> Panel:
    """Return the total return over `window` sessions, leaving out the last month, in which returns tend to reverse."""
    return past_return(market, window, MONTH)


def volatility_state(market: MarketData, window: int) -> Panel:
    """Return last month's volatility over that of `window` sessions: above 1 the asset is in a turbulent state."""
    usual = volatility(market, window)
    return volatility(market, MONTH) / usual.where(usual > 0.0)


def volume_confirmation(market: MarketData, window: int) -> Panel:
    """Return the traded value of rising sessions minus that of falling ones, as a share of all, over `window` sessions.

    Traded value (shares x price) instead of shares, so that a split does not change the share of a session.
    """
    value = market.panel("volume") * market.panel("close")
    traded = trailing_mean(value, window)
    signed = trailing_mean(value * np.sign(market_returns(market)), window)
    return signed / traded.where(traded > 0.0)


def true_range(market: MarketData, window: int) -> Panel:
    """Return the mean true range over `window` sessions, each as a share of the close before.

    Wilder's average true range, but with equal weights and relative to the price, so that a split leaves no trace.
    """
    high, low, before = _bars(market)
    top, bottom = high.where(~(high < before), before), low.where(~(low > before), before)
    return trailing_mean((top - bottom) / before, window)


def range_position(market: MarketData, window: int) -> Panel:
    """Return where the price stands between the lowest low (0) and the highest high (1) of `window` sessions."""
    high, low, _ = _bars(market)
    top, bottom = trailing_max(high, window), -trailing_max(-low, window)
    return (market.panel("total_return") - bottom) / (top - bottom).where(top > bottom)


def _bars(market: MarketData) -> tuple[Panel, Panel, Panel]:
    """Return highs, lows and the close before, all in units of the total return's levels."""
    levels = market.panel("total_return")
    unit = levels / market.panel("close")
    return market.panel("high") * unit, market.panel("low") * unit, levels.ffill().shift(1)


class TechnicalAgent(EvidenceAgent):
    """Scores trend, momentum, short-term reversal, volatility regime and, where bars exist, their range and volume.

    All evidence reads total returns, so splits and dividends leave no trace. On data without highs, lows or volume
    the coverage stays below 1 by the weight of what reads them.
    """

    name: str = "technical"
    evidence: ClassVar[tuple[Evidence, ...]] = (
        Evidence("trend_slow", trend, 200, 1, 1.0, "Brock, Lakonishok, LeBaron 1992; Faber 2007", least=2),
        Evidence("trend_fast", trend, 50, 1, 0.5, "Brock, Lakonishok, LeBaron 1992; Han, Zhou, Zhu 2016", least=2),
        Evidence("momentum", momentum, 252, 1, 1.5, "Jegadeesh and Titman 1993", least=2 * MONTH),
        Evidence("reversal", past_return, 5, -1, 0.5, "Lehmann 1990; Jegadeesh 1990"),
        Evidence(
            "low_volatility", volatility, 252, -1, 1.0, "Ang, Hodrick, Xing, Zhang 2006; Blitz and van Vliet 2007"
        ),
        Evidence("volatility_state", volatility_state, 252, -1, 0.5, "Moreira and Muir 2017", least=2 * MONTH),
        Evidence("true_range", true_range, 63, -1, 0.25, "Wilder 1978; Parkinson 1980", ("close", "high", "low")),
        Evidence("range_position", range_position, 252, 1, 0.5, "George and Hwang 2004", ("close", "high", "low")),
        Evidence(
            "volume", volume_confirmation, 63, 1, 0.5, "Granville 1963; Blume, Easley, O'Hara 1994", ("close", "volume")
        ),
    )
