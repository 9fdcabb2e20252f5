"""AgentManager: an agent made of agents, whose contributions add up to its score."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

import numpy as np
import pandas as pd

from alphapulse.agents import AGENTS
from alphapulse.agents.evidence import once
from alphapulse.core.checks import check_choice
from alphapulse.core.errors import ParamsError
from alphapulse.core.market import MarketData
from alphapulse.core.panel import Panel
from alphapulse.core.ports import Agent


def equal(agents: Mapping[str, Agent], market: MarketData) -> pd.DataFrame:
    """Return the same weight for every agent at every session, sessions x agents."""
    return pd.DataFrame(1.0 / len(agents), index=market.sessions, columns=list(agents))


Weighting = Callable[[Mapping[str, Agent], MarketData], pd.DataFrame]
WEIGHTINGS: dict[str, Weighting] = {"equal": equal}


class AgentManager:
    """Combines agents by a weighted mean of their scores; an agent's vote scales with its coverage.

    agents: names from AGENTS or agents, as a sequence or by name. weighting: a name from WEIGHTINGS. An agent that
    abstains leaves its weight to the others. ParamsError on unknown or repeated names.
    """

    name: str = "manager"

    def __init__(self, agents: Mapping[str, Agent] | Iterable[Agent | str], weighting: str = "equal") -> None:
        self.agents: Mapping[str, Agent] = MappingProxyType(_by_name(agents))
        self.weighting = check_choice("manager weighting", weighting, WEIGHTINGS)

    @property
    def needs(self) -> tuple[str, ...]:
        return tuple(sorted({name for agent in self.agents.values() for name in agent.needs}))

    @property
    def warmup(self) -> int:
        return min(agent.warmup for agent in self.agents.values())

    def score(self, market: MarketData) -> Panel:
        """Return the combined score in [-1, 1], sessions x assets; NaN where every agent abstains."""
        parts = list(_poll(self, market)[0].values())
        return sum(parts[1:], start=parts[0].copy())

    def coverage(self, market: MarketData) -> Panel:
        """Return the agents' coverage averaged with their weights, sessions x assets, in [0, 1]; 0 abstains."""
        return _poll(self, market)[1].copy()

    def contributions(self, market: MarketData) -> dict[str, Panel]:
        """Return each agent's part of the score, sessions x assets; added up in order they are the score exactly.

        An agent that abstains contributes 0 where others speak; all parts are NaN where nobody does.
        """
        return {name: part.copy() for name, part in _poll(self, market)[0].items()}

    def weights(self, market: MarketData) -> pd.DataFrame:
        """Return the weight of each agent before coverage, sessions x agents; rows sum to 1."""
        return WEIGHTINGS[self.weighting](self.agents, market)

    def __repr__(self) -> str:
        return f"AgentManager({list(self.agents.values())}, weighting={self.weighting!r})"


@once
def _poll(manager: AgentManager, market: MarketData) -> tuple[dict[str, Panel], Panel]:
    weights = manager.weights(market)
    available = np.zeros((len(market.sessions), len(market.assets)))
    votes = {}
    for name, agent in manager.agents.items():
        score = agent.score(market).to_numpy()
        power = np.where(np.isnan(score), 0.0, weights[name].to_numpy()[:, None] * agent.coverage(market).to_numpy())
        votes[name] = power * np.nan_to_num(score)
        available += power
    silent = available <= 0.0
    divisor = np.where(silent, np.nan, available)
    parts = {name: pd.DataFrame(vote / divisor, market.sessions, market.assets) for name, vote in votes.items()}
    return parts, pd.DataFrame(np.clip(available, 0.0, 1.0), market.sessions, market.assets)


def _by_name(agents: Mapping[str, Agent] | Iterable[Agent | str]) -> dict[str, Agent]:
    if isinstance(agents, Mapping):
        named = dict(agents)
    else:
        if isinstance(agents, str):
            agents = [agents]
        built = [AGENTS[check_choice("agent", item, AGENTS)]() if isinstance(item, str) else item for item in agents]
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
