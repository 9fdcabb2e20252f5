"""The value agent: what is cheap against its own past."""

from __future__ import annotations

from typing import ClassVar

from alphapulse.agents.evidence import Evidence, EvidenceAgent
from alphapulse.core.market import MarketData
from alphapulse.core.panel import Panel

YEAR = 252


def long_run_return(market: MarketData, window: int) -> Panel:
    """Return the total return over `window` sessions, leaving out the last year, which belongs to momentum."""
    levels = market.panel("total_return").ffill()
    return levels.shift(min(YEAR, window - 1)) / levels.shift(window) - 1.0


class ValueAgent(EvidenceAgent):
    """Scores long-run losers above long-run winners: the price-only measure of value.

    Its coverage is the share of the evidence declared here, which is price-only: 1 means that five years of prices
    were there, not that a balance sheet was read.
    """

    name: str = "value"
    evidence: ClassVar[tuple[Evidence, ...]] = (
        Evidence(
            "long_run_reversal",
            long_run_return,
            5 * YEAR,
            -1,
            1.0,
            "De Bondt and Thaler 1985; Asness, Moskowitz, Pedersen 2013",
        ),
    )
