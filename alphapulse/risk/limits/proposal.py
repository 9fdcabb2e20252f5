"""Proposal: a proposed book as limits judge it, and how they take from it.

An order for an asset that cannot trade today (`facts.tradable` is False) may not fill. Such a position counts with the
larger of what is held and what is proposed (of equals the proposed), and no limit can take away what is held: the
others make room. So limits hold for positions plus open orders. A bound on single positions cuts the order all the
same, which then waits to sell.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from alphapulse.core.ports import RiskContext
from alphapulse.core.stats import Array
from alphapulse.core.trading import Clamp

ROUNDING = 1.0 + 1e-12  # times a bound: what is below is not above it
DUST = 1e-13  # of equity: smaller changes are rounding, not trades
HALVINGS = 60

Limited = tuple["pd.Series[float]", tuple[Clamp, ...]]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Proposal:
    """Exposure by asset, fraction of equity: `fixed`, what no order can change today, plus `free`, what limits may cut.

    weights: proposed, by asset, all known. Where both parts are not zero they have the same sign.
    """

    weights: "pd.Series[float]"
    fixed: Array
    free: Array

    @property
    def held(self) -> Mask:
        """True by asset with any exposure."""
        held: Mask = (self.fixed != 0.0) | (self.free != 0.0)
        return held

    def scaled(self, rule: str, shares: Array | float, reason: Callable[[int], str]) -> Limited:
        """Return weights with `shares` in [0, 1] of each free part, and a clamp for each asset cut."""
        values = np.where(self.free != 0.0, self.fixed + shares * self.free, values_of(self.weights))
        return recorded(rule, self.weights, values, reason)


def propose(weights: "pd.Series[float]", context: RiskContext) -> Proposal:
    """Return the weights as limits judge them; weights: proposed, by asset, all known."""
    values = values_of(weights)
    stuck = context.facts.values("tradable", weights.index) == 0.0
    if not stuck.any():
        return Proposal(weights, np.zeros(len(values)), values)
    held = held_now(weights, context)
    grows = np.abs(values) >= np.abs(held)
    fixed = np.where(stuck, np.where(grows, np.copysign(held, values), held), 0.0)
    return Proposal(weights, fixed, np.where(stuck & ~grows, 0.0, values - fixed))


def values_of(weights: "pd.Series[float]") -> Array:
    """Return weights as an array."""
    return np.asarray(weights.to_numpy(), dtype=np.float64)


def held_now(weights: "pd.Series[float]", context: RiskContext) -> Array:
    """Return the weights held now of the assets of `weights`; unknown counts as nothing held."""
    current = context.current
    same = current.index.equals(weights.index)
    held: Array = np.nan_to_num(values_of(current if same else current.reindex(weights.index)))
    return held


def growth(weights: "pd.Series[float]", context: RiskContext) -> Array:
    """Return how much of each absolute weight is new: above what is held on the same side."""
    values, held = values_of(weights), held_now(weights, context)
    added: Array = np.maximum(np.abs(values) - np.where(values * held > 0.0, np.abs(held), 0.0), 0.0)
    return added


def without_growth(
    rule: str, weights: "pd.Series[float]", context: RiskContext, barred: Mask, reason: Callable[[int], str]
) -> Limited:
    """Return weights that do not grow where `barred` is True, and a clamp for each asset cut."""
    return capped(
        rule, weights, np.where(barred, np.abs(values_of(weights)) - growth(weights, context), np.inf), reason
    )


def capped(rule: str, weights: "pd.Series[float]", caps: Array | float, reason: Callable[[int], str]) -> Limited:
    """Return weights with no absolute value above its cap, and a clamp for each asset cut."""
    values = values_of(weights)
    if not above(np.abs(values), caps).any():
        return weights, ()
    return recorded(rule, weights, np.clip(values, -caps, caps), reason)


def room(bound: Array | float, fixed: Array | float, free: Array | float) -> Array:
    """Return the share in [0, 1] of each free amount that fits under its bound beside the fixed one, 1 of nothing."""
    left, free = np.broadcast_arrays(bound - fixed, free)
    shares: Array = np.divide(left, free, out=np.ones(free.shape), where=free > 0.0)
    return np.clip(shares, 0.0, 1.0)


def one_sided(fixed: float, free: Array, room: float) -> Array:
    """Return the share of each free contribution that keeps |fixed + their sum| within `room`.

    Only the side in excess is cut, all by one share; the other side offsets it.
    """
    total = fixed + float(free.sum())
    excess = free * total > 0.0
    side = abs(float(free[excess].sum()))
    share = (room - (abs(total) - side)) / side if side > 0.0 else 1.0
    return np.where(excess, min(max(share, 0.0), 1.0), 1.0)


def largest(holds: Callable[[float], bool]) -> float:
    """Return, by bisection, the end of a span from 0 in which `holds` is True, at most 1; it is True of the answer."""
    low, high = 0.0, 1.0
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


def above(value: Array | float, bound: Array | float) -> Mask:
    """Return True where a value is above its bound by more than rounding."""
    return np.asarray(value > bound * ROUNDING + DUST)


def recorded(rule: str, weights: "pd.Series[float]", values: Array, reason: Callable[[int], str]) -> Limited:
    """Return `values` as weights and a clamp for each changed by more than DUST; reason: of the asset at a place."""
    before = values_of(weights)
    cut = np.flatnonzero(np.abs(values - before) > DUST)
    if not len(cut):
        return weights, ()
    after = before.copy()
    after[cut] = values[cut]
    clamps = tuple(
        Clamp(rule, str(weights.index[int(at)]), float(before[at]), float(after[at]), reason(int(at))) for at in cut
    )
    return pd.Series(after, index=weights.index), clamps
