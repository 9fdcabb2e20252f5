"""From numbers over the usable assets to a weight for every asset of the estimate."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from alphapulse.core.estimates import RiskEstimate
from alphapulse.core.stats import Array

Solver = Callable[[Array, Array], tuple[Array, tuple[str, ...]]]
ALL_CASH = "no usable asset: all in cash"


def fully_invested(estimate: RiskEstimate, solve: Solver) -> "pd.Series[float]":
    """Return weights that sum to 1 over the usable assets of `estimate` and are zero elsewhere.

    solve: function of mean and covariance of the usable assets that returns amounts (not negative, in any scale) and
    notes. Without a usable asset all weights are zero. Notes stand in the result's `attrs["notes"]`.
    """
    usable = estimate.usable
    mean = np.asarray(estimate.mean.to_numpy(), dtype=np.float64)
    covariance = np.asarray(estimate.covariance.to_numpy(), dtype=np.float64)
    weights = np.zeros(len(usable))
    notes: tuple[str, ...] = (ALL_CASH,)
    if usable.all() and len(usable):
        amounts, notes = solve(mean, covariance)
        weights = amounts / amounts.sum()
    elif usable.any():
        at = np.flatnonzero(usable)
        amounts, notes = solve(mean[at], covariance[np.ix_(at, at)])
        weights[at] = amounts / amounts.sum()
    return noted(pd.Series(weights, index=estimate.assets), *notes)


def noted(weights: "pd.Series[float]", *notes: str) -> "pd.Series[float]":
    """Return `weights` with `notes` as the tuple in its `attrs["notes"]`."""
    weights.attrs["notes"] = notes
    return weights


def values_on(series: "pd.Series[float]", assets: pd.Index) -> Array:
    """Return the values of `series` on `assets`, NaN where it has none."""
    same = series.index.equals(assets)
    return np.asarray((series if same else series.reindex(assets)).to_numpy(), dtype=np.float64)
