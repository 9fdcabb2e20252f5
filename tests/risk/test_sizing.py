"""The sizer keeps to its gross, its sides and its volatility target, and each method does what its source says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from alphapulse.core.errors import DataError, ParamsError
from alphapulse.core.estimates import RiskEstimate
from alphapulse.core.facts import Facts
from alphapulse.risk.sizing import SIZERS, PositionSizer
from alphapulse.strategy import Strategy
from alphapulse.testing import example_estimate, unusable

ESTIMATE = example_estimate()
EQUAL = pd.Series(1 / 7, index=ESTIMATE.assets)
SCORES = pd.Series([0.8, -0.4, 0.2, 0.0, 0.6, -0.9, 0.1], index=ESTIMATE.assets)
EQUITY = pd.Series([100.0, 120.0, 108.0], index=pd.bdate_range("2020-01-01", periods=3))


def knowing(**facts: object) -> RiskEstimate:
    return replace(ESTIMATE, facts=Facts(**facts))


def volatility_ann(weights: pd.Series) -> float:
    return float(np.sqrt(252.0 * weights @ ESTIMATE.covariance @ weights))


def test_a_target_below_the_forecast_is_met() -> None:
    sized = PositionSizer(volatility_target_ann=0.10).size(EQUAL, ESTIMATE)
    assert volatility_ann(sized) == pytest.approx(0.10, rel=1e-12)
    np.testing.assert_allclose(sized / sized.sum(), EQUAL)
    assert "target 10.0% met" in sized.attrs["notes"][-1]


def test_a_target_above_the_forecast_stops_at_full_investment() -> None:
    sized = PositionSizer(volatility_target_ann=0.90).size(0.5 * EQUAL, ESTIMATE)
    assert sized.sum() == pytest.approx(1.0)
    assert "not reached" in sized.attrs["notes"][-1]
    levered = PositionSizer(volatility_target_ann=0.90, max_gross=10.0).size(EQUAL, ESTIMATE)
    assert volatility_ann(levered) == pytest.approx(0.90, rel=1e-12)


def test_without_a_target_only_the_gross_is_held() -> None:
    assert PositionSizer().size(EQUAL, ESTIMATE) is EQUAL
    sized = PositionSizer(max_gross=0.5).size(EQUAL, ESTIMATE)
    assert sized.sum() == pytest.approx(0.5)
    assert "scaled to 0.5" in sized.attrs["notes"][-1]


def test_earlier_notes_are_kept_and_the_input_is_not_touched() -> None:
    weights = EQUAL.copy()
    weights.attrs["notes"] = ("from the allocator",)
    sized = PositionSizer(volatility_target_ann=0.10).size(weights, ESTIMATE)
    assert sized.attrs["notes"][0] == "from the allocator"
    assert weights.attrs["notes"] == ("from the allocator",)
    assert weights.equals(EQUAL)


def test_cash_stays_cash() -> None:
    assert (PositionSizer(volatility_target_ann=0.10).size(0.0 * EQUAL, ESTIMATE) == 0.0).all()


def test_a_weight_without_forecast_is_noted() -> None:
    sized = PositionSizer(volatility_target_ann=0.10).size(EQUAL, unusable(ESTIMATE, "A02"))
    assert sized.attrs["notes"][0] == "sized: no risk forecast for A02"
    assert sized.notna().all()


def test_the_estimate_may_cover_fewer_assets() -> None:
    weights = EQUAL.where(EQUAL.index != "A01", 0.0)
    narrow = ESTIMATE.restricted(ESTIMATE.assets != "A01")
    sized = PositionSizer(volatility_target_ann=0.10).size(weights, narrow)
    assert volatility_ann(sized) == pytest.approx(0.10, rel=1e-12)
    assert len(sized.attrs["notes"]) == 1


def test_weights_that_are_not_known_are_refused() -> None:
    with pytest.raises(DataError, match="weights of A02"):
        PositionSizer().size(EQUAL.where(EQUAL.index != "A02"), ESTIMATE)


def test_inverse_volatility_gives_equal_targets_equal_risk() -> None:
    sized = PositionSizer(method="inverse_volatility").size(EQUAL, ESTIMATE)
    risk = sized * np.sqrt(np.diag(ESTIMATE.covariance))
    np.testing.assert_allclose(risk, risk.iloc[0])
    assert sized.sum() == pytest.approx(1.0)
    assert "sized: by one over volatility, weights x " in sized.attrs["notes"][0]


def test_the_proportions_of_the_targets_count_too() -> None:
    targets = EQUAL * [1.0, 2.0, -1.0, 1.0, 0.0, 1.0, 1.0]
    sized = PositionSizer(method="inverse_volatility").size(targets, ESTIMATE)
    wanted = targets / np.sqrt(np.diag(ESTIMATE.covariance))
    np.testing.assert_allclose(sized, wanted * targets.abs().sum() / wanted.abs().sum())


def test_an_asset_of_unknown_volatility_keeps_its_weight() -> None:
    sized = PositionSizer(method="inverse_volatility").size(EQUAL, unusable(ESTIMATE, "A02"))
    assert sized["A02"] == EQUAL["A02"]
    assert sized.sum() == pytest.approx(1.0)
    assert sized.attrs["notes"][1] == "sized: no volatility known, weight kept: A02"
    narrow = PositionSizer(method="inverse_volatility").size(EQUAL, ESTIMATE.restricted(ESTIMATE.assets == "A01"))
    np.testing.assert_array_equal(narrow, EQUAL)


def test_ranges_size_positions_in_units_of_the_turtles() -> None:
    # A unit risks 1 % of the account on one N (Faith 2003, The Original Turtle Trading Rules): heating oil, N 0.0141 in
    # contracts of 42,000 gallons and an account of 1,000,000, is 16.88 contracts. A share of 40 with an N of 0.80
    # beside it is 12,500 shares.
    assets = ESTIMATE.assets[:2]
    price, span = pd.Series([0.55 * 42_000, 40.0], assets), pd.Series([0.0141 * 42_000, 0.80], assets)
    estimate = knowing(price=price, true_range=span).restricted(ESTIMATE.assets.isin(assets))
    sized = PositionSizer(method="atr").size(pd.Series(0.5, index=assets), estimate)
    contracts = sized / price
    assert contracts.iloc[0] / contracts.iloc[1] == pytest.approx(16.88 / 12_500, rel=1e-3)
    assert sized.sum() == pytest.approx(1.0)


@pytest.mark.parametrize("span", [np.nan, 0.0])
def test_an_asset_without_a_range_keeps_its_weight(span: float) -> None:
    ranges = pd.Series(1.0, index=ESTIMATE.assets)
    ranges["A03"] = span
    estimate = knowing(price=pd.Series(np.arange(1.0, 8.0), index=ESTIMATE.assets), true_range=ranges)
    sized = PositionSizer(method="atr").size(EQUAL, estimate)
    assert sized["A03"] == EQUAL["A03"]
    assert sized.drop("A03").tolist() == pytest.approx(list(6 / 7 * np.array([1, 2, 3, 5, 6, 7]) / 24))
    assert "no true range known, weight kept: A03" in sized.attrs["notes"][1]


def test_without_any_range_nothing_changes_and_it_is_said() -> None:
    sized = PositionSizer(method="atr").size(EQUAL, ESTIMATE)
    np.testing.assert_array_equal(sized, EQUAL)
    assert "A00, A01, A02, A03, A04 and 2 more" in sized.attrs["notes"][0]


def test_the_strongest_signal_keeps_its_weight() -> None:
    targets = pd.Series([0.2, -0.2, 0.1, 0.1, 0.0, 0.2, 0.2], index=ESTIMATE.assets)
    sized = PositionSizer(method="signal").size(targets, ESTIMATE, scores=SCORES)
    # A05 is long against its score and is closed, as is A03 without any strength.
    assert sized.tolist() == pytest.approx([0.2, -0.1, 0.025, 0.0, 0.0, 0.0, 0.025])
    assert sized.attrs["notes"] == ("sized: by strength of the signal, gross 1.000 to 0.350",)


def test_unknown_scores_keep_their_weight_and_no_signal_at_all_is_cash() -> None:
    scores = SCORES.where(SCORES.index != "A06")
    sized = PositionSizer(method="signal").size(EQUAL, ESTIMATE, scores=scores)
    assert sized["A06"] == EQUAL["A06"]
    assert sized.attrs["notes"][1] == "sized: no score known, weight kept: A06"
    assert (PositionSizer(method="signal").size(EQUAL, ESTIMATE, scores=-SCORES.abs()) == 0.0).all()


def kelly_by_hand(weights: pd.Series, skill: float, horizon: int) -> tuple[float, float]:
    """Return expected return and variance per session, asset by asset."""
    centre, spread = SCORES.mean(), SCORES.std(ddof=0)
    expected = variance = 0.0
    for asset in weights.index:
        volatility = ESTIMATE.covariance.loc[asset, asset] ** 0.5
        expected += weights[asset] * skill * volatility * (SCORES[asset] - centre) / spread / horizon**0.5
        for other in weights.index:
            variance += weights[asset] * weights[other] * ESTIMATE.covariance.loc[asset, other]
    return expected, variance


def test_kelly_holds_a_fraction_of_the_growth_optimal_leverage() -> None:
    weights = 0.1 * np.sign(SCORES)
    expected, variance = kelly_by_hand(weights, skill=0.04, horizon=10)
    grows_fastest = minimize_scalar(lambda f: -(f * expected - 0.5 * f * f * variance), bounds=(0.0, 100.0)).x
    sizer = PositionSizer(max_gross=10.0, method="kelly", kelly_fraction=0.3, kelly_cap=10.0)
    sized = sizer.size(weights, knowing(skill=0.04, horizon=10), scores=SCORES)
    np.testing.assert_allclose(sized, 0.3 * grows_fastest * weights, rtol=1e-5)
    assert f"Kelly leverage {grows_fastest:.3f} at skill 0.040" in sized.attrs["notes"][0]


def test_kelly_grows_with_skill_up_to_its_cap() -> None:
    weights = 0.1 * np.sign(SCORES)

    def gross(skill: float, **given_: float) -> float:
        sizer = PositionSizer(max_gross=2.0, method="kelly", **given_)
        return float(sizer.size(weights, knowing(skill=skill), scores=SCORES).abs().sum())

    assert gross(0.004) == pytest.approx(2.0 * gross(0.002))
    assert gross(0.004, kelly_fraction=1.0) == pytest.approx(2.0 * gross(0.004))
    assert gross(0.9) == pytest.approx(0.6)
    assert gross(0.9, kelly_cap=2.0) == pytest.approx(1.2)
    assert gross(0.9, kelly_cap=10.0) == pytest.approx(2.0)


@pytest.mark.parametrize(("skill", "side"), [(0.0, 1.0), (-0.05, 1.0), (0.05, -1.0)])
def test_without_an_edge_kelly_bets_nothing(skill: float, side: float) -> None:
    weights = 0.1 * side * np.sign(SCORES)
    sized = PositionSizer(method="kelly").size(weights, knowing(skill=skill), scores=SCORES)
    assert (sized == 0.0).all()
    assert sized.attrs["notes"][0].endswith("no bet, all in cash")


def test_scores_that_do_not_differ_are_no_edge() -> None:
    sized = PositionSizer(method="kelly").size(EQUAL, knowing(skill=0.05), scores=0.0 * SCORES + 0.4)
    assert (sized == 0.0).all()


def test_kelly_says_what_it_does_not_know() -> None:
    weights = 0.1 * np.sign(SCORES)
    scores = SCORES.where(SCORES.index != "A06")
    sized = PositionSizer(method="kelly").size(weights, unusable(ESTIMATE, "A02"), scores=scores)
    notes = sized.attrs["notes"]
    assert "skill 0.020 (assumed)" in notes[0]
    assert notes[1:] == (
        "sized: no score, expected at the mean of all: A06",
        "sized: no risk forecast for A02",
    )


def test_kelly_without_any_forecast_bets_nothing() -> None:
    sized = PositionSizer(method="kelly").size(EQUAL, ESTIMATE.restricted(EQUAL.index == "B00"), scores=SCORES)
    assert (sized == 0.0).all()


def test_a_volatility_target_may_lower_kelly_but_not_raise_it() -> None:
    weights, estimate = 0.1 * np.sign(SCORES), knowing(skill=0.05)

    def sized(target: float | None) -> pd.Series:
        return PositionSizer(target, method="kelly").size(weights, estimate, scores=SCORES)

    alone = sized(None)
    np.testing.assert_array_equal(sized(0.9), alone)
    assert "not reached" in sized(0.9).attrs["notes"][-1]
    assert volatility_ann(sized(0.01)) == pytest.approx(0.01, rel=1e-12)


@pytest.mark.parametrize("method", ["signal", "kelly"])
def test_scores_that_are_asked_for_must_be_there(method: str) -> None:
    with pytest.raises(DataError, match=f"method = {method} without scores"):
        PositionSizer(method=method).size(EQUAL, ESTIMATE)


def test_only_kelly_needs_the_skill() -> None:
    assert "skill" in Strategy(sizer=PositionSizer(method="kelly")).needs
    assert all("skill" not in Strategy(sizer=PositionSizer(method=name)).needs for name in SIZERS if name != "kelly")


def test_a_drawdown_takes_its_share_of_the_book() -> None:
    # 120 to 108 is a tenth, half of a scale of 20 %.
    sized = PositionSizer(drawdown_scale=0.2).size(EQUAL, ESTIMATE, equity=EQUITY)
    np.testing.assert_allclose(sized, 0.5 * EQUAL)
    assert sized.attrs["notes"] == ("sized: drawdown 10.0% of 20.0%, weights x 0.500",)
    assert PositionSizer(drawdown_scale=0.2).size(EQUAL, ESTIMATE, equity=EQUITY.iloc[:2]) is EQUAL
    assert PositionSizer(drawdown_scale=0.2).size(EQUAL, ESTIMATE, equity=EQUITY.iloc[:0]) is EQUAL


@pytest.mark.parametrize(("floor", "left"), [(0.0, 0.0), (0.25, 0.25)])
def test_beyond_the_scale_the_floor_is_left(floor: float, left: float) -> None:
    sizer = PositionSizer(drawdown_scale=0.05, drawdown_floor=floor)
    np.testing.assert_allclose(sizer.size(EQUAL, ESTIMATE, equity=EQUITY), left * EQUAL, atol=1e-15)


def test_the_line_stays_close_below_the_optimum_of_grossman_and_zhou() -> None:
    limit = 0.2
    for fallen in np.linspace(0.0, limit, 21):
        equity = pd.Series([100.0, 100.0 * (1.0 - fallen)])
        sized = PositionSizer(drawdown_scale=limit, drawdown_floor=0.0).size(EQUAL, ESTIMATE, equity=equity)
        optimal = (limit - fallen) / (limit * (1.0 - fallen))
        assert optimal - 0.06 <= sized.sum() <= optimal + 1e-12


def test_a_drawdown_also_lowers_what_meets_the_volatility_target() -> None:
    sized = PositionSizer(0.10, drawdown_scale=0.2).size(EQUAL, ESTIMATE, equity=EQUITY)
    assert volatility_ann(sized) == pytest.approx(0.05, rel=1e-12)


def test_equity_that_is_asked_for_must_be_there() -> None:
    with pytest.raises(DataError, match="drawdown_scale without equity"):
        PositionSizer(drawdown_scale=0.2).size(EQUAL, ESTIMATE)


@pytest.mark.parametrize("method", [name for name in SIZERS if name != "kelly"])
def test_the_volatility_target_is_met_under_every_method(method: str) -> None:
    estimate = knowing(
        price=pd.Series(50.0, index=EQUAL.index), true_range=pd.Series(np.arange(1.0, 8.0), index=EQUAL.index)
    )
    sized = PositionSizer(0.05, method=method).size(EQUAL, estimate, scores=SCORES)
    assert volatility_ann(sized) == pytest.approx(0.05, rel=1e-12)


PART = st.one_of(st.just(float("nan")), st.integers(-1000, 1000).map(lambda n: n / 1000.0))


@settings(max_examples=150, deadline=None)
@given(
    weights=st.lists(st.floats(-1.0, 1.0), min_size=7, max_size=7),
    scores=st.lists(PART, min_size=7, max_size=7),
    ranges=st.lists(PART, min_size=7, max_size=7),
    method=st.sampled_from(list(SIZERS)),
    target=st.one_of(st.none(), st.floats(0.01, 2.0)),
    gross=st.floats(0.05, 3.0),
    cap=st.floats(0.1, 10.0),
    skill=st.one_of(st.none(), st.floats(0.0, 0.5)),
    scale=st.one_of(st.none(), st.floats(0.01, 1.0)),
    missing=st.booleans(),
)
def test_no_method_exceeds_the_gross_changes_a_side_or_opens_a_position(
    weights: list[float],
    scores: list[float],
    ranges: list[float],
    method: str,
    target: float | None,
    gross: float,
    cap: float,
    skill: float | None,
    scale: float | None,
    missing: bool,
) -> None:
    by_asset = {name: pd.Series(values, index=EQUAL.index) for name, values in [("range", ranges), ("score", scores)]}
    facts = Facts(price=pd.Series(20.0, index=EQUAL.index), true_range=by_asset["range"], skill=skill)
    estimate = replace(unusable(ESTIMATE, "A02") if missing else ESTIMATE, facts=facts)
    sizer = PositionSizer(target, gross, method, kelly_cap=cap, drawdown_scale=scale)
    targets = pd.Series(weights, index=EQUAL.index)
    sized = sizer.size(targets, estimate, scores=by_asset["score"], equity=EQUITY)
    assert np.isfinite(sized).all()
    assert sized.abs().sum() <= gross * (1.0 + 1e-9)
    assert ((sized == 0.0) | (np.sign(sized) == np.sign(targets))).all()
    assert sized.index.equals(targets.index)
    assert all(note.startswith("sized: ") for note in sized.attrs.get("notes", ()))


@settings(max_examples=50, deadline=None)
@given(
    weights=st.lists(st.floats(-1.0, 1.0), min_size=7, max_size=7),
    target=st.one_of(st.none(), st.floats(0.01, 2.0)),
    gross=st.floats(0.05, 3.0),
)
def test_never_above_target_or_gross(weights: list[float], target: float | None, gross: float) -> None:
    sized = PositionSizer(target, gross).size(pd.Series(weights, index=ESTIMATE.assets), ESTIMATE)
    assert sized.abs().sum() <= gross * (1.0 + 1e-9)
    assert target is None or volatility_ann(sized) <= target * (1.0 + 1e-9)


@pytest.mark.parametrize(
    ("given_", "words"),
    [
        ({"volatility_target_ann": 10}, "10 per cent is 0.10"),
        ({"volatility_target_ann": 0.0}, "volatility_target_ann"),
        ({"volatility_target_ann": "10%"}, "volatility_target_ann"),
        ({"max_gross": 100}, "max_gross"),
        ({"max_gross": -1.0}, "max_gross"),
        ({"method": "kely"}, "did you mean kelly"),
        ({"kelly_fraction": 50}, "kelly_fraction"),
        ({"kelly_cap": 0.0}, "kelly_cap"),
        ({"drawdown_scale": 20}, "10 per cent is 0.10"),
        ({"drawdown_floor": -0.1}, "drawdown_floor"),
    ],
)
def test_wrong_parameters_are_refused(given_: dict[str, object], words: str) -> None:
    with pytest.raises(ParamsError, match=words):
        PositionSizer(**given_)
