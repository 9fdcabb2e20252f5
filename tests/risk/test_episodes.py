"""Episodes: their dates against the exchange's calendar and published closes, and replays against plain products."""

from __future__ import annotations

import exchange_calendars
import numpy as np
import pandas as pd
import pytest
from skfolio.datasets import load_sp500_dataset, load_sp500_index

from alphapulse.core.errors import DataError
from alphapulse.risk import relative
from alphapulse.risk.episodes import EPISODES, Episode, episode_returns, replay_episodes

# What the S&P 500 lost between closes, as published (falls of bear markets in Yardeni Research's tables and the press).
PUBLISHED = {
    "kuwait_1990": -0.199,
    "asian_crisis_1997": -0.108,
    "dot_com_2000": -0.491,
    "september_11_2001": -0.116,
    "financial_crisis_2007": -0.568,
    "europe_2010": -0.160,
    "tightening_2018": -0.198,
    "covid_2020": -0.339,
    "inflation_2022": -0.254,
}


@pytest.fixture(scope="module")
def stocks() -> pd.DataFrame:
    return load_sp500_dataset().pct_change().iloc[1:]


@pytest.fixture(scope="module")
def index() -> pd.Series:
    return load_sp500_index().iloc[:, 0].pct_change().iloc[1:]


@pytest.mark.parametrize("name", EPISODES)
def test_the_dates_are_sessions_of_the_exchange(name: str) -> None:
    episode = EPISODES[name]
    calendar = exchange_calendars.get_calendar("XNYS", start="1987-01-01", end="2025-12-31")
    sessions = calendar.sessions_in_range(episode.start, episode.end)
    assert sessions[0] == pd.Timestamp(episode.start)
    assert sessions[-1] == pd.Timestamp(episode.end)
    assert len(sessions) - 1 == episode.sessions
    assert episode.rows(sessions) == slice(1, len(sessions))


def test_the_index_did_what_is_published(index: pd.Series) -> None:
    table = episode_returns(index, index)
    assert list(table.index) == list(EPISODES)
    for name, loss in PUBLISHED.items():
        assert table["return"][name] == pytest.approx(loss, abs=6e-4), name
    within = table.index.drop(["black_monday_1987", "tariffs_2025"])
    assert table["complete"][within].all()
    assert (table["max_drawdown"][within] <= table["return"][within] + 1e-12).all()
    assert table["benchmark"][within].equals(table["return"][within])


def test_an_episode_is_the_ratio_of_two_closes(index: pd.Series) -> None:
    closes = load_sp500_index().iloc[:, 0]
    table = episode_returns(index)
    for name, episode in EPISODES.items():
        if table["complete"][name]:
            expected = closes[episode.end] / closes[episode.start] - 1.0
            assert table["return"][name] == pytest.approx(expected, rel=1e-9), name
    assert "benchmark" not in table


def test_partial_and_missing_episodes_say_so(index: pd.Series) -> None:
    table = episode_returns(index.loc["2008-01-02":"2020-03-02"])
    assert table.loc["black_monday_1987", ["return", "max_drawdown"]].isna().all()
    assert table["sessions"]["black_monday_1987"] == 0
    for name in ("financial_crisis_2007", "covid_2020"):
        assert not table["complete"][name]
        assert 0 < table["sessions"][name] < EPISODES[name].sessions
        assert np.isfinite(table["return"][name])
    assert table["complete"]["china_2015"]
    monthly = pd.Series([0.01, -0.2, 0.02], pd.DatetimeIndex(["2020-01-31", "2020-03-31", "2020-04-30"]))
    assert np.isnan(episode_returns(monthly)["return"]["covid_2020"])


def test_a_replay_adds_up_each_assets_own_return(stocks: pd.DataFrame, index: pd.Series) -> None:
    prices = load_sp500_dataset()
    weights = pd.Series({"AAPL": 0.5, "XOM": 0.3, "BAC": -0.2})
    table = replay_episodes(weights, stocks, index)
    for name, episode in EPISODES.items():
        row = table.loc[name]
        if episode.start >= "1990-01-02" and episode.end <= "2022-12-28":
            each = prices.loc[episode.end, weights.index] / prices.loc[episode.start, weights.index] - 1.0
            assert row["return"] == pytest.approx(float(weights @ each), rel=1e-9), name
            assert (row["own"], row["by_beta"], row["unknown"]) == (1.0, 0.0, 0.0)
        else:
            assert np.isnan(row["return"])
            assert row["unknown"] == 1.0


