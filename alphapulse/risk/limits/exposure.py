"""Limits on exposure: a position, a sector, the gross and the net of the book."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import pandas as pd

from alphapulse.core.checks import check_choice, check_number, check_share
from alphapulse.core.errors import MissingField, ParamsError
from alphapulse.core.ports import RiskContext
from alphapulse.core.stats import Array
from alphapulse.risk.limits.proposal import Limited, above, capped, one_sided, propose, room, values_of


@dataclass(frozen=True)
class MaxPosition:
    """No absolute weight above `weight`, a fraction of equity in (0, 1]."""

    weight: float = 0.10
    rule: ClassVar[str] = "max_position"

    def __post_init__(self) -> None:
        check_share("max_position: weight", self.weight)

    def apply(self, weights: "pd.Series[float]", context: RiskContext) -> Limited:
        """Return weights cut to +-`weight`, and a clamp for each asset cut."""
        values = values_of(weights)
        return capped(
            self.rule, weights, self.weight, lambda at: f"position {values[at]:.4g} above the limit of {self.weight:g}"
        )


@dataclass(frozen=True)
class MaxSector:
    """No sector's sum of absolute weights above `weight`, or above its own bound in `sectors` (by name; 0 bars it).

    Longs and shorts add up: a sector's own hedge does not make room, `max_net` speaks of the rest. Assets without a
    sector are a sector of their own, "unknown". All positions of a sector are scaled alike.

    ParamsError when `sectors` names one that no asset has; MissingField when no sector is known at all.
    """

    weight: float = 0.30
    sectors: Mapping[str, float] = field(default_factory=dict)
    rule: ClassVar[str] = "max_sector"

    def __post_init__(self) -> None:
        check_share("max_sector: weight", self.weight, most=10.0)
        if not isinstance(self.sectors, Mapping):
            raise ParamsError(f"max_sector: sectors = {self.sectors!r}", "a mapping", "write {Energy: 0.25}")
        for name, bound in self.sectors.items():
            check_number(f"max_sector: sectors: {name}", bound, most=10.0, next_step="write 10 per cent as 0.10")

    def apply(self, weights: "pd.Series[float]", context: RiskContext) -> Limited:
        """Return weights scaled to the bound of their sector, and a clamp for each asset scaled."""
        if context.facts.sector is None:
            raise MissingField(
                "max_sector: no sectors came", "facts.sector by asset", "give the market sectors, or drop the limit"
            )
        codes, names = pd.factorize(context.facts.sectors(weights.index))
        bounds = np.full(len(names), self.weight)
        for name, bound in self.sectors.items():
            if name not in names:  # perhaps that of an asset not proposed
                check_choice("max_sector: sector", name, {*names, *context.facts.sectors(context.facts.sector.index)})
            bounds[names == name] = bound
        book = propose(weights, context)
        fixed, free = (_summed(part, codes, len(names)) for part in (book.fixed, book.free))
        gross = fixed + free
        if not above(gross, bounds).any():
            return weights, ()
        shares = room(bounds, fixed, free)
        return book.scaled(
            self.rule,
            shares[codes],
            lambda at: f"sector {names[codes[at]]} {gross[codes[at]]:.4g} above the limit of {bounds[codes[at]]:g}",
        )


@dataclass(frozen=True)
class MaxGross:
    """No sum of absolute weights above `gross`; above 1 only with leverage, at most 10. This is the leverage limit."""

    gross: float = 1.0
    rule: ClassVar[str] = "max_gross"

    def __post_init__(self) -> None:
        check_share("max_gross: gross", self.gross, most=10.0)

    def apply(self, weights: "pd.Series[float]", context: RiskContext) -> Limited:
        """Return weights scaled to a gross exposure of `gross`, and a clamp for each asset scaled."""
        return scaled_to_gross(self.rule, weights, context, self.gross, f"the limit of {self.gross:g}")


@dataclass(frozen=True)
class MaxNet:
    """The sum of weights within +-`net`, a fraction of equity in [0, 10]: longs above shorts, or shorts above longs.

    The side in excess is scaled down and the other kept, so a hedge is never cut.
    """

    net: float = 1.0
    rule: ClassVar[str] = "max_net"

    def __post_init__(self) -> None:
        check_number("max_net: net", self.net, most=10.0, next_step="write 10 per cent as 0.10")

    def apply(self, weights: "pd.Series[float]", context: RiskContext) -> Limited:
        """Return weights whose longs, or shorts, are scaled until the net is within bounds, and a clamp for each."""
        book = propose(weights, context)
        fixed = float(book.fixed.sum())
        net = fixed + float(book.free.sum())
        if not above(abs(net), self.net):
            return weights, ()
        shares = one_sided(fixed, book.free, self.net)
        return book.scaled(self.rule, shares, lambda at: f"net exposure {net:.4g} above the limit of {self.net:g}")


def scaled_to_gross(rule: str, weights: "pd.Series[float]", context: RiskContext, cap: float, what: str) -> Limited:
    """Return weights scaled to a gross exposure of `cap`, and a clamp for each; what: the bound in words."""
    book = propose(weights, context)
    fixed, free = (np.abs(part).sum(keepdims=True) for part in (book.fixed, book.free))
    gross = float(fixed[0] + free[0])
    if not above(gross, cap):
        return weights, ()
    return book.scaled(rule, room(cap, fixed, free), lambda at: f"gross exposure {gross:.4g} above {what}")


def _summed(part: Array, codes: "np.ndarray[tuple[int], np.dtype[np.intp]]", groups: int) -> Array:
    summed: Array = np.bincount(codes, weights=np.abs(part), minlength=groups).astype(np.float64)
    return summed
