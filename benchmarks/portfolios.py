"""Portfolios: 360 monthly decisions over 500 simulated assets, each from the 756 sessions before it.

1. `history` is made before the clock starts: returns of the simulated market, none unknown, its sectors, and seeded
   scores, market values and coverage.
2. `ours` decides as `alphapulse.cycle` does: one `Moments` a run, one estimate a decision, and last month's weights as
   those held. `peer` does so at DECIDED_BY_PEERS of the sessions, spread evenly, with our weights as those held.
3. After the clock stops, an objective (`benchmarks.objectives`) judges every portfolio by the same estimate.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

import alphapulse as ap
from alphapulse.core.estimates import RiskEstimate
from alphapulse.core.facts import Facts
from alphapulse.core.ports import Allocator
from alphapulse.core.stats import Array, session_returns
from alphapulse.risk.moments import Moments

LOOKBACK, MONTH, DECISIONS = 756, 21, 360
ASSETS, QUICK_ASSETS = 500, 50
DECIDED_BY_PEERS = 4


@dataclass(frozen=True, eq=False)
class Seen:
    """What one decision rests on: returns (sessions x assets), scores and weights held by asset, and facts."""

    window: pd.DataFrame
    scores: "pd.Series[float]"
    facts: Facts
    current: "pd.Series[float]"


@dataclass(frozen=True, eq=False)
class History:
    """Returns and scores (sessions x assets, all known), and facts that hold throughout."""

    returns: pd.DataFrame
    scores: pd.DataFrame
    facts: Facts

    @property
    def decisions(self) -> range:
        """Rows at whose close a portfolio is chosen."""
        return range(LOOKBACK - 1, len(self.returns), MONTH)

    def seen(self, row: int, current: "pd.Series[float]") -> Seen:
        return Seen(self.returns.iloc[row + 1 - LOOKBACK : row + 1], self.scores.iloc[row], self.facts, current)


@dataclass(frozen=True)
class Problem:
    """One of ALLOCATORS with its options, and the number by which its portfolios are judged, lower is better."""

    allocator: str
    objective: Callable[[Seen, RiskEstimate, Array], float]
    options: Mapping[str, Any] = field(default_factory=dict)

    def solver(self) -> Allocator:
        built: Allocator = ap.ALLOCATORS[self.allocator](**self.options)
        return built


Choose = Callable[[Seen], Array]
Portfolios = list[tuple[Seen, Array]]


def history(quick: bool) -> History:
    """Return a seeded history in which every asset trades from the first session to the last."""
    assets = QUICK_ASSETS if quick else ASSETS
    market = ap.load_market("simulated", n_assets=assets, n_sessions=LOOKBACK + 1 + MONTH * (DECISIONS - 1))
    returns = session_returns(market.panel("total_return")).iloc[1:]
    random = np.random.default_rng(3)
    scores = pd.DataFrame(random.uniform(-1.0, 1.0, returns.shape), returns.index, returns.columns)
    facts = Facts(
        sector=market.sectors,
        market_value=pd.Series(random.lognormal(23.0, 1.0, assets), returns.columns),
        coverage=pd.Series(random.uniform(0.5, 1.0, assets), returns.columns),
        skill=0.03,
        horizon=MONTH,
    )
    return History(returns, scores, facts)


def ours(problem: Problem) -> Callable[[bool], Callable[[], object]]:
    """Decide every month."""

    def prepare(quick: bool) -> Callable[[], object]:
        past, solver = history(quick), problem.solver()

        def work() -> object:
            portfolios = monthly(past, solver)
            return lambda: judged(portfolios, problem)

        return work

    return prepare


def peer(problem: Problem, choose: Choose) -> Callable[[bool], Callable[[], object]]:
    """Decide in some of the months. One decision goes first, so that importing the library does not count.

    Warnings that a solution may be inaccurate are not shown: its objective tells.
    """

    def prepare(quick: bool) -> Callable[[], object]:
        path = monthly(history(quick), problem.solver())
        some = [path[place][0] for place in np.linspace(0, len(path) - 1, DECIDED_BY_PEERS).round().astype(int)]
        warnings.simplefilter("ignore")
        choose(some[0])

        def work() -> object:
            portfolios = [(seen, choose(seen)) for seen in some]
            return lambda: judged(portfolios, problem)

        return work

    return prepare


def monthly(past: History, solver: Allocator) -> Portfolios:
    """Return the portfolio of every month, each chosen with last month's in hand, the first from cash."""
    moments = Moments(past.returns, LOOKBACK)
    current = pd.Series(0.0, past.returns.columns)
    portfolios: Portfolios = []
    for row in past.decisions:
        seen = past.seen(row, current)
        estimate = ap.estimate_risk(seen.window, scores=seen.scores, facts=seen.facts, moments=moments)
        current = solver.allocate(estimate, seen.scores, seen.current)
        portfolios.append((seen, current.to_numpy()))
    return portfolios


def judged(portfolios: Portfolios, problem: Problem) -> dict[str, float]:
    """Return the objective by session, NaN where no portfolio was found."""
    return {
        f"{seen.window.index[-1]:%F}": problem.objective(seen, ap.estimate_risk(seen.window, facts=seen.facts), weights)
        for seen, weights in portfolios
    }
