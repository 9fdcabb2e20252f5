"""PositionSizer: how much of the target portfolio to hold.

1. The method sizes positions against each other, or the whole book by Kelly's rule, see `rules.SIZERS`.
2. One factor meets the volatility target, never above the largest gross.
3. A drawdown takes part of it away.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from alphapulse.core.checks import check_choice, check_number, check_share, listed
from alphapulse.core.errors import DataError
from alphapulse.core.estimates import RiskEstimate
from alphapulse.core.stats import Array
from alphapulse.core.units import SESSIONS_PER_YEAR
from alphapulse.risk.sizing.book import Book, Sized
from alphapulse.risk.sizing.rules import SIZERS

ROUNDING = 1.0 + 1e-12  # times a bound: what is below is not above it


@dataclass(frozen=True)
class PositionSizer:
    """Sizes targets by a method, to a forecast volatility a year and by the drawdown, never above `max_gross`.

    volatility_target_ann: None leaves the level as it is, but for `max_gross`. max_gross: largest sum of absolute
    weights, above 1 only with leverage. method: a name from SIZERS. kelly_fraction, kelly_cap: share of the
    growth-optimal leverage, and the largest factor on the targets, of the method kelly, which sets the level itself: a
    volatility target may then only lower it. A method may raise a weight above an allocator's bound; limits have the
    last word.

    drawdown_scale: None, or the loss L from the highest equity ever at which no more than `drawdown_floor` of the book
    is held; after a loss of d it is 1 - d / L, the straight line close below the optimal (L - d) / (L (1 - d)) of
    Grossman and Zhou (1993). Unlike the limit max_drawdown, which caps the gross from half-way to its limit on and
    looks back a year for the peak, it scales whatever is proposed from the first loss on. With a floor of 0 a book that
    has lost L stays in cash for good.

    ParamsError on an unknown method, a target outside (0, 2], a gross or Kelly cap outside (0, 10], another share
    outside (0, 1] (floor: [0, 1]).
    """

    volatility_target_ann: float | None = None
    max_gross: float = 1.0
    method: str = "none"
    kelly_fraction: float = 0.5
    kelly_cap: float = 1.0
    drawdown_scale: float | None = None
    drawdown_floor: float = 0.1

    def __post_init__(self) -> None:
        if self.volatility_target_ann is not None:
            check_share("sizing: volatility_target_ann", self.volatility_target_ann, most=2.0)
        check_share("sizing: max_gross", self.max_gross, most=10.0)
        check_choice("sizing: method", self.method, SIZERS)
        check_share("sizing: kelly_fraction", self.kelly_fraction)
        check_share("sizing: kelly_cap", self.kelly_cap, most=10.0)
        if self.drawdown_scale is not None:
            check_share("sizing: drawdown_scale", self.drawdown_scale)
        check_number("sizing: drawdown_floor", self.drawdown_floor, most=1.0)

    @property
    def needs(self) -> tuple[str, ...]:
        """Facts the method asks for, see `Strategy.needs`."""
        return ("skill",) if self.method == "kelly" else ()

    def size(
        self,
        weights: "pd.Series[float]",
        estimate: RiskEstimate,
        *,
        scores: "pd.Series[float] | None" = None,
        equity: "pd.Series[float] | None" = None,
    ) -> "pd.Series[float]":
        """Return the weights as sized, none on the other side, with what was done added to `attrs["notes"]`.

        weights: targets by asset, every one known. The forecast is sqrt(w' covariance w) over the assets of the
        estimate; weights outside it, or on unusable assets, have no forecast, add no risk to it and are noted.
        scores: by asset, for signal and kelly. equity: by session up to now, for `drawdown_scale`. DataError where
        either is asked for and missing, and on weights that are not finite.
        """
        targets = np.asarray(weights.to_numpy(), dtype=np.float64)
        odd = ~np.isfinite(targets)
        if odd.any():
            raise DataError(f"sizing: weights of {listed(weights.index[odd])}", "finite numbers", "0 holds nothing")
        if not targets.any():
            return weights
        book = Book(targets, weights.index, estimate, scores, self.kelly_fraction, self.kelly_cap)
        sized, notes = SIZERS[self.method](book)
        sized, level = self._levelled(book.with_weights(sized))
        sized, loss = self._after_losses(sized, equity)
        if sized is targets and not notes:
            return weights
        result = pd.Series(sized, index=weights.index)
        result.attrs["notes"] = (*weights.attrs.get("notes", ()), *notes, *level, *loss)
        return result

    def _levelled(self, book: Book) -> Sized:
        gross, target = book.gross, self.volatility_target_ann
        if gross == 0.0:
            return book.weights, ()
        most = self.max_gross / gross
        if target is None:
            if gross <= self.max_gross * ROUNDING:
                return book.weights, ()
            return book.weights * most, (f"sized: gross {gross:.3f} scaled to {self.max_gross:g}",)
        if self.method == "kelly":
            most = min(most, 1.0)
        variance, unforeseen = book.variance()
        forecast = math.sqrt(variance * SESSIONS_PER_YEAR)
        factor = min(most, target / forecast) if forecast > 0.0 else most
        reached = "met" if factor < most else f"not reached at gross {most * gross:g}"
        notes = (f"sized: no risk forecast for {listed(unforeseen)}",) if len(unforeseen) else ()
        return book.weights * factor, (
            *notes,
            f"sized: forecast volatility {forecast:.1%} a year, target {target:.1%} {reached}, weights x {factor:.3f}",
        )

    def _after_losses(self, weights: Array, equity: "pd.Series[float] | None") -> Sized:
        if self.drawdown_scale is None:
            return weights, ()
        if equity is None:
            raise DataError("sizing: drawdown_scale without equity", "equity by session up to now", "pass equity=...")
        values = equity.to_numpy(dtype=np.float64)
        fallen = 1.0 - float(values[-1]) / float(values.max()) if len(values) else 0.0
        factor = max(self.drawdown_floor, 1.0 - fallen / self.drawdown_scale)
        if factor >= 1.0 or not weights.any():
            return weights, ()
        return weights * factor, (f"sized: drawdown {fallen:.1%} of {self.drawdown_scale:.1%}, weights x {factor:.3f}",)
