"""The manager's score is the sum of its agents' contributions; who abstains leaves the vote to the others."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from alphapulse.agents.manager import AgentManager
from alphapulse.agents.technical import TechnicalAgent
from alphapulse.core.errors import ParamsError
from alphapulse.core.market import MarketData
from alphapulse.testing import example_market

SESSIONS = pd.bdate_range("2020-01-01", periods=3)


class Fixed:
    needs = ("close",)
    warmup = 0

    def __init__(self, name: str, score: list[float], coverage: list[float]) -> None:
        self.name = name
        self.answer, self.share = score, coverage

    def score(self, market: MarketData) -> pd.DataFrame:
        return pd.DataFrame([self.answer] * 3, SESSIONS, market.assets)

    def coverage(self, market: MarketData) -> pd.DataFrame:
        return pd.DataFrame([self.share] * 3, SESSIONS, market.assets)


@pytest.fixture
def market() -> MarketData:
    return MarketData({"close": pd.DataFrame(1.0, SESSIONS, ["A", "B", "C"])})


def test_a_vote_scales_with_coverage(market: MarketData) -> None:
    manager = AgentManager(
        [Fixed("x", [1.0, 1.0, np.nan], [1.0, 0.25, 0.0]), Fixed("y", [-1.0, 0.5, 0.2], [1.0, 0.5, 0.5])]
    )
    np.testing.assert_allclose(manager.score(market).iloc[0], [0.0, (0.25 + 0.25) / 0.75, 0.2], atol=1e-15)
    assert manager.coverage(market).iloc[0].tolist() == [1.0, 0.375, 0.25]


def test_abstention_leaves_the_vote_to_the_others(market: MarketData) -> None:
    manager = AgentManager([Fixed("x", [np.nan] * 3, [0.0] * 3), Fixed("y", [0.3, np.nan, -0.1], [1.0, 0.0, 1.0])])
    assert manager.score(market).iloc[0].tolist()[::2] == [0.3, -0.1]
    assert manager.score(market)["B"].isna().all()
    assert (manager.coverage(market)["B"] == 0.0).all()
    parts = manager.contributions(market)
    assert (parts["x"][["A", "C"]] == 0.0).all(axis=None)
    assert parts["x"]["B"].isna().all()


def test_contributions_add_up_exactly() -> None:
    market = example_market()
    manager = AgentManager(["technical", "value"])
    parts = manager.contributions(market)
    assert list(parts) == ["technical", "value"]
    pd.testing.assert_frame_equal(sum(parts.values()), manager.score(market), check_exact=True)


def test_one_agent_alone_is_itself() -> None:
    market = example_market()
    pd.testing.assert_frame_equal(
        AgentManager(["technical"]).score(market), TechnicalAgent().score(market), rtol=1e-13, atol=1e-15
    )


def test_names_mappings_and_objects_are_accepted() -> None:
    slow = TechnicalAgent(trend_slow=250)
    assert list(AgentManager({"slow": slow, "fast": TechnicalAgent()}).agents) == ["slow", "fast"]
    assert list(AgentManager("value").agents) == ["value"]
    assert AgentManager([slow, "value"]).needs == ("close", "total_return", "volume")
    assert AgentManager([slow, "value"]).warmup == 5
    assert AgentManager(["technical", "value"]).weights(example_market()).sum(axis=1).eq(1.0).all()


@pytest.mark.parametrize(
    ("agents", "weighting", "words"),
    [
        (["techncal"], "equal", "did you mean technical"),
        ([], "equal", "at least one agent"),
        (["value", "value"], "equal", "a name twice"),
        (["value"], "equals", "did you mean equal"),
    ],
)
def test_wrong_parameters_are_refused(agents: list[str], weighting: str, words: str) -> None:
    with pytest.raises(ParamsError, match=words):
        AgentManager(agents, weighting)
