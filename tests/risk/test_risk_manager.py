"""The risk manager holds all limits at once, records what it took, and never stands in the way of less risk."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from alphapulse.core.errors import ParamsError
from alphapulse.core.facts import Facts
from alphapulse.core.stops import FixedStop, TrailingStop
from alphapulse.risk.limits import LIMITS
from alphapulse.risk.limits.equity import MaxDrawdown
from alphapulse.risk.limits.exposure import MaxGross, MaxNet, MaxPosition
from alphapulse.risk.limits.factor import MaxBeta
from alphapulse.risk.limits.trading import MaxDaysOfVolume, MaxTurnover
from alphapulse.risk.manager import ROUNDS, RiskManager
from alphapulse.testing import example_context, example_estimate
from alphapulse.testing.limits import Context

ASSETS = pd.Index(["A", "B", "C", "D"])


def weights(*values: float) -> pd.Series:
    return pd.Series(values, index=ASSETS)


def context(**given_: object) -> Context:
    estimate = example_estimate(4)
    parts: dict[str, object] = {
        "estimate": estimate,
        "current": weights(0.0, 0.0, 0.0, 0.0),
        "equity": pd.Series(100.0, index=estimate.window.index[-2:]),
        "facts": Facts(),
    }
    return Context(**{**parts, **given_})  # type: ignore[arg-type]


def test_weights_within_the_limits_pass_untouched() -> None:
    proposed = weights(0.25, 0.25, 0.25, 0.25)
    allowed, clamps = RiskManager([MaxPosition(0.25), MaxGross(1.0), MaxDrawdown()]).apply(proposed, context())
    assert allowed is proposed
    assert clamps == ()
    assert RiskManager().apply(proposed, context())[0] is proposed


def test_kept_weights_are_judged_as_held() -> None:
    held = context(current=weights(0.5, 0.2, 0.1, 0.0))
    keep = weights(np.nan, np.nan, 0.2, np.nan)
    allowed, clamps = RiskManager([MaxPosition(0.3)]).apply(keep, held)
    assert allowed["A"] == 0.3
    assert np.isnan(allowed["B"])
    assert allowed["C"] == 0.2
    assert clamps[0].before == 0.5
    same, none = RiskManager([MaxPosition(0.6)]).apply(keep, held)
    assert same is keep
    assert none == ()


def test_kept_and_halted_stays_kept_while_the_others_make_room() -> None:
    tradable = pd.Series([False, True, True, True], index=ASSETS)
    held = context(current=weights(0.6, 0.4, 0.0, 0.0), facts=Facts(tradable=tradable))
    allowed, clamps = RiskManager([MaxGross(0.8)]).apply(weights(np.nan, np.nan, 0.4, 0.0), held)
    assert np.isnan(allowed["A"])
    np.testing.assert_allclose(allowed[["B", "C"]], [0.1, 0.1])
    assert [clamp.asset for clamp in clamps] == ["B", "C"]


def test_notes_are_kept() -> None:
    proposed = weights(0.5, 0.0, 0.0, 0.0)
    proposed.attrs["notes"] = ("from the sizer",)
    allowed, _ = RiskManager([MaxPosition(0.3)]).apply(proposed, context())
    assert allowed.attrs["notes"] == ("from the sizer",)
    assert proposed["A"] == 0.5


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_cut_that_breaks_another_limit_is_followed_by_its_cut(order: tuple[int, int]) -> None:
    """A short that cannot be sold in time is cut, which raises the net."""
    volumes = pd.Series([1e9, 40.0, 1e9, 1e9], index=ASSETS)  # of an equity of 100: 20 % in five sessions
    limits = [MaxNet(0.1), MaxDaysOfVolume(days=5)]
    proposed, beside = weights(0.3, -0.5, 0.3, 0.0), context(facts=Facts(traded_value=volumes))
    allowed, clamps = RiskManager([limits[at] for at in order]).apply(proposed, beside)
    np.testing.assert_allclose(allowed, [0.15, -0.2, 0.15, 0.0])
    assert [(clamp.rule, clamp.asset) for clamp in clamps] == [
        ("max_days_of_volume", "B"),
        ("max_net", "A"),
        ("max_net", "C"),
    ]


def test_limits_that_never_agree_scale_the_whole_book() -> None:
    """Net and beta pull on a small book in turn: after so many rounds all weights are scaled by one share."""
    disagreeing = 0
    for seed in range(12):
        beside = example_context(seed)
        limits = [MaxNet(0.02), MaxBeta(0.02)]
        allowed, clamps = RiskManager(limits).apply(2.0 * beside.current, beside)
        for limit in limits:
            assert limit.apply(allowed, beside)[0] is allowed
        last = [clamp for clamp in clamps if clamp.rule == "all_limits"]
        if last:
            disagreeing += 1
            shares = np.array([clamp.after / clamp.before for clamp in last])
            np.testing.assert_allclose(shares, shares[0], rtol=1e-9)
            assert f"{ROUNDS} rounds" in last[0].reason
            # The share is the largest: a hair more, and a limit cuts again.
            more = allowed * (1.0 + 1e-6)
            assert any(limit.apply(more, beside)[1] for limit in limits)
    assert 0 < disagreeing < 12


@pytest.mark.parametrize("name", LIMITS)
def test_selling_everything_is_never_blocked(name: str) -> None:
    beside = example_context(2, halted=True, forecasts=False)
    nothing = 0.0 * beside.current
    assert RiskManager([name]).apply(nothing, beside)[0] is nothing


@pytest.mark.parametrize("name", LIMITS)
def test_a_name_stands_for_the_defaults(name: str) -> None:
    assert RiskManager([name]).limits == (LIMITS[name](),)
    assert RiskManager(name).limits == (LIMITS[name](),)
    assert RiskManager(LIMITS[name]()).limits == (LIMITS[name](),)


def test_switched_off_equals_never_had() -> None:
    beside = example_context(1)
    proposed = 3.0 * beside.current
    manager = RiskManager(
        [MaxPosition(0.1), MaxGross(0.5), MaxTurnover(0.1)], ["fixed_stop", TrailingStop(0.2)], "daily"
    )
    for rule, rest in (
        ("max_gross", RiskManager([MaxPosition(0.1), MaxTurnover(0.1)], ["fixed_stop", TrailingStop(0.2)], "daily")),
        ("trailing_stop", RiskManager([MaxPosition(0.1), MaxGross(0.5), MaxTurnover(0.1)], ["fixed_stop"], "daily")),
    ):
        less = manager.without(rule)
        assert (less.limits, less.stops, less.check) == (rest.limits, rest.stops, rest.check)
        pd.testing.assert_series_equal(less.apply(proposed, beside)[0], rest.apply(proposed, beside)[0])
    assert len(manager.limits) == 3
    with pytest.raises(ParamsError, match="did you mean max_gross"):
        manager.without("max_gros")


def test_stops_and_check_are_carried_and_shown() -> None:
    manager = RiskManager(["max_gross"], stops=[FixedStop(0.05)], check="daily")
    assert manager.stops == (FixedStop(0.05),)
    assert repr(manager) == "RiskManager([MaxGross(gross=1.0)], stops=[FixedStop(loss=0.05)], check='daily')"
    assert repr(RiskManager(["max_gross"])) == "RiskManager([MaxGross(gross=1.0)])"
    assert RiskManager().check == "decisions"


@pytest.mark.parametrize(
    ("given_", "words"),
    [
        ({"limits": ["max_positon"]}, "did you mean max_position"),
        ({"limits": [MaxPosition]}, r"MaxPosition came(.|\n)*MaxPosition\(0.05\)"),
        ({"limits": [0.1]}, "float came"),
        ({"stops": ["fixed"]}, "fixed_stop"),
        ({"check": "hourly"}, "daily"),
    ],
)
def test_wrong_parts_are_refused(given_: dict[str, list[str]], words: str) -> None:
    with pytest.raises(ParamsError, match=words):
        RiskManager(**given_)  # type: ignore[arg-type]


def test_a_mapping_as_in_a_file_keeps_its_numbers() -> None:
    manager = RiskManager({"max_position": {"weight": 0.02}, "max_gross": {}}, {"fixed_stop": {"loss": 0.02}})
    assert repr(manager.limits[0]) == "MaxPosition(weight=0.02)" and manager.rules[1] == "max_gross"
    assert manager.stops[0].loss == 0.02
    with pytest.raises(ParamsError, match="wieght"):
        RiskManager({"max_position": {"wieght": 0.02}})
