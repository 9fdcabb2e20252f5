"""Whole jobs as a user meets them: the main job, scoring, loading a market, importing the package."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import alphapulse as ap
from benchmarks.trading import RUNS

PARAMS = Path(__file__).resolve().parent.parent / "params" / "simulated_500.yaml"
EVERY_NAME = "import alphapulse; [getattr(alphapulse, name) for name in alphapulse.__all__]"


def _params(quick: bool, **changes: Any) -> dict[str, Any]:
    small = {"data.n_assets": 50, "data.n_sessions": 1_260} if quick else {}
    params: dict[str, Any] = ap.load_params(PARAMS, small | changes)
    return params


def main_job(allocator: str) -> Callable[[bool], Callable[[], float]]:
    """Backtest the strategy of the parameter file with an allocator, each time on a market that no agent has seen."""

    def prepare(quick: bool) -> Callable[[], float]:
        params = _params(quick, **{"portfolio.allocator": allocator})
        market = ap.load_market(**params["data"])
        markets = [replace(market) for _ in range(RUNS + 1)]
        strategy = ap.Strategy.from_params(params)
        return lambda: float(ap.backtest(markets.pop(), strategy).equity.iloc[-1])

    return prepare


def agents(quick: bool) -> Callable[[], float]:
    """Score a market with fundamentals by every agent, each time one that no agent has seen; return a sum of scores."""
    size = {"n_assets": 50, "n_sessions": 1_260} if quick else {"n_assets": 500, "n_sessions": 7_560}
    market = ap.load_market("simulated", fundamentals=True, **size)
    markets = [replace(market) for _ in range(RUNS + 1)]

    def work() -> float:
        new = markets.pop()
        return float(sum(ap.AGENTS[name]().score(new).iloc[-1].sum() for name in ap.AGENTS))

    return work


def scorecard(quick: bool) -> Callable[[], float]:
    """Measure every agent and the manager on the market of `agents`, over all horizons; return the manager's IC."""
    size = {"n_assets": 50, "n_sessions": 1_260} if quick else {"n_assets": 500, "n_sessions": 7_560}
    market = ap.load_market("simulated", fundamentals=True, **size)
    manager = ap.AgentManager(ap.AGENTS)
    return lambda: float(ap.scorecard(market, manager).summary()["ic"])


def simulate(quick: bool) -> Callable[[], object]:
    """Simulate the market of the parameter file."""
    data = _params(quick)["data"]
    return lambda: ap.load_market(**data)


def imported(code: str) -> Callable[[bool], Callable[[], object]]:
    """Start Python, run one line of imports, end."""
    return lambda quick: lambda: subprocess.run([sys.executable, "-c", code], check=True)
