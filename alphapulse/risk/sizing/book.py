"""Book: targets as a sizing rule sees them, and their forecast risk."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from alphapulse.core.errors import DataError
from alphapulse.core.estimates import RiskEstimate
from alphapulse.core.stats import Array

Mask = npt.NDArray[np.bool_]
Notes = tuple[str, ...]
Sized = tuple[Array, Notes]


@dataclass(frozen=True, eq=False)
class Book:
    """Targets on their way through the sizer, and what it knows.

    weights: by asset of `assets`, fractions of equity, all known. scores: by asset, in [-1, 1], NaN abstains, None if
    not given. kelly_fraction, kelly_cap: terms of the rule of that name.
    """

    weights: Array
    assets: pd.Index
    estimate: RiskEstimate
    scores: "pd.Series[float] | None" = None
    kelly_fraction: float = 0.5
    kelly_cap: float = 1.0

    @property
    def gross(self) -> float:
        """Sum of absolute weights."""
        return float(np.abs(self.weights).sum())

    @cached_property
    def places(self) -> npt.NDArray[np.intp]:
        """Place of each asset in the estimate, -1 where it lacks the asset or cannot use it."""
        same = self.assets.equals(self.estimate.assets)
        at = np.arange(len(self.assets)) if same else self.estimate.assets.get_indexer(self.assets)
        return np.where(np.append(self.estimate.usable, False)[at], at, -1)

    @property
    def volatility(self) -> Array:
        """Forecast volatility per session by asset, NaN where there is none."""
        return np.append(self.estimate.volatility, np.nan)[self.places]

    def variance(self) -> tuple[float, pd.Index]:
        """Return the forecast variance per session of the weights with a forecast, and the assets of those without."""
        known = self.places >= 0
        at, chosen = self.places[known], self.weights[known]
        covariance = self.estimate.covariance.to_numpy()[np.ix_(at, at)]
        return float(chosen @ covariance @ chosen), self.assets[(self.weights != 0.0) & ~known]

    def scores_for(self, rule: str) -> Array:
        """Return the scores by asset, NaN where it has none; DataError if none were given."""
        if self.scores is None:
            raise DataError(
                f"sizing: method = {rule} without scores",
                "scores by asset",
                "pass scores=..., or choose another method",
            )
        return np.asarray(self.scores.reindex(self.assets).to_numpy(), dtype=np.float64)

    def with_weights(self, weights: Array) -> Book:
        """Return the book with other weights."""
        return self if weights is self.weights else replace(self, weights=weights)
