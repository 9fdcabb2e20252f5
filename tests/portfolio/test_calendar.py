"""A rebalance session is the first of its period, whatever comes after."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alphapulse.core.errors import ParamsError
from alphapulse.portfolio.calendar import CALENDARS, rebalance_sessions

PERIODS = {"daily": "D", "weekly": "W-SUN", "monthly": "M", "quarterly": "Q"}


@pytest.mark.parametrize("rule", CALENDARS)
def test_equals_the_first_session_of_each_pandas_period(rule: str) -> None:
    sessions = pd.bdate_range("1965-01-04", "2022-12-28").delete([3, 20, 21, 22, 500])
    period = pd.Series(sessions.to_period(PERIODS[rule]), index=sessions)
    assert (rebalance_sessions(sessions, rule) == ~period.duplicated().to_numpy()).all()


@settings(max_examples=30, deadline=None)
@given(
    kept=st.lists(st.booleans(), min_size=1, max_size=300),
    cut=st.integers(1, 300),
    rule=st.sampled_from(list(CALENDARS)),
)
def test_later_sessions_change_nothing(kept: list[bool], cut: int, rule: str) -> None:
    sessions = pd.bdate_range("2019-12-02", periods=len(kept))[np.array(kept)]
    whole = rebalance_sessions(sessions, rule)
    assert (rebalance_sessions(sessions[:cut], rule) == whole[:cut]).all()


def test_no_sessions_no_decision() -> None:
    assert rebalance_sessions(pd.DatetimeIndex([]), "monthly").tolist() == []


def test_an_unknown_rule_is_refused_with_the_nearest() -> None:
    with pytest.raises(ParamsError, match="did you mean monthly"):
        rebalance_sessions(pd.bdate_range("2020-01-01", periods=3), "montly")
