"""Deviations: the returns of one window about each asset's mean, and the sums of their products.

1. `deviations` takes the mean of its known returns off each asset. A missing return becomes 0, so that a sum over
   sessions runs over the known ones; only the divisor has to know how many these were.
2. `products` sums them anew, or takes what `Moments` shares among windows and sums only the assets it cannot serve.
3. `pairs.joined` minds the gaps: correlations from the sessions both assets know, kept positive definite.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from alphapulse.core.stats import Array
from alphapulse.risk.pairs import Gaps, joined

LOST_DIGITS = 100.0  # a variance may be this many times smaller than the mean square it is taken from

Shared = Callable[[Array], Array | None]


@dataclass(frozen=True, eq=False)
class Deviations:
    """What every covariance is estimated from.

    mean: mean of the known returns, by asset. values: sessions x assets, return less mean, 0 where unknown; times the
    root of its weight if sessions are weighted. total: sum of the weights, the number of sessions if each weighs one;
    mass: that over the known returns, by asset. shared: gives the sums of products about given means, assets x assets,
    NaN at assets with gaps, or None; None if there is nobody to ask.
    """

    mean: Array
    values: Array
    gaps: Gaps
    total: float
    mass: Array
    shared: Shared | None = None

    @cached_property
    def products(self) -> Array:
        """Sums over sessions of products, assets x assets; a missing return counts as the mean."""
        found = None if self.shared is None else self.shared(self.mean)
        if found is None:
            products: Array = self.values.T @ self.values
            return products
        return self._completed(found)

    @property
    def joint(self) -> Array:
        """The products with the correlations of assets with gaps minded; `products` itself in a complete window."""
        return self._joined[0]

    @property
    def notes(self) -> tuple[str, ...]:
        """What was done about gaps, in words."""
        return self._joined[1]

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
        return replace(self, values=values, total=1.0, mass=_mass(self.gaps, weights, 1.0, len(self.mean)), shared=None)

    @cached_property
    def _joined(self) -> tuple[Array, tuple[str, ...]]:
        return joined(self.products, self.values, self.gaps) if self.gaps else (self.products, ())

    def _divided(self, products: Array, lost: float) -> Array:
        if not self.gaps:
            return products / (self.total - lost)
        root = np.sqrt(self.mass - lost)
        divided: Array = products / np.outer(root, root)
        return divided

    def _completed(self, products: Array) -> Array:
        """Sum the assets anew that have gaps (NaN), or so small a variance beside the mean that digits are lost."""
        variance = np.diag(products)
        served = variance + self.total * self.mean**2 < LOST_DIGITS * variance
        again = np.flatnonzero(~served)
        if again.size:
            anew = self.values[:, again].T @ self.values
            anew[:, again] = self.values[:, again].T @ self.values[:, again]
            products[again] = anew
            products[:, again] = anew.T
        return products


def deviations(returns: Array, shared: Shared | None = None) -> Deviations:
    """Return the deviations of a window; returns: sessions x assets, NaN unknown, two known in each column."""
    mean = returns.mean(axis=0)
    columns = np.flatnonzero(np.isnan(mean))
    known = ~np.isnan(returns[:, columns])
    if columns.size:
        mean[columns] = np.nanmean(returns[:, columns], axis=0)
    values = returns - mean
    if columns.size:
        values[:, columns] = np.where(known, values[:, columns], 0.0)
    gaps, sessions = Gaps(columns, known), float(len(returns))
    return Deviations(mean, values, gaps, sessions, _mass(gaps, np.ones(len(returns)), sessions, len(mean)), shared)


def _mass(gaps: Gaps, weights: Array, total: float, assets: int) -> Array:
    mass = np.full(assets, total)
    mass[gaps.columns] = weights @ gaps.known
    return mass
