"""AgentManager: an agent made of agents, whose contributions add up to its score.

1. Each agent scores the market once; the weighting reads the scores and says whom to believe (`weighting`).
2. An agent's power on an asset is its weight times its coverage there, and 0 where it abstains.
3. Powers are divided by their sum over agents: who abstains leaves its share to the others.
4. Share times score is the agent's contribution; contributions added up are the score.

Steps 2 to 4 are one compiled pass (`_count`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from alphapulse.agents import AGENTS
from alphapulse.agents.answers import coverage_of, scores_of
from alphapulse.agents.compiling import compiled, in_threads
from alphapulse.agents.weighting import build_weighting
from alphapulse.agents.weighting.votes import Weighting
from alphapulse.core.checks import check_choice
from alphapulse.core.errors import ParamsError
from alphapulse.core.market import MarketData
from alphapulse.core.memory import once
from alphapulse.core.panel import Panel
from alphapulse.core.ports import Agent
from alphapulse.core.stats import Array

ROUNDING = 1e-9  # by which a row of weights may miss 1

AnyAgent = Agent | type[Agent] | str


class AgentManager:
    """Combines agents by a weighted mean of their scores; an agent's vote scales with its coverage.

    agents: agents, their classes or names from AGENTS, as a sequence or by name. weighting: a name from WEIGHTINGS,
    with its options, or an object with `weights(scores, market)`. An agent that abstains leaves its weight to the
    others. ParamsError on unknown or repeated names and options that do not fit.
    """

    name: str = "manager"

    def __init__(
        self,
        agents: Mapping[str, AnyAgent] | Iterable[AnyAgent],
        weighting: str | Weighting = "equal",
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self._agents = _by_name(agents)
        self.weighting = build_weighting(weighting, options, self._agents)

    @property
    def agents(self) -> Mapping[str, Agent]:
        """The agents by name."""
        return MappingProxyType(self._agents)

    @property
    def needs(self) -> tuple[str, ...]:
        return tuple(sorted({name for agent in self.agents.values() for name in agent.needs}))

    @property
    def warmup(self) -> int:
        return min(agent.warmup for agent in self.agents.values())

    def score(self, market: MarketData) -> Panel:
        """Return the combined score in [-1, 1], sessions x assets; NaN where every agent abstains."""
        parts = list(_poll(self, market).parts.values())
        return sum(parts[1:], start=parts[0].copy())

    def coverage(self, market: MarketData) -> Panel:
        """Return the mean coverage of the agents that have a weight, sessions x assets, in [0, 1]; 0 abstains.

        Their weights play no part: they say whom to believe, coverage says how much evidence there was.
        """
        return _poll(self, market).coverage.copy()

    def contributions(self, market: MarketData) -> dict[str, Panel]:
        """Return each agent's part of the score, sessions x assets; added up in order they are the score exactly.

        An agent that abstains contributes 0 where others speak; all parts are NaN where nobody does.
        """
        return {name: part.copy() for name, part in _poll(self, market).parts.items()}

    def weights(self, market: MarketData) -> pd.DataFrame:
        """Return the weight of each agent before coverage, sessions x agents; rows sum to 1."""
        return _poll(self, market).weights.copy()

    def shares(self, market: MarketData) -> pd.DataFrame:
        """Return each agent's share of the vote after coverage, sessions x agents: the mean over scored assets.

        Rows sum to 1, and are NaN where nobody speaks. Against `weights` they show what abstention redistributes.
        """
        return _poll(self, market).shares.copy()

    def diagnostics(self, market: MarketData) -> pd.DataFrame:
        """Return how the vote went, one row a session, NaN where nobody speaks.

        conflict: 1 - |sum of contributions| / sum of |contributions|, mean over scored assets: 0 all point one way, 1
        they cancel out. concentration: sum of squared shares (Herfindahl), 1 / number of agents to 1. abstaining:
        share of the agents that are silent, mean over members.
        """
        poll = _poll(self, market)
        concentration = (poll.shares**2).sum(axis=1, min_count=1)
        return pd.DataFrame(
            {"conflict": poll.notes["conflict"], "concentration": concentration, "abstaining": poll.notes["abstaining"]}
        )

    def __repr__(self) -> str:
        own = all(name == agent.name for name, agent in self._agents.items())
        agents = list(self._agents.values()) if own else self._agents
        return f"AgentManager({agents}, weighting={self.weighting!r})"


@dataclass(frozen=True, eq=False)
class _Poll:
    parts: dict[str, Panel]
    coverage: Panel
    weights: pd.DataFrame
    shares: pd.DataFrame
    notes: pd.DataFrame


@once
def _poll(manager: AgentManager, market: MarketData) -> _Poll:
    sessions, assets, names = market.sessions, market.assets, list(manager.agents)
    shape = (len(sessions), len(assets))
    said, given = np.empty((len(names), *shape)), np.empty((len(names), *shape))
    for place, agent in enumerate(manager.agents.values()):
        said[place], given[place] = scores_of(agent, market), coverage_of(agent, market)
    panels = {name: pd.DataFrame(said[place], sessions, assets, copy=False) for place, name in enumerate(names)}
    weights = _checked(manager.weighting.weights(MappingProxyType(panels), market), sessions, names)
    weighed, members = weights.to_numpy(), market.members.to_numpy()
    coverage, shares, notes = np.zeros(shape), np.full(weighed.shape, np.nan), np.full((len(sessions), 2), np.nan)
    # From here on the scores become contributions, in place.
    in_threads(lambda start, stop: _count(said, given, weighed, members, start, stop, coverage, shares, notes), *shape)
    return _Poll(
        panels,
        pd.DataFrame(coverage, sessions, assets, copy=False),
        weights,
        pd.DataFrame(shares, sessions, names),
        pd.DataFrame(notes, sessions, ["conflict", "abstaining"]),
    )


@compiled
def _contribute(said: Array, power: Array, total: float, summed: Array) -> tuple[float, float]:
    """Turn one asset's scores into contributions, in place, and return their sum and the sum of their sizes."""
    net = size = 0.0
    for agent in range(len(said)):
        if total > 0.0:
            part = power[agent] * said[agent] / total if power[agent] > 0.0 else 0.0
            summed[agent] += power[agent] / total
            net += part
            size += abs(part)
            said[agent] = part
        else:
            said[agent] = np.nan
    return net, size


