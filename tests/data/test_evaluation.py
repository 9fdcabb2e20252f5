"""The real evaluation data: what is assembled from them agrees with the vendors, and each trap is met."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from alphapulse.core.errors import DataError, ParamsError
from alphapulse.core.market import MarketData
from alphapulse.data.build import membership_panel
from alphapulse.data.evaluation import WINDOWS, assemble, load, locate
from alphapulse.data.evaluation.names import LATER, REUSED_2021
from alphapulse.data.evaluation.prices import CORRECTIONS, VENDORS
from alphapulse.data.folder import load as load_folder
from alphapulse.data.folder import write
from alphapulse.data.tables import FolderTables

FIRST, LAST = (pd.Timestamp(day) for day in WINDOWS["gold"])


@pytest.fixture(scope="module")
def root() -> Path:
    try:
        return locate()
    except DataError as error:
        pytest.skip(f"no evaluation data: {error.came}")


@pytest.fixture(scope="module")
def tables(root: Path) -> FolderTables:
    return assemble(root, FIRST, LAST, name="evaluation gold")


@pytest.fixture(scope="module")
def gold(root: Path) -> MarketData:
    return load("gold", root=str(root))


@pytest.mark.evaluation
class TestGold:
    def test_nearly_every_member_is_priced_each_session(self, tables, gold):
        labels = pd.Index(sorted(set(tables.membership["asset"])))
        member = membership_panel(tables.membership, gold.sessions, labels)
        assert member.sum(axis=1).between(499, 505).all()
        priced = (gold.panel("close").reindex(columns=labels).notna() & member).sum(axis=1)
        missing = member.sum(axis=1) - priced
        assert missing.median() == 0
        assert missing.max() <= 17  # 2016-09-06, a hole in the archive
        assert (missing > 3).sum() <= 3
        assert priced.sum() / member.to_numpy().sum() > 0.998

    def test_one_vendor_an_asset_and_no_row_twice(self, tables, gold):
        assert not tables.prices.duplicated(["asset", "session"]).any()
        counts = gold.quality.set_index("check")["count"]
        served = [counts[f"asset with prices of {vendor}"] for vendor in VENDORS]
        assert sum(served) == len(gold.assets)
        assert served[0] > 400
        assert counts["price row given twice (the last counts)"] == 0

    def test_traded_prices_are_those_seen_on_the_day(self, root, gold):
        seen = pd.read_parquet(root / "pystock_pit/prices_sp500.parquet", columns=["ticker", "date", "close"])
        of_day = {
            "YHOO": "AABA",
            "PCLN": "BKNG",
            "HCN": "WELL",
            "COH": "TPR",
            "KORS": "CPRI",
            "AAPL": "AAPL",
            "EMC": "EMC",
        }
        for ticker, label in of_day.items():
            rows = seen[seen["ticker"] == ticker]
            expected = pd.Series(rows["close"].to_numpy(dtype=float), index=pd.to_datetime(rows["date"]))
            ours = gold.panel("close")[label].dropna()
            both = expected.index.intersection(ours.index)
            assert len(both) > 0.97 * len(ours)
            assert ((ours[both] / expected[both] - 1).abs() > 0.002).sum() <= 1, label

    def test_dividends_seen_that_evening_are_those_of_the_other_vendor(self, root):
        pooksoft = VENDORS["pooksoft"](root, FIRST, LAST)
        pystock = VENDORS["pystock"](root, FIRST, LAST)
        both = pystock.astype({"asset": str}).merge(
            pooksoft.astype({"asset": str}), on=["asset", "session"], suffixes=("_seen", "_later")
        )
        # three names change company in one of the files, see the flags; the splits are checked by themselves
        both = both[~both["asset"].isin(["CB", "JCI", "NEE", "UA"]) & (both["split_later"] == 1.0)]
        paid = both[both["dividend_seen"] > 0]
        agree = (paid["dividend_seen"] - paid["dividend_later"]).abs() < 0.02
        assert len(paid) > 2000
        assert agree.mean() > 0.985

    def test_splits_seen_that_evening_are_those_of_the_other_vendor(self, root):
        pooksoft = VENDORS["pooksoft"](root, FIRST, LAST).astype({"asset": str}).set_index(["asset", "session"])
        pystock = VENDORS["pystock"](root, FIRST, LAST).astype({"asset": str}).set_index(["asset", "session"])
        seen = pystock.loc[pystock["split"] != 1.0, "split"]
        seen = seen.drop("VNO", level="asset")  # another security's price for one day; pooksoft serves it
        later = pooksoft["split"].reindex(seen.index).dropna()
        assert len(later) >= 15
        np.testing.assert_allclose(seen[later.index], later, rtol=1e-4)

    def test_acquired_companies_pay_out_once_and_trade_no_more(self, gold):
        cash = gold.panel("delisting")
        paid = cash.notna().sum()
        assert paid.max() == 1
        assert 30 <= paid.sum() <= 40
        close = gold.panel("close")
        for asset in ("ALTR", "BRCM", "EMC", "DTV", "PCP", "STJ"):
            day = cash[asset].first_valid_index()
            assert close[asset].loc[day:].isna().all()
            assert cash[asset][day] == close[asset].dropna().iloc[-1]

    def test_no_fact_is_used_before_the_day_after_it_was_seen(self, root, gold):
        filings = gold.table("fundamentals")
        seen = pd.read_parquet(root / "pystock_pit/reports_all_us.parquet")
        apple = seen[seen["ticker"] == "AAPL"].set_index("end_date")
        apple.index = pd.to_datetime(apple.index)
        ours = filings[(filings["asset"] == "AAPL") & (filings["source"] == "pystock")].set_index("period_end")
        assert (ours["session"] > pd.to_datetime(apple["crawl_date"]).reindex(ours.index)).all()
        assert (
            gold.table("news")["known"] < gold.table("news")["session"].dt.tz_localize("UTC") + pd.Timedelta(hours=15)
        ).all()
        macro = gold.table("macro")
        monthly = macro[macro["series"] == "unemployment"]
        assert (monthly["session"] > monthly["period_end"] + pd.offsets.MonthEnd(1)).all()

    def test_quarters_are_taken_out_of_years(self, gold):
        rows = gold.table("fundamentals")
        coke = rows[(rows["asset"] == "KO") & (rows["source"] == "pystock")].set_index("period_end")
        fourth = coke.loc["2015-12-31"]
        assert fourth["revenue"] == pytest.approx(44.294e9 - (10.711 + 12.156 + 11.427) * 1e9)
        assert fourth["cfo"] == pytest.approx((10.528 - 8.390) * 1e9)
        assert coke.loc["2015-07-03", "cfo"] == pytest.approx((5.118 - 1.574) * 1e9)
        assert coke.loc["2016-09-30", "shares"] == pytest.approx(4.36e9, rel=0.01)

    def test_a_quarter_without_its_predecessors_is_unknown(self, gold):
        rows = gold.table("fundamentals")
        apple = rows[(rows["asset"] == "AAPL") & (rows["source"] == "pystock")].set_index("period_end")
        assert np.isnan(apple.loc["2015-09-26", "revenue"])  # the first quarter was filed before the archive began
        assert apple.loc["2016-09-24", "revenue"] == pytest.approx(46.852e9)

    def test_most_members_have_filings_and_the_merged_are_told_apart(self, gold):
        known = gold.fundamental("net_income", max_age=130).notna() & gold.members
        share = known.sum(axis=1) / gold.members.sum(axis=1)
        assert share.loc["2015-08-31":].min() > 0.94
        rows = gold.table("fundamentals")
        filed = rows[rows["source"] == "pystock"].set_index("asset")
        assert filed.loc["CB", "net_income"].iloc[0] == 681e6  # ACE, not the Chubb it bought
        assert filed.loc["ARNC", "period_end"].is_unique

    def test_headlines_come_every_session_once(self, gold):
        news = gold.table("news")
        assert news["session"].nunique() == len(gold.sessions)
        assert not news.duplicated(["asset", "headline", "known"]).any()
        assert {"AABA", "BKNG", "WELL"} & set(gold.assets)

    def test_sound_enough_to_need_no_repair(self, gold):
        quality = gold.quality.set_index("check")
        assert quality.index.is_unique
        repaired = quality[(quality["action"] == "repaired") & (quality["count"] > 0)]
        assert set(repaired.index) <= {"known vendor fault"}

    def test_equal_weighted_members_move_with_the_index(self, gold):
        level = gold.panel("total_return")
        returns = (level / level.shift(1) - 1).where(gold.members.shift(1, fill_value=False))
        average, index = returns.mean(axis=1).iloc[1:], gold.benchmark.pct_change().iloc[1:]
        assert average.corr(index) > 0.97
        assert (average - index).abs().max() < 0.01
        assert returns.min(axis=None) > -0.45
        assert returns.max(axis=None) < 0.80

    def test_written_as_a_folder_it_is_the_same_market(self, tables, gold, tmp_path):
        write(tables, tmp_path / "gold")
        assert load_folder(tmp_path / "gold").fingerprint == gold.fingerprint

    def test_known_biases_are_flagged(self, gold):
        words = " ".join(gold.flags)
        for bias in ("2021 and 2025", "latest vintage", "without dividends", "ACE", "Tyco", "split-adjusted"):
            assert bias in words

    def test_end_and_assets_are_chosen(self, root, gold):
        part = load("gold", root=str(root), end="2016-06-30", assets=["AAPL", "AABA"])
        pd.testing.assert_frame_equal(part.panel("close"), gold.panel("close").loc[:"2016-06-30", ["AABA", "AAPL"]])
        with pytest.raises(ParamsError, match="after the window gold"):
            load("gold", root=str(root), end="2018-01-01")
        with pytest.raises(ParamsError, match="did you mean 'gold'"):
            load("golden", root=str(root))

    def test_a_start_before_the_window_warms_up(self, root, gold):
        warm = load("gold", root=str(root), start="2014-03-24", assets=["AAPL", "EMC"])
        assert warm.sessions[0] == pd.Timestamp("2014-03-24")
        assert warm.panel("close").loc["2015-03-23":, "AAPL"].equals(gold.panel("close")["AAPL"])
        assert warm.panel("close").loc[:"2015-03-19", "EMC"].isna().all()


@pytest.mark.evaluation
def test_total_return_agrees_with_the_vendor_within_one_per_cent(root):
    """Every day of every pooksoft asset, 2005 to 2018; the exceptions are the corrected days."""
    market = load("long", root=str(root))
    raw = pd.read_parquet(root / "prices_sp500_pooksoft/daily.parquet", columns=["ticker", "date", "adj_close"])
    raw = raw[~raw["ticker"].isin(REUSED_2021)]
    raw["asset"] = raw["ticker"].replace(LATER)
    raw["date"] = pd.to_datetime(raw["date"])
    raw = raw[raw["asset"].isin(market.assets)]
    vendor = raw.set_index(["date", "asset"])["adj_close"].astype(float).unstack("asset")  # noqa: PD010
    vendor = vendor.reindex(market.sessions)
    ours = market.panel("total_return")[vendor.columns]
    gap = (ours / ours.ffill().shift(1)) / (vendor / vendor.ffill().shift(1)) - 1.0
    assert gap.notna().to_numpy().sum() > 1_500_000
    rows, columns = np.nonzero((gap.abs() > 0.01).to_numpy())
    found = {(gap.columns[column], str(gap.index[row].date())) for row, column in zip(rows, columns, strict=True)}
    listed = {(asset, day) for asset, day, _, _ in CORRECTIONS}
    assert found <= listed
    # the merger that the vendor's adjusted price knows and its split column does not
    assert listed - found == {("TMUS", "2013-05-01")}


@pytest.mark.evaluation
@pytest.mark.parametrize(("window", "least", "most"), [("wide", 0.97, 0.99), ("long", 0.75, 0.90)])
def test_wider_windows_say_how_many_members_they_price(root, window, least, most):
    tables = assemble(root, *map(pd.Timestamp, WINDOWS[window]))
    flag = next(flag for flag in tables.flags if "of member sessions priced" in flag)
    assert least < float(flag.split("%")[0]) / 100 < most
    assert any("end with their file" in flag for flag in tables.flags)


def test_without_the_data_the_message_says_where_to_put_them(tmp_path, monkeypatch):
    monkeypatch.setenv("ALPHAPULSE_DATA", str(tmp_path))
    with pytest.raises(DataError, match="ALPHAPULSE_DATA"):
        load()
    monkeypatch.delenv("ALPHAPULSE_DATA")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"\.\./shared/data"):
        load()


def test_the_data_are_found_beside_the_project_from_a_folder_inside(tmp_path, monkeypatch):
    marker = tmp_path / "shared/data/membership_sp500/intervals_1996_2025.csv"
    marker.parent.mkdir(parents=True)
    marker.write_text("ticker,start_date,end_date\n")
    notebooks = tmp_path / "project/notebooks"
    notebooks.mkdir(parents=True)
    monkeypatch.delenv("ALPHAPULSE_DATA", raising=False)
    monkeypatch.chdir(notebooks)
    assert locate() == tmp_path / "shared/data"


def test_a_missing_file_is_named(tmp_path):
    marker = tmp_path / "membership_sp500/intervals_1996_2025.csv"
    marker.parent.mkdir(parents=True)
    marker.write_text("ticker,start_date,end_date\nAAPL,1996-01-02,\n")
    with pytest.raises(DataError, match=r"prices_sp500_pooksoft/daily\.parquet is missing"):
        assemble(tmp_path, FIRST, LAST)
