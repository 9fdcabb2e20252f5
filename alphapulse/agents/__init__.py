"""Agents turn market history into scores. A new agent is one file and one line in AGENTS."""

from __future__ import annotations

from alphapulse.agents.activist import ActivistAgent
from alphapulse.agents.fundamental import FundamentalAgent
from alphapulse.agents.sentiment import SentimentAgent
from alphapulse.agents.technical import TechnicalAgent
from alphapulse.agents.valuation import ValuationAgent
from alphapulse.agents.value import ValueAgent
from alphapulse.core.ports import Agent

AGENTS: dict[str, type[Agent]] = {
    "technical": TechnicalAgent,
    "fundamental": FundamentalAgent,
    "value": ValueAgent,
    "valuation": ValuationAgent,
    "sentiment": SentimentAgent,
    "activist": ActivistAgent,
}
