"""The sample equals what its packages publish, shows nothing before it was known, and says what it lacks."""

import subprocess
import sys

import pandas as pd
import pytest

from alphapulse.core.errors import AlphaPulseError, DataError, ParamsError
from alphapulse.core.market import MarketData
from alphapulse.data import SOURCES, load_market
from alphapulse.data.sample import _read


@pytest.fixture(scope="module")
def sample() -> MarketData:
    return load_market()


def test_prices_and_index_are_those_of_skfolio(sample: MarketData) -> None:
    from skfolio.datasets import load_sp500_dataset, load_sp500_index

    pd.testing.assert_frame_equal(sample.panel("close"), load_sp500_dataset(), check_freq=False, check_names=False)
    index = load_sp500_index()["SP500"]
    pd.testing.assert_series_equal(sample.benchmark, index, check_freq=False, check_names=False)
    assert sample.panel("close").shape == (8313, 20)
    assert list(sample.panels) == ["close", "total_return"]


def test_macro_values_are_those_of_arch(sample: MarketData) -> None:
    from arch.data import core_cpi, default, vix

    table = sample.table("macro").set_index(["series", "period_end"])["value"]
    yields = default.load()
    assert table["credit_spread", "2008-11-30"] == pytest.approx(yields.BAA["2008-11-01"] - yields.AAA["2008-11-01"])
    assert table["core_cpi", "2018-11-30"] == core_cpi.load().CPILFESL["2018-11-01"]
    expected = pd.to_numeric(vix.load()["vix"], errors="coerce").dropna()
    assert table["vix"].to_list() == expected.to_list()


@pytest.mark.parametrize(
    ("series", "period_end", "first_session"),
    [
        ("vix", "2015-08-24", "2015-08-25"),  # settled after the close
        ("credit_spread", "2008-10-31", "2008-11-10"),  # after the first week of the next month
        ("core_cpi", "2008-10-31", "2008-12-01"),  # the next month is over
    ],
)
def test_macro_counts_from_the_session_after_its_publication(
    sample: MarketData, series: str, period_end: str, first_session: str
) -> None:
    table = sample.table("macro")
    row = table.loc[(table["series"] == series) & (table["period_end"] == period_end)].iloc[0]
    assert row["session"] == pd.Timestamp(first_session)
    before = sample.sessions[sample.sessions.get_loc(first_session) - 1]
    assert sample.macro(series)[before] != row["value"]
    assert sample.macro(series)[first_session] == row["value"]
    assert sample.until(before).macro(series).iloc[-1] == sample.macro(series)[before]


def test_a_later_start_keeps_the_last_known_macro_value_only() -> None:
    market = load_market("sample", start="2010-06-01", end="2012-12-31", assets=["XOM", "AAPL"])
    assert market.sessions[0] == pd.Timestamp("2010-06-01")
    assert market.sessions[-1] == pd.Timestamp("2012-12-31")
    assert list(market.assets) == ["AAPL", "XOM"]
    first = market.table("macro").loc[lambda rows: rows["session"] == market.sessions[0]]
    assert sorted(first["series"]) == ["core_cpi", "credit_spread"]
    whole = load_market().macro("credit_spread").loc["2010-06-01":"2012-12-31"]
    assert market.macro("credit_spread").to_list() == whole.to_list()
    assert (market.panel("total_return").iloc[0] == 1.0).all()


def test_it_says_what_it_lacks(sample: MarketData) -> None:
    told = " ".join(sample.flags)
    for bias in ("survivors only: 20", "closes only", "adjusted closes", "rounded", "price index", "as of 2022"):
        assert bias in told
    assert set(sample.sectors.index) == set(sample.assets)
    assert sample.quality.loc[sample.quality["action"].isin(["repaired", "dropped"]), "count"].sum() == 0


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"name": "sampel"}, ParamsError, r"did you mean 'sample'"),
        ({"name": 3}, ParamsError, r"the source 3"),
        ({"strat": "2000-01-01"}, ParamsError, r"the option 'strat' \(did you mean 'start'"),
        ({"assets": ["APPL"]}, ParamsError, r"'APPL' \(did you mean 'AAPL'"),
        ({"assets": "AAPL"}, ParamsError, r"a list of labels"),
        ({"assets": []}, ParamsError, r"at least one"),
        ({"start": "soon"}, ParamsError, r"'soon' is not a date"),
        ({"start": "2001-01-01T10:00"}, ParamsError, r"not a plain date"),
        ({"start": "NaT"}, ParamsError, r"not a plain date"),
        ({"start": "2005-01-01", "end": "2004-01-01"}, ParamsError, r"lies after end"),
        ({"start": "2023-01-01"}, DataError, r"within 1990-01-02 to 2022-12-28"),
    ],
)
def test_wrong_options_are_refused_with_the_next_step(
    options: dict, error: type[AlphaPulseError], message: str
) -> None:
    with pytest.raises(error, match=message) as caught:
        load_market(**options)
    assert caught.value.next_step


def test_a_package_without_its_file_is_named() -> None:
    with pytest.raises(DataError, match="skfolio does not hold datasets/nothing"):
        _read("skfolio", "datasets/nothing.csv.gz")
    with pytest.raises(DataError, match="no_such_package"):
        _read("no_such_package", "data.csv.gz")


def test_loading_is_light() -> None:
    code = (
        "import sys, alphapulse.data as d\n"
        "assert 'exchange_calendars' not in sys.modules\n"
        "d.load_market()\n"
        "heavy = {'skfolio', 'arch', 'sklearn', 'scipy.optimize'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_source_takes_the_shared_options() -> None:
    assert list(SOURCES) == ["sample", "simulated", "folder", "evaluation"]
    for name in ("sample", "simulated"):
        market = load_market(name, start="1999-01-04", end="1999-03-31", assets=None)
        assert market.sessions[0] == pd.Timestamp("1999-01-04")
        assert market.sessions[-1] == pd.Timestamp("1999-03-31")
        assert market.quality is not None
