"""Held: a book's weights beside a risk estimate, and how much of the book the estimate speaks of."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from alphapulse.core.checks import listed
from alphapulse.core.errors import DataError
from alphapulse.core.estimates import RiskEstimate
from alphapulse.core.stats import Array

Known = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Held:
    """One book and its risk; an asset is known where the estimate has a mean and a variance for it.

    assets: of the weights, in their order. weights: fractions of equity by asset. known: True by asset. covariance:
    per session, known x known.
    """

    assets: pd.Index
    weights: Array
    known: Known
    covariance: Array

    @property
    def exposed(self) -> Array:
        """Weights of the known assets."""
        return self.weights[self.known]

    @property
    def covered(self) -> float:
        """Share of the gross weight whose risk is known; 1 for a book of cash."""
        return covered(self.weights, self.known)

    @property
    def notes(self) -> tuple[str, ...]:
        """Names the positions without a risk estimate."""
        return unknown_note("no risk estimate", self.assets, self.weights, self.known)

    def volatility(self, covariance: Array | None = None) -> float:
        """Return the standard deviation per session of the known part, also under another covariance of it.

        NaN when nothing that is held is known.
        """
        if self.covered == 0.0:
            return float("nan")
        matrix = self.covariance if covariance is None else covariance
        return math.sqrt(max(float(self.exposed @ matrix @ self.exposed), 0.0))

    def on_all(self, values: Array) -> Array:
        """Return values of the known assets on all assets, NaN for the others."""
        spread = np.full(len(self.assets), np.nan)
        spread[self.known] = values
        return spread


def held(weights: "pd.Series[float]", estimate: RiskEstimate) -> Held:
    """Return the weights beside the estimate; weights as in `check_weights`."""
    values = check_weights(weights)
    at = estimate.assets.get_indexer(weights.index)
    known = (at >= 0) & estimate.usable[at] if len(estimate.assets) else np.zeros(len(values), dtype=bool)
    matrix = estimate.covariance.to_numpy()[np.ix_(at[known], at[known])]
    return Held(weights.index, values, known, np.asarray(matrix, dtype=np.float64))


def check_weights(weights: Any) -> Array:
    """Return the weights, fractions of equity by asset, or raise DataError on one that is unknown or given twice."""
    if not isinstance(weights, pd.Series):
        raise DataError(
            f"weights: a {type(weights).__name__} came", "a Series of fractions of equity by asset", "pass one Series"
        )
    if weights.index.has_duplicates:
        raise DataError(
            f"weights: {weights.index[weights.index.duplicated()][0]} comes twice", "each asset once", "add them up"
        )
    values = np.asarray(weights.to_numpy(dtype=np.float64, na_value=np.nan))
    if not np.isfinite(values).all():
        at = int(np.argmax(~np.isfinite(values)))
        raise DataError(
            f"weights: {values[at]} for {weights.index[at]}",
            "a known weight for every asset, 0 where nothing is held",
            "value the position, or leave the asset out",
        )
    return values


def covered(weights: Array, known: Known) -> float:
    """Return the share of the gross weight that is known, in [0, 1]; 1 for a book of cash."""
    gross = float(np.abs(weights).sum())
    return float(np.abs(weights[known]).sum()) / gross if gross > 0.0 else 1.0


def unknown_note(what: str, assets: pd.Index, weights: Array, known: Known) -> tuple[str, ...]:
    """Return a note that names the positions that are not known and their share of the gross weight, if there are."""
    missing = assets[~known & (weights != 0.0)]
    if not len(missing):
        return ()
    return (f"{what}: {listed(missing)} ({1.0 - covered(weights, known):.1%} of the gross weight)",)
