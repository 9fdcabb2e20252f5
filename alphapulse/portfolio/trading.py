"""Which changes of weight are worth their cost: a drift band for the book, a no-trade region and a least trade for each
asset.

1. The drift band asks whether the book has moved far enough to trade at all.
2. The no-trade region keeps a position that is close to its target; one outside trades to the target, or to the edge
   of the region, which is best when trading costs in proportion to the amount (Davis and Norman 1990; Leland 2000).
3. What is kept may hold more than was wanted of it: growth shrinks to what is left, so the gross stays within the
   targets' own wherever buying less can bring it there. Sales are never enlarged.
4. Changes below the least trade are kept.

A region is about drift, so an asset that enters, leaves or changes sides trades in full. A position without a target is
always sold however small, since dust would never leave the book; only the drift band keeps it, as it keeps everything.

Bands keep small cuts too, those of a sizer that lowers the whole book among them: choose them well below the usual
weight. Limits come after them.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from alphapulse.core.stats import Array

Mask = npt.NDArray[np.bool_]

ROUNDING = 1e-12  # of equity; a smaller change is no trade


def worth_trading(
    wanted: Array,
    held: Array,
    *,
    drift_band: float = 0.0,
    no_trade: float = 0.0,
    to_edge: bool = False,
    min_trade: float = 0.0,
) -> tuple[Array, str]:
    """Return the weights to trade to, NaN where the quantity is kept, and in words what was kept ("" for nothing).

    wanted, held: weights by asset, fractions of equity, all known. drift_band: largest change of any weight below which
    all is kept, unless nothing is held. no_trade: change below which a position is kept. to_edge: trade to `no_trade`
    from the target instead of to the target. min_trade: change below which nothing is bought or reduced. With all
    three at 0 the result is `wanted` itself.
    """
    largest = float(np.abs(wanted - held).max())
    if largest < drift_band and held.any():
        inside = f"the largest change of {largest:.4f} is inside the drift band of {drift_band:g}"
        return np.full(len(wanted), np.nan), inside
    if no_trade == 0.0 and min_trade == 0.0:
        return wanted, ""
    goal, kept_in_region = _towards(wanted, held, no_trade, to_edge)
    small = _small(goal, held, min_trade)
    goal = np.where(small, held, goal)
    goal, share = _within(float(np.abs(wanted).sum()), goal, held)
    kept = kept_in_region | small | _small(goal, held, min_trade)
    return np.where(kept, np.nan, goal), _words(int(kept.sum()), int(((wanted != 0.0) | (held != 0.0)).sum()), share)


def _towards(wanted: Array, held: Array, no_trade: float, to_edge: bool) -> tuple[Array, Mask]:
    """Return where each weight goes under the no-trade region, and True where it stays."""
    change = wanted - held
    drifted = wanted * held > 0.0
    kept: Mask = drifted & (np.abs(change) < no_trade)
    edge = wanted - np.copysign(no_trade, change) if to_edge else wanted
    return np.where(kept, held, np.where(drifted, edge, wanted)), kept


def _small(goal: Array, held: Array, min_trade: float) -> Mask:
    """Return True where a position would be opened or changed by less than the least trade."""
    small: Mask = (goal != 0.0) & (goal * held >= 0.0) & (np.abs(goal - held) < max(min_trade, ROUNDING))
    return small


def _within(gross: float, goal: Array, held: Array) -> tuple[Array, float]:
    """Return the weights with their growth scaled so that the sum of absolute weights is at most `gross`, by what."""
    size = np.abs(goal)
    growth = np.maximum(size - np.where(goal * held > 0.0, np.abs(held), 0.0), 0.0)
    excess, added = float(size.sum()) - gross, float(growth.sum())
    if excess <= ROUNDING or added == 0.0:
        return goal, 1.0
    share = max(1.0 - excess / added, 0.0)
    return np.copysign(size - (1.0 - share) * growth, goal), share


def _words(kept: int, positions: int, share: float) -> str:
    words = [f"{kept} of {positions} weights close enough"] if kept else []
    return ", ".join([*words, f"buys x {share:.3f}"] if share < 1.0 else words)
