"""Allocators that need no optimiser: the portfolios that all others are compared with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from alphapulse.core.checks import check_number
from alphapulse.core.estimates import RiskEstimate
from alphapulse.core.stats import Array
from alphapulse.portfolio.active_set import solve_long_only
from alphapulse.portfolio.case import Mask, Notes
from alphapulse.portfolio.constraints import Constraints, constraints_of
from alphapulse.portfolio.weights import fully_invested, market_shares

EQUAL_MARKET = "fallback: market values are not known of every asset, the market portfolio is equal weights"


@dataclass(frozen=True)
class EqualWeight:
    """The same weight for every usable asset (DeMiguel, Garlappi and Uppal 2009).

    constraints: Constraints, or a mapping of their fields; with shorts, assets with a score below zero are sold.
    """

    constraints: Constraints | Mapping[str, Any] = Constraints()

    def __post_init__(self) -> None:
        object.__setattr__(self, "constraints", constraints_of(self.constraints))

    def allocate(
        self,
        estimate: RiskEstimate,
        scores: "pd.Series[float] | None" = None,
        current: "pd.Series[float] | None" = None,
    ) -> "pd.Series[float]":
        """Return weights by asset of the estimate, zero where unusable; all zero if none is usable."""
        return fully_invested(estimate, _equal, self.constraints, scores, current)


@dataclass(frozen=True)
class InverseVolatility:
    """Weights proportional to one over volatility: equal risk if correlations were equal.

    constraints: as EqualWeight.
    """

    constraints: Constraints | Mapping[str, Any] = Constraints()

    def __post_init__(self) -> None:
        object.__setattr__(self, "constraints", constraints_of(self.constraints))

    def allocate(
        self,
        estimate: RiskEstimate,
        scores: "pd.Series[float] | None" = None,
        current: "pd.Series[float] | None" = None,
    ) -> "pd.Series[float]":
        """Return weights by asset of the estimate, zero where unusable; all zero if none is usable."""
        return fully_invested(estimate, _inverse_volatility, self.constraints, scores, current)


@dataclass(frozen=True)
class BenchmarkMix:
    """A market portfolio beside a defensive one, in fixed shares: what 60/40 is to a universe of stocks alone.

    market: share of the market portfolio, weighted by market value where every usable asset has one and equally
    otherwise (noted); the rest is the minimum-variance portfolio, which stands for the bonds that are not there.
    constraints: as EqualWeight. ParamsError on a share outside [0, 1].
    """

    market: float = 0.6
    constraints: Constraints | Mapping[str, Any] = Constraints()
    needs: ClassVar[tuple[str, ...]] = ("market_value",)

    def __post_init__(self) -> None:
        check_number("benchmark_mix: market", self.market, most=1.0, next_step="60 per cent is 0.6")
        object.__setattr__(self, "constraints", constraints_of(self.constraints))

    def allocate(
        self,
        estimate: RiskEstimate,
        scores: "pd.Series[float] | None" = None,
        current: "pd.Series[float] | None" = None,
    ) -> "pd.Series[float]":
        """Return weights by asset of the estimate, zero where unusable; all zero if none is usable."""
        values = estimate.facts.values("market_value", estimate.assets)[estimate.usable]

        def solve(mean: Array, covariance: Array, keep: Mask) -> tuple[Array, Notes]:
            shares = market_shares(values[keep])
            market = np.full(len(mean), 1.0 / len(mean)) if shares is None else shares
            calm, _ = solve_long_only(covariance, np.ones(len(mean)))
            mixed = self.market * market + (1.0 - self.market) * calm / calm.sum()
            return mixed, (EQUAL_MARKET,) if shares is None else ()

        return fully_invested(estimate, solve, self.constraints, scores, current)


def _equal(mean: Array, covariance: Array, keep: Mask) -> tuple[Array, Notes]:
    return np.ones(len(mean)), ()


def _inverse_volatility(mean: Array, covariance: Array, keep: Mask) -> tuple[Array, Notes]:
    return 1.0 / np.sqrt(np.diag(covariance)), ()
