"""Dated facts of the simulated market: figures add up, nothing is known too early, nothing foretells a return."""

import numpy as np
import pandas as pd
import pytest

from alphapulse.core.market import MarketData
from alphapulse.data import load_market
from alphapulse.data.calendar import session_closes, session_opens, sessions_from
from alphapulse.data.simulated.actions import Actions, with_actions
from alphapulse.data.simulated.economy import economy_rows
from alphapulse.data.simulated.fundamentals import quarterly_figures
from alphapulse.data.simulated.prices import simulate_bars

BALANCE = [
    "assets",
    "current_assets",
    "current_liabilities",
    "liabilities",
    "equity",
    "cash",
    "debt",
    "shares",
    "retained_earnings",
]
FLOWS = ["revenue", "gross_profit", "operating_income", "net_income", "eps_diluted", "cfo", "capex", "dividends"]


@pytest.fixture(scope="module")
def market() -> MarketData:
    return load_market(
        "simulated", n_assets=60, n_sessions=2520, seed=1, actions=True, fundamentals=True, news=True, macro=True
    )


@pytest.fixture(scope="module")
def filings(market: MarketData) -> pd.DataFrame:
    return market.table("fundamentals")


def test_figures_add_up(filings: pd.DataFrame) -> None:
    assert set(filings.columns) == {"asset", "period_end", "known", "session", *BALANCE, *FLOWS}
    assert filings.notna().all(axis=None)
    np.testing.assert_allclose(filings["equity"], filings["assets"] - filings["liabilities"], rtol=1e-9)
    assert (filings["gross_profit"] <= 1.6 * filings["revenue"]).all()
    for part, whole in (
        ("current_assets", "assets"),
        ("cash", "current_assets"),
        ("debt", "liabilities"),
        ("current_liabilities", "liabilities"),
    ):
        assert (filings[part] <= filings[whole]).all(), part
        assert (filings[part] > 0.0).all(), part
    assert (filings["net_income"] < 0.0).mean() > 0.01
    assert (filings["dividends"] >= 0.0).all()


def test_most_filings_come_within_90_days_some_later_and_a_few_again(filings: pd.DataFrame) -> None:
    first = filings.sort_values("known").drop_duplicates(["asset", "period_end"])
    lag = (first["known"].dt.tz_localize(None) - first["period_end"]).dt.days
    assert lag.min() >= 20
    assert lag.max() <= 182
    assert 0.02 < (lag > 91).mean() < 0.08
    again = filings.duplicated(["asset", "period_end"], keep=False)
    assert 0.02 < again.mean() < 0.10
    pair = filings.loc[again].sort_values("known").groupby(["asset", "period_end"])["net_income"]
    both = pair.count() == 2
    assert (pair.first() != pair.last())[both].all()


def test_a_filing_counts_from_the_first_session_that_opens_after_it(market: MarketData, filings: pd.DataFrame) -> None:
    opens = session_opens(market.sessions)
    for row in filings.iloc[:: max(len(filings) // 200, 1)].itertuples():
        expected = market.sessions[int((opens < row.known).sum())]
        assert row.session == expected


def test_earnings_stay_in_sight_of_the_price(market: MarketData) -> None:
    value = market.fundamental("shares") * market.panel("close")
    sales = 4.0 * market.fundamental("revenue") / value
    last = sales.iloc[-1].dropna()
    assert len(last) > 30
    assert 0.1 < last.median() < 2.0


def test_dividends_are_those_of_the_prices(market: MarketData, filings: pd.DataFrame) -> None:
    payers = market.panel("dividend").sum() > 0.0
    paid = filings.groupby("asset")["dividends"].sum() > 0.0
    assert (payers[paid.index] >= paid).all()
    assert paid.mean() > 0.5


def later_prices_changed(acted: Actions, after: int) -> Actions:
    price = acted.price.copy()
    price[after:] *= 7.0
    panels = acted.panels | {"dividend": acted.panels["dividend"].copy()}
    panels["dividend"][after:] *= 3.0
    return Actions(panels, acted.membership, acted.first, acted.last, price)


def test_figures_rest_on_prices_up_to_their_period_end() -> None:
    sessions = sessions_from("2001-01-02", 800)
    names = pd.Index([f"S{number:03d}" for number in range(10)])
    acted = with_actions(simulate_bars(10, 800, 0, drift_ann=0.0, alpha=0.0), 0)
    cut = 500
    before = quarterly_figures(acted, sessions, names, 0)
    after = quarterly_figures(later_prices_changed(acted, cut), sessions, names, 0)
    early = before["period_end"] < sessions[cut]
    pd.testing.assert_frame_equal(before.loc[early], after.loc[early])
    assert not before.loc[~early].equals(after.loc[~early])


def test_macro_values_rest_on_returns_up_to_their_date(market: MarketData) -> None:
    sessions = sessions_from("2001-01-02", 800)
    returns = np.random.default_rng(0).normal(0.0, 0.01, 800)
    changed = returns.copy()
    changed[500:] *= 5.0
    for before, after in zip(economy_rows(returns, sessions, 0), economy_rows(changed, sessions, 0), strict=True):
        early = before["period_end"] < sessions[500]
        pd.testing.assert_frame_equal(before.loc[early], after.loc[early])
    table = market.table("macro")
    assert sorted(table["series"].unique()) == sorted(load_market().table("macro")["series"].unique())
    assert (table["known"].dt.tz_localize(None) > table["period_end"]).all()
    vix = market.macro("vix").dropna()
    realised = market.benchmark.pct_change().rolling(21).std().reindex(vix.index) * np.sqrt(252) * 100
    assert vix.corr(realised) > 0.7
    assert 10.0 < vix.median() < 45.0


def test_headlines_appear_between_a_close_and_the_next_open(market: MarketData) -> None:
    news = market.table("news")
    assert list(news.columns) == ["asset", "known", "headline", "source", "session"]
    assert len(news) > 3000
    opens, closes = session_opens(market.sessions), session_closes(market.sessions)
    at = market.sessions.get_indexer(news["session"])
    assert (at > 0).all()
    known = pd.DatetimeIndex(news["known"])
    assert (known < opens[at]).all()
    assert (known > closes[at - 1]).all()
    assert all(asset in text for asset, text in zip(news["asset"], news["headline"], strict=True))


def test_wording_follows_the_last_return_and_foretells_nothing() -> None:
    market = load_market("simulated", n_assets=60, n_sessions=2520, seed=1, news=True, drift_ann=0.0)
    news = market.table("news")
    good = ("beats", "upgrade", "record", "lifts", "excellent")
    bad = ("misses", "downgrade", "lawsuit", "warns", "recalls")
    tone = news["headline"].map(
        lambda text: float(any(word in text for word in good)) - float(any(word in text for word in bad))
    )
    assert (tone == 0.0).mean() > 0.1
    returns = market.panel("close").pct_change()
    apart = returns.sub(returns.mean(axis=1), axis=0).to_numpy()
    row = market.sessions.get_indexer(news["session"])
    column = market.assets.get_indexer(news["asset"])
    reported, ahead = apart[row - 1, column], apart[row, column]
    known = ~np.isnan(reported)
    assert np.corrcoef(tone[known], reported[known])[0, 1] > 0.3
    assert abs(np.corrcoef(tone[known], ahead[known])[0, 1]) * np.sqrt(known.sum()) < 3.5
