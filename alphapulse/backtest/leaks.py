"""The leak detector: does an answer for session t change when later sessions are added, removed or altered?

It compares answers, so it sees whatever reads the market it is handed. What an object has learnt before, or loads by
itself, cannot be seen: hand it over as it is built, not fitted to the whole market.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alphapulse.agents.manager import AgentManager
from alphapulse.backtest.leak_parts import check_part
from alphapulse.backtest.leak_report import LeakReport
from alphapulse.backtest.leak_scores import check_scores
from alphapulse.backtest.leak_strategy import check_strategy
from alphapulse.core.checks import check_count
from alphapulse.core.errors import ParamsError
from alphapulse.core.market import MarketData
from alphapulse.strategy import Strategy


def leak_check(
    obj: Any,
    market: MarketData,
    *,
    seed: int = 0,
    quick: bool = False,
    thorough: bool = False,
    progress: bool = False,
    name: str = "",
) -> LeakReport:
    """Check that nothing `obj` answers for a session changes with later sessions, and tell what else is odd.

    obj: anything with `score(market)` returning a panel (agents, managers, features of others; `coverage`, `warmup`
    and `needs` are used where present), an allocator (`allocate`), a limit (`apply`) or a Strategy. seed: of the cuts.
    quick: a third of the cuts. thorough: of an object with scores, a cut at every session. name: how the report calls
    the object.

    `.ok` of the report is the prefix law alone: answers are compared at 1e-12 relative over 20 to 30 cuts of the market
    (a strategy: 6), and with what follows replaced by unknown, noise and ten times itself.

    What cannot be seen: a leak in rows that no cut follows (a day in a hundred; `thorough` cuts everywhere), what the
    object has learnt before it was handed over (pass it as built, not fitted), what it loads by itself, and figures
    restated at a plausible first date. A delay report with an edge that a day's delay destroys hints at some of them.

    Raises ParamsError for anything else, DataError for a market too short to ask; other errors of the object pass
    through.
    """
    check_count("leak_check: seed", seed, least=0)
    called = name or str(getattr(obj, "name", "") or type(obj).__name__)
    if isinstance(obj, Strategy):
        return check_strategy(obj, called, market, seed=seed, quick=quick, progress=progress)
    if callable(getattr(obj, "score", None)) and not isinstance(obj, type):
        return check_scores(obj, called, market, seed=seed, quick=quick, thorough=thorough, progress=progress)
    if any(callable(getattr(obj, verb, None)) for verb in ("allocate", "apply")) and not isinstance(obj, type):
        return check_part(obj, called, market, seed=seed, quick=quick, progress=progress)
    raise ParamsError(
        f"leak_check: {obj if isinstance(obj, type) else type(obj).__name__} came",
        "an object with score(market), allocate(estimate) or apply(weights, context), or a Strategy",
        "pass an instance, for example ap.AGENTS['technical']()",
    )


def parts_of(strategy: Strategy) -> Mapping[str, Any]:
    """Return everything of a strategy that can be checked, by a name that says what it is; itself comes last."""
    agent = strategy.agent
    agents = agent.agents if isinstance(agent, AgentManager) else {}
    return {
        **{f"agent {name}": part for name, part in agents.items()},
        f"{'manager' if agents else 'agent'} {agent.name}": agent,
        f"allocator {type(strategy.portfolio.allocator).__name__}": strategy.portfolio.allocator,
        **{f"limit {number} {type(limit).__name__}": limit for number, limit in enumerate(strategy.risk.limits, 1)},
        f"strategy {strategy.name}": strategy,
    }
