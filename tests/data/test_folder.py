"""A folder of the user's own files: what is read, when it counts, and that both formats give the same market."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import alphapulse.data
from alphapulse.core.errors import DataError, ParamsError
from alphapulse.data.calendar import sessions_between
from alphapulse.data.folder import load, read, write
from alphapulse.data.tables import REQUIRED, FolderTables

SESSIONS = sessions_between("2015-03-16", "2015-04-10")


def price_rows(assets=("AAPL", "NA"), sessions=SESSIONS):
    rng = np.random.default_rng(7)
    rows = []
    for place, asset in enumerate(assets):
        close = 50.0 * (place + 1) * np.exp(np.cumsum(rng.normal(0, 0.01, len(sessions))))
        close = close.round(2)
        rows.append(
            pd.DataFrame(
                {
                    "session": sessions,
                    "asset": asset,
                    "open": close,
                    "high": close + 0.5,
                    "low": close - 0.5,
                    "close": close,
                    "volume": 1000.0 * (place + 1),
                    "dividend": 0.0,
                    "split": 1.0,
                }
            )
        )
    return pd.concat(rows, ignore_index=True)


def tables():
    """One small table of each kind, as a user would type them."""
    return {
        "prices": price_rows(),
        "benchmark": pd.DataFrame({"session": SESSIONS, "value": np.linspace(2080.0, 2100.0, len(SESSIONS))}),
        "membership": pd.DataFrame(
            {"asset": ["AAPL", "NA"], "start": ["2001-01-02", "2015-03-20"], "end": ["", "2015-04-01"]}
        ),
        "fundamentals": pd.DataFrame(
            {
                "asset": ["AAPL", "AAPL", "NA"],
                "period_end": ["2014-09-30", "2014-12-31", "2014-12-31"],
                "known": ["2014-11-01", "2015-03-24T16:30:00-04:00", "2015-03-24"],
                "net_income": [5.0, 7.0, np.nan],
            }
        ),
        "news": pd.DataFrame(
            {
                "asset": ["AAPL", "AAPL", "NA"],
                "headline": ["long ago", "before the open", "=cmd|' /C calc'!A0"],
                "known": ["2015-01-05", "2015-03-24T08:00:00-04:00", "2015-03-24"],
                "source": ["a", "", "b"],
            }
        ),
        "macro": pd.DataFrame(
            {
                "series": ["cpi", "cpi"],
                "period_end": ["2015-01-31", "2015-02-28"],
                "known": ["2015-02-28", "2015-03-31"],
                "value": [1.0, 2.0],
            }
        ),
        "sectors": pd.DataFrame({"asset": ["AAPL"], "sector": ["Technology"]}),
        "delistings": pd.DataFrame({"asset": ["NA"], "last_session": ["2015-04-08"], "cash": [np.nan]}),
    }


def write_csv(folder, frames, **changes):
    folder.mkdir(exist_ok=True)
    for name, frame in (frames | changes).items():
        if frame is not None:
            frame.to_csv(folder / f"{name}.csv", index=False)
    return folder


@pytest.fixture
def folder(tmp_path):
    return write_csv(tmp_path / "mine", tables())


def test_the_whole_layout_becomes_a_market(folder):
    (folder / "flags.txt").write_text("my own data\n\n")
    market = load(str(folder))
    assert market.name == "mine"
    assert market.flags == ("my own data",)
    assert list(market.assets) == ["AAPL", "NA"]
    assert market.sessions.equals(SESSIONS)
    assert set(market.tables) == {"fundamentals", "news", "macro"}
    close = price_rows().set_index(["session", "asset"])["close"].unstack("asset")  # noqa: PD010
    cut = close.copy()
    cut.loc["2015-04-09":, "NA"] = np.nan
    pd.testing.assert_frame_equal(market.panel("close"), cut, check_names=False, check_freq=False)
    assert list(market.sectors) == ["Technology", "Unknown"]
    assert market.quality["check"].is_unique


def test_the_door_opens_it_by_name(folder):
    market = alphapulse.data.load_market("folder", path=str(folder), assets=["NA"])
    assert list(market.assets) == ["NA"]


def test_csv_parquet_and_one_file_an_asset_give_the_same_market(folder, tmp_path):
    expected = load(folder)
    write(read(folder), tmp_path / "parquet")
    assert load(tmp_path / "parquet").fingerprint == expected.fingerprint

    parts = write_csv(tmp_path / "parts", tables(), prices=None)
    (parts / "prices").mkdir()
    for asset, rows in price_rows().groupby("asset"):
        rows.drop(columns="asset").rename(columns={"session": "date"}).to_csv(
            parts / f"prices/{asset}.csv", index=False
        )
    assert load(parts).fingerprint == expected.fingerprint


def test_an_indexed_parquet_is_read_by_its_columns(tmp_path):
    price_rows().set_index(["session", "asset"]).to_parquet(tmp_path / "prices.parquet")
    assert load(tmp_path).panel("close").shape == (len(SESSIONS), 2)


def test_what_was_written_is_not_overwritten(folder, tmp_path):
    write(read(folder), tmp_path / "copy")
    with pytest.raises(DataError, match="already holds prices"):
        write(read(folder), tmp_path / "copy")


def test_prices_alone_are_enough_and_say_what_is_missing(tmp_path):
    rows = price_rows()[["session", "asset", "close"]]
    market = load(write_csv(tmp_path / "few", {"prices": rows}))
    assert len(market.flags) == 4
    assert market.membership is None
    assert market.members.all(axis=None)


def test_a_bare_date_counts_from_the_next_session_and_a_time_from_the_next_open(folder):
    market = load(folder)
    first_use = market.table("news").set_index("headline")["session"]
    assert first_use["before the open"] == pd.Timestamp("2015-03-24")
    assert first_use["=cmd|' /C calc'!A0"] == pd.Timestamp("2015-03-25")
    filings = market.table("fundamentals").set_index(["asset", "period_end"])["session"]
    assert filings["AAPL", pd.Timestamp("2014-12-31")] == pd.Timestamp("2015-03-25")
    assert filings["AAPL", pd.Timestamp("2014-09-30")] == SESSIONS[0]
    assert market.macro("cpi").loc["2015-03-31":"2015-04-01"].tolist() == [1.0, 2.0]


def test_old_headlines_do_not_pile_up_on_the_first_session(folder):
    assert "long ago" not in set(load(folder).table("news")["headline"])


def test_a_member_leaves_on_the_end_date(folder):
    member = load(folder).membership
    assert member["AAPL"].all()
    assert member.index[member["NA"]][[0, -1]].tolist() == [pd.Timestamp("2015-03-20"), pd.Timestamp("2015-03-31")]


@pytest.mark.parametrize(("cash", "paid"), [(np.nan, None), (12.5, 12.5)])
def test_a_delisting_pays_on_the_session_after_the_last_one(tmp_path, cash, paid):
    gone = pd.DataFrame({"asset": ["NA"], "last_session": ["2015-04-08"], "cash": [cash]})
    market = load(write_csv(tmp_path / "gone", tables(), delistings=gone))
    delisting = market.panel("delisting")["NA"].dropna()
    expected = market.panel("close")["NA"].dropna().iloc[-1] if paid is None else paid
    assert delisting.to_dict() == {pd.Timestamp("2015-04-09"): expected}
    assert market.panel("close")["NA"].last_valid_index() == pd.Timestamp("2015-04-08")
    report = market.quality.set_index("check")
    assert report.loc["price row after the delisting", "count"] == 2


def test_the_end_of_a_file_is_no_delisting(tmp_path):
    rows = price_rows()
    rows = rows.loc[(rows["asset"] != "NA") | (rows["session"] < "2015-04-01")]
    market = load(write_csv(tmp_path / "short", tables(), prices=rows, delistings=None))
    assert "delisting" not in market


def test_dates_and_assets_are_chosen(folder):
    market = load(folder, start="2015-03-21", end="2015-04-01", assets=["AAPL"])
    assert market.sessions[[0, -1]].tolist() == [pd.Timestamp("2015-03-23"), pd.Timestamp("2015-04-01")]
    assert market.panel("total_return").iloc[0, 0] == 1.0
    assert set(market.table("news")["asset"]) == {"AAPL"}
    with pytest.raises(ParamsError, match="'APPL' \\(did you mean 'AAPL'"):
        load(folder, assets=["APPL"])


def test_loading_more_sessions_changes_nothing_before(folder):
    whole, part = load(folder), load(folder, end="2015-03-27")
    assert whole.until("2015-03-27").fingerprint == part.fingerprint


def test_the_layout_lists_every_table():
    tables_of_the_layout = set(FolderTables.__dataclass_fields__) - {"flags", "name", "notes"}
    assert set(REQUIRED) == tables_of_the_layout


def test_figures_known_before_their_period_ended_are_dropped_and_reported(tmp_path):
    frames = tables()
    frames["fundamentals"].loc[0, "known"] = "2014-09-29"
    market = load(write_csv(tmp_path / "early", frames))
    quality = market.quality.set_index("check").loc["fundamentals known before their period ended"]
    assert (quality["count"], quality["action"], quality["first"]) == (1, "dropped", "AAPL")
    assert pd.Timestamp("2014-09-30") not in set(market.table("fundamentals")["period_end"])
