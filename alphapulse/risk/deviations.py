"""Deviations: the returns of one window about each asset's mean, and the sums of their products.

1. `deviations` takes the mean of its known returns off each asset. A missing return becomes 0, so that a sum over
   sessions runs over the known ones; only the divisor has to know how many these were.
2. `_recentred` takes the sums of products from partial sums of the whole panel (see `moments`), where these serve.
3. `pairs.joined` minds the gaps: correlations from the sessions both assets know, kept positive definite.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from alphapulse.core.stats import Array
from alphapulse.risk.pairs import Gaps, joined

LOST_DIGITS = 100.0  # a variance may be this many times smaller than the mean square it is taken from


@dataclass(frozen=True, eq=False)
class Deviations:
    """What every covariance is estimated from.

    mean: mean of the known returns, by asset. values: sessions x assets, return less mean, 0 where unknown; times the
    root of its weight if sessions are weighted. products: assets x assets, sums over sessions, gaps counting 0.
    joint: the same with the correlations of assets with gaps minded, `products` itself in a complete window. total:
    sum of the weights, the number of sessions if each weighs one; mass: that over the known returns, by asset.
    """

    mean: Array
    values: Array
    gaps: Gaps
    products: Array
    joint: Array
    total: float
    mass: Array
    notes: tuple[str, ...] = ()

    def covariance(self, lost: float = 0.0) -> Array:
        """Return the covariance, assets x assets, dividing by the weight of the known returns less `lost`."""
        return self._divided(self.joint, lost)

    def filled(self) -> Array:
        """Return the covariance with a missing return as the mean, brought back to each asset's own variance."""
        return self._divided(self.products, 0.0)

    def norms(self) -> Array:
        """Return the squared length of each session's row, whose products sum to those of `filled`."""
        values = self.values * np.sqrt(self.total / self.mass) if self.gaps else self.values
        norms: Array = np.einsum("ij,ij->i", values, values)
        return norms

    def weighted(self, weights: Array) -> Deviations:
        """Return the deviations with sessions weighted; weights: by session, above 0, summing to 1."""
        values = self.values * np.sqrt(weights)[:, None]
        return _joined(self.mean, values, self.gaps, values.T @ values, weights, 1.0)

    def _divided(self, products: Array, lost: float) -> Array:
        if not self.gaps:
            return products / (self.total - lost)
        root = np.sqrt(self.mass - lost)
        divided: Array = products / np.outer(root, root)
        return divided


def deviations(returns: Array, gram: Array | None = None) -> Deviations:
    """Return the deviations of a window; returns: sessions x assets, NaN unknown, two known in each column.

    gram: assets x assets, sums of products of returns as they are, NaN where unknown, overwritten; without it they are
    computed.
    """
    sessions = len(returns)
    mean = returns.mean(axis=0)
    columns = np.flatnonzero(np.isnan(mean))
    missing = np.isnan(returns[:, columns])
    if columns.size:
        mean[columns] = np.nanmean(returns[:, columns], axis=0)
    values = returns - mean
    if columns.size:
        values[:, columns] = np.where(missing, 0.0, values[:, columns])
    products = values.T @ values if gram is None else _recentred(gram, mean, values, columns)
    return _joined(mean, values, Gaps(columns, ~missing), products, np.ones(sessions), float(sessions))


def _joined(mean: Array, values: Array, gaps: Gaps, products: Array, weights: Array, total: float) -> Deviations:
    mass = np.full(len(mean), total)
    if not gaps:
        return Deviations(mean, values, gaps, products, products, total, mass)
    mass[gaps.columns] = weights @ gaps.known
    joint, notes = joined(products, values, gaps)
    return Deviations(mean, values, gaps, products, joint, total, mass, notes)


def _recentred(gram: Array, mean: Array, values: Array, gaps: npt.NDArray[np.intp]) -> Array:
    root = np.sqrt(len(values)) * mean
    squares = np.diag(gram).copy()
    products = np.subtract(gram, np.outer(root, root), out=gram)
    served = squares < LOST_DIGITS * np.diag(products)
    served[gaps] = False
    again = np.flatnonzero(~served)
    if again.size:
        anew = values[:, again].T @ values
        anew[:, again] = values[:, again].T @ values[:, again]
        products[again] = anew
        products[:, again] = anew.T
    return products
