"""Modern portfolio theory (Markowitz 1952): four points of one frontier.

Every efficient portfolio minimises x'Sx / 2 - g m'x within the constraints, for some g from 0 (minimum variance) up;
m is the mean, less what trading costs. The utility's g is 1 / risk aversion; the highest Sharpe ratio is where x'Sx =
g m'x; a target volatility is met by the g whose portfolio has it. Long-only and fully invested without more, g need not
be searched: up to scale, the same portfolios are the x >= 0 that minimise x'Sx / 2 - b'x, with b = 1 for minimum
variance and b = m for the highest Sharpe ratio. Block pivoting finds them fastest (`active_set`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import brentq

from alphapulse.core.checks import check_number, check_share
from alphapulse.core.estimates import RiskEstimate
from alphapulse.core.stats import Array
from alphapulse.core.units import SESSIONS_PER_YEAR
from alphapulse.portfolio.active_set import RIDGE, solve_long_only
from alphapulse.portfolio.case import Case, Notes
from alphapulse.portfolio.constraints import Constraints, constraints_of
from alphapulse.portfolio.weights import NEGLIGIBLE, RISK_AVERSION, allocated

RIDGED = f"covariance close to singular: {RIDGE:g} of each variance added"
LEVEL = "fallback: all mean returns are equal, minimum variance instead of the target volatility"
ABOVE = "fallback: target volatility above the frontier, the highest mean alone"
STEPS = 25  # doublings of g, after which variance is a rounding beside the mean: the frontier's end
EXACT = 1e-13  # share of g


@dataclass(frozen=True)
class MinVariance:
    """The portfolio of the lowest variance; the means play no part.

    constraints: Constraints, or a mapping of their fields. The cost of trading is weighed against variance at the risk
    aversion of 2.5. A net of 0 makes no position the answer, and is noted.
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
        return allocated(estimate, self.constraints, _min_variance, current, scores)


@dataclass(frozen=True)
class MeanVariance:
    """The portfolio of the highest utility: mean - risk_aversion / 2 x variance, per session, less cost of trading.

    risk_aversion: 2.5 is that of the market (He and Litterman 1999); higher is more careful. constraints: see
    MinVariance. ParamsError on an aversion that is not above 0.
    """

    risk_aversion: float = RISK_AVERSION
    constraints: Constraints | Mapping[str, Any] = Constraints()

    def __post_init__(self) -> None:
        check_number("mean_variance: risk_aversion", self.risk_aversion, above=True, most=1e6)
        object.__setattr__(self, "constraints", constraints_of(self.constraints))

    def allocate(
        self,
        estimate: RiskEstimate,
        scores: "pd.Series[float] | None" = None,
        current: "pd.Series[float] | None" = None,
    ) -> "pd.Series[float]":
        """Return weights by asset of the estimate, zero where unusable; all zero if none is usable."""
        gain = 1.0 / self.risk_aversion

        def optimise(case: Case) -> tuple[Array, Notes]:
            return case.optimum(gain * case.mean, gain * case.cost), ()

        return allocated(estimate, self.constraints, optimise, current, scores)


@dataclass(frozen=True)
class MaxSharpe:
    """The portfolio of the highest Sharpe ratio (risk-free 0), or of the highest mean at a volatility.

    target_volatility_ann: yearly volatility at which the mean is maximised instead. A target below the minimum-variance
    portfolio's volatility gives that portfolio, one above what the frontier reaches gives the portfolio of the highest
    mean; both are noted. Without a portfolio whose mean, after cost, is above zero there is no positive Sharpe ratio:
    minimum variance is taken and noted. With a net of 0 the ratio does not depend on the scale, which is then that of
    `gross` (1 unless given). constraints: see MinVariance. ParamsError on a target outside (0, 2].
    """

    target_volatility_ann: float | None = None
    constraints: Constraints | Mapping[str, Any] = Constraints()

    def __post_init__(self) -> None:
        if self.target_volatility_ann is not None:
            check_share("max_sharpe: target_volatility_ann", self.target_volatility_ann, most=2.0)
        object.__setattr__(self, "constraints", constraints_of(self.constraints))

    def allocate(
        self,
        estimate: RiskEstimate,
        scores: "pd.Series[float] | None" = None,
        current: "pd.Series[float] | None" = None,
    ) -> "pd.Series[float]":
        """Return weights by asset of the estimate, zero where unusable; all zero if none is usable."""
        target = self.target_volatility_ann
        optimise = _max_sharpe if target is None else _at_volatility(target / math.sqrt(SESSIONS_PER_YEAR))
        return allocated(estimate, self.constraints, optimise, current, scores)


