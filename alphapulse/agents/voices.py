"""Who can speak on a market, and on what: shown with every result, so that a low voice is not taken for a full one.

Only agents made of evidence are judged.
"""

from __future__ import annotations

from collections.abc import Iterator

from alphapulse.agents.evidence import EvidenceAgent, available_evidence
from alphapulse.agents.manager import AgentManager
from alphapulse.core.market import MarketData
from alphapulse.core.ports import Agent

OWN_FACTS = {"fundamentals", "news"}


def voice_flags(agent: Agent, market: MarketData) -> tuple[str, ...]:
    """Return flags naming the agents that have no evidence on this market, and those whose voice is reduced."""
    silent = [name for name, member in _made_of_evidence(agent) if not available_evidence(member, market)]
    flags = [f"agents without any evidence on this market: {', '.join(silent)}"] if silent else []
    return (*flags, *reduced_flag(agent, market))


def reduced_flag(agent: Agent, market: MarketData) -> tuple[str, ...]:
    """Return the flag of the agents that declare filings or headlines and are left with prices and macro series."""
    reduced = []
    for name, member in _made_of_evidence(agent):
        declared = {piece.kind for piece in member.chosen}
        found = {piece.kind for piece in available_evidence(member, market)}
        if found and declared & OWN_FACTS and not found & OWN_FACTS:
            reduced.append(name)
    named = ", ".join(reduced)
    return (f"agents that speak from prices and macro series alone, at low coverage: {named}",) if reduced else ()


def _made_of_evidence(agent: Agent) -> Iterator[tuple[str, EvidenceAgent]]:
    members = agent.agents if isinstance(agent, AgentManager) else {agent.name: agent}
    return ((name, member) for name, member in members.items() if isinstance(member, EvidenceAgent))
