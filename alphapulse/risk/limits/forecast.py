"""Forecasts: a proposal beside its risk estimate, and positions the estimate cannot speak of.

A position that is not in the estimate, or unusable there, has a risk nobody can measure: it does not grow, and each
limit that measures counts it as the worst it knows. Where the estimate has no usable asset nothing grows.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from alphapulse.core.estimates import RiskEstimate
from alphapulse.core.ports import RiskContext
from alphapulse.core.stats import Array
from alphapulse.core.trading import Clamp
from alphapulse.risk.limits.proposal import Mask, Proposal, propose, without_growth

Places = npt.NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Forecast:
    """A proposal in which nothing grows without a forecast; columns: of each held asset in the estimate, -1 for none.

    clamps: of the growth that was taken away.
    """

    book: Proposal
    columns: Places
    clamps: tuple[Clamp, ...]

    @cached_property
    def known(self) -> Mask:
        """True by asset that is held and has a forecast."""
        return self.book.held & (self.columns >= 0)

    @cached_property
    def unknown(self) -> Mask:
        """True by asset that is held and has none."""
        return self.book.held & (self.columns < 0)


def forecast(rule: str, weights: "pd.Series[float]", context: RiskContext) -> Forecast:
    """Return the proposal beside the estimate of the context."""
    book, estimate = propose(weights, context), context.estimate
    held = np.flatnonzero(book.held)
    columns = np.full(len(weights), -1)
    if estimate.usable.any():
        same = weights.index.equals(estimate.assets)
        at = held if same else estimate.assets.get_indexer(weights.index[held])
        columns[held] = np.where((at >= 0) & estimate.usable[at], at, -1)
    found = Forecast(book, columns, ())
    if not found.unknown.any():
        return found
    kept, clamps = without_growth(
        rule, weights, context, found.unknown, lambda at: "no risk forecast: the position may not grow"
    )
    return Forecast(propose(kept, context), columns, clamps)


def returns_of(estimate: RiskEstimate, columns: Places) -> Array:
    """Return the window of some columns, sessions x columns, NaN unknown."""
    window = np.asarray(estimate.window.to_numpy(), dtype=np.float64)
    return window if are_all(columns, estimate) else window[:, columns]


def are_all(columns: Places, estimate: RiskEstimate) -> bool:
    """Return whether these are all columns of the estimate in their order, so that nothing need be copied."""
    return len(columns) == len(estimate.assets) and bool((np.diff(columns) > 0).all())


def book_returns(estimate: RiskEstimate, columns: Places, weights: Array) -> Array:
    """Return what weights of usable columns would have earned in each session of the window.

    A scattered unknown return counts as its asset's mean, as in the covariance.
    """
    returns = returns_of(estimate, columns)
    earned: Array = returns @ weights
    holed = np.isnan(earned)
    if holed.any():
        rows = returns[holed]
        earned[holed] = np.where(np.isnan(rows), np.nanmean(returns, axis=0), rows) @ weights
    return earned
