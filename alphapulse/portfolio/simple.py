"""Allocators that need no optimiser."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from alphapulse.core.estimates import RiskEstimate
from alphapulse.core.stats import Array
from alphapulse.portfolio.weights import fully_invested


@dataclass(frozen=True)
class EqualWeight:
    """The same weight for every usable asset (DeMiguel, Garlappi and Uppal 2009)."""

    def allocate(
        self,
        estimate: RiskEstimate,
        scores: "pd.Series[float] | None" = None,
        current: "pd.Series[float] | None" = None,
    ) -> "pd.Series[float]":
        """Return weights by asset of the estimate that sum to 1, zero where unusable; all zero if none is usable."""
        return fully_invested(estimate, lambda mean, covariance: (np.ones(len(mean)), ()))


@dataclass(frozen=True)
class InverseVolatility:
    """Weights proportional to one over volatility: equal risk if correlations were equal."""

    def allocate(
        self,
        estimate: RiskEstimate,
        scores: "pd.Series[float] | None" = None,
        current: "pd.Series[float] | None" = None,
    ) -> "pd.Series[float]":
        """Return weights by asset of the estimate that sum to 1, zero where unusable; all zero if none is usable."""
        return fully_invested(estimate, _inverse_volatility)


def _inverse_volatility(mean: Array, covariance: Array) -> tuple[Array, tuple[str, ...]]:
    return 1.0 / np.sqrt(np.diag(covariance)), ()
