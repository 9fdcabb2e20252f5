"""What an expert would write down by hand: programs for PIQP and HiGHS, from a window of returns to weights by asset.

scikit-learn estimates Ledoit and Wolf's covariance. Variances are scaled to a mean of 1, so that the solver's
tolerances mean what they say. Where it gives up the weights are NaN.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from alphapulse.core.stats import Array
from benchmarks.objectives import AVERSION, CAP, COST, LEVEL, SECTORS, SPAN
from benchmarks.portfolios import Seen

TAU = 0.05
GOOD_SKILL = 0.05


def min_variance(seen: Seen) -> Array:
    mean, covariance, _ = _scaled(seen)
    return _quadratic(covariance, np.zeros(len(mean)), np.ones((1, len(mean))), np.ones(1))


def max_sharpe(seen: Seen) -> Array:
    mean, covariance, _ = _scaled(seen)
    return _ratio(mean, covariance)


def black_litterman(seen: Seen) -> Array:
    """With a view of every asset."""
    _, covariance, scale = _scaled(seen)
    prior, views, confidences = believed(seen, covariance, scale)
    spread = TAU * covariance
    omega = np.diag(spread) * (1.0 / confidences - 1.0)
    weighed = np.linalg.solve(spread + np.diag(omega), spread)
    return _ratio(prior + weighed.T @ (views - prior), covariance + spread - spread @ weighed)


def believed(seen: Seen, covariance: Array, scale: float) -> tuple[Array, Array, Array]:
    """Return prior means, the views that the scores make (Grinold 1994) and confidences, by asset."""
    values, scores = (given.to_numpy() for given in (seen.facts.market_value, seen.scores))
    skill = float(seen.facts.skill or 0.0)
    prior = AVERSION * scale * covariance @ (values / values.sum())
    z = (scores - scores.mean()) / scores.std()
    views = prior + skill * np.sqrt(np.diag(covariance)) * z / np.sqrt(seen.facts.horizon)
    return prior, views, seen.facts.coverage.to_numpy() * skill / (skill + GOOD_SKILL)


def constrained(seen: Seen) -> Array:
    """The least variance at a mean after cost of 1, in amounts."""
    mean, covariance, scale = _scaled(seen)
    earned = np.concatenate([mean, np.full(2 * len(mean), -COST / scale), [0.0]])
    return _traded(seen, covariance, np.zeros(len(earned)), earned)


def utility(seen: Seen) -> Array:
    """The highest utility, at a sum of amounts of 1."""
    mean, covariance, scale = _scaled(seen)
    earned = np.concatenate([mean, np.full(2 * len(mean), -COST / scale), [0.0]])
    return _traded(seen, AVERSION * scale * covariance, -earned, np.eye(len(earned))[-1])


def min_cvar(seen: Seen) -> Array:
    """The linear program of Rockafellar and Uryasev 2000 as it stands, in weights, value at risk and excesses."""
    from scipy.optimize import linprog

    returns = seen.window.to_numpy()
    sessions, assets = returns.shape
    found = linprog(
        np.concatenate([np.zeros(assets), [1.0], np.full(sessions, 1.0 / ((1.0 - LEVEL) * sessions))]),
        A_ub=sparse.hstack([sparse.csr_array(-returns), -np.ones((sessions, 1)), -sparse.eye_array(sessions)]),
        b_ub=np.zeros(sessions),
        A_eq=np.concatenate([np.ones(assets), np.zeros(1 + sessions)])[None, :],
        b_eq=[1.0],
        bounds=[(0.0, None)] * assets + [(None, None)] + [(0.0, None)] * sessions,
        method="highs",
    )
    return np.full(assets, np.nan) if found.x is None else np.asarray(found.x[:assets])


def _scaled(seen: Seen) -> tuple[Array, Array, float]:
    """Return mean and covariance by asset of returns divided by a scale, and the scale."""
    from sklearn.covariance import ledoit_wolf

    returns = seen.window.to_numpy()
    covariance = ledoit_wolf(returns)[0]
    scale = float(np.sqrt(np.diag(covariance).mean()))
    return returns.mean(axis=0) / scale, covariance / scale**2, scale


def _ratio(mean: Array, covariance: Array) -> Array:
    return _quadratic(covariance, np.zeros(len(mean)), mean[None, :], np.ones(1))


def _quadratic(covariance: Array, linear: Array, rows: Array, right: Array) -> Array:
    """Return x >= 0 that minimises x'Sx / 2 + linear'x with rows x = right."""
    import piqp

    solver = piqp.DenseSolver()
    size = len(linear)
    solver.setup(covariance, linear, rows, right, x_l=np.zeros(size), x_u=np.full(size, np.inf))
    return _answer(solver)


def _traded(seen: Seen, covariance: Array, linear: Array, normal: Array) -> Array:
    """Return weights by asset from amounts, what is bought and sold of each, and the sum of amounts, in that order.

    amounts - bought + sold = sum x current; normal: of an equation whose right side is 1. Caps and spans are times sum.
    """
    import piqp

    size = len(covariance)
    unit, none = sparse.eye_array(size), sparse.csc_array((size, 2 * size))
    member = np.array([seen.facts.sectors(seen.window.columns) == name for name in SECTORS], dtype=np.float64)
    trades = sparse.hstack([unit, -unit, unit, -seen.current.to_numpy()[:, None]])
    budget = np.concatenate([np.ones(size), np.zeros(2 * size), [-1.0]])
    caps = sparse.hstack([unit, none, np.full((size, 1), -CAP)])
    most, least = (
        sparse.hstack([sign * member, none[: len(SECTORS)], np.full((len(SECTORS), 1), -sign * bound)])
        for sign, bound in ((1.0, SPAN[1]), (-1.0, SPAN[0]))
    )
    quadratic = sparse.block_diag([covariance, sparse.csc_array((2 * size + 1, 2 * size + 1))])
    below: Any = sparse.vstack([caps, most, least])
    solver = piqp.SparseSolver()
    solver.setup(
        sparse.csc_matrix(quadratic),
        linear,
        sparse.csc_matrix(sparse.vstack([trades, budget[None, :], normal[None, :]])),
        np.append(np.zeros(size + 1), 1.0),
        sparse.csc_matrix(below),
        np.full(below.shape[0], -np.inf),
        np.zeros(below.shape[0]),
        np.zeros(len(linear)),
        np.full(len(linear), np.inf),
    )
    x = _answer(solver)
    return x[:size] / x[-1]


def _answer(solver: Any) -> Array:
    import piqp

    solved = solver.solve() == piqp.PIQP_SOLVED
    return np.asarray(solver.result.x if solved else np.full_like(solver.result.x, np.nan))
