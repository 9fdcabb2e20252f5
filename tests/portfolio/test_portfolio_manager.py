"""The manager hands the best-scored members to its allocator and keeps what is close enough."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alphapulse.core.errors import ParamsError
from alphapulse.portfolio.manager import PortfolioManager
from alphapulse.portfolio.mean_variance import MaxSharpe, MinVariance
from alphapulse.portfolio.simple import EqualWeight
from alphapulse.testing import example_estimate, unusable

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
    assert manager.banded(far, current) is far
    assert PortfolioManager(EqualWeight()).banded(current, current) is current


def test_the_first_purchase_is_never_inside_the_band() -> None:
    target = pd.Series(0.01, index=ASSETS)
    nothing = pd.Series(np.nan, index=ASSETS)
    assert PortfolioManager(EqualWeight(), drift_band=0.005).banded(target, nothing) is target


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
        ({"lookback": 1}, "lookback"),
        ({"lookback": 756.0}, "lookback"),
    ],
)
def test_wrong_parameters_are_refused(given_: dict[str, object], words: str) -> None:
    with pytest.raises(ParamsError, match=words):
        PortfolioManager(EqualWeight(), **given_)
