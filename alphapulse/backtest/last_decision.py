"""The last decision of a shoot-out: what each allocator made of the same estimate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from alphapulse.backtest.result import BacktestResult
from alphapulse.core.estimates import RiskEstimate
from alphapulse.core.stats import Array
from alphapulse.core.units import SESSIONS_PER_YEAR
from alphapulse.cycle import COMBINED, Sight, Study, due, estimated, sight
from alphapulse.portfolio.dendrogram import clusters
from alphapulse.portfolio.frontier import frontier
from alphapulse.risk.contributions import risk_contributions
from alphapulse.strategy import Strategy

POINTS = 30  # of a frontier, enough to look like a curve


@dataclass(frozen=True, eq=False)
class LastDecision:
    """What allocators made of one estimate at one close, before sizing, bands and limits.

    session: at whose close. estimate: of the assets that the portfolio manager handed on, no asset where it handed on
    none. portfolios: weights, assets of the estimate x allocators.
    """

    session: pd.Timestamp
    estimate: RiskEstimate
    portfolios: pd.DataFrame

    @cached_property
    def moments(self) -> pd.DataFrame:
        """What the estimate expects of each portfolio: volatility_ann and return_ann (arithmetic), one row each."""
        return _moments(self.portfolios.T, self.estimate)

    @cached_property
    def frontier(self) -> pd.DataFrame:
        """The efficient frontier of the estimate, long-only and fully invested; empty without a usable asset."""
        return frontier(self.estimate, POINTS) if self.estimate.usable.any() else pd.DataFrame()

    @cached_property
    def contributions(self) -> pd.DataFrame:
        """Weight and share of the volatility of each asset held, rows by allocator and asset."""
        parts = {
            str(name): risk_contributions(weights[weights != 0.0], self.estimate)[["weight", "share"]]
            for name, weights in self.portfolios.items()
        }
        return pd.concat(parts, names=["allocator", "asset"])

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """Every table by its name."""
        return {
            "portfolios": self.portfolios,
            "moments": self.moments,
            "frontier": self.frontier,
            "contributions": self.contributions,
        }

    def tree(self, linkage: str = "single", leaf_order: bool = False) -> tuple[Array, pd.Index]:
        """Return the linkage of the assets and the assets from left to right, see `portfolio.dendrogram.clusters`."""
        return clusters(self.estimate, linkage, leaf_order)


def last_decision(
    strategies: Mapping[str, Strategy], results: Mapping[str, BacktestResult], studied: Study
) -> LastDecision:
    """Return what each strategy's allocator makes of the last estimate of its run.

    strategies, results: by allocator; the strategies differ in their allocators alone. studied: by `cycle.study`.
    """
    first = next(iter(strategies.values()))
    row = int(np.flatnonzero(due(first, pd.DatetimeIndex(studied.returns.index)))[-1])

    def seen_by(name: str) -> Sight:
        result = results[name]
        weights: Array = np.asarray(result.weights.iloc[row], dtype=np.float64)
        equity: Array = np.asarray(result.equity, dtype=np.float64)
        return sight(studied, row, weights, equity[: row + 1])

    seen = {name: seen_by(name) for name in strategies}
    estimate = estimated(first, studied, row, seen[first.name])
    scores, members = seen[first.name].scores[COMBINED], seen[first.name].members
    handed = first.portfolio.handed(estimate, members, scores)
    portfolios = {
        name: run.portfolio.targets(estimate, members, scores, seen[name].current) for name, run in strategies.items()
    }
    return LastDecision(
        session=studied.returns.index[row],
        estimate=handed,
        portfolios=pd.DataFrame(portfolios).reindex(handed.assets),
    )


def _moments(weights: pd.DataFrame, estimate: RiskEstimate) -> pd.DataFrame:
    """Return volatility_ann and return_ann that an estimate gives to portfolios, one a row, assets as columns."""
    held = weights.to_numpy(dtype=np.float64)
    variance = np.einsum("pi,ij,pj->p", held, estimate.covariance.to_numpy(), held)
    moments = {
        "volatility_ann": np.sqrt(SESSIONS_PER_YEAR * variance),
        "return_ann": SESSIONS_PER_YEAR * held @ estimate.mean.to_numpy(),
    }
    return pd.DataFrame(moments, index=weights.index)