def _min_variance(case: Case) -> tuple[Array, Notes]:
    if _plain(case):
        amounts, ridged = solve_long_only(case.covariance, np.ones(len(case.mean)), _guess(case))
        return amounts / amounts.sum(), (RIDGED,) if ridged else ()
    x = case.optimum(np.zeros(len(case.mean)), case.cost / RISK_AVERSION)
    return x, () if np.abs(x).max() > NEGLIGIBLE else (f"net {case.net:g}: the lowest variance is no position",)


def _max_sharpe(case: Case) -> tuple[Array, Notes]:
    if _plain(case):
        if not case.mean.max() > 0.0:
            return _without_mean(case)
        amounts, ridged = solve_long_only(case.covariance, case.mean, _guess(case))
        return amounts / amounts.sum(), (RIDGED,) if ridged else ()
    if case.net == 0.0:
        gross = 1.0 if case.gross is None else case.gross
        loose = replace(case, gross=None)
        x, _ = _on_frontier(loose, lambda x, gain: float(np.abs(x).sum()) - gross)
        held = float(np.abs(x).sum())
        return x, () if abs(held - gross) <= 1e-6 * gross else (
            f"bounds and sectors make the gross {held:.3g}, not {gross:g}",
        )
    # Along the frontier the ratio rises while x'Sx is above g m'x, and falls behind the point where they are equal.
    x, reached = _on_frontier(case, lambda x, gain: gain * _mean(case, x) - float(x @ case.covariance @ x))
    return (x, ()) if reached or _mean(case, x) > 0.0 else _without_mean(case)


def _without_mean(case: Case) -> tuple[Array, Notes]:
    found, notes = _min_variance(case)
    return found, ("fallback: no mean return above zero, minimum variance instead of max_sharpe", *notes)


def _at_volatility(target: float) -> Callable[[Case], tuple[Array, Notes]]:
    def optimise(case: Case) -> tuple[Array, Notes]:
        lowest, notes = _min_variance(case)
        if _volatility(lowest, case.covariance) >= target:
            return lowest, ("fallback: target volatility below the minimum, minimum variance instead", *notes)
        notes = tuple(note for note in notes if note == RIDGED)  # the others speak of a portfolio that is not taken
        if float(np.ptp(case.mean)) == 0.0:
            return lowest, (
                "fallback: all mean returns are equal, minimum variance instead of the target volatility",
                *notes,
            )
        best = np.zeros(len(case.mean))
        best[int(np.argmax(case.mean))] = 1.0
        if _plain(case) and _volatility(best, case.covariance) <= target:
            return best, (ABOVE, *notes)
        x, reached = _on_frontier(case, lambda x, gain: _volatility(x, case.covariance) - target, lowest)
        return x, notes if reached else (ABOVE, *notes)

    return optimise


def _on_frontier(case: Case, beyond: Callable[[Array, float], float], start: Array | None = None) -> tuple[Array, bool]:
    """Return the portfolio of the frontier at which `beyond` (of weights and g) rises through zero, and True.

    Where it stays below zero up to the frontier's end, the portfolio there (the highest mean) and False.
    """
    found = case.optimum(np.zeros(len(case.mean)), 0.0) if start is None else start

    def above(gain: float) -> float:
        nonlocal found
        found = case.optimum(gain * case.mean, gain * case.cost, found)
        return beyond(found, gain)

    if beyond(found, 0.0) >= 0.0:
        return found, True
    risk = max(float(np.abs(case.covariance @ found).max()), 1e-3 * float(np.diag(case.covariance).min()))
    low, high = 0.0, 0.1 * risk / max(float(np.abs(case.mean).max()), 1e-300)
    for _ in range(STEPS):
        if above(high) >= 0.0:
            gain = brentq(above, low, high, xtol=EXACT * high, rtol=EXACT)
            above(gain)
            return found, True
        low, high = high, 2.0 * high
    return found, False


def _mean(case: Case, x: Array) -> float:
    return float(case.mean @ x) - case.cost * float(np.abs(x - case.current).sum())


def _plain(case: Case) -> bool:
    """Return whether nothing but x >= 0 and a net of 1 binds."""
    bounds = (case.lower == 0.0).all() and (case.upper >= 1.0).all()
    return bool(
        case.cost == 0.0 and case.net == 1.0 and bounds and not len(case.bounded) and not (case.gross or 1.0) < 1.0
    )


def _guess(case: Case) -> "np.ndarray[tuple[int], np.dtype[np.bool_]] | None":
    """Return which assets are held now, for a warm start; None where none is."""
    held = case.current > 0.0
    return held if held.any() else None


def _volatility(weights: Array, covariance: Array) -> float:
    return math.sqrt(float(weights @ covariance @ weights))
