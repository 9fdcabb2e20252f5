"""A calendar's decisions are known when they are due, whatever comes after."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alphapulse.core.errors import ParamsError
from alphapulse.data.calendar import sessions_between
from alphapulse.portfolio.calendar import CALENDARS, calendar_words, checked_calendar, rebalance_sessions

PERIODS = {"daily": "D", "weekly": "W-SUN", "monthly": "M", "quarterly": "Q"}
DATES = ("2020-06-13", "2019-12-25", "2020-01-31")
RULES = [*CALENDARS, 1, 7, DATES]


def decided(sessions: pd.DatetimeIndex, rule: object) -> list[str]:
    return [str(day.date()) for day in sessions[rebalance_sessions(sessions, rule)]]


def last_of_months(sessions: pd.DatetimeIndex) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(pd.Series(sessions, sessions.to_period("M")).groupby(level=0).max())


@pytest.mark.parametrize("rule", PERIODS)
def test_equals_the_first_session_of_each_pandas_period(rule: str) -> None:
    sessions = pd.bdate_range("1965-01-04", "2022-12-28").delete([3, 20, 21, 22, 500])
    period = pd.Series(sessions.to_period(PERIODS[rule]), index=sessions)
    assert (rebalance_sessions(sessions, rule) == ~period.duplicated().to_numpy()).all()


def test_month_ends_are_those_of_the_exchange() -> None:
    sessions = sessions_between("1970-01-01", "2024-12-31")
    assert sessions[rebalance_sessions(sessions, "month_end")][1:].equals(last_of_months(sessions))


def test_a_month_end_before_good_friday_and_memorial_day() -> None:
    assert decided(sessions_between("2018-03-01", "2018-04-27"), "month_end")[1:] == ["2018-03-29"]
    assert decided(sessions_between("2021-05-03", "2021-06-29"), "month_end")[1:] == ["2021-05-28"]


def test_a_closing_nobody_had_scheduled_moves_the_decision_to_the_next_month() -> None:
    # On 1969-03-31 the exchange closed for a funeral; its death notice came three days before.
    assert decided(sessions_between("1969-03-03", "1969-04-29"), "month_end")[1:] == ["1969-04-01"]


@settings(max_examples=50, deadline=None)
@given(closed=st.lists(st.booleans(), min_size=36, max_size=36))
def test_no_month_is_missed_or_ended_twice(closed: list[bool]) -> None:
    sessions = sessions_between("2010-01-04", "2013-01-02")
    kept = sessions.difference(last_of_months(sessions)[:-1][np.array(closed)])
    chosen = kept[rebalance_sessions(kept, "month_end")][1:]
    ends = kept[kept.isin(last_of_months(sessions)[:-1])]
    late = [kept[kept.to_period("M") == month.to_period("M") + 1][0] for month in last_of_months(sessions)[:-1][closed]]
    assert list(chosen) == sorted([*ends, *late])


@settings(max_examples=60, deadline=None)
@given(
    kept=st.lists(st.booleans(), min_size=1, max_size=300),
    cut=st.integers(1, 300),
    rule=st.sampled_from(RULES),
)
def test_later_sessions_change_nothing(kept: list[bool], cut: int, rule: str | int | tuple[str, ...]) -> None:
    sessions = pd.bdate_range("2019-12-02", periods=len(kept))[np.array(kept)]
    whole = rebalance_sessions(sessions, rule)
    assert (rebalance_sessions(sessions[:cut], rule) == whole[:cut]).all()


def test_every_so_many_sessions_from_the_first() -> None:
    sessions = sessions_between("2020-01-02", "2020-02-28")
    assert list(np.flatnonzero(rebalance_sessions(sessions, 10))) == [0, 10, 20, 30]
    assert rebalance_sessions(sessions, 1).all()


def test_given_dates_decide_at_the_session_or_the_next() -> None:
    sessions = sessions_between("2020-01-02", "2020-12-31")
    dates = ("2020-07-03", "2020-03-16", "2020-11-26", "2020-11-27")
    # 3 July 2020 was a holiday before a week-end, 26 November Thanksgiving.
    assert decided(sessions, dates) == ["2020-03-16", "2020-07-06", "2020-11-27"]
    assert decided(sessions, ["2020-03-16"]) == ["2020-03-16"]


def test_dates_outside_the_sessions() -> None:
    sessions = sessions_between("2020-01-02", "2020-01-31")
    assert decided(sessions, ("2019-05-01",)) == ["2020-01-02"]
    assert decided(sessions, ("2020-02-01",)) == []


@pytest.mark.parametrize("rule", RULES)
def test_no_sessions_no_decision(rule: str | int | tuple[str, ...]) -> None:
    assert rebalance_sessions(pd.DatetimeIndex([]), rule).tolist() == []


@pytest.mark.parametrize(
    ("rule", "words"),
    [("month_end", "month_end"), (1, "daily"), (10, "every 10 sessions"), (("2020-01-31",), "a given date")],
)
def test_rules_in_words(rule: str | int | tuple[str, ...], words: str) -> None:
    assert calendar_words(checked_calendar(rule)) == words


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("montly", "did you mean monthly"),
        ("2020-01-31", "rebalance = '2020-01-31'"),
        (0, "a whole number from 1"),
        (True, "a whole number from 1"),
        (2.5, r"a list of dates\n  next: write monthly, 10"),
        ((), "a list of dates"),
        (None, "a list of dates"),
        (["31.01.2020"], "write 2001-03-15 for 15 March 2001"),
        (["2020-02-30"], "'2020-02-30'"),
        ([20200131], "20200131"),
    ],
)
def test_other_rules_are_refused(rule: object, words: str) -> None:
    with pytest.raises(ParamsError, match=words):
        rebalance_sessions(pd.bdate_range("2020-01-01", periods=3), rule)
