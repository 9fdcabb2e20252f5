"""Agents turn market history into scores. A new agent is one file and one line in AGENTS."""

from __future__ import annotations

from alphapulse.agents.technical import TechnicalAgent
from alphapulse.agents.value import ValueAgent
from alphapulse.core.ports import Agent

AGENTS: dict[str, type[Agent]] = {
    "technical": TechnicalAgent,
    "value": ValueAgent,
}
