"""The checks at loading: what each finds, what it changes, and what it must never do."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphapulse.core.errors import MissingField
from alphapulse.data.quality import clean

SESSIONS = pd.DatetimeIndex(pd.bdate_range("2016-05-02", periods=30))
ASSETS = pd.Index(["AAA", "LNT"])


def panels(**changes):
    """Return clean panels of two assets; `changes` map 'field' to (session number, asset, value)."""
    steps = np.linspace(0.0, 0.03, len(SESSIONS))
    close = np.outer(1.0 + steps, [50.0, 70.0])
    out = {
        "open": close * 0.999,
        "high": close * 1.01,
        "low": close * 0.99,
        "close": close,
        "volume": np.full(close.shape, 1e6),
        "dividend": np.zeros(close.shape),
        "split": np.ones(close.shape),
    }
    frames = {name: pd.DataFrame(array.copy(), index=SESSIONS, columns=ASSETS) for name, array in out.items()}
    for field, (row, asset, value) in changes.items():
        frames[field].loc[SESSIONS[row], asset] = value
    return frames


def found(report):
    return report.loc[report["count"] > 0].set_index("check")


def test_clean_data_pass_unchanged_and_every_check_is_named():
    given_panels = panels()
    cleaned, report = clean(given_panels, sessions=SESSIONS)
    for name, frame in given_panels.items():
        pd.testing.assert_frame_equal(cleaned[name], frame)
    assert found(report).empty
    assert set(report["action"]) == {"ok"}
    assert report["check"].is_unique
    assert len(report) >= 18


@pytest.mark.parametrize(
    ("change", "check", "action", "left"),
    [
        ({"close": (3, "LNT", 0.0)}, "zero or negative price", "repaired", np.nan),
        ({"close": (3, "LNT", -5.0)}, "zero or negative price", "repaired", np.nan),
        ({"close": (3, "LNT", np.inf)}, "infinite value", "repaired", np.nan),
        ({"close": (3, "LNT", 1e300)}, "price outside 1e-06 to 1e+09", "repaired", np.nan),
        ({"close": (3, "LNT", 5e-324)}, "price outside 1e-06 to 1e+09", "repaired", np.nan),
        ({"volume": (3, "LNT", -1.0)}, "negative volume", "repaired", np.nan),
        ({"volume": (3, "LNT", 0.0)}, "price without volume", "flagged", 0.0),
        ({"split": (3, "LNT", 0.0)}, "split outside 1/1000 to 1000", "repaired", np.nan),
        ({"split": (3, "LNT", -2.0)}, "split outside 1/1000 to 1000", "repaired", np.nan),
        ({"split": (3, "LNT", 2.0)}, "split that the price does not show", "flagged", 2.0),
        ({"dividend": (3, "LNT", -0.5)}, "negative dividend", "repaired", np.nan),
        ({"dividend": (3, "LNT", 99.0)}, "dividend not below the price before it", "repaired", np.nan),
        ({"close": (3, "LNT", np.nan)}, "missing price inside an asset's life", "flagged", np.nan),
    ],
)
def test_one_faulty_cell_is_counted_named_and_treated(change, check, action, left):
    (field,) = change
    cleaned, report = clean(panels(**change), sessions=SESSIONS)
    row = found(report).loc[check]
    assert (row["count"], row["action"]) == (1, action)
    assert row["first"] == f"{SESSIONS[3].date()} LNT"
    np.testing.assert_equal(cleaned[field].loc[SESSIONS[3], "LNT"], left)


def test_high_below_low_is_swapped():
    given_panels = panels()
    high, low = given_panels["high"].iloc[4, 0], given_panels["low"].iloc[4, 0]
    given_panels["high"].iloc[4, 0], given_panels["low"].iloc[4, 0] = low, high
    cleaned, report = clean(given_panels, sessions=SESSIONS)
    assert found(report)["count"].to_dict() == {"high below low": 1}
    assert (cleaned["high"].iloc[4, 0], cleaned["low"].iloc[4, 0]) == (high, low)


@pytest.mark.parametrize(("field", "factor", "widened"), [("close", 1.05, "high"), ("open", 0.9, "low")])
def test_a_bar_is_widened_to_hold_its_open_and_close(field, factor, widened):
    given_panels = panels()
    given_panels[field].iloc[6, 1] *= factor
    cleaned, report = clean(given_panels, sessions=SESSIONS)
    assert found(report).loc[f"{field} outside the bar", "first"] == f"{SESSIONS[6].date()} LNT"
    assert cleaned[widened].iloc[6, 1] == given_panels[field].iloc[6, 1]


def test_a_bar_whose_close_is_unknown_is_no_bar():
    cleaned, report = clean(panels(close=(5, "AAA", np.nan)), sessions=SESSIONS)
    assert found(report).loc["bar without a close", "count"] == 1
    assert all(np.isnan(cleaned[name].iloc[5, 0]) for name in ("open", "high", "low"))


def test_a_price_halved_for_one_day_is_flagged_and_kept():
    given_panels = panels()
    for name in ("open", "high", "low", "close"):
        given_panels[name].iloc[13, 1] /= 2.0
    cleaned, report = clean(given_panels, sessions=SESSIONS)
    flagged = found(report)
    assert flagged.loc["spike that reverts the next session", "first"] == f"{SESSIONS[13].date()} LNT"
    assert cleaned["close"].iloc[13, 1] == given_panels["close"].iloc[13, 1]


@pytest.mark.parametrize(("declared", "count"), [(False, 1), (True, 0)])
def test_a_halved_price_needs_its_split(declared, count):
    given_panels = panels()
    for name in ("open", "high", "low", "close"):
        given_panels[name].iloc[13:, 1] /= 2.0
    if declared:
        given_panels["split"].iloc[13, 1] = 2.0
    _, report = clean(given_panels, sessions=SESSIONS)
    assert report.set_index("check").loc["move like a split without a split", "count"] == count
    assert len(found(report)) == count


def test_a_spin_off_paid_as_dividend_explains_its_drop():
    given_panels = panels()
    for name in ("open", "high", "low", "close"):
        given_panels[name].iloc[13:, 1] *= 0.5
    given_panels["dividend"].iloc[13, 1] = 36.0
    _, report = clean(given_panels, sessions=SESSIONS)
    assert found(report).empty


def test_a_stale_series_is_flagged_once():
    given_panels = panels()
    for name in ("open", "high", "low", "close"):
        given_panels[name].iloc[10:25, 0] = 51.0
    given_panels["volume"].iloc[10:25, 0] = 0.0
    _, report = clean(given_panels, sessions=SESSIONS)
    assert found(report).loc["same price for 10 sessions without volume", "count"] == 1
    assert found(report).loc["price without volume", "count"] == 15


def test_rows_meet_the_calendar():
    given_panels = panels()
    saturday = pd.DatetimeIndex([*SESSIONS, pd.Timestamp("2016-05-07"), SESSIONS[2]])
    frames = {name: frame.reindex(saturday[:-1]) for name, frame in given_panels.items()}
    frames = {name: pd.concat([frame, frame.iloc[[2]] * 1.001]) for name, frame in frames.items()}
    frames = {name: frame.drop(index=SESSIONS[8]) for name, frame in frames.items()}
    cleaned, report = clean(frames, sessions=SESSIONS)
    flagged = found(report)
    assert flagged.loc["row given twice (the last counts)", "first"] == str(SESSIONS[2].date())
    assert flagged.loc["row on a day without trading", "first"] == "2016-05-07"
    assert flagged.loc["session without any price", "first"] == str(SESSIONS[8].date())
    assert cleaned["close"].index.equals(SESSIONS)
    assert cleaned["close"].iloc[2, 0] == pytest.approx(given_panels["close"].iloc[2, 0] * 1.001)


def test_an_asset_that_never_has_a_valid_price_is_dropped():
    given_panels = panels()
    given_panels["close"]["AAA"] = -1.0
    cleaned, report = clean(given_panels, sessions=SESSIONS)
    assert list(cleaned["volume"].columns) == ["LNT"]
    assert found(report).loc["asset without a price", "first"] == "AAA"


def test_unpriced_members_are_counted():
    member = pd.DataFrame(True, index=SESSIONS, columns=ASSETS)
    _, report = clean(panels(close=(3, "LNT", np.nan)), sessions=SESSIONS, membership=member)
    assert found(report).loc["member without a price", "count"] == 1


def test_close_is_needed():
    with pytest.raises(MissingField, match="without close"):
        clean({"open": panels()["open"]}, sessions=SESSIONS)


def test_a_single_session_passes():
    one = {name: frame.iloc[:1] for name, frame in panels().items()}
    cleaned, report = clean(one, sessions=SESSIONS[:1])
    assert found(report).empty
    assert cleaned["close"].shape == (1, 2)


FAULTS = np.array([np.nan, np.inf, -np.inf, 0.0, -3.0, 1e300, 5e-324, 0.01, 1e4])


@st.composite
def dirty(draw):
    """Panels of nine sessions and two assets in which about a third of the cells are wild."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    share = draw(st.floats(0.0, 1.0))
    out = {}
    for name in ("open", "high", "low", "close", "volume", "dividend", "split"):
        cells = rng.uniform(0.5, 3.0, (9, 2)) * (1.0 if name in ("dividend", "split") else 50.0)
        wild = rng.random(cells.shape) < share
        cells[wild] = rng.choice(FAULTS, int(wild.sum()))
        out[name] = pd.DataFrame(cells, index=SESSIONS[:9], columns=ASSETS)
    return out


