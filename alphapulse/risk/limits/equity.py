"""Limits that follow the equity: its drawdown, and the loss of a single session."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from alphapulse.core.checks import check_count, check_number, check_share
from alphapulse.core.errors import ParamsError
from alphapulse.core.ports import RiskContext
from alphapulse.risk.limits.exposure import scaled_to_gross
from alphapulse.risk.limits.proposal import Limited, values_of, without_growth


@dataclass(frozen=True)
class MaxDrawdown:
    """Gross exposure is capped as equity falls from its peak, and reopens as it recovers (Grossman and Zhou 1993).

    The peak is the highest equity of the last `reentry` sessions, today included. At a drawdown up to `start` (half of
    `limit` unless given) the cap is 1; from there it falls on a straight line to `floor` at `limit` and stays there.
    Re-entry follows the same line as equity recovers, and comes at the latest when the old peak is `reentry` sessions
    behind: without that, a portfolio in cash could never return. The cap is a function of the equity history alone.
    """

    limit: float = 0.20
    start: float | None = None
    floor: float = 0.0
    reentry: int = 252
    rule: ClassVar[str] = "max_drawdown"

    def __post_init__(self) -> None:
        check_share("max_drawdown: limit", self.limit)
        if self.start is not None:
            check_number("max_drawdown: start", self.start)
            if self.start >= self.limit:
                raise ParamsError(
                    f"max_drawdown: start = {self.start!r} with limit = {self.limit!r}",
                    "start below limit",
                    "scaling begins at start and is complete at limit",
                )
        check_number("max_drawdown: floor", self.floor, most=1.0)
        check_count("max_drawdown: reentry", self.reentry)

    def drawdown(self, equity: "pd.Series[float]") -> float:
        """Return the loss from the peak of the last `reentry` sessions, a fraction of it; 0 without any session."""
        recent = equity.to_numpy()[-self.reentry :]
        return 1.0 - float(recent[-1]) / float(recent.max()) if len(recent) else 0.0

    def cap(self, equity: "pd.Series[float]") -> float:
        """Return the largest gross exposure allowed after this equity history, in [floor, 1]."""
        start = self.limit / 2.0 if self.start is None else self.start
        progress = min(max((self.drawdown(equity) - start) / (self.limit - start), 0.0), 1.0)
        return 1.0 - progress * (1.0 - self.floor)

    def apply(self, weights: "pd.Series[float]", context: RiskContext) -> Limited:
        """Return weights scaled to the gross exposure that today's drawdown allows, and a clamp for each asset."""
        cap = self.cap(context.equity)
        if cap == 1.0:
            return weights, ()
        fallen = self.drawdown(context.equity)
        return scaled_to_gross(self.rule, weights, context, cap, f"{cap:.4g}, the cap at a drawdown of {fallen:.2%}")


@dataclass(frozen=True)
class MaxDailyLoss:
    """After a session that lost `loss` of the equity or more, no position grows in the next `pause` sessions.

    Asked at a close about orders for the sessions after it, so the `pause` last sessions count, today's included.
    """

    loss: float = 0.03
    pause: int = 5
    rule: ClassVar[str] = "max_daily_loss"

    def __post_init__(self) -> None:
        check_share("max_daily_loss: loss", self.loss)
        check_count("max_daily_loss: pause", self.pause)

    def apply(self, weights: "pd.Series[float]", context: RiskContext) -> Limited:
        """Return weights no larger than those held while the pause lasts, and a clamp for each asset cut."""
        equity = values_of(context.equity.iloc[-self.pause - 1 :])
        lost = equity[:-1] - equity[1:]
        after = np.flatnonzero(lost >= self.loss * equity[:-1])
        if not len(after):
            return weights, ()
        worst = int(after[-1])
        session = context.equity.index[-len(lost) + worst]
        return without_growth(
            self.rule,
            weights,
            context,
            np.full(len(weights), True),
            lambda at: (
                f"no growth for {self.pause} sessions after the loss of {lost[worst] / equity[worst]:.2%} on "
                f"{session.date()}, above the limit of {self.loss:.2%}"
            ),
        )
