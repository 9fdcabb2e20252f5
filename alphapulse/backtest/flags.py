"""What a reader must know about a result, beside what its market already says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from alphapulse.core.market import MarketData
from alphapulse.core.stops import AtrStop
from alphapulse.execution.record import TradingRecord
from alphapulse.strategy import Strategy


def result_flags(market: MarketData, record: TradingRecord, execution: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the market's flags, then those of how orders were filled and of what became of the account."""
    flags = list(market.flags)
    if execution["fill"] == "same_close":
        flags.append("filled at the very close it was decided on: for comparison only")
    if execution["fill"] == "next_open" and "open" not in market:
        flags.append("orders decided for the next open fill at the next close: the market has no opens")
    if execution["costs"]["impact"] > 0.0 and "volume" not in market:
        flags.append("no volume: market impact is not charged")
    if execution["participation"] is not None and "volume" not in market:
        flags.append("no volume: the participation cap does not bind")
    if execution["lot"] > 0.0 and any("adjusted closes" in flag for flag in market.flags):
        flags.append("lots are counted in adjusted prices, not in the shares of the day")
    ruined = record.equity_values <= 0.0
    if ruined.any():
        first = record.sessions[int(np.argmax(ruined))].date()
        flags.append(f"ruin: equity is not above zero from {first} on; measures after it mean nothing")
    if market.benchmark is not None and market.benchmark.isna().any():
        flags.append(
            f"index unknown on {int(market.benchmark.isna().sum())} sessions: measures against it are left out"
        )
    return tuple(flags)


def bar_flags(strategy: Strategy, market: MarketData) -> tuple[str, ...]:
    """Return what a market without highs and lows makes of rules that would read them."""
    if "high" in market and "low" in market:
        return ()
    flags = []
    if strategy.risk.stops:
        flags.append("no bars: stops are triggered by closes, and fill there")
    if strategy.sizer.method == "atr" or any(isinstance(rule, AtrStop) for rule in strategy.risk.stops):
        flags.append("no bars: true ranges are changes of the close, about half of those of bars")
    return tuple(flags)