@given(given_panels=dirty())
def test_no_price_is_invented_and_what_comes_out_can_be_true(given_panels):
    cleaned, _ = clean(given_panels, sessions=SESSIONS[:9])
    for asset in cleaned["close"].columns:
        came = {name: given_panels[name][asset].to_numpy() for name in ("open", "high", "low", "close")}
        went = {name: cleaned[name][asset].to_numpy() for name in came}
        for t in range(9):
            bar = {came[name][t] for name in came}
            assert all(np.isnan(went[name][t]) or went[name][t] in bar for name in went)
            assert np.isnan(went["close"][t]) or went["close"][t] == came["close"][t]
            high, low = went["high"][t], went["low"][t]
            for name in ("open", "close"):
                assert not went[name][t] > high
                assert not went[name][t] < low
            assert not high < low
        assert not np.isinf(cleaned["dividend"][asset]).any()
        assert not (cleaned["split"][asset] <= 0).any()


@given(given_panels=dirty(), cut=st.integers(1, 8))
def test_later_sessions_change_no_earlier_value(given_panels, cut):
    whole, _ = clean(given_panels, sessions=SESSIONS[:9])
    part, _ = clean({name: frame.iloc[:cut] for name, frame in given_panels.items()}, sessions=SESSIONS[:cut])
    for name, frame in part.items():
        pd.testing.assert_frame_equal(whole[name].iloc[:cut][frame.columns], frame)


@given(given_panels=dirty())
def test_cleaning_twice_repairs_nothing_more(given_panels):
    once, first = clean(given_panels, sessions=SESSIONS[:9])
    if once["close"].empty:
        assert first.set_index("check").loc["asset without a price", "count"] == 2
        return
    twice, report = clean(once, sessions=SESSIONS[:9])
    assert not report["action"].eq("repaired").any()
    for name, frame in once.items():
        pd.testing.assert_frame_equal(twice[name], frame)
