"""Who speaks on what is said with every result; agents can be copied and sent to other processes."""

from __future__ import annotations

import pickle
from copy import deepcopy
from dataclasses import replace

import pandas as pd
import pytest

import alphapulse as ap
from alphapulse.agents.voices import reduced_flag, voice_flags
from alphapulse.params import EVERY_AGENT
from alphapulse.testing import example_market

REDUCED = "agents that speak from prices and macro series alone, at low coverage: "


@pytest.fixture(scope="module")
def market() -> ap.MarketData:
    return example_market(sessions=300, assets=5)


def test_every_agent_votes_unless_told_otherwise() -> None:
    assert tuple(ap.AGENTS) == EVERY_AGENT
    assert list(ap.Strategy().agent.agents) == list(EVERY_AGENT)


def test_with_everything_there_nothing_is_flagged(market: ap.MarketData) -> None:
    assert voice_flags(ap.AgentManager(ap.AGENTS), market) == ()


def test_without_filings_and_headlines_low_voices_are_named(market: ap.MarketData) -> None:
    bare = replace(market, tables={})
    assert voice_flags(ap.AgentManager(ap.AGENTS), bare) == (
        "agents without any evidence on this market: valuation",
        REDUCED + "fundamental, value, sentiment, activist",
    )
    assert voice_flags(ap.AGENTS["technical"](), bare) == ()
    assert reduced_flag(ap.AGENTS["value"](), bare) == (REDUCED + "value",)


def test_headlines_alone_leave_the_others_reduced(market: ap.MarketData) -> None:
    told = replace(market, tables={"news": market.table("news")})
    assert voice_flags(ap.AgentManager(ap.AGENTS), told)[1] == REDUCED + "fundamental, value"


def test_a_backtest_carries_the_flags(market: ap.MarketData) -> None:
    strategy = ap.Strategy(portfolio=ap.PortfolioManager(ap.ALLOCATORS["equal_weight"](), lookback=60))
    assert any(flag.startswith(REDUCED) for flag in ap.backtest(replace(market, tables={}), strategy).flags)
    assert not any("agents" in flag for flag in ap.backtest(market, strategy).flags)


@pytest.mark.parametrize("copied", [deepcopy, lambda agent: pickle.loads(pickle.dumps(agent))], ids=["copy", "pickle"])
def test_agents_and_their_manager_can_be_copied_and_sent(copied, market: ap.MarketData) -> None:  # type: ignore[no-untyped-def]
    manager = ap.AgentManager(
        {"technical": ap.AGENTS["technical"]({"momentum": 1.0}, momentum=60), "sentiment": ap.AGENTS["sentiment"]()},
        "trailing_ic",
    )
    again = copied(manager)
    assert repr(again) == repr(manager)
    pd.testing.assert_frame_equal(again.score(market), manager.score(market))
