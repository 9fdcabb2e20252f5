"""Portfolios along the tree of assets: neighbours share a budget, and no matrix is inverted.

Hierarchical risk parity uses the tree only to put the assets in a row, then halves the row again and again; equal risk
contribution splits along the tree's own branches. Both split between two sides by the other side's variance.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numba import njit

from alphapulse.core.checks import check_choice, check_count
from alphapulse.core.errors import ParamsError
from alphapulse.core.estimates import RiskEstimate
from alphapulse.core.stats import Array
from alphapulse.portfolio.case import Mask, Notes
from alphapulse.portfolio.constraints import Constraints, constraints_of
from alphapulse.portfolio.dendrogram import LINKAGES, Places, by_name, cluster_count, correlation_distances, grown
from alphapulse.portfolio.weights import Solver, fully_invested, noted

FLOOR = 1e-12
HEDGED = f"a group of assets hedges itself: its variance is raised to {FLOOR:g} of that without correlation"


@dataclass(frozen=True)
class HierarchicalRiskParity:
    """Hierarchical risk parity (Lopez de Prado 2016): halve the row of assets, split by inverse variance, repeat.

    linkage: a name from LINKAGES that makes the tree. leaf_order: True turns its branches so that neighbours are near
    (see `dendrogram.clusters`); both are right answers, up to some points of weight apart. The defaults give
    PyPortfolioOpt's weights, leaf_order=True those of skfolio with the same linkage. Of an odd row the smaller half is
    the left one. Ties follow the names of the assets, so that the order of columns changes nothing.

    A half whose assets hedge each other counts with at least 1e-12 of the variance that it would have without
    correlation, and a note says so.
    constraints: as EqualWeight. ParamsError on another linkage. 500 assets take 2 ms without leaf_order.
    """

    linkage: str = "single"
    leaf_order: bool = False
    constraints: Constraints | Mapping[str, Any] = Constraints()

    def __post_init__(self) -> None:
        object.__setattr__(self, "constraints", constraints_of(self.constraints))
        check_choice("hrp: linkage", self.linkage, LINKAGES)
        if not isinstance(self.leaf_order, bool):
            raise ParamsError(f"hrp: leaf_order = {self.leaf_order!r}", "true or false", "false is the classic")

    def allocate(
        self,
        estimate: RiskEstimate,
        scores: "pd.Series[float] | None" = None,
        current: "pd.Series[float] | None" = None,
    ) -> "pd.Series[float]":
        """Return weights by asset of the estimate, zero where unusable; all zero if none is usable."""
        return _on_names(estimate, self._amounts, self.constraints, scores, current)

    def _amounts(self, mean: Array, covariance: Array, keep: Mask) -> tuple[Array, Notes]:
        _, leaves = grown(covariance, self.linkage, self.leaf_order)
        amounts, hedged = _bisected(covariance, leaves)
        return amounts, (HEDGED,) if hedged else ()


@dataclass(frozen=True)
class HierarchicalEqualRisk:
    """Hierarchical equal risk contribution (Raffinot 2018): split along the tree down to its clusters.

    At each branch above the clusters each side gets the other side's share of risk, which is the sum of the clusters'
    variances there. Within a cluster weights are inverse to variance, and they make the cluster's variance.

    linkage: a name from LINKAGES. n_clusters: how many clusters, at most one an asset; None takes the number at which
    the tree bends most (`dendrogram.cluster_count`). With the same number the weights are skfolio's. A cluster that
    hedges itself counts as in HierarchicalRiskParity.
    constraints: as EqualWeight. ParamsError on another linkage or a number below 1. 500 assets
    take 4 ms.
    """

    linkage: str = "ward"
    n_clusters: int | None = None
    constraints: Constraints | Mapping[str, Any] = Constraints()

    def __post_init__(self) -> None:
        object.__setattr__(self, "constraints", constraints_of(self.constraints))
        check_choice("herc: linkage", self.linkage, LINKAGES)
        if self.n_clusters is not None:
            check_count("herc: n_clusters", self.n_clusters)

    def allocate(
        self,
        estimate: RiskEstimate,
        scores: "pd.Series[float] | None" = None,
        current: "pd.Series[float] | None" = None,
    ) -> "pd.Series[float]":
        """Return weights by asset of the estimate, zero where unusable; all zero if none is usable."""
        return _on_names(estimate, self._amounts, self.constraints, scores, current)

    def _amounts(self, mean: Array, covariance: Array, keep: Mask) -> tuple[Array, Notes]:
        tree, leaves = grown(covariance, self.linkage, False)
        count = self.n_clusters or cluster_count(tree, correlation_distances(covariance, leaves))
        amounts, hedged = _branched(covariance, leaves, tree, min(count, len(leaves)))
        return amounts, (HEDGED,) if hedged else ()


def _on_names(
    estimate: RiskEstimate,
    solve: Solver,
    constraints: Constraints | Mapping[str, Any],
    scores: "pd.Series[float] | None",
    current: "pd.Series[float] | None",
) -> "pd.Series[float]":
    weights = fully_invested(by_name(estimate), solve, constraints, scores, current)
    return noted(weights.reindex(estimate.assets), *weights.attrs["notes"])


@njit(cache=True, error_model="numpy")
def _variance(covariance: Array, order: Places, start: int, stop: int) -> tuple[float, bool]:
    """Return the variance of a run's inverse-variance portfolio, and whether it had to be floored."""
    precision = variance = 0.0
    for a in range(start, stop):
        i = order[a]
        own = 1.0 / covariance[i, i]
        precision += own
        cross = 0.0
        for b in range(start, a):
            j = order[b]
            cross += covariance[i, j] / covariance[j, j]
        variance += own * (1.0 + 2.0 * cross)
    variance /= precision * precision
    least = FLOOR / precision
    return max(variance, least), variance < least


