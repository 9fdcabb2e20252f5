"""The sizer meets its volatility target by one factor and never exceeds its gross exposure."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alphapulse.core.errors import ParamsError
from alphapulse.risk.sizing import PositionSizer
from alphapulse.testing import example_estimate, unusable

ESTIMATE = example_estimate()
EQUAL = pd.Series(1 / 7, index=ESTIMATE.assets)


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
    ],
)
def test_wrong_parameters_are_refused(given_: dict[str, object], words: str) -> None:
    with pytest.raises(ParamsError, match=words):
        PositionSizer(**given_)
