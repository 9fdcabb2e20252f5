"""The manager hands the best-scored members to its allocator and keeps what is close enough."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alphapulse.agents.manager import AgentManager
from alphapulse.backtest.run import backtest
from alphapulse.core.errors import ParamsError
from alphapulse.core.ports import Allocator
from alphapulse.portfolio.constraints import Constraints
from alphapulse.portfolio.manager import PortfolioManager
from alphapulse.portfolio.mean_variance import MaxSharpe, MinVariance
from alphapulse.portfolio.simple import BenchmarkMix, EqualWeight
from alphapulse.strategy import Strategy
from alphapulse.testing import example_estimate, example_market, unusable

ESTIMATE = example_estimate(6)
ASSETS = ESTIMATE.assets
MEMBERS = pd.Series(True, index=ASSETS)
SCORES = pd.Series([0.5, -0.1, 0.9, np.nan, 0.2, 0.1], index=ASSETS)


def held(weights: pd.Series) -> list[str]:
    return list(weights.index[weights > 0.0])


def test_the_best_share_of_the_scored_is_held() -> None:
    assert held(PortfolioManager(EqualWeight(), select=0.4).targets(ESTIMATE, MEMBERS, SCORES)) == ["A00", "A02"]
    assert held(PortfolioManager(EqualWeight(), select=0.5).targets(ESTIMATE, MEMBERS, SCORES)) == ["A00", "A02", "A04"]
    assert held(PortfolioManager(EqualWeight(), select=0.01).targets(ESTIMATE, MEMBERS, SCORES)) == ["A02"]


def test_who_is_not_eligible_is_not_held() -> None:
    members = MEMBERS.copy()
    members["A02"] = False
    weights = PortfolioManager(EqualWeight(), select=1.0).targets(unusable(ESTIMATE, "A00"), members, SCORES)
    assert held(weights) == ["A01", "A04", "A05"]
    assert weights.sum() == pytest.approx(1.0)
    assert weights.index.equals(ASSETS)


def test_ties_at_the_edge_join() -> None:
    scores = pd.Series([0.3, 0.3, 0.3, 0.1, 0.1, 0.9], index=ASSETS)
    assert held(PortfolioManager(EqualWeight(), select=0.34).targets(ESTIMATE, MEMBERS, scores)) == [
        "A00",
        "A01",
        "A02",
        "A05",
    ]


def test_without_scores_all_usable_members_are_held() -> None:
    assert held(PortfolioManager(EqualWeight(), select=0.5).targets(ESTIMATE, MEMBERS)) == list(ASSETS)


@pytest.mark.parametrize("scores", [0.0 * SCORES * np.nan, None])
def test_nobody_eligible_is_cash_and_noted(scores: pd.Series | None) -> None:
    members = MEMBERS if scores is not None else ~MEMBERS
    weights = PortfolioManager(MinVariance()).targets(ESTIMATE, members, scores)
    assert (weights == 0.0).all()
    assert "no eligible asset" in weights.attrs["notes"][0]


def test_the_allocators_notes_are_passed_on() -> None:
    manager = PortfolioManager(MaxSharpe(target_volatility_ann=0.01), select=1.0)
    assert "below the minimum" in manager.targets(ESTIMATE, MEMBERS, SCORES).attrs["notes"][0]


def test_the_allocator_sees_scores_and_current_of_the_chosen() -> None:
    seen = {}

    class Spy:
        def allocate(self, estimate, scores=None, current=None):
            seen.update(assets=estimate.assets, scores=scores, current=current)
            return pd.Series(0.5, index=estimate.assets)

    current = pd.Series({"A02": 0.7, "A05": 0.3})
    PortfolioManager(Spy(), select=0.4).targets(ESTIMATE, MEMBERS, SCORES, current)
    assert list(seen["assets"]) == ["A00", "A02"]
    assert seen["scores"].to_dict() == {"A00": 0.5, "A02": 0.9}
    assert np.isnan(seen["current"]["A00"])
    assert seen["current"]["A02"] == 0.7


def test_the_estimate_may_cover_fewer_assets_than_the_market() -> None:
    market = pd.Series(True, index=["A00", "A01", "A02", "A03", "A04", "A05", "B00"])
    weights = PortfolioManager(EqualWeight(), select=1.0).targets(ESTIMATE.restricted(ASSETS != "A01"), market)
    assert held(weights) == ["A00", "A02", "A03", "A04", "A05"]
    assert list(weights.index) == list(market.index)


@settings(max_examples=50, deadline=None)
@given(
    scores=st.lists(st.one_of(st.floats(-1, 1), st.just(float("nan"))), min_size=6, max_size=6),
    members=st.lists(st.booleans(), min_size=6, max_size=6),
    select=st.floats(0.01, 1.0),
)
def test_only_eligible_assets_are_held_and_all_better_ones_too(
    scores: list[float], members: list[bool], select: float
) -> None:
    known, inside = pd.Series(scores, index=ASSETS), pd.Series(members, index=ASSETS)
    weights = PortfolioManager(EqualWeight(), select=select).targets(ESTIMATE, inside, known)
    eligible = inside & known.notna()
    chosen = weights > 0.0
    assert not (chosen & ~eligible).any()
    assert chosen.sum() >= min(eligible.sum(), max(1, np.floor(select * eligible.sum())))
    if chosen.any() and (eligible & ~chosen).any():
        assert known[chosen].min() > known[eligible & ~chosen].max()


def test_small_changes_are_not_traded() -> None:
    manager = PortfolioManager(EqualWeight(), drift_band=0.02)
    current = pd.Series([0.5, 0.5, 0.0, 0.0, 0.0, 0.0], index=ASSETS)
    near = current + np.array([0.01, -0.01, 0.0, 0.0, 0.0, 0.0])
    kept = manager.banded(near, current)
    assert kept.isna().all()
    assert "drift band" in kept.attrs["notes"][-1]
    far = current + np.array([0.03, -0.03, 0.0, 0.0, 0.0, 0.0])
    pd.testing.assert_series_equal(manager.banded(far, current), far)


def test_without_bands_the_weights_are_passed_on_to_the_last_bit() -> None:
    weights = pd.Series(np.random.default_rng(0).dirichlet(np.ones(6)), index=ASSETS)
    for current in (weights, weights * (1.0 + 1e-15), 0.0 * weights):
        banded = PortfolioManager(EqualWeight()).banded(weights, current)
        assert (banded.to_numpy() == weights.to_numpy()).all()


@pytest.mark.parametrize("band", [0.005, 0.5])
def test_the_first_purchase_is_never_inside_the_band(band: float) -> None:
    target = pd.Series(0.01, index=ASSETS)
    nothing = pd.Series(np.nan, index=ASSETS)
    pd.testing.assert_series_equal(PortfolioManager(EqualWeight(), drift_band=band).banded(target, nothing), target)


def test_bands_of_each_asset_are_applied() -> None:
    manager = PortfolioManager(EqualWeight(), no_trade=0.03, to_edge=True, min_trade=0.01)
    current = pd.Series([0.30, 0.31, 0.39, 0.0, 0.0, 0.0], index=ASSETS)
    wanted = pd.Series([0.40, 0.30, 0.295, 0.005, 0.0, 0.0], index=ASSETS)
    # 0.07 to the edge of the first and 0.065 from the third; the second and the small entry are kept, with 0.01 too
    # much, and 0.03 too much of the third: the buy shrinks to what is left of 1.
    banded = manager.banded(wanted, current)
    assert banded.to_numpy() == pytest.approx([0.365, np.nan, 0.325, np.nan, 0.0, 0.0], nan_ok=True)
    assert banded.attrs["notes"] == ("rebalanced: monthly, 2 of 4 weights close enough, buys x 0.929",)


def test_every_decision_says_why_it_trades_or_does_not() -> None:
    nothing, some = pd.Series(0.0, index=ASSETS), pd.Series(1.0 / 6.0, index=ASSETS)
    some.attrs["notes"] = ("from the sizer",)

    def reason(target: pd.Series, current: pd.Series, **given_: object) -> str:
        *earlier, last = PortfolioManager(EqualWeight(), **given_).banded(target, current).attrs["notes"]
        assert earlier == list(target.attrs.get("notes", ()))
        return last

    assert reason(some, some) == "rebalanced: monthly"
    assert reason(some, nothing, rebalance="month_end") == "rebalanced: month_end, from cash"
    assert reason(nothing, some, rebalance=10) == "rebalanced: every 10 sessions"
    assert reason(nothing, nothing, rebalance=["2020-01-31"]) == "rebalanced: a given date"
    assert reason(some, 0.9 * some, no_trade=0.05) == "kept: 6 of 6 weights close enough"
    assert reason(some, 0.9 * some, drift_band=0.05).startswith("kept: the largest change of 0.0167 is inside")


def test_each_decision_of_a_backtest_carries_one_reason() -> None:
    market = example_market(400)
    strategy = Strategy(
        agent=AgentManager(["technical"]),
        portfolio=PortfolioManager(EqualWeight(), lookback=100, no_trade=0.02, min_trade=0.005, rebalance="month_end"),
    )
    decisions = backtest(market, strategy).decisions
    reasons = decisions.notes.loc[decisions.notes["note"].str.match("rebalanced:|kept:")]
    assert list(reasons["session"]) == list(decisions.targets.index)
    assert reasons["note"].iloc[0] == "rebalanced: month_end, from cash"
    assert reasons["note"].str.contains("close enough").any()
    assert decisions.targets.isna().any(axis=None)
    cut = decisions.targets.index[-3]
    earlier = backtest(market.until(cut), strategy).decisions
    pd.testing.assert_frame_equal(earlier.targets, decisions.targets.loc[:cut])
    pd.testing.assert_frame_equal(earlier.notes, decisions.notes.loc[decisions.notes["session"] <= cut])


def test_the_worst_are_handed_on_where_shorts_are_allowed() -> None:
    allocator = EqualWeight(Constraints(lower=-1.0, net=0.0, gross=1.0))
    weights = PortfolioManager(allocator, select=0.4, short=0.2).targets(ESTIMATE, MEMBERS, SCORES)
    # Best two of five scored, and the worst one, whose score is below zero.
    assert held(weights) == ["A00", "A02"]
    assert held(-weights) == ["A01"]
    assert weights.sum() == pytest.approx(0.0, abs=1e-9)


def test_the_allocator_sees_the_scores_of_both_ends() -> None:
    seen = {}

    class Spy:
        constraints = Constraints(lower=-1.0)

        def allocate(self, estimate, scores=None, current=None):
            seen.update(scores.to_dict())
            return pd.Series(0.0, index=estimate.assets)

    PortfolioManager(Spy(), select=0.2, short=0.4).targets(ESTIMATE, MEMBERS, SCORES)
    assert seen == {"A01": -0.1, "A02": 0.9, "A05": 0.1}
    tied = pd.Series([0.3, 0.3, 0.3, 0.1, 0.1, 0.9], index=ASSETS)
    seen.clear()
    PortfolioManager(Spy(), select=0.1, short=0.1).targets(ESTIMATE, MEMBERS, tied)
    assert list(seen) == ["A03", "A04", "A05"]


@pytest.mark.parametrize("allocator", [EqualWeight(), MinVariance(), BenchmarkMix()])
def test_an_allocator_that_sells_nothing_short_is_not_handed_the_worst(allocator: Allocator) -> None:
    with pytest.raises(ParamsError, match="sells nothing short"):
        PortfolioManager(allocator, short=0.1)


def test_dates_are_kept_as_a_tuple() -> None:
    manager = PortfolioManager(EqualWeight(), rebalance=["2020-02-03", "2020-03-02"])
    assert manager.rebalance == ("2020-02-03", "2020-03-02")
    assert manager.decides(pd.bdate_range("2020-01-15", "2020-03-10")).sum() == 2


def test_decides_on_its_calendar() -> None:
    sessions = pd.bdate_range("2020-01-15", "2020-03-10")
    chosen = sessions[PortfolioManager(EqualWeight()).decides(sessions)]
    assert [str(day.date()) for day in chosen] == ["2020-01-15", "2020-02-03", "2020-03-02"]


@pytest.mark.parametrize(
    ("given_", "words"),
    [
        ({"select": 50}, "10 per cent is 0.10"),
        ({"select": 0.0}, "select"),
        ({"rebalance": "month"}, "did you mean monthly"),
        ({"drift_band": 2}, "drift_band"),
        ({"drift_band": -0.1}, "drift_band"),
        ({"no_trade": 2}, "portfolio: no_trade"),
        ({"min_trade": -0.001}, "portfolio: min_trade"),
        ({"short": 10}, "portfolio: short"),
        ({"rebalance": 0}, "portfolio: rebalance"),
        ({"rebalance": ["first of May"]}, "write 2001-03-15"),
        ({"lookback": 1}, "lookback"),
        ({"lookback": 756.0}, "lookback"),
    ],
)
def test_wrong_parameters_are_refused(given_: dict[str, object], words: str) -> None:
    with pytest.raises(ParamsError, match=words):
        PortfolioManager(EqualWeight(), **given_)
