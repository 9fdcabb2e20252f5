"""Limits hold, record what they took, send it to cash, and never stand in the way of less risk."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alphapulse.core.errors import ParamsError
from alphapulse.core.estimates import RiskEstimate
from alphapulse.core.ports import Limit
from alphapulse.risk.limits import LIMITS, MaxDrawdown, MaxGross, MaxPosition
from alphapulse.risk.manager import RiskManager
from alphapulse.testing import example_estimate

ASSETS = pd.Index(["A", "B", "C", "D"])


def equity(*values: float) -> pd.Series:
    return pd.Series(values, index=pd.bdate_range("2020-01-01", periods=len(values)), dtype=float)


@dataclass(frozen=True)
class Context:
    current: pd.Series = field(default_factory=lambda: pd.Series(0.0, index=ASSETS))
    equity: pd.Series = field(default_factory=lambda: equity(100.0, 101.0))
    estimate: RiskEstimate = field(default_factory=lambda: example_estimate(4))


def weights(*values: float) -> pd.Series:
    return pd.Series(values, index=ASSETS)


def test_position_is_cut_to_cash_and_recorded() -> None:
    allowed, clamps = RiskManager([MaxPosition(0.3)]).apply(weights(0.5, 0.3, -0.4, 0.0), Context())
    assert allowed.tolist() == [0.3, 0.3, -0.3, 0.0]
    assert [(clamp.rule, clamp.asset, clamp.before, clamp.after) for clamp in clamps] == [
        ("max_position", "A", 0.5, 0.3),
        ("max_position", "C", -0.4, -0.3),
    ]
    assert "above 0.3" in clamps[0].reason


def test_gross_is_scaled_and_recorded() -> None:
    allowed, clamps = RiskManager([MaxGross(0.5)]).apply(weights(0.5, 0.5, 0.0, 0.0), Context())
    assert allowed.tolist() == [0.25, 0.25, 0.0, 0.0]
    assert [clamp.asset for clamp in clamps] == ["A", "B"]


def test_weights_within_the_limits_pass_untouched() -> None:
    proposed = weights(0.25, 0.25, 0.25, 0.25)
    allowed, clamps = RiskManager([MaxPosition(0.25), MaxGross(1.0), MaxDrawdown()]).apply(proposed, Context())
    assert allowed is proposed
    assert clamps == ()


@pytest.mark.parametrize(
    ("path", "cap"),
    [
        ((100, 120, 120), 1.0),
        ((100, 120, 108), 1.0),
        ((100, 120, 102), 0.5),
        ((100, 120, 96), 0.0),
        ((100, 120, 60), 0.0),
        ((100, 120, 60, 102), 0.5),
        ((100, 120, 60, 125), 1.0),
    ],
)
def test_the_drawdown_schedule(path: tuple[float, ...], cap: float) -> None:
    assert MaxDrawdown(limit=0.20, start=0.10).cap(equity(*path)) == pytest.approx(cap)


def test_the_drawdown_floor_and_the_forgotten_peak() -> None:
    limit = MaxDrawdown(limit=0.20, floor=0.4, reentry=5)
    assert limit.cap(equity(100, 70, 70, 70, 70)) == pytest.approx(0.4)
    assert limit.cap(equity(100, 70, 70, 70, 70, 70)) == 1.0


def test_drawdown_scales_the_book_and_says_so() -> None:
    context = Context(equity=equity(100, 120, 102))
    allowed, clamps = RiskManager([MaxDrawdown(limit=0.2)]).apply(weights(0.4, 0.4, 0.0, 0.0), context)
    np.testing.assert_allclose(allowed, [0.25, 0.25, 0.0, 0.0])
    assert "cap at this drawdown" in clamps[0].reason


def test_kept_weights_are_judged_as_held() -> None:
    context = Context(current=weights(0.5, 0.2, 0.1, 0.0))
    keep = weights(np.nan, np.nan, 0.2, np.nan)
    allowed, clamps = RiskManager([MaxPosition(0.3)]).apply(keep, context)
    assert allowed["A"] == 0.3
    assert np.isnan(allowed["B"])
    assert allowed["C"] == 0.2
    assert clamps[0].before == 0.5
    same, none = RiskManager([MaxPosition(0.6)]).apply(keep, context)
    assert same is keep
    assert none == ()


def test_notes_are_kept() -> None:
    proposed = weights(0.5, 0.0, 0.0, 0.0)
    proposed.attrs["notes"] = ("from the sizer",)
    allowed, _ = RiskManager([MaxPosition(0.3)]).apply(proposed, Context())
    assert allowed.attrs["notes"] == ("from the sizer",)
    assert proposed["A"] == 0.5


@pytest.mark.parametrize("name", LIMITS)
def test_every_limit_builds_without_arguments_and_satisfies_the_port(name: str) -> None:
    assert isinstance(LIMITS[name](), Limit)
    assert LIMITS[name]().rule == name
    assert RiskManager([name]).limits == (LIMITS[name](),)
    assert RiskManager(name).limits == (LIMITS[name](),)


@settings(max_examples=150, deadline=None)
@given(
    proposed=st.lists(st.floats(-1.5, 1.5), min_size=4, max_size=4),
    path=st.lists(st.floats(50.0, 150.0), min_size=1, max_size=8),
    position=st.floats(0.01, 1.0),
    gross=st.floats(0.05, 2.0),
    order=st.permutations(["max_position", "max_gross", "max_drawdown"]),
)
def test_limits_hold_shrink_only_and_are_recorded(
    proposed: list[float], path: list[float], position: float, gross: float, order: list[str]
) -> None:
    built = {"max_position": MaxPosition(position), "max_gross": MaxGross(gross), "max_drawdown": MaxDrawdown()}
    manager = RiskManager([built[name] for name in order])
    context = Context(equity=equity(*path))
    before = weights(*proposed)
    after, clamps = manager.apply(before, context)
    assert (after.abs() <= before.abs()).all()
    assert (np.sign(after) * np.sign(before) >= 0).all()
    assert after.abs().max() <= position * (1.0 + 1e-9)
    assert after.abs().sum() <= gross * (1.0 + 1e-9)
    cap = MaxDrawdown().cap(context.equity)
    assert cap == 1.0 or after.abs().sum() <= cap + 1e-9
    assert set(before.index[before != after]) == {clamp.asset for clamp in clamps}
    again, none = manager.apply(after, context)
    pd.testing.assert_series_equal(again, after, check_exact=True)
    assert none == ()


@pytest.mark.parametrize("name", LIMITS)
def test_selling_everything_is_never_blocked(name: str) -> None:
    context = Context(current=weights(0.9, 0.9, -0.9, 0.0), equity=equity(100, 10))
    nothing = weights(0.0, 0.0, 0.0, 0.0)
    assert RiskManager([name]).apply(nothing, context)[0] is nothing


@settings(max_examples=50, deadline=None)
@given(path=st.lists(st.floats(50.0, 150.0), min_size=2, max_size=20), cut=st.integers(1, 19))
def test_the_drawdown_cap_knows_only_the_past(path: list[float], cut: int) -> None:
    limit = MaxDrawdown(limit=0.3, reentry=6)
    replayed = [limit.cap(equity(*path[: at + 1])) for at in range(len(path))]
    assert all(0.0 <= cap <= 1.0 for cap in replayed)
    assert limit.cap(equity(*path).iloc[:cut]) == replayed[min(cut, len(path)) - 1]


@pytest.mark.parametrize(
    ("limit", "given_", "words"),
    [
        (MaxPosition, {"weight": 10}, "10 per cent is 0.10"),
        (MaxPosition, {"weight": -0.1}, "weight"),
        (MaxPosition, {"weight": 0.0}, "weight"),
        (MaxPosition, {"weight": None}, "weight"),
        (MaxGross, {"gross": 100}, "gross"),
        (MaxGross, {"gross": float("inf")}, "gross"),
        (MaxDrawdown, {"limit": 20}, "limit"),
        (MaxDrawdown, {"start": 0.3}, "start below limit"),
        (MaxDrawdown, {"floor": 1.5}, "floor"),
        (MaxDrawdown, {"reentry": 0}, "reentry"),
    ],
)
def test_wrong_limits_are_refused(limit: type, given_: dict[str, object], words: str) -> None:
    with pytest.raises(ParamsError, match=words):
        limit(**given_)


def test_an_unknown_limit_is_refused_with_the_nearest() -> None:
    with pytest.raises(ParamsError, match="did you mean max_position"):
        RiskManager(["max_positon"])
