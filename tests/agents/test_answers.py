"""Whatever an agent hands over is matched by label and checked before it votes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest

import alphapulse as ap
from alphapulse.agents.answers import coverage_of, scores_of
from alphapulse.core.errors import DataError
from alphapulse.testing import example_market


def momentum(market: ap.MarketData) -> pd.DataFrame:
    return np.tanh(market.panel("total_return").pct_change(63, fill_method=None)).where(market.members)


@dataclass(frozen=True)
class Own:
    """Momentum, altered."""

    alter: Callable[[pd.DataFrame], Any] = lambda score: score
    cover: Callable[[pd.DataFrame], Any] = lambda score: score.notna().astype(float)
    name: str = "own"
    needs: tuple[str, ...] = ("total_return",)
    warmup: int = 63

    def score(self, market: ap.MarketData) -> Any:
        return self.alter(momentum(market))

    def coverage(self, market: ap.MarketData) -> Any:
        return self.cover(momentum(market))


@pytest.fixture(scope="module")
def market() -> ap.MarketData:
    return example_market(sessions=400, assets=6)


def reversed_assets(panel: pd.DataFrame) -> pd.DataFrame:
    return panel[panel.columns[::-1]]


@pytest.mark.parametrize(
    "alter", [reversed_assets, lambda p: p.iloc[::-1], lambda p: p.dropna(how="all"), lambda p: p.astype(object)]
)
def test_labels_count_and_not_places(alter: Callable[[pd.DataFrame], Any], market: ap.MarketData) -> None:
    plain = ap.AgentManager([Own()])
    moved = ap.AgentManager([Own(alter, lambda p: alter(p.notna().astype(float)))])
    pd.testing.assert_frame_equal(moved.score(market), plain.score(market))
    pd.testing.assert_frame_equal(moved.coverage(market), plain.coverage(market))
    assert ap.scorecard(market, moved).summary()["ic"] == ap.scorecard(market, plain).summary()["ic"]


def test_a_raw_agent_and_its_manager_trade_alike(market: ap.MarketData) -> None:
    book = ap.PortfolioManager(ap.ALLOCATORS["equal_weight"](), select=0.5, lookback=100)
    odd = Own(reversed_assets, lambda p: reversed_assets(p.notna().astype(float)))
    alone = ap.backtest(market, ap.Strategy(agent=odd, portfolio=book))
    managed = ap.backtest(market, ap.Strategy(agent=ap.AgentManager([odd]), portfolio=book))
    pd.testing.assert_series_equal(alone.equity, managed.equity)


def test_who_is_no_member_gets_no_score(market: ap.MarketData) -> None:
    everyone = Own(lambda p: p.fillna(0.5), lambda p: p.notna() * 0.0 + 1.0)
    assert scores_of(everyone, market).where(~market.members).isna().all(axis=None)


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (Own(lambda p: 100.0 * p), "own: score"),
        (Own(lambda p: p.fillna(np.inf)), "own: score inf"),
        (Own(lambda p: p.to_numpy()), "returned ndarray"),
        (Own(lambda p: p.set_axis([str(n) for n in range(6)], axis=1)), "returned DataFrame of 400 x 6"),
        (Own(lambda p: p.fillna(0.0).astype(object).replace(0.0, "none")), "no number"),
        (Own(lambda p: pd.concat([p, p], axis=1)), "each label"),
        (Own(cover=lambda p: p.notna() * 3.0), "own: coverage 3.0"),
        (Own(cover=lambda p: p.notna().astype(float).replace(0.0, np.nan)), "own: coverage nan"),
    ],
)
def test_what_cannot_count_is_refused_in_words(agent: Own, words: str, market: ap.MarketData) -> None:
    with pytest.raises(DataError, match=words):
        ap.AgentManager([agent]).score(market)
    with pytest.raises(DataError, match=words):
        ap.scorecard(market, agent)


def test_what_an_agent_leaves_out_it_does_not_cover(market: ap.MarketData) -> None:
    some = Own(lambda p: p[["A00", "A04"]], lambda p: p[["A00", "A04"]].notna().astype(float))
    assert (coverage_of(some, market)[["A03", "A05"]] == 0.0).all(axis=None)
    assert scores_of(some, market)["A05"].isna().all()


def test_an_object_that_is_no_agent_is_told_what_one_is(market: ap.MarketData) -> None:
    class Half:
        name = "half"

        def score(self, given: ap.MarketData) -> pd.DataFrame:
            return momentum(given)

    with pytest.raises(ap.AlphaPulseError, match="is no agent"):
        ap.scorecard(market, Half())
    assert ap.scorecard(market, "technical").agents == ("technical",)
