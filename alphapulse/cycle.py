"""The one path: what is studied, seen and decided at the close of a session.

1. `study` turns history into panels in one vectorised call: scores, returns, members.
2. `sight` is what one session saw of them, with the book as it stood.
3. `decide` turns a sight into a Decision: estimate, targets, size, drift band, limits.
4. `watch` judges the book held between decisions, where the risk manager checks daily.
5. `step` is one turn of the wheel: the broker settles, the strategy decides, the broker takes the decision.

A backtest studies a whole market once; a replay, paper or live session studies `market.until(session)` and looks at
its last row. The prefix law makes both the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from alphapulse.agents.answers import scores_of
from alphapulse.agents.manager import AgentManager
from alphapulse.core.estimates import RiskEstimate
from alphapulse.core.facts import Facts
from alphapulse.core.market import MarketData
from alphapulse.core.panel import Panel
from alphapulse.core.ports import Agent, Broker
from alphapulse.core.stats import Array, session_returns
from alphapulse.core.trading import Decision
from alphapulse.facts import Background, background, facts_at
from alphapulse.risk.covariance import estimate_risk
from alphapulse.risk.moments import Moments
from alphapulse.strategy import Strategy

COMBINED = "combined"


@dataclass(frozen=True, eq=False)
class Study:
    """Panels of one market, sessions x assets: scores by agent and combined (NaN abstains), returns, members (bool).

    known: what facts are read from, needs: those computed. moments: of the returns, for the estimates.
    """

    scores: Mapping[str, Panel]
    returns: Panel
    members: Panel
    known: Background
    moments: Moments
    agent: Agent
    needs: frozenset[str]


@dataclass(frozen=True, eq=False)
class Sight:
    """What is known at the close of `session`.

    scores: by agent and combined, by asset. members: True by asset that may be held. current: weights held, by asset.
    equity: by session, up to now. facts: of all assets.
    """

    session: pd.Timestamp
    scores: "Mapping[str, pd.Series[float]]"
    members: "pd.Series[bool]"
    current: "pd.Series[float]"
    equity: "pd.Series[float]"
    facts: Facts


@dataclass(frozen=True, eq=False)
class Context:
    """What a limit may look at, see `core.ports.RiskContext`."""

    estimate: RiskEstimate
    current: "pd.Series[float]"
    equity: "pd.Series[float]"
    facts: Facts = field(default_factory=Facts)


def study(strategy: Strategy, market: MarketData, needs: frozenset[str] | None = None) -> Study:
    """Score a market and compute its returns, in one vectorised call an agent.

    needs: facts to compute, those of the strategy unless given.
    """
    agent = strategy.agent
    parts = agent.agents if isinstance(agent, AgentManager) else {}
    asked = strategy.needs if needs is None else needs
    combined = scores_of(agent, market)
    returns = session_returns(market.panel("total_return"))
    return Study(
        scores={COMBINED: combined, **{name: scores_of(part, market) for name, part in parts.items()}},
        returns=returns,
        members=market.members,
        known=background(market, agent, combined, returns, asked),
        moments=Moments(returns, strategy.portfolio.lookback),
        agent=agent,
        needs=asked,
    )


def due(strategy: Strategy, sessions: pd.DatetimeIndex) -> npt.NDArray[np.bool_]:
    """Return True by session at whose close a decision is due: the calendar asks and the lookback is full."""
    asked = strategy.portfolio.decides(sessions)
    asked[: max(strategy.portfolio.lookback, strategy.agent.warmup)] = False
    return asked


def sight(studied: Study, row: int, weights: Array, equity: Array) -> Sight:
    """Return what the session at `row` saw; weights: held by asset, equity: by session up to that row."""
    members = studied.members.iloc[row]
    return Sight(
        session=studied.returns.index[row],
        scores={name: panel.iloc[row] for name, panel in studied.scores.items()},
        members=members,
        current=pd.Series(weights, index=members.index),
        equity=pd.Series(equity, index=studied.returns.index[: row + 1]),
        facts=facts_at(studied.known, row),
    )


def estimated(strategy: Strategy, studied: Study, row: int, seen: Sight) -> RiskEstimate:
    """Return the risk estimate of the members at the close of `row`, made once a decision and shared by who decides."""
    first, members = row + 1 - strategy.portfolio.lookback, np.flatnonzero(seen.members.to_numpy())
    return estimate_risk(
        studied.returns.iloc[first : row + 1, members],
        strategy.covariance,
        strategy.mean,
        scores=seen.scores[COMBINED],
        facts=seen.facts,
        moments=studied.moments,
    )


def decide(strategy: Strategy, seen: Sight, estimate: RiskEstimate) -> Decision:
    """Return the decision of the strategy on what it has seen; a pure function."""
    scores = seen.scores[COMBINED]
    wanted = strategy.portfolio.targets(estimate, seen.members, scores, seen.current)
    sized = strategy.sizer.size(wanted, estimate, scores=scores, equity=seen.equity)
    banded = strategy.portfolio.banded(sized, seen.current)
    limited, clamps = strategy.risk.apply(banded, Context(estimate, seen.current, seen.equity, seen.facts))
    notes = (*estimate.notes, *limited.attrs.get("notes", ()))
    return Decision(seen.session, limited, seen.scores, clamps, tuple(dict.fromkeys(notes)))


def watch(strategy: Strategy, seen: Sight, estimate: RiskEstimate, waiting: Array) -> Decision | None:
    """Return what the limits cut from the book held at a close without a decision, None where they cut nothing.

    estimate: that of the last decision. waiting: weights that open orders still aim at, by asset, NaN for none; they
    are judged as if filled, and go on where nothing is cut.
    """
    held = pd.Series(waiting, index=seen.current.index)
    limited, clamps = strategy.risk.apply(held, Context(estimate, seen.current, seen.equity, seen.facts))
    if not clamps:
        return None
    return Decision(seen.session, limited, seen.scores, clamps, ("risk check between decisions",))


def step(
    strategy: Strategy, studied: Study, row: int, broker: Broker, estimate: RiskEstimate | None = None
) -> tuple[Decision | None, RiskEstimate]:
    """Settle up to the session at `row` and take the decision at its close, or with an estimate only watch the book.

    Return the decision, None where watching found nothing to cut, and the estimate it rests on.
    """
    broker.settle(row + 1)
    seen = sight(studied, row, broker.weights, broker.equity)
    if estimate is None:
        estimate = estimated(strategy, studied, row, seen)
        decision: Decision | None = decide(strategy, seen, estimate)
    else:
        decision = watch(strategy, seen, estimate, broker.waiting)
    if decision is not None:
        broker.place(decision)
    return decision, estimate
