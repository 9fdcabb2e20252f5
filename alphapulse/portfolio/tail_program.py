"""The least mean of the worst losses within bounds and rows, with a proof that nothing lower exists.

The CVaR of a portfolio is the least, over v, of v + the mean of max(0, loss - v) / (1 - level), which is convex in the
weights and v together (Rockafellar and Uryasev 2000, theorems 1 and 2), so that the least CVaR is a linear program.
`tail_simplex` solves it; its answer is checked against the bound that its prices prove.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from alphapulse.core.errors import RiskError
from alphapulse.core.stats import Array
from alphapulse.portfolio.tail_simplex import Mask, Problem, Vertex, search

CERTAIN = 1e-9  # largest gap between an objective and its proven bound that counts as optimal
SMALL = 1e-3  # share of the returns' root mean square below which an objective is no measure of its gap
WHOLE = 1e-9  # by how much a number of sessions may miss a whole one that it stands for


@dataclass(frozen=True, eq=False)
class TailProgram:
    """Minimise CVaR + cost x sum |x - current| over weights x between lower and upper, with rows x >= low.

    returns: sessions x assets, all known. level: in (0, 1). lower, upper, current: by asset, finite. cost: of a unit of
    weight traded, per session. rows: any number x assets, with low by row, finite; where fixed, rows x = low.
    """

    returns: Array
    level: float
    lower: Array
    upper: Array
    current: Array
    cost: float
    rows: Array
    low: Array
    fixed: Mask

    @property
    def tail(self) -> float:
        """Sessions in the tail, the last one in part; a tail of less than one session is the worst session."""
        return max((1.0 - self.level) * len(self.returns), 1.0)

    @cached_property
    def scale(self) -> float:
        """Root mean square of the returns, 1 if all are zero."""
        return float(np.linalg.norm(self.returns)) / self.returns.size**0.5 or 1.0

    def objective(self, x: Array) -> float:
        """Return CVaR plus cost, per session, of weights by asset."""
        losses = np.sort(-(self.returns @ x))[::-1]
        whole = min(int(self.tail + WHOLE), len(losses) - 1)
        worst = float(losses[:whole].sum() + (self.tail - whole) * losses[whole])
        return worst / self.tail + self.cost * float(np.abs(x - self.current).sum())

    def bound(self, prices: Array) -> float:
        """Return a number that no allowed weights have an objective below, for any prices of sessions and rows.

        For any y of the sessions in [0, 1 / tail] that sums to 1, CVaR >= -y'returns x (Rockafellar, Uryasev and
        Zabarankin 2006); with it the Lagrangian is a sum over assets, each least at a bound or at `current`.
        """
        sessions = len(self.returns)
        y = np.clip(prices[:sessions], 0.0, 1.0 / self.tail)
        y /= y.sum()
        of_rows = np.where(self.fixed, prices[sessions:], np.maximum(prices[sessions:], 0.0))
        worst = np.flatnonzero(y)
        slope = -(y[worst] @ self.returns[worst]) - of_rows @ self.rows
        corners = np.stack([self.lower, self.upper, np.clip(self.current, self.lower, self.upper)])
        least = (slope * corners + self.cost * np.abs(corners - self.current)).min(axis=0)
        return float(least.sum() + of_rows @ self.low)


@dataclass(frozen=True, eq=False)
class Optimum:
    """Weights by asset, their objective per session, and how far it may be above the least, as a share of it."""

    weights: Array
    objective: float
    gap: float


def solve_tail(program: TailProgram, start: Array) -> Optimum:
    """Return the optimum of a program, from weights that meet its constraints; the nearer they are the faster.

    The start changes nothing else unless several weights are optimal, of which one is returned. The gap is at most 1e-9
    of the objective, or of a thousandth of the returns' root mean square where that is larger, and so are bounds and
    rows kept. RiskError where no such weights are found, as from a start outside the constraints.
    """
    problem = _problem(program)
    vertex = _vertex(problem, np.append(start, 0.0), int(program.tail + WHOLE))
    try:
        prices = search(problem, vertex)
    except np.linalg.LinAlgError:
        prices = np.full(len(problem.forms), np.nan)
    prices[len(program.returns) :] *= program.scale
    x = np.clip(vertex.x[:-1], program.lower, program.upper)
    objective = program.objective(x)
    gap = (objective - program.bound(prices)) / max(abs(objective), SMALL * program.scale)
    above = program.rows @ x - program.low
    outside = float(np.where(program.fixed, np.abs(above), -above).max(initial=0.0))
    if not (abs(gap) <= CERTAIN and outside <= CERTAIN):
        raise RiskError(
            f"min_cvar of {len(program.returns)} sessions x {len(x)} assets: no optimum proven, the gap is {gap:.1e}, "
            f"constraints are missed by {outside:.1e}",
            f"at most {CERTAIN:g} of both, which returns of similar size and a feasible start allow",
            "look for assets whose returns are wrong by orders of magnitude",
        )
    return Optimum(x, objective, max(gap, 0.0))


def _problem(program: TailProgram) -> Problem:
    """Return the solver's form of it: returns in units of their scale, and v as an asset that pays 1 every session."""
    sessions, assets = program.returns.shape
    forms = np.empty((sessions + len(program.rows), assets + 1))
    np.multiply(program.returns, 1.0 / program.scale, out=forms[:sessions, :assets])
    forms[sessions:, :assets] = program.rows
    forms[:sessions, assets], forms[sessions:, assets] = 1.0, 0.0
    return Problem(
        forms=forms,
        low=np.concatenate([np.zeros(sessions), program.low]),
        below=np.where(np.arange(len(forms)) < sessions, 1.0 / program.tail, np.inf),
        fixed=np.concatenate([np.zeros(sessions, dtype=bool), program.fixed]),
        lower=np.append(program.lower, -np.inf),
        upper=np.append(program.upper, np.inf),
        kink=np.append(program.current, 0.0),
        price=np.append(np.full(assets, program.cost / program.scale), 0.0),
    )


def _vertex(problem: Problem, start: Array, whole: int) -> Vertex:
    """Return where the search starts: it holds v alone, as the VaR, which `whole` sessions lose more than."""
    forms, variables = problem.forms.shape
    sessions = int(np.isfinite(problem.below).sum())
    worst = np.argsort(problem.forms[:sessions] @ start, kind="stable")
    whole = min(whole, len(worst) - 1)
    room = min(forms, variables) + 2
    vertex = Vertex(
        x=start.copy(),
        gradient=np.zeros(variables),
        kink_side=np.where(start >= problem.kink, 1.0, -1.0),
        is_held=np.zeros(variables, dtype=bool),
        value=np.zeros(forms),
        low=problem.low.copy(),
        is_below=np.zeros(forms, dtype=bool),
        is_tight=np.zeros(forms, dtype=bool),
        tight=np.zeros(room, dtype=np.int64),
        held=np.zeros(room, dtype=np.int64),
        columns=np.empty((room, forms)),
        inverse=np.empty((room, room)),
    )
    vertex.is_below[worst[:whole]] = True
    vertex.is_tight[worst[whole]] = vertex.is_held[-1] = True
    vertex.tight[0], vertex.held[0], vertex.columns[0] = worst[whole], variables - 1, problem.forms[:, -1]
    return vertex
