"""Risk budgeting: the long-only portfolio in which every asset carries the share of risk it was given.

Its weights are, up to scale, the x > 0 that minimise x'Sx / 2 - sum_i b_i log x_i, where each risk contribution
x_i (Sx)_i equals its budget b_i (Spinu 2013, An algorithm for computing risk parity weights).

1. `_descended` solves for one asset at a time, in turn (Griveau-Billion, Richard and Roncalli 2013). Assets that move
   together, as shares do, need some fifteen turns.
2. `_newton` finishes where assets hedge each other and turns are slow: damped steps, every one of which descends.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numba import njit
from scipy.linalg.lapack import dposv

from alphapulse.core.checks import check_number
from alphapulse.core.errors import ParamsError, RiskError
from alphapulse.core.estimates import RiskEstimate
from alphapulse.core.stats import Array
from alphapulse.portfolio.case import Mask, Notes
from alphapulse.portfolio.constraints import Constraints, constraints_of
from alphapulse.portfolio.weights import fully_invested

TURNS = 50
STEPS = 60
AIM, EXACT, CLOSE = 1e-11, 1e-10, 1e-6  # errors of a risk contribution, as shares of its budget
RIDGE = 1e-6
RIDGED = f"assets hedge each other almost fully: {RIDGE:g} of each variance added, risk contributions to {CLOSE:g}"


@dataclass(frozen=True)
class RiskParity:
    """Equal contributions to the portfolio's variance (Maillard, Roncalli and Teiletche 2010), or budgeted ones.

    budgets: an asset's risk relative to an asset that is not named, which counts 1; unknown names are ignored.
    {"AAPL": 2.0} gives AAPL twice the risk of every other asset. All usable assets get a weight above zero.

    Contributions equal their budgets to 1e-10. Where assets hedge each other so fully that rounding forbids it (a
    portfolio without risk is the extreme), 1e-6 of each variance is added, those contributions are met to 1e-6, and a
    note says so.
    constraints: as EqualWeight. ParamsError on budgets that are not numbers above 0. 500 shares take 2 ms; assets that
    need Newton's steps 3 ms more each, some ten of them.
    """

    budgets: Mapping[str, float] = field(default_factory=dict)
    constraints: Constraints | Mapping[str, Any] = Constraints()

    def __post_init__(self) -> None:
        object.__setattr__(self, "constraints", constraints_of(self.constraints))
        if not isinstance(self.budgets, Mapping):
            raise ParamsError(f"risk_parity: budgets = {self.budgets!r}", "a mapping", 'write {"AAPL": 2.0}')
        for asset, budget in self.budgets.items():
            check_number(f"risk_parity: budgets: {asset}", budget, most=1e6, above=True)

    def allocate(
        self,
        estimate: RiskEstimate,
        scores: "pd.Series[float] | None" = None,
        current: "pd.Series[float] | None" = None,
    ) -> "pd.Series[float]":
        """Return weights by asset of the estimate, zero where unusable; all zero if none is usable."""
        names = estimate.assets[estimate.usable]
        budgets = np.array([float(self.budgets.get(name, 1.0)) for name in names])

        def solve(mean: Array, covariance: Array, keep: Mask) -> tuple[Array, Notes]:
            amounts, ridged = budgeted(covariance, budgets[keep])
            return amounts, (RIDGED,) if ridged else ()

        return fully_invested(estimate, solve, self.constraints, scores, current)


def budgeted(covariance: Array, budgets: Array) -> tuple[Array, bool]:
    """Return amounts whose risk contributions are in proportion to `budgets`, and whether a ridge had to be added.

    covariance: assets x assets, symmetric, variances above zero. budgets: by asset, above zero, in any scale. RiskError
    where even with the ridge no amounts meet them, or the covariance is not finite.
    """
    budgets = budgets / budgets.mean()
    amounts = _budgeted(covariance, budgets, EXACT)
    if amounts is not None:
        return amounts, False
    ridged = covariance + np.diag(RIDGE * np.diag(covariance))
    amounts = _budgeted(ridged, budgets, CLOSE)
    if amounts is None:
        raise RiskError(
            f"risk parity of {len(budgets)} assets: no weights met the risk budgets",
            "a finite, positive definite covariance",
            "estimate the covariance with ledoit_wolf",
        )
    return amounts, True


def _budgeted(covariance: Array, budgets: Array, accepted: float) -> Array | None:
    amounts = np.sqrt(budgets / np.diag(covariance))
    _descended(covariance, budgets, amounts)
    return _newton(covariance, budgets, amounts, accepted)


@njit(cache=True, error_model="numpy", fastmath={"reassoc", "nsz"})
def _descended(covariance: Array, budgets: Array, amounts: Array) -> None:
    """Set each asset's amount to the minimum along it, in turn, until all contributions stand where they should."""
    for _ in range(TURNS):
        worst = 0.0
        for i in range(amounts.size):
            row, slope = covariance[i], 0.0
            for j in range(amounts.size):
                slope += row[j] * amounts[j]
            worst = max(worst, abs(amounts[i] * slope / budgets[i] - 1.0))
            others = slope - row[i] * amounts[i]
            root = np.sqrt(others * others + 4.0 * row[i] * budgets[i])
            # the positive root of row[i] x^2 + others x = budget, without cancellation
            amounts[i] = 2.0 * budgets[i] / (others + root) if others > 0.0 else (root - others) / (2.0 * row[i])
        if worst <= AIM:
            return


def _newton(covariance: Array, budgets: Array, amounts: Array, accepted: float) -> Array | None:
    """Return the amounts after Newton's steps, or None where contributions miss their budgets by more than `accepted`.

    A step is shortened by the largest relative change it asks for (Spinu 2013), so amounts stay positive.
    """
    before, change = np.inf, np.inf
    for _ in range(STEPS):
        slope = covariance @ amounts
        error = float(np.abs(amounts * slope / budgets - 1.0).max())
        stalled = change < 1e-3 and not error < 0.5 * before
        if error <= AIM or stalled:
            return amounts if error <= accepted else None
        curvature = covariance + np.diag(budgets / amounts**2)
        _, step, failed = dposv(curvature, budgets / amounts - slope)
        if failed:
            return None
        before, change = error, float(np.abs(step / amounts).max())
        amounts = amounts + step / (1.0 + change if change > 0.1 else 1.0)
    return None
