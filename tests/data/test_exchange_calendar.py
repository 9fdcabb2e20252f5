"""Sessions, opens and closes against exchange-calendars and known days; a fact known by date counts from the next."""

import exchange_calendars
import pandas as pd
import pytest

from alphapulse.core.errors import DataError, ParamsError
from alphapulse.data.calendar import (
    dated,
    end_of_day,
    session_closes,
    session_opens,
    sessions_between,
    sessions_from,
)


def utc(text: str) -> pd.Timestamp:
    return pd.Timestamp(text, tz="UTC")


def test_sessions_are_the_exchanges_naive_dates_far_before_twenty_years_ago() -> None:
    ours = sessions_between("1990-01-01", "2022-12-31")
    theirs = exchange_calendars.get_calendar("XNYS", start="1989-12-01", end="2023-01-31")
    assert ours.tz is None
    assert list(ours) == list(theirs.sessions_in_range("1990-01-01", "2022-12-31"))
    assert pd.Timestamp("2001-09-11") not in ours


def test_both_ends_are_included_and_a_weekend_is_empty() -> None:
    assert len(sessions_between("2020-01-02", "2020-01-02")) == 1
    assert sessions_between("2020-01-04", "2020-01-05").empty


@pytest.mark.parametrize(
    ("session", "opens", "closes"),
    [
        ("2021-03-12", "14:30", "21:00"),
        ("2021-03-15", "13:30", "20:00"),  # daylight saving began
        ("2020-11-27", "14:30", "18:00"),  # early close after Thanksgiving
    ],
)
def test_opens_and_closes_in_utc(session: str, opens: str, closes: str) -> None:
    index = pd.DatetimeIndex([session])
    assert session_opens(index)[0] == utc(f"{session} {opens}")
    assert session_closes(index)[0] == utc(f"{session} {closes}")


def test_sessions_from_counts_trading_days() -> None:
    assert list(sessions_from("2019-12-28", 3)) == list(pd.DatetimeIndex(["2019-12-30", "2019-12-31", "2020-01-02"]))


@pytest.mark.parametrize(
    ("date", "counts_from"),
    [
        ("2021-03-10", "2021-03-11"),
        ("2021-03-12", "2021-03-15"),  # a Friday
        ("2021-03-13", "2021-03-15"),  # the night clocks change
        ("2021-11-06", "2021-11-08"),
        ("2021-12-23", "2021-12-27"),  # before a holiday
    ],
)
def test_a_fact_known_by_date_counts_from_the_next_session(date: str, counts_from: str) -> None:
    rows = pd.DataFrame({"known": end_of_day([date])})
    table = dated(rows, sessions_between("2021-01-01", "2021-12-31"))
    assert list(table["session"]) == [pd.Timestamp(counts_from)]


def test_a_fact_known_before_the_open_counts_the_same_day_and_one_after_it_the_next() -> None:
    rows = pd.DataFrame({"known": [utc("2021-06-01 13:29"), utc("2021-06-01 13:31")]})
    table = dated(rows, sessions_between("2021-05-01", "2021-06-30"))
    assert list(table["session"]) == [pd.Timestamp("2021-06-01"), pd.Timestamp("2021-06-02")]


def test_a_day_without_trading_is_named() -> None:
    with pytest.raises(DataError, match=r"2021-07-05 is no session"):
        session_opens(pd.DatetimeIndex(["2021-07-02", "2021-07-05"]))


@pytest.mark.parametrize(("start", "end"), [("1900-01-01", "1990-01-01"), ("2020-01-01", "2150-01-01")])
def test_dates_outside_the_calendar_are_refused(start: str, end: str) -> None:
    with pytest.raises(ParamsError, match=r"the date (1900|2150)-01-01"):
        sessions_between(start, end)


def test_more_sessions_than_the_calendar_holds_are_refused() -> None:
    with pytest.raises(ParamsError, match="at most"):
        sessions_from("2020-01-01", 100_000)
