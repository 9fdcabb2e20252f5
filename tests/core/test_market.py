"""MarketData: what it refuses, that it cannot be written into, and the way to the past."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import alphapulse as ap
from alphapulse.core.dated import date_facts
from alphapulse.core.errors import DataError, MissingField

SESSIONS = pd.bdate_range("2020-01-06", periods=6)


def panel(value: float, **cells: float) -> pd.DataFrame:
    frame = pd.DataFrame(value, SESSIONS, ["A", "B"])
    for row, given in cells.items():
        frame.iloc[int(row[1:]), 0] = given
    return frame


def facts(**columns: object) -> pd.DataFrame:
    return pd.DataFrame({"asset": ["A", "A"], **columns})


@pytest.mark.parametrize(
    ("panels", "words"),
    [
        ({"split": panel(1.0, r2=0.0)}, "split: 0.0 on 2020-01-08 for A"),
        ({"split": panel(1.0, r2=-2.0)}, "above zero"),
        ({"dividend": panel(0.0, r3=-1_000.0)}, "dividend: -1000.0 on 2020-01-09 for A"),
        ({"delisting": panel(np.nan, r4=-5.0)}, "delisting: -5.0"),
        ({"volume": panel(1e6, r1=-1.0)}, "volume: -1.0 on 2020-01-07"),
        (
            {"open": panel(110.0), "high": panel(101.0), "low": panel(99.0)},
            "open: 110.0 on 2020-01-06 for A lies beyond the high",
        ),
        ({"low": panel(99.0, r5=100.5)}, "close: 100.0 on 2020-01-13 for A lies beyond the low"),
    ],
)
def test_impossible_values_are_refused(panels: dict[str, pd.DataFrame], words: str) -> None:
    with pytest.raises(DataError, match="accepted") as caught:
        ap.MarketData({"close": panel(100.0), **panels})
    assert words in str(caught.value)


def test_a_fact_cannot_stand_before_it_was_known() -> None:
    early = facts(
        known=pd.to_datetime(["2020-01-06", "2020-01-10"], utc=True), session=SESSIONS[[1, 2]], figure=[1.0, 2.0]
    )
    with pytest.raises(DataError, match="known at 2020-01-10"):
        ap.MarketData({"close": panel(100.0)}, tables={"fundamentals": early})
    with pytest.raises(DataError, match="columns known"):
        ap.MarketData({"close": panel(100.0)}, tables={"fundamentals": early.drop(columns="session")})


def test_facts_count_from_the_first_open_after_they_were_known() -> None:
    opens = (SESSIONS + pd.Timedelta(hours=14.5)).tz_localize("UTC")
    rows = facts(known=pd.to_datetime(["2020-01-07 13:00", "2020-01-08 15:00"], utc=True), figure=[1.0, 2.0])
    market = ap.MarketData({"close": panel(100.0)}, tables={"fundamentals": date_facts(rows, opens, SESSIONS)})
    figure = market.fundamental("figure")
    np.testing.assert_array_equal(figure["A"], [np.nan, 1.0, 1.0, 2.0, 2.0, 2.0])
    assert figure["B"].isna().all()
    np.testing.assert_array_equal(market.until(SESSIONS[2]).fundamental("figure")["A"], [np.nan, 1.0, 1.0])
    with pytest.raises(MissingField, match="'figrue'"):
        market.fundamental("figrue")


def test_a_late_restatement_of_an_older_period_does_not_replace_a_newer_one() -> None:
    opens = (SESSIONS + pd.Timedelta(hours=14.5)).tz_localize("UTC")
    rows = pd.DataFrame(
        {
            "asset": ["A"] * 3,
            "period_end": pd.to_datetime(["2019-06-30", "2019-09-30", "2019-06-30"]),
            "known": pd.to_datetime(["2020-01-06", "2020-01-07", "2020-01-08"], utc=True),
            "figure": [1.0, 2.0, 9.0],
        }
    )
    market = ap.MarketData({"close": panel(100.0)}, tables={"fundamentals": date_facts(rows, opens, SESSIONS)})
    assert market.fundamental("figure")["A"].tolist() == [1.0, 2.0, 2.0, 2.0, 2.0, 2.0]


def test_writing_into_a_panel_does_not_write_into_the_market() -> None:
    market = ap.MarketData({"close": panel(100.0)})
    before = market.fingerprint
    close = market.panel("close")
    close.iloc[0, 0] = 1e6
    assert market.panel("close").iloc[0, 0] == 100.0
    assert ap.MarketData(dict(market.panels)).fingerprint == before


def test_until_includes_its_session_and_changes_no_total_return() -> None:
    close = panel(100.0)
    close.iloc[:, 0] = [100.0, 110.0, np.nan, 121.0, 60.5, 66.55]
    market = ap.MarketData({"close": close, "split": panel(1.0, r4=2.0), "dividend": panel(0.0, r5=1.0)})
    level = market.panel("total_return")["A"]
    np.testing.assert_allclose(level, [1.0, 1.1, np.nan, 1.21, 1.21, 1.21 * 67.55 / 60.5])
    early = market.until("2020-01-09")
    assert early.sessions[-1] == pd.Timestamp("2020-01-09")
    pd.testing.assert_series_equal(early.panel("total_return")["A"], level[:4])
    assert market.until("2020-01-12").sessions[-1] == pd.Timestamp("2020-01-10")
    for wrong in ("2019-12-31", "foo"):
        with pytest.raises(DataError, match="until"):
            market.until(wrong)


def test_it_shows_what_it_holds_and_escapes_it() -> None:
    market = ap.MarketData({"close": panel(100.0)}, flags=("<script>",), name="hand made")
    assert "6 sessions" in repr(market)
    html = market._repr_html_()
    assert "&lt;script&gt;" in html
    assert "<script>" not in html
