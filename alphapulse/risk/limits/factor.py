"""Limits on what positions have in common: the market, and each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from alphapulse.core.checks import check_number, check_share
from alphapulse.core.errors import MissingField
from alphapulse.core.estimates import RiskEstimate
from alphapulse.core.ports import RiskContext
from alphapulse.core.stats import Array
from alphapulse.risk.limits.forecast import Forecast, Places, are_all, forecast, returns_of
from alphapulse.risk.limits.proposal import Limited, above, one_sided, room, without_growth

LEAST_KNOWN = 0.9  # of the benchmark's returns in the window, as of an asset's in the estimate


@dataclass(frozen=True)
class MaxBeta:
    """The beta of the book to the benchmark within +-`beta`, which is in [0, 10].

    The sum of weights times each asset's slope on `facts.benchmark` over the estimate's window. What pushes the beta
    out of bounds is scaled down and what offsets it is kept. A position without a risk forecast does not grow, and
    adds the largest beta of the estimate to either side.

    Nothing grows while the benchmark lacks more than a tenth of the sessions or never moves. MissingField without one.
    """

    beta: float = 1.0
    rule: ClassVar[str] = "max_beta"

    def __post_init__(self) -> None:
        check_number("max_beta: beta", self.beta, most=10.0, next_step="a book like the benchmark has a beta of 1")

    def apply(self, weights: "pd.Series[float]", context: RiskContext) -> Limited:
        """Return weights scaled on the side in excess until the beta is within bounds, and a clamp for each."""
        benchmark, estimate = _benchmark(context), context.estimate
        if benchmark is None:
            everything = np.full(len(weights), True)
            return without_growth(self.rule, weights, context, everything, lambda at: "benchmark unknown: no growth")
        seen = forecast(self.rule, weights, context)
        book, known, unknown = seen.book, seen.known, seen.unknown
        slope = np.zeros(len(weights))
        slope[known] = slopes(returns_of(estimate, seen.columns[known]), benchmark)
        if unknown.any():
            usable = returns_of(estimate, np.flatnonzero(estimate.usable))
            slope[unknown] = float(np.abs(slopes(usable, benchmark)).max(initial=0.0))
        fixed, free = (np.where(known, slope * part, 0.0) for part in (book.fixed, book.free))
        # A position without a forecast may lie on either side: it takes room from both.
        hidden, moving = (float(np.abs(slope * part)[unknown].sum()) for part in (book.fixed, book.free))
        stays = float(fixed.sum())
        total = abs(stays + float(free.sum())) + hidden + moving
        if not above(total, self.beta):
            return book.weights, seen.clamps
        shares = one_sided(stays, free, max(self.beta - hidden - moving, 0.0))
        left = abs(stays + float((shares * free).sum()))
        shares[unknown] = room(self.beta - left, hidden, moving)
        scaled, more = book.scaled(self.rule, shares, lambda at: f"beta {total:.4g} above the limit of {self.beta:g}")
        return scaled, seen.clamps + more


@dataclass(frozen=True)
class MaxCorrelation:
    """No asset and those correlated with it above `correlation` hold more than `weight` of equity together.

    What moves together counts as one position. A long and a short are together when their correlation is below
    -`correlation`, and a hedge when it is above. Correlations are those of the estimate. A group above the limit is
    scaled as a whole; an asset in several by the tightest.

    A position without a risk forecast does not grow, counts in every group, and those without one are a group.
    """

    correlation: float = 0.8
    weight: float = 0.25
    rule: ClassVar[str] = "max_correlation"

    def __post_init__(self) -> None:
        check_number("max_correlation: correlation", self.correlation, most=1.0)
        check_share("max_correlation: weight", self.weight, most=10.0)

    def apply(self, weights: "pd.Series[float]", context: RiskContext) -> Limited:
        """Return weights whose correlated groups are scaled to `weight`, and a clamp for each asset scaled."""
        seen = forecast(self.rule, weights, context)
        book, held = seen.book, np.flatnonzero(seen.book.held)
        fixed, free = np.abs(book.fixed[held]), np.abs(book.free[held])
        if not above(float(fixed.sum() + free.sum()), self.weight):
            return book.weights, seen.clamps
        together = _together(seen, held, context.estimate, self.correlation)
        stays, moves = together @ fixed, together @ free
        sums = stays + moves
        if not above(sums, self.weight).any():
            return book.weights, seen.clamps
        by_group = np.where(together > 0.0, room(self.weight, stays, moves)[:, None], 1.0)
        tightest = by_group.argmin(axis=0)
        shares = np.ones(len(weights))
        shares[held] = by_group.min(axis=0)

        def reason(asset: int) -> str:
            group = tightest[np.searchsorted(held, asset)]
            others = int(together[group].sum()) - 1
            return (
                f"{weights.index[held[group]]} and {others} correlated with it above {self.correlation:g} hold "
                f"{sums[group]:.4g}, above the limit of {self.weight:g}"
            )

        scaled, more = book.scaled(self.rule, shares, reason)
        return scaled, seen.clamps + more


def _together(seen: Forecast, held: Places, estimate: RiskEstimate, correlation: float) -> Array:
    """Return 1 where the column's asset counts in the group of the row's, else 0; held x held."""
    known = seen.known[held]
    columns = seen.columns[seen.known]
    turned = np.sign(seen.book.fixed + seen.book.free)[seen.known] / estimate.volatility[columns]
    matrix = estimate.covariance.to_numpy()
    counted: Array = (matrix if are_all(columns, estimate) else matrix[np.ix_(columns, columns)]) * turned
    counted *= turned[:, None]
    np.greater(counted, correlation, out=counted)
    if known.all():
        together = counted
    else:
        together = np.tile(np.where(known, 0.0, 1.0), (len(held), 1))
        together[np.ix_(known, known)] = counted
    np.fill_diagonal(together, 1.0)
    return together


def slopes(returns: Array, benchmark: Array) -> Array:
    """Return the least-squares slope of each column of `returns` on the benchmark over the sessions both are known.

    returns: sessions x assets, benchmark: by session, NaN unknown in both.
    """
    seen = ~np.isnan(benchmark)
    returns, market = (returns, benchmark) if seen.all() else (returns[seen], benchmark[seen])
    centred = market - market.mean()
    slope: Array = centred @ returns / (centred @ centred)
    for column in np.flatnonzero(np.isnan(slope)):
        known = ~np.isnan(returns[:, column])
        centred = market[known] - market[known].mean()
        slope[column] = centred @ returns[known, column] / (centred @ centred)
    return slope


def _benchmark(context: RiskContext) -> Array | None:
    """Return the benchmark's returns over the estimate's window, None when they are too few or never move."""
    if context.facts.benchmark is None:
        raise MissingField(
            "max_beta: no benchmark came",
            "facts.benchmark, returns by session over the estimate's window",
            "give the market a benchmark, or drop the limit",
        )
    returns = np.asarray(context.facts.benchmark.reindex(context.estimate.window.index).to_numpy(), dtype=np.float64)
    known = returns[~np.isnan(returns)]
    measurable = len(known) > 1 and len(known) >= LEAST_KNOWN * len(returns) and np.ptp(known) > 0.0
    return returns if measurable else None