@njit(cache=True, error_model="numpy")
def _bisected(covariance: Array, order: Places) -> tuple[Array, bool]:
    """Return the weights of recursive bisection by place in `covariance`, and whether a half was floored."""
    amounts = np.ones(order.size)
    hedged = False
    rows = [(0, order.size)]
    while len(rows) > 0:
        start, stop = rows.pop()
        if stop - start < 2:
            continue
        middle = start + (stop - start) // 2
        left, floored = _variance(covariance, order, start, middle)
        right, too = _variance(covariance, order, middle, stop)
        hedged = hedged or floored or too
        for a in range(start, stop):
            amounts[order[a]] *= (right if a < middle else left) / (left + right)
        rows.append((start, middle))
        rows.append((middle, stop))
    return amounts, hedged


@njit(cache=True, error_model="numpy")
def _branched(covariance: Array, order: Places, tree: Array, count: int) -> tuple[Array, bool]:
    """Return the weights of a split along the tree by place in `covariance`, and whether a cluster was floored.

    The last count - 1 branches split by risk, those inside the clusters by precision, which is inverse to variance.
    """
    size, root = order.size, 2 * order.size - 2
    lowest = root + 2 - count  # of the branches that split by risk
    start, stop, sides = np.empty(root + 1, np.intp), np.empty(root + 1, np.intp), np.empty((root + 1, 2), np.intp)
    precision, risk, share = np.empty(root + 1), np.zeros(root + 1), np.ones(root + 1)
    hedged = False
    for node in range(size):
        start[node], stop[node] = node, node + 1
        precision[node] = 1.0 / covariance[order[node], order[node]]
    for node in range(size, root + 1):
        left, right = int(tree[node - size, 0]), int(tree[node - size, 1])
        sides[node] = left, right
        start[node], stop[node] = start[left], stop[right]
        precision[node] = precision[left] + precision[right]
        if node >= lowest:
            for side in sides[node]:
                if side < lowest:
                    risk[side], floored = _variance(covariance, order, start[side], stop[side])
                    hedged = hedged or floored
                risk[node] += risk[side]
    for node in range(root, size - 1, -1):
        left, right = sides[node]
        part = risk[right] / risk[node] if node >= lowest else precision[left] / precision[node]
        share[left], share[right] = share[node] * part, share[node] * (1.0 - part)
    amounts = np.empty(size)
    amounts[order] = share[:size]
    return amounts, hedged
