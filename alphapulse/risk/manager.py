"""RiskManager: the last word on weights."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import cycle, islice
from typing import Any

import numpy as np
import pandas as pd

from alphapulse.core.checks import built, check_choice
from alphapulse.core.errors import ParamsError
from alphapulse.core.ports import Limit, RiskContext
from alphapulse.core.stops import STOPS, StopRule, chosen_stops
from alphapulse.core.trading import Clamp
from alphapulse.risk.limits import LIMITS
from alphapulse.risk.limits.proposal import Limited, held_now, largest, propose, values_of

CHECKS = ("decisions", "daily")
ROUNDS = 20
ALL_LIMITS = "all_limits"  # the rule of clamps that no single limit asked for


class RiskManager:
    """Applies limits until all of them hold at once, records every clamp, and carries the stop rules for the broker.

    limits: names from LIMITS (with their defaults), limit objects, or a mapping of options by name, in the order they
    apply. stops: the same of STOPS. check: "decisions" applies the limits when the portfolio manager decides, "daily"
    also to what is held at each close between. ParamsError on an unknown name, a class in place of an object, or
    anything else.
    """

    def __init__(
        self,
        limits: Iterable[Limit | str] | Mapping[str, Mapping[str, Any]] = (),
        stops: Iterable[StopRule | str] | Mapping[str, Mapping[str, Any]] = (),
        check: str = "decisions",
    ) -> None:
        given = [limits] if isinstance(limits, str | Limit) else _made("limit", limits, LIMITS)
        self.limits: tuple[Limit, ...] = tuple(_limit(item) for item in given)
        self.stops: tuple[StopRule, ...] = chosen_stops(
            stops if isinstance(stops, str | StopRule) else _made("stop rule", stops, STOPS)
        )
        self.check = check_choice("risk: check", check, CHECKS)

    def apply(self, weights: "pd.Series[float]", context: RiskContext) -> "tuple[pd.Series[float], tuple[Clamp, ...]]":
        """Return weights within every limit, and a clamp for each cut, in the order they were made.

        weights: proposed, by asset; NaN keeps what is held, is judged at its current weight and stays NaN unless a
        limit changes it. Notes in `attrs` are kept.

        A cut may break a limit that held before it (without a short the net rises), so the limits apply in turn until
        none changes anything. Should that take more than 20 rounds, all weights are scaled by the largest share at
        which none does, recorded as "all_limits". What cannot be met because an asset cannot trade is met as nearly as
        the others allow, see `limits.proposal`.
        """
        kept = np.isnan(values_of(weights))
        judged = weights
        if kept.any():
            judged = pd.Series(np.where(kept, held_now(weights, context), values_of(weights)), index=weights.index)
        allowed, clamps = self._within(judged, context)
        if allowed is judged:
            return weights, ()
        unchanged = kept & (values_of(allowed) == values_of(judged))
        result = pd.Series(np.where(unchanged, np.nan, values_of(allowed)), index=weights.index)
        result.attrs.update(weights.attrs)
        return result, clamps

    @property
    def rules(self) -> tuple[str, ...]:
        """Names of the limits and stop rules, in order."""
        return tuple(_rule(part) for part in (*self.limits, *self.stops))

    def without(self, rule: str) -> RiskManager:
        """Return the manager without the limit or stop rule of this name, as if it had never been there."""
        check_choice("risk: rule", rule, self.rules)
        return RiskManager(
            [limit for limit in self.limits if _rule(limit) != rule],
            [stop for stop in self.stops if _rule(stop) != rule],
            self.check,
        )

    def __repr__(self) -> str:
        stops = f", stops={list(self.stops)}" if self.stops else ""
        check = f", check={self.check!r}" if self.check != CHECKS[0] else ""
        return f"RiskManager({list(self.limits)}{stops}{check})"

    def _within(self, weights: "pd.Series[float]", context: RiskContext) -> Limited:
        """Return known weights within all limits, the same object when they already were."""
        if not self.limits:
            return weights, ()
        allowed, agreeing = weights, 0
        clamps: tuple[Clamp, ...] = ()
        for limit in islice(cycle(self.limits), ROUNDS * len(self.limits)):
            after, made = limit.apply(allowed, context)
            if _same(after, allowed):
                agreeing += 1
            else:
                allowed, clamps, agreeing = after, clamps + made, 1  # what a limit has cut is within that limit
            if agreeing == len(self.limits):
                return allowed, clamps
        scaled, more = self._scaled(allowed, context)
        return scaled, clamps + more

    def _scaled(self, weights: "pd.Series[float]", context: RiskContext) -> Limited:
        book = propose(weights, context)

        def at(share: float) -> Limited:
            return book.scaled(
                ALL_LIMITS, share, lambda asset: f"limits still cut after {ROUNDS} rounds: all weights x {share:.6g}"
            )

        def holds(share: float) -> bool:
            proposed, _ = at(share)
            return all(_same(limit.apply(proposed, context)[0], proposed) for limit in self.limits)

        return at(largest(holds))


def _made(kind: str, given: Any, table: Mapping[str, Any]) -> Iterable[Any]:
    """Return the rules of a mapping of their options by name, as `risk` holds them in a file; others as they came."""
    if not isinstance(given, Mapping):
        return list(given)
    return [built(kind, name, table, options or {}) for name, options in given.items()]


def _limit(item: Any) -> Limit:
    if isinstance(item, str):
        return LIMITS[check_choice("limit", item, LIMITS)]()
    if isinstance(item, type) or not isinstance(item, Limit):
        raise ParamsError(
            f"limit: {item.__name__ if isinstance(item, type) else type(item).__name__} came",
            f"limit objects, or their names: {', '.join(LIMITS)}",
            "build it, for example MaxPosition(0.05)",
        )
    return item


def _rule(part: Any) -> str:
    return str(getattr(part, "rule", type(part).__name__))


def _same(after: "pd.Series[float]", before: "pd.Series[float]") -> bool:
    return after is before or np.array_equal(values_of(after), values_of(before))
