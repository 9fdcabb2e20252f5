"""The manager's score is the sum of its agents' contributions; who abstains leaves the vote to the others."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from alphapulse.agents import AGENTS
from alphapulse.agents.manager import AgentManager
from alphapulse.agents.technical import TechnicalAgent
from alphapulse.agents.weighting import WEIGHTINGS
from alphapulse.agents.weighting.stacking import Stacked
from alphapulse.agents.weighting.trailing import TrailingIC
from alphapulse.core.errors import ParamsError
from alphapulse.core.market import MarketData
from alphapulse.testing import AGENT_CHECKS, example_market

SESSIONS = pd.bdate_range("2020-01-01", periods=3)
WEIGHTED = {
    "equal": ("equal", {}),
    "fixed": ("fixed", {"votes": {name: float(place) for place, name in enumerate(AGENTS)}}),
    "trailing_ic": ("trailing_ic", {}),
    "trailing_ic by week": ("trailing_ic", {"horizon": 5, "window": 250, "every": 5}),
    "correlation_aware": ("correlation_aware", {}),
    "ridge": ("stacked", {"horizon": 5, "window": 500}),
    "boosting": ("stacked", {"model": "boosting", "window": 630}),
    "regime": ("regime", {}),
}


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


@pytest.mark.parametrize("weighting", [name for name in WEIGHTINGS if name != "fixed"])
def test_contributions_are_weight_times_coverage_times_score_and_add_up(weighting: str) -> None:
    market = example_market()
    agents = {"technical": TechnicalAgent(), "value": AGENTS["value"](), "sentiment": AGENTS["sentiment"]()}
    manager = AgentManager(agents, weighting)
    parts, weights = manager.contributions(market), manager.weights(market)
    scores = {name: agent.score(market) for name, agent in agents.items()}
    power = {
        name: agents[name].coverage(market).where(score.notna(), 0.0).mul(weights[name], axis=0)
        for name, score in scores.items()
    }
    total = sum(power.values())
    for name, part in parts.items():
        wanted = (power[name] * scores[name].fillna(0.0) / total.where(total > 0.0)).to_numpy()
        np.testing.assert_allclose(part.to_numpy(), wanted, rtol=1e-12, atol=1e-15)
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
    both = AgentManager([slow, "value"])
    assert both.needs == tuple(sorted({*slow.needs, *AGENTS["value"]().needs}))
    assert both.warmup == min(slow.warmup, AGENTS["value"]().warmup)
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


@pytest.mark.parametrize("check", [check for check in AGENT_CHECKS if check != "price_scale"])
@pytest.mark.parametrize("name", WEIGHTED)
def test_every_law_holds_under_every_weighting(name: str, check: str, whole: MarketData) -> None:
    weighting, options = WEIGHTED[name]
    AGENT_CHECKS[check](AgentManager(list(AGENTS), weighting, options), whole)


@pytest.mark.parametrize("name", [name for name in WEIGHTED if name != "fixed"])
def test_weightings_do_not_know_the_scale_of_prices(name: str, whole: MarketData) -> None:
    weighting, options = WEIGHTED[name]
    agents = {piece: TechnicalAgent({piece: 1.0}) for piece in ("momentum", "reversal", "low_volatility")}
    AGENT_CHECKS["price_scale"](AgentManager(agents, weighting, options), whole)


@pytest.fixture(scope="module")
def whole() -> MarketData:
    return example_market()


def test_votes_fixed_beforehand(market: MarketData) -> None:
    manager = AgentManager(
        [Fixed("x", [1.0, 1.0, np.nan], [1.0, 0.5, 0.0]), Fixed("y", [-1.0, 0.5, 0.2], [1.0, 1.0, 0.5])],
        "fixed",
        {"votes": {"x": 3, "y": 1}},
    )
    assert (manager.weights(market) == [0.75, 0.25]).all(axis=None)
    np.testing.assert_allclose(manager.score(market).iloc[0], [0.5, (0.375 + 0.125) / 0.625, 0.2], rtol=1e-15)
    assert manager.coverage(market).iloc[0].tolist() == [1.0, 0.75, 0.25]


def test_an_agent_without_a_vote_is_only_watched(market: MarketData) -> None:
    manager = AgentManager(
        [Fixed("x", [1.0, 1.0, 0.3], [1.0] * 3), Fixed("y", [-1.0, np.nan, 0.2], [1.0, 0.0, 0.5])],
        "fixed",
        {"votes": {"x": 0, "y": 1}},
    )
    assert manager.score(market).iloc[0].tolist()[::2] == [-1.0, 0.2]
    assert manager.score(market)["B"].isna().all()
    assert manager.coverage(market).iloc[0].tolist() == [1.0, 0.0, 0.5]


def test_shares_show_what_abstention_redistributes(market: MarketData) -> None:
    manager = AgentManager(
        [Fixed("x", [1.0, np.nan, np.nan], [1.0, 0.0, 0.0]), Fixed("y", [0.5, 0.5, np.nan], [0.5, 1.0, 0.0])]
    )
    assert (manager.weights(market) == 0.5).all(axis=None)
    # asset A: 2/3 to x, 1/3 to y; asset B: all to y; nobody speaks on C
    np.testing.assert_allclose(manager.shares(market), [[1.0 / 3.0, 2.0 / 3.0]] * 3, rtol=1e-15)
    silent = AgentManager([Fixed("x", [np.nan] * 3, [0.0] * 3)])
    assert silent.shares(market).isna().all(axis=None)


def test_diagnostics_measure_conflict_concentration_and_silence(market: MarketData) -> None:
    agents = [Fixed("x", [1.0, 0.4, np.nan], [1.0, 1.0, 0.0]), Fixed("y", [-1.0, 0.2, 0.0], [1.0, 1.0, 1.0])]
    notes = AgentManager(agents).diagnostics(market)
    # A cancels out (1), B agrees (0), on C one agent says nothing either way (0)
    np.testing.assert_allclose(notes["conflict"], 1.0 / 3.0)
    np.testing.assert_allclose(notes["concentration"], (1.0 / 3.0) ** 2 + (2.0 / 3.0) ** 2)
    np.testing.assert_allclose(notes["abstaining"], 1.0 / 6.0)
    one = AgentManager(agents[:1]).diagnostics(market)
    assert (one["conflict"] == 0.0).all()
    assert (one["concentration"] == 1.0).all()
    silent = AgentManager([Fixed("x", [np.nan] * 3, [0.0] * 3)]).diagnostics(market)
    assert silent[["conflict", "concentration"]].isna().all(axis=None)
    assert (silent["abstaining"] == 1.0).all()


def test_only_members_count_as_silent() -> None:
    membership = pd.DataFrame([[True, True, False]] * 3, SESSIONS, ["A", "B", "C"])
    there = MarketData({"close": pd.DataFrame(1.0, SESSIONS, ["A", "B", "C"])}, membership=membership)
    notes = AgentManager([Fixed("x", [0.1, np.nan, np.nan], [1.0, 0.0, 0.0])]).diagnostics(there)
    assert (notes["abstaining"] == 0.5).all()


def test_shares_add_up_and_diagnostics_stay_in_range(whole: MarketData) -> None:
    manager = AgentManager(list(AGENTS), "trailing_ic")
    spoken = manager.score(whole).notna().any(axis=1)
    shares, notes = manager.shares(whole), manager.diagnostics(whole)
    np.testing.assert_allclose(shares[spoken].sum(axis=1), 1.0, rtol=1e-12)
    assert shares[~spoken].isna().all(axis=None)
    assert notes[spoken].apply(lambda column: column.between(0.0, 1.0 + 1e-12)).all(axis=None)
    assert notes.index.equals(whole.sessions)


def test_answers_are_the_callers_own(whole: MarketData) -> None:
    manager = AgentManager(["technical", "value"])
    for answer in (manager.weights, manager.shares, manager.coverage, manager.score):
        given = answer(whole)
        kept = given.copy()
        given.iloc[:] = 7.0
        pd.testing.assert_frame_equal(answer(whole), kept)


def test_agents_score_once(market: MarketData) -> None:
    calls = []

    class Counted(Fixed):
        def score(self, market: MarketData) -> pd.DataFrame:
            calls.append(self.name)
            return super().score(market)

    manager = AgentManager(
        [Counted("x", [1.0, 0.5, 0.0], [1.0] * 3), Counted("y", [0.0, 0.5, 1.0], [1.0] * 3)], "regime"
    )
    manager.score(market)
    manager.diagnostics(market)
    manager.weights(market)
    assert calls == ["x", "y"]


def test_a_weighting_of_ones_own() -> None:
    class Growing:
        def weights(self, scores: dict[str, pd.DataFrame], market: MarketData) -> pd.DataFrame:
            first = np.linspace(0.0, 1.0, len(market.sessions))
            return pd.DataFrame({"technical": first, "value": 1.0 - first}, index=market.sessions)

    market = example_market(sessions=300)
    manager = AgentManager(["technical", "value"], Growing())
    assert manager.weights(market)["technical"].iloc[-1] == 1.0

    class Leveraged(Growing):
        def weights(self, scores: dict[str, pd.DataFrame], market: MarketData) -> pd.DataFrame:
            return 2.0 * super().weights(scores, market)

    class Short(Growing):
        def weights(self, scores: dict[str, pd.DataFrame], market: MarketData) -> pd.DataFrame:
            return super().weights(scores, market).add([-1.0, 1.0], axis=1)

    class Lost(Growing):
        def weights(self, scores: dict[str, pd.DataFrame], market: MarketData) -> pd.DataFrame:
            return super().weights(scores, market).iloc[1:]

    for broken in (Leveraged(), Short(), Lost()):
        with pytest.raises(ParamsError, match="rows that sum to 1"):
            AgentManager(["technical", "value"], broken).score(market)


def test_the_weighting_and_its_options_are_part_of_what_ran() -> None:
    manager = AgentManager(["value"], "trailing_ic", {"horizon": 5})
    assert "TrailingIC(horizon=5, window=756" in repr(manager)
    assert manager.weighting == TrailingIC(horizon=5)
    assert AgentManager(["value"], Stacked()).weighting == Stacked()