@compiled
def _count(
    said: Array,
    given: Array,
    weights: Array,
    members: npt.NDArray[np.bool_],
    start: int,
    stop: int,
    coverage: Array,
    shares: Array,
    notes: Array,
) -> None:
    """Turn scores into contributions: agents x sessions x assets, in place. Fill coverage, shares and notes."""
    agents, assets = len(said), said.shape[2]
    power, summed = np.empty(agents), np.empty(agents)
    for row in range(start, stop):
        scored = present = silent = 0
        conflict = 0.0
        summed[:] = 0.0
        for asset in range(assets):
            total = covered = 0.0
            voters = quiet = 0
            for agent in range(agents):
                power[agent] = 0.0
                voters += weights[row, agent] > 0.0
                if np.isnan(said[agent, row, asset]):
                    quiet += 1
                elif weights[row, agent] > 0.0:
                    covered += given[agent, row, asset]
                    power[agent] = weights[row, agent] * given[agent, row, asset]
                    total += power[agent]
            if members[row, asset]:
                present += 1
                silent += quiet
            net, size = _contribute(said[:, row, asset], power, total, summed)
            if total > 0.0:
                scored += 1
                coverage[row, asset] = min(covered / voters, 1.0)
                conflict += 1.0 - abs(net) / size if size > 0.0 else 0.0
        if scored > 0:
            shares[row] = summed / scored
            notes[row, 0] = conflict / scored
        if present > 0:
            notes[row, 1] = silent / (present * agents)


def _checked(weights: pd.DataFrame, sessions: pd.DatetimeIndex, names: list[str]) -> pd.DataFrame:
    values = weights.to_numpy()
    fits = weights.index.equals(sessions) and list(weights.columns) == names
    if not fits or not (values >= 0.0).all() or not (np.abs(values.sum(axis=1) - 1.0) <= ROUNDING).all():
        raise ParamsError(
            f"manager: the weighting gave weights of shape {weights.shape} for {list(weights.columns)}"
            + ("" if not fits else f", from {np.min(values):g}, rows summing to {values.sum(axis=1).min():g} and more"),
            f"{len(sessions)} sessions x {names}, none below 0, rows that sum to 1",
            "mend the weighting",
        )
    return weights


def _by_name(agents: Mapping[str, AnyAgent] | Iterable[AnyAgent]) -> dict[str, Agent]:
    if isinstance(agents, Mapping):
        named = {name: agent_of(item) for name, item in agents.items()}
    else:
        built = [agent_of(item) for item in ([agents] if isinstance(agents, str) else agents)]
        named = {agent.name: agent for agent in built}
        if len(named) < len(built):
            raise ParamsError(
                f"manager: agents {[agent.name for agent in built]} hold a name twice",
                "each name once",
                "pass a mapping of your own names to agents",
            )
    if not named:
        raise ParamsError("manager: no agent came", "at least one agent", f"choose from {', '.join(AGENTS)}")
    return named


def agent_of(item: AnyAgent) -> Agent:
    """Return the agent of a name, a class such as AGENTS holds, or an agent itself."""
    if isinstance(item, str):
        item = AGENTS[check_choice("agent", item, AGENTS)]
    agent = item() if isinstance(item, type) else item
    if not isinstance(agent, Agent):
        raise ParamsError(
            f"manager: {item!r} is no agent",
            "agents (name, needs, warmup, score, coverage), their classes, or names of AGENTS",
            "see alphapulse.core.ports.Agent",
        )
    return agent
