"""Every agent of the table, and their manager, keeps every law; agents that break one are caught."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from alphapulse.agents import AGENTS
from alphapulse.agents.manager import AgentManager
from alphapulse.core.market import MarketData
from alphapulse.core.ports import Agent
from alphapulse.testing import AGENT_CHECKS, check_agent, example_market

MAKERS = {**AGENTS, "manager": lambda: AgentManager(list(AGENTS))}
# What rests on prices alone may not know their scale: a back-adjusted price carries later splits as a factor.
PRICE_EVIDENCE = {
    name: {piece.name: piece.weight for piece in make().chosen if piece.kind == "prices"}
    for name, make in AGENTS.items()
}


@pytest.fixture(scope="module")
def market() -> MarketData:
    return example_market()


@pytest.mark.parametrize("check", [check for check in AGENT_CHECKS if check != "price_scale"])
@pytest.mark.parametrize("name", MAKERS)
def test_the_law_holds(name: str, check: str, market: MarketData) -> None:
    AGENT_CHECKS[check](MAKERS[name](), market)


@pytest.mark.parametrize("name", [name for name, evidence in PRICE_EVIDENCE.items() if evidence])
def test_price_evidence_does_not_know_the_scale(name: str, market: MarketData) -> None:
    AGENT_CHECKS["price_scale"](AGENTS[name](weights=PRICE_EVIDENCE[name]), market)


def test_only_valuation_needs_filings_to_speak_at_all() -> None:
    assert [name for name, evidence in PRICE_EVIDENCE.items() if not evidence] == ["valuation"]


@pytest.mark.parametrize("name", MAKERS)
def test_satisfies_the_port(name: str) -> None:
    assert isinstance(MAKERS[name](), Agent)


class Honest:
    """Last session's return, squashed; each test breaks it in one way."""

    name = "honest"
    needs = ("close",)
    warmup = 1

    def score(self, market: MarketData) -> pd.DataFrame:
        return np.tanh(self.raw(market)).where(market.members).astype(float)

    def raw(self, market: MarketData) -> pd.DataFrame:
        return market.panel("total_return").pct_change(fill_method=None)

    def coverage(self, market: MarketData) -> pd.DataFrame:
        return self.score(market).notna().astype(float)


class Peeking(Honest):
    def raw(self, market: MarketData) -> pd.DataFrame:
        return super().raw(market).shift(-1)


class Standardised(Honest):
    def raw(self, market: MarketData) -> pd.DataFrame:
        raw = super().raw(market)
        return raw / raw.std()


class BackFilled(Honest):
    def raw(self, market: MarketData) -> pd.DataFrame:
        return super().raw(market).bfill()


class LevelReader(Honest):
    def raw(self, market: MarketData) -> pd.DataFrame:
        return super().raw(market) * market.panel("close")


class Spreading(Honest):
    def raw(self, market: MarketData) -> pd.DataFrame:
        raw = super().raw(market)
        return raw.sub(raw.dot(pd.Series(1.0, raw.columns)), axis=0)


class Positional(Honest):
    def raw(self, market: MarketData) -> pd.DataFrame:
        raw = super().raw(market)
        return raw * np.arange(raw.shape[1])


class Loud(Honest):
    def score(self, market: MarketData) -> pd.DataFrame:
        return 100.0 * super().score(market)


class Zeroing(Honest):
    def score(self, market: MarketData) -> pd.DataFrame:
        return super().score(market).fillna(0.0)


class Scribbling(Honest):
    def score(self, market: MarketData) -> pd.DataFrame:
        answer = super().score(market)
        close = market.panels["close"]
        close.iloc[0, 0] *= 1.0 + 1e-7
        return answer


class Forgetful(Honest):
    def __init__(self) -> None:
        self.random = np.random.default_rng(0)

    def raw(self, market: MarketData) -> pd.DataFrame:
        return super().raw(market) + self.random.standard_normal()


def test_an_honest_agent_passes(market: MarketData) -> None:
    check_agent(Honest(), market)


@pytest.mark.parametrize(
    ("agent", "check"),
    [
        (Peeking, "prefix"),
        (Peeking, "poison"),
        (Standardised, "prefix"),
        (BackFilled, "poison"),
        (LevelReader, "price_scale"),
        (Spreading, "missing_stays"),
        (Positional, "asset_order"),
        (Loud, "shape_and_range"),
        (Zeroing, "shape_and_range"),
        (Forgetful, "same_answer"),
        (Scribbling, "same_answer"),
    ],
)
def test_a_broken_agent_is_caught(agent: type[Honest], check: str) -> None:
    with pytest.raises(AssertionError):
        AGENT_CHECKS[check](agent(), example_market())


def test_a_level_reader_may_be_allowed(market: MarketData) -> None:
    check_agent(LevelReader(), market, price_scale=False)
