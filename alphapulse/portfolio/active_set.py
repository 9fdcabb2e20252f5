"""Long-only quadratic programs by block pivoting: minimise x'Sx / 2 - b'x over x >= 0.

1. Assets are either held (x solves the equations) or out (x = 0, and y = Sx - b is the price of leaving them out).
2. `_solve_held` solves the held assets' equations by Cholesky.
3. Every asset with the wrong sign (held with x < 0, out with y < 0) changes sides, all at once; when that stops
   helping, only the last of them does (Murty's rule), which cannot cycle.
4. The Karush-Kuhn-Tucker conditions are checked once more before the answer is returned.

Portugal, Judice and Vicente 1994 (A comparison of block pivoting and interior-point algorithms); Kim and Park 2011.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg.lapack import dposv

from alphapulse.core.errors import RiskError
from alphapulse.core.stats import Array

TOLERANCE = 1e-12
PATIENCE = 3
RIDGE = 1e-8


def solve_long_only(covariance: Array, reward: Array, held: np.ndarray | None = None) -> tuple[Array, bool]:
    """Return x >= 0 that minimises x' covariance x / 2 - reward' x, and whether a ridge had to be added.

    covariance: assets x assets, symmetric, variances above zero. reward: by asset; where no value is above zero the
    answer is all zero. held: guess of the assets with x > 0, for a warm start. A covariance too close to singular is
    solved with 1e-8 of each variance added to it. RiskError when even that fails. 20 assets take about 0.05 ms, 500
    with 50 held about 3 ms from a cold start.
    """
    deviation = np.sqrt(np.diag(covariance))
    correlation = covariance / np.outer(deviation, deviation)
    target = reward / deviation
    if not target.max() > 0.0:
        return np.zeros(len(target)), False
    solution = _pivot(correlation, target, held)
    ridged = solution is None
    if solution is None:
        correlation.flat[:: len(target) + 1] += RIDGE
        solution = _pivot(correlation, target, None)
    if solution is None:
        raise RiskError(
            f"long-only program of {len(target)} assets: no solution met the optimality conditions",
            "a finite, positive definite covariance and finite rewards",
            "estimate the covariance with ledoit_wolf",
        )
    return solution / deviation, ridged


def _pivot(matrix: Array, target: Array, held: np.ndarray | None) -> Array | None:
    size = len(target)
    held = target > 0.0 if held is None else held.copy()
    slack = TOLERANCE * float(np.abs(target).max())
    fewest, patience = size + 1, PATIENCE
    for _ in range(50 + 5 * size):
        x = _solve_held(matrix, target, held)
        if x is None:
            return None
        y = matrix @ x - target
        wrong = np.where(held, x < -TOLERANCE * float(np.abs(x).max()), y < -slack)
        count = int(wrong.sum())
        if count == 0:
            return _verified(matrix, target, np.maximum(x, 0.0))
        if count < fewest:
            fewest, patience = count, PATIENCE
        else:
            patience -= 1
        if patience < 0:
            last = int(np.flatnonzero(wrong)[-1])
            held[last] = ~held[last]
        else:
            held ^= wrong
    return None


def _solve_held(matrix: Array, target: Array, held: np.ndarray) -> Array | None:
    x = np.zeros(len(target))
    at = np.flatnonzero(held)
    if len(at):
        _, solved, failed = dposv(matrix[np.ix_(at, at)], target[at])
        if failed:
            return None
        x[at] = solved
    return x


def _verified(matrix: Array, target: Array, x: Array) -> Array | None:
    scale = float(np.abs(target).max())
    y = matrix @ x - target
    return x if float(y.min()) >= -1e-8 * scale and float(np.abs(x * y).max()) <= 1e-8 * scale**2 else None
