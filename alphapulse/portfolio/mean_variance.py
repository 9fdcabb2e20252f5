"""Modern portfolio theory, long-only and fully invested (Markowitz 1952).

Every portfolio of the long-only frontier is, up to scale, the x >= 0 that minimises x'Sx / 2 - b'x for some b: b = 1
gives minimum variance, b = mean the highest Sharpe ratio, and b = cos(angle) 1 + sin(angle) mean all between and
beyond, up to the asset with the highest mean.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from alphapulse.core.checks import check_share
from alphapulse.core.estimates import RiskEstimate
from alphapulse.core.stats import Array
from alphapulse.core.units import SESSIONS_PER_YEAR
from alphapulse.portfolio.active_set import RIDGE, solve_long_only
from alphapulse.portfolio.weights import fully_invested

RIDGED = f"covariance close to singular: {RIDGE:g} of each variance added"
Notes = tuple[str, ...]


@dataclass(frozen=True)
class MinVariance:
    """The long-only portfolio of the lowest variance; the means play no part."""

    def allocate(
        self,
        estimate: RiskEstimate,
        scores: "pd.Series[float] | None" = None,
        current: "pd.Series[float] | None" = None,
    ) -> "pd.Series[float]":
        """Return weights by asset of the estimate that sum to 1, zero where unusable; all zero if none is usable."""
        return fully_invested(estimate, _min_variance)


@dataclass(frozen=True)
class MaxSharpe:
    """The long-only portfolio of the highest Sharpe ratio (risk-free 0), or of the highest mean at a volatility.

    target_volatility_ann: yearly volatility at which the mean is maximised instead, fully invested. A target below the
    minimum-variance portfolio's volatility gives that portfolio, one above the volatility of the asset with the
    highest mean gives that asset; both are noted. Without a mean above zero no portfolio has a positive Sharpe ratio:
    minimum variance is taken and noted. ParamsError on a target outside (0, 2].
    """

    target_volatility_ann: float | None = None

    def __post_init__(self) -> None:
        if self.target_volatility_ann is not None:
            check_share("max_sharpe: target_volatility_ann", self.target_volatility_ann, most=2.0)

    def allocate(
        self,
        estimate: RiskEstimate,
        scores: "pd.Series[float] | None" = None,
        current: "pd.Series[float] | None" = None,
    ) -> "pd.Series[float]":
        """Return weights by asset of the estimate that sum to 1, zero where unusable; all zero if none is usable."""
        if self.target_volatility_ann is None:
            return fully_invested(estimate, _max_sharpe)
        target = self.target_volatility_ann / math.sqrt(SESSIONS_PER_YEAR)
        return fully_invested(estimate, lambda mean, covariance: _at_volatility(mean, covariance, target))


def _min_variance(mean: Array, covariance: Array) -> tuple[Array, Notes]:
    amounts, ridged = solve_long_only(covariance, np.ones(len(mean)))
    return amounts, (RIDGED,) if ridged else ()


def _max_sharpe(mean: Array, covariance: Array) -> tuple[Array, Notes]:
    if not mean.max() > 0.0:
        amounts, notes = _min_variance(mean, covariance)
        return amounts, ("no mean return above zero: minimum variance instead of max_sharpe", *notes)
    amounts, ridged = solve_long_only(covariance, mean)
    return amounts, (RIDGED,) if ridged else ()


def _at_volatility(mean: Array, covariance: Array, target: float) -> tuple[Array, Notes]:
    lowest, notes = _min_variance(mean, covariance)
    lowest = lowest / lowest.sum()
    if _volatility(lowest, covariance) >= target:
        return lowest, ("target volatility below the minimum: minimum variance instead", *notes)
    spread = float(mean.max() - mean.min())
    if spread == 0.0:
        return lowest, ("all mean returns are equal: minimum variance instead of the target volatility", *notes)
    best = np.zeros(len(mean))
    best[int(np.argmax(mean))] = 1.0
    if _volatility(best, covariance) <= target:
        return best, ("target volatility above the frontier: the asset with the highest mean alone", *notes)
    scaled = (mean - mean.min()) / spread  # adding a constant to all means leaves the frontier where it is
    low, high = 0.0, 0.75 * math.pi  # where no asset but the best has a reward above zero
    weights = lowest
    for _ in range(60):
        angle = (low + high) / 2.0
        amounts, _ = solve_long_only(covariance, math.cos(angle) + math.sin(angle) * scaled, weights > 0.0)
        if not amounts.sum() > 0.0:
            high = angle
            continue
        weights = amounts / amounts.sum()
        volatility = _volatility(weights, covariance)
        if abs(volatility - target) <= 1e-13 * target:
            break
        low, high = (angle, high) if volatility < target else (low, angle)
    return weights, notes


def _volatility(weights: Array, covariance: Array) -> float:
    return math.sqrt(float(weights @ covariance @ weights))
