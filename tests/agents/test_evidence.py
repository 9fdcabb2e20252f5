"""Evidence is ranked across members, averaged over what is available, and computed once."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pandas as pd
import pytest

from alphapulse.agents import AGENTS
from alphapulse.agents.evidence import Evidence, EvidenceAgent
from alphapulse.core.errors import ParamsError
from alphapulse.core.market import MarketData

SESSIONS = pd.bdate_range("2020-01-01", periods=6)
ASSETS = pd.Index(["A", "B", "C", "D"])
CALLS: list[str] = []


def level(market: MarketData, window: int) -> pd.DataFrame:
    CALLS.append("level")
    return market.panel("close")


def turnover(market: MarketData, window: int) -> pd.DataFrame:
    CALLS.append("turnover")
    return market.panel("volume")


class Two(EvidenceAgent):
    name = "two"
    evidence = (
        Evidence("level", level, 1, 1, 3.0, "none", ("close",)),
        Evidence("turnover", turnover, 2, -1, 1.0, "none", ("volume",)),
    )


def market(volume: list[float] | None = None, membership: pd.DataFrame | None = None) -> MarketData:
    panels = {"close": pd.DataFrame([[1.0, 2.0, 3.0, 4.0]] * 6, SESSIONS, ASSETS)}
    if volume is not None:
        panels["volume"] = pd.DataFrame([volume] * 6, SESSIONS, ASSETS)
    return MarketData(panels, membership=membership)


def test_score_is_the_weighted_mean_of_the_ranks() -> None:
    score = Two().score(market([1.0, 2.0, 3.0, 4.0]))
    ranks = np.array([-0.75, -0.25, 0.25, 0.75])
    np.testing.assert_allclose(score.iloc[-1], (3.0 * ranks - 1.0 * ranks) / 4.0, rtol=1e-15)


def test_missing_evidence_lowers_coverage_not_the_score() -> None:
    only_level = Two()
    assert (only_level.coverage(market()) == 0.75).all(axis=None)
    assert only_level.score(market()).iloc[-1].tolist() == [-0.75, -0.25, 0.25, 0.75]
    half = Two().coverage(market([np.nan, 2.0, 3.0, 4.0])).iloc[-1]
    assert half.tolist() == [0.75, 1.0, 1.0, 1.0]


def test_assets_outside_the_index_are_not_ranked() -> None:
    membership = pd.DataFrame(True, SESSIONS, ASSETS)
    membership["D"] = False
    agent, there = Two(), market(membership=membership)
    assert agent.score(there).iloc[-1].round(3).tolist()[:3] == [-0.667, 0.0, 0.667]
    assert agent.score(there)["D"].isna().all()
    assert (agent.coverage(there)["D"] == 0.0).all()


def test_score_and_coverage_compute_the_evidence_once() -> None:
    CALLS.clear()
    agent, there = Two(), market([1.0, 2.0, 3.0, 4.0])
    agent.score(there)
    agent.coverage(there)
    assert CALLS == ["level", "turnover"]
    agent.score(market([1.0, 2.0, 3.0, 4.0]))
    assert len(CALLS) == 4


def test_what_is_remembered_dies_with_the_market() -> None:
    agent, there = Two(), market()
    agent.score(there)
    gone = weakref.ref(there)
    del there
    gc.collect()
    assert gone() is None


def test_weights_and_windows_are_parameters() -> None:
    assert Two({"turnover": 1.0}).needs == ("volume",)
    assert Two(turnover=7).chosen[1].window == 7
    assert Two({"turnover": 1.0}, turnover=7).warmup == 6  # the seventh session has seven
    assert repr(Two({"turnover": 1.0}, turnover=7)) == "Two(weights={'turnover': 1.0}, turnover=7)"


@pytest.mark.parametrize(
    ("weights", "windows", "words"),
    [
        ({"levle": 1.0}, {}, "did you mean level"),
        ({"level": -1.0}, {}, "weights: level"),
        ({"level": 0.0}, {}, "at least one weight"),
        ({}, {}, "at least one weight"),
        ({"level": float("nan")}, {}, "weights: level"),
        (None, {"level": 0}, "window: level"),
        (None, {"level": 2.5}, "window: level"),
        (None, {"trend": 5}, "one of level, turnover"),
    ],
)
def test_wrong_parameters_are_refused(weights: dict[str, float] | None, windows: dict[str, int], words: str) -> None:
    with pytest.raises(ParamsError, match=words):
        Two(weights, **windows)


@pytest.mark.parametrize("name", AGENTS)
def test_every_piece_declares_its_source(name: str) -> None:
    agent = AGENTS[name]()
    assert agent.name == name
    for piece in agent.chosen:
        assert piece.direction in (-1, 1)
        assert any(character.isdigit() for character in piece.source), f"{piece.name} names no publication"
