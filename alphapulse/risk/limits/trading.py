"""Limits on trading: how much a decision may add, and how long a position takes to sell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from alphapulse.core.checks import check_number, check_share
from alphapulse.core.errors import MissingField
from alphapulse.core.ports import RiskContext
from alphapulse.risk.limits.proposal import (
    Limited,
    above,
    capped,
    growth,
    recorded,
    values_of,
    without_growth,
)


@dataclass(frozen=True)
class MaxTurnover:
    """What one decision adds to absolute weights is at most `turnover`, a fraction of equity in (0, 20].

    Counted one way, on the side that adds risk: of a book that stays fully invested it is half the sum of absolute
    changes. What reduces a position passes and is not counted, so what is sold beyond `turnover` goes to cash and is
    bought back by later decisions. An allocator's turnover cost holds on to positions instead.
    """

    turnover: float = 0.25
    rule: ClassVar[str] = "max_turnover"

    def __post_init__(self) -> None:
        check_share("max_turnover: turnover", self.turnover, most=20.0)

    def apply(self, weights: "pd.Series[float]", context: RiskContext) -> Limited:
        """Return weights whose growth is scaled to `turnover` in all, and a clamp for each asset that grows."""
        added = growth(weights, context)
        total = float(added.sum())
        if not above(total, self.turnover):
            return weights, ()
        values = values_of(weights)
        kept = values - np.copysign(added * (1.0 - self.turnover / total), values)
        return recorded(
            self.rule,
            weights,
            kept,
            lambda at: f"turnover {total:.4g} above the limit of {self.turnover:g}",
        )


@dataclass(frozen=True)
class MaxDaysOfVolume:
    """No position takes more than `days` sessions to sell, trading `participation` of the value traded a session.

    The value traded is `facts.traded_value`, the mean of a month. A position whose value traded is unknown or zero
    cannot be judged and does not grow. MissingField when no traded value is known at all.
    """

    days: float = 5.0
    participation: float = 0.1
    rule: ClassVar[str] = "max_days_of_volume"

    def __post_init__(self) -> None:
        check_number("max_days_of_volume: days", self.days, above=True, next_step="give a number of sessions")
        check_share("max_days_of_volume: participation", self.participation)

    def apply(self, weights: "pd.Series[float]", context: RiskContext) -> Limited:
        """Return weights cut to what can be sold in `days`, and a clamp for each asset cut."""
        if context.facts.traded_value is None:
            raise MissingField(
                "max_days_of_volume: no traded values came",
                "facts.traded_value, currency a session, by asset",
                "give the market a volume panel, or drop the limit",
            )
        traded = context.facts.values("traded_value", weights.index)
        known = traded > 0.0
        kept, clamps = without_growth(
            self.rule, weights, context, ~known, lambda at: "value traded unknown or zero: the position may not grow"
        )
        equity = float(context.equity.iloc[-1])
        caps = np.where(known, self.days * self.participation * traded, np.inf) / equity if equity > 0.0 else np.inf
        values = values_of(kept)
        cut, more = capped(
            self.rule,
            kept,
            caps,
            lambda at: (
                f"{abs(values[at]) * equity / (self.participation * traded[at]):.1f} sessions to sell, "
                f"above the limit of {self.days:g}"
            ),
        )
        return cut, clamps + more
