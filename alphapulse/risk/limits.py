"""Limits: small frozen objects that shrink proposed weights and say what they changed.

A limit never raises a position and never moves its excess to another asset: what it takes goes to cash. So a trade
that reduces risk always passes, applying a limit twice changes nothing, and a later limit cannot break an earlier one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from alphapulse.core.checks import check_count, check_number, check_share
from alphapulse.core.errors import ParamsError
from alphapulse.core.ports import Limit, RiskContext
from alphapulse.core.stats import Array
from alphapulse.core.trading import Clamp

ROUNDING = 1.0 + 1e-12
Limited = tuple["pd.Series[float]", tuple[Clamp, ...]]


@dataclass(frozen=True)
class MaxPosition:
    """No absolute weight above `weight`, a fraction of equity in (0, 1]."""

    weight: float = 0.10
    rule: ClassVar[str] = "max_position"

    def __post_init__(self) -> None:
        check_share("max_position: weight", self.weight)

    def apply(self, weights: "pd.Series[float]", context: RiskContext) -> Limited:
        """Return weights cut to +-`weight`, and a clamp for each asset cut."""
        values = np.asarray(weights.to_numpy(), dtype=np.float64)
        if not (np.abs(values) > self.weight * ROUNDING).any():
            return weights, ()
        cut = np.clip(values, -self.weight, self.weight)
        return _changed(self.rule, weights, cut, f"position above {self.weight:g} of equity")


@dataclass(frozen=True)
class MaxGross:
    """No sum of absolute weights above `gross`; above 1 only with leverage, at most 10."""

    gross: float = 1.0
    rule: ClassVar[str] = "max_gross"

    def __post_init__(self) -> None:
        check_share("max_gross: gross", self.gross, most=10.0)

    def apply(self, weights: "pd.Series[float]", context: RiskContext) -> Limited:
        """Return weights scaled to a gross exposure of `gross`, and a clamp for each asset scaled."""
        return _scaled_to(self.gross, self.rule, weights, f"above the limit of {self.gross:g}")


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

    def cap(self, equity: "pd.Series[float]") -> float:
        """Return the largest gross exposure allowed after this equity history, in [floor, 1]."""
        recent = equity.to_numpy()[-self.reentry :]
        drawdown = 1.0 - float(recent[-1]) / float(recent.max()) if len(recent) else 0.0
        start = self.limit / 2.0 if self.start is None else self.start
        progress = min(max((drawdown - start) / (self.limit - start), 0.0), 1.0)
        return 1.0 - progress * (1.0 - self.floor)

    def apply(self, weights: "pd.Series[float]", context: RiskContext) -> Limited:
        """Return weights scaled to the gross exposure that today's drawdown allows, and a clamp for each asset."""
        cap = self.cap(context.equity)
        if cap == 1.0:
            return weights, ()
        return _scaled_to(cap, self.rule, weights, f"above {cap:.3f}, the cap at this drawdown")


LIMITS: dict[str, type[Limit]] = {
    "max_position": MaxPosition,
    "max_gross": MaxGross,
    "max_drawdown": MaxDrawdown,
}


def _scaled_to(cap: float, rule: str, weights: "pd.Series[float]", why: str) -> Limited:
    values = np.asarray(weights.to_numpy(), dtype=np.float64)
    gross = float(np.abs(values).sum())
    if gross <= cap * ROUNDING:
        return weights, ()
    return _changed(rule, weights, values * (cap / gross), f"gross exposure {gross:.3f} {why}")


def _changed(rule: str, weights: "pd.Series[float]", values: Array, reason: str) -> Limited:
    before = np.asarray(weights.to_numpy(), dtype=np.float64)
    clamps = tuple(
        Clamp(rule, str(weights.index[int(at)]), float(before[at]), float(values[at]), reason)
        for at in np.flatnonzero(values != before)
    )
    return pd.Series(values, index=weights.index), clamps