def test_assets_that_did_not_trade_count_through_beta_or_not_at_all(stocks: pd.DataFrame, index: pd.Series) -> None:
    young = stocks.copy()
    young.loc[:"2010-01-01", "AAPL"] = np.nan
    weights = pd.Series({"AAPL": 0.25, "KO": 0.5, "ZZZ": -0.25})
    alone = replay_episodes(weights, young).loc["covid_2020"]
    assert (alone["own"], alone["unknown"]) == pytest.approx((0.75, 0.25))
    assert np.isnan(alone["benchmark"])
    row = replay_episodes(weights, young, index).loc["dot_com_2000"]
    assert (row["own"], row["by_beta"], row["unknown"]) == pytest.approx((0.5, 0.25, 0.25))
    known = young["AAPL"].dropna()
    beta = relative.beta(known, index)
    own = replay_episodes(pd.Series({"KO": 0.5}), stocks).loc["dot_com_2000", "return"]
    assert row["return"] == pytest.approx(own + 0.25 * beta * row["benchmark"], rel=1e-9)
    without = replay_episodes(weights, young).loc["dot_com_2000"]
    assert without["return"] == pytest.approx(own)
    assert without["unknown"] == pytest.approx(0.5)


def test_returns_that_begin_within_an_episode_are_not_of_it(stocks: pd.DataFrame, index: pd.Series) -> None:
    weights = pd.Series({"KO": 1.0})
    late = replay_episodes(weights, stocks.loc["2001-01-01":], index.loc["2001-01-01":]).loc["dot_com_2000"]
    assert late[["return", "benchmark"]].isna().all()
    assert late["unknown"] == 1.0
    row = replay_episodes(weights, stocks.loc["2001-01-01":], index).loc["dot_com_2000"]
    assert (row["own"], row["by_beta"]) == (0.0, 1.0)


def test_an_old_crisis_comes_through_beta_alone(stocks: pd.DataFrame, index: pd.Series) -> None:
    dates = pd.DatetimeIndex(["1987-10-13", "1987-10-14", "1987-10-15", "1987-10-16", "1987-10-19"])
    crash = pd.Series([-0.0166, -0.0295, -0.0234, -0.0516, -0.2047], dates)
    row = replay_episodes(pd.Series({"KO": 1.0}), stocks, pd.concat([crash, index])).loc["black_monday_1987"]
    assert row["benchmark"] == pytest.approx(0.9705 * 0.9766 * 0.9484 * 0.7953 - 1.0)  # 314.52 to 224.84
    assert row["benchmark"] == pytest.approx(224.84 / 314.52 - 1.0, abs=2e-4)
    assert row["return"] == pytest.approx(relative.beta(stocks["KO"], index) * row["benchmark"], rel=1e-9)
    assert row["by_beta"] == 1.0


def test_a_halt_is_bridged_and_a_delisting_is_not() -> None:
    dates = pd.bdate_range("2020-01-01", periods=12)
    returns = pd.DataFrame(0.01, dates, ["A", "B", "C"])
    returns.loc[dates[5], "A"] = np.nan
    returns.loc[dates[10:], "B"] = np.nan
    returns.loc[dates[:2], "C"] = np.nan
    episodes = {"one": Episode(str(dates[0].date()), str(dates[-1].date()), 11)}
    for asset, known in (("A", True), ("B", False), ("C", False)):
        row = replay_episodes(pd.Series({asset: 1.0}), returns, episodes=episodes).loc["one"]
        assert row["unknown"] == (0.0 if known else 1.0)
        assert row["return"] == pytest.approx(1.01**10 - 1.0) if known else np.isnan(row["return"])


def test_bad_input_is_refused(stocks: pd.DataFrame, index: pd.Series) -> None:
    with pytest.raises(DataError, match="nan for KO"):
        replay_episodes(pd.Series({"KO": np.nan}), stocks)
    with pytest.raises(DataError, match="nan on"):
        episode_returns(index.where(index.index != index.index[3]))
    with pytest.raises(DataError, match="asset_returns"):
        replay_episodes(pd.Series({"KO": 1.0}), stocks.iloc[::-1])
