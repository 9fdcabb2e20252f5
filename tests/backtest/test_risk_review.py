"""A risk review: its numbers beside plain arithmetic, forecasts that see no later session, runs that tell little."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from random_markets import Case, cases
from scipy.stats import chi2
from sklearn.covariance import LedoitWolf

import alphapulse as ap
from alphapulse.backtest.risk_review import RiskReview, risk_review
from alphapulse.backtest.risk_value import RiskValue
from alphapulse.core.errors import DataError, ParamsError
from alphapulse.core.market import MarketData

SESSIONS, LOOKBACK = 1500, 252
PARAMS = {
    "name": "reviewed",
    "agents": {"use": ["technical"]},
    "portfolio": {"allocator": "inverse_volatility", "lookback": LOOKBACK, "select": 0.5},
    "risk": {"max_position": {"weight": 0.15}, "max_gross": {}, "trailing_stop": {"loss": 0.10}},
    "execution": {"costs": {"commission_bps": 1.0, "spread_bps": 8.0}},
}


@pytest.fixture(scope="module")
def market() -> MarketData:
    simulated = ap.load_market("simulated", n_assets=12, n_sessions=SESSIONS, seed=5)
    sectors = pd.Series(["Makers", "Services"] * 6, index=simulated.assets)
    return replace(simulated, sectors=sectors, flags=("made up",))


@pytest.fixture(scope="module")
def strategy() -> ap.Strategy:
    return ap.Strategy.from_params(PARAMS)


@pytest.fixture(scope="module")
def value(market: MarketData, strategy: ap.Strategy) -> RiskValue:
    return ap.value_of_risk(market, strategy)


@pytest.fixture(scope="module")
def result(value: RiskValue) -> ap.BacktestResult:
    return value.with_all


@pytest.fixture(scope="module")
def review(result: ap.BacktestResult) -> RiskReview:
    return risk_review(result)


def held(result: ap.BacktestResult) -> "pd.Series[float]":
    last = result.weights.iloc[-1]
    return last[last != 0.0]


def window(result: ap.BacktestResult) -> pd.DataFrame:
    return result.market.panel("total_return").pct_change(fill_method=None).iloc[-LOOKBACK:]


def weights_run(market: MarketData, rows: dict[int, float]) -> ap.BacktestResult:
    """Hold each asset at the same weight from the session at each row on."""
    sessions = market.sessions[list(rows)]
    weights = pd.DataFrame(np.repeat(list(rows.values()), len(market.assets)).reshape(len(rows), -1), sessions)
    return ap.backtest_weights(market, weights.set_axis(market.assets, axis=1))


def test_the_book_is_what_was_held_at_the_last_close(review: RiskReview, result: ap.BacktestResult) -> None:
    weights = held(result)
    assert review.book == str(result.market.sessions[-1].date())
    assert set(review.contributions.index) == set(weights.index) and 2 < len(weights) < 12
    pd.testing.assert_series_equal(review.contributions["weight"].loc[weights.index], weights, check_names=False)


def test_contributions_add_up_to_the_risk_of_the_strategys_own_estimate(
    review: RiskReview, result: ap.BacktestResult
) -> None:
    returns, weights = window(result), result.weights.iloc[-1].to_numpy()
    volatility = np.sqrt(weights @ LedoitWolf().fit(returns.to_numpy()).covariance_ @ weights)
    np.testing.assert_allclose(review.contributions["component"].sum(), volatility, rtol=1e-9)
    np.testing.assert_allclose(review.sectors["component"].sum(), volatility, rtol=1e-9)
    np.testing.assert_allclose(review.contributions["share"].sum(), 1.0)
    assert review.contributions["share"].is_monotonic_decreasing
    ordered = np.sort(returns.to_numpy() @ weights)
    worst = ordered[: int(0.05 * (LOOKBACK - 1)) + 1].mean()
    np.testing.assert_allclose(review.contributions["cvar_component"].sum(), worst)
    np.testing.assert_allclose(review.tails.loc["historical", "book_cvar"], worst)
    assert review.tails.loc["monte_carlo", "book_var"] == pytest.approx(np.quantile(ordered, 0.05), rel=0.15)


def test_betas_are_slopes_on_the_index(review: RiskReview, result: ap.BacktestResult) -> None:
    index = result.market.benchmark.pct_change().iloc[-LOOKBACK:]
    slopes = {asset: np.polyfit(index, window(result)[asset], 1)[0] for asset in review.contributions.index}
    np.testing.assert_allclose(review.contributions["beta"], pd.Series(slopes)[review.contributions.index], rtol=1e-9)
    book = review.contributions["beta_contribution"].sum()
    np.testing.assert_allclose(review.exposures.loc[("book on the index", "index"), "coefficient"], book, rtol=1e-9)
    np.testing.assert_allclose(review.stress.loc["market_down_20", "return"], -0.20 * book, rtol=1e-9)
    assert ("book on the index", "alpha_ann") not in review.exposures.index
    for _, model in review.exposures.groupby("model"):
        np.testing.assert_allclose(model["variance_share"].sum(), 1.0)


def test_var_is_forecast_from_the_sessions_before_alone(review: RiskReview, result: ap.BacktestResult) -> None:
    live = result.live_returns
    forecasts = review.forecasts.loc["historical"]
    assert len(forecasts) == len(live) - 504
    for row in (504, 700, len(live) - 1):
        session = live.index[row]
        np.testing.assert_allclose(
            forecasts.loc[session, "var"], np.quantile(live.to_numpy()[row - 504 : row], 0.05), rtol=1e-12
        )
        assert forecasts.loc[session, "return"] == live.iloc[row]


def test_no_forecast_changes_when_later_sessions_are_cut_off(
    review: RiskReview, market: MarketData, strategy: ap.Strategy
) -> None:
    shorter = risk_review(ap.backtest(market.until(market.sessions[-40]), strategy))
    known = shorter.forecasts.index
    assert len(known) < len(review.forecasts)
    pd.testing.assert_frame_equal(shorter.forecasts, review.forecasts.loc[known], rtol=1e-12)


def test_exceptions_and_kupiec_are_those_of_a_plain_count(review: RiskReview) -> None:
    for method, test in review.tests.iterrows():
        table = review.forecasts.loc[method].dropna()
        seen, sessions = int((table["return"] < table["var"]).sum()), len(table)
        assert (test["exceptions"], test["sessions"]) == (seen, sessions)
        rate = seen / sessions
        odds = seen * np.log(rate / 0.05) + (sessions - seen) * np.log((1.0 - rate) / 0.95)
        np.testing.assert_allclose(test["kupiec_p_value"], chi2.sf(2.0 * odds, 1), rtol=1e-6)
        assert test["share"] == rate
        assert test["recent_exceptions"] == (table["return"] < table["var"]).iloc[-250:].sum()


def test_the_reverse_scenario_loses_a_tenth_and_the_worst_stretch_is_found(
    review: RiskReview, result: ap.BacktestResult
) -> None:
    np.testing.assert_allclose(review.reverse["contribution"].sum(), -0.10)
    np.testing.assert_allclose((review.reverse["weight"] * review.reverse["return"]).sum(), -0.10)
    book = (window(result)[held(result).index] @ held(result)).to_numpy()
    for sessions, row in review.odds.iterrows():
        worst = min(np.prod(1.0 + book[at : at + sessions]) - 1.0 for at in range(len(book) - sessions + 1))
        np.testing.assert_allclose(row["worst"], worst)
    assert review.odds["probability"].is_monotonic_increasing


def test_what_rules_did_is_counted_by_month(review: RiskReview, result: ap.BacktestResult) -> None:
    clamps, events = result.decisions.clamps, result.events
    assert review.clamps["times"].sum() == len(clamps) > 0
    first = review.clamps.iloc[0]
    same = clamps[
        (clamps["rule"] == first["rule"]) & (clamps["session"].dt.to_period("M") == first["month"].to_period("M"))
    ]
    assert first["times"] == len(same)
    np.testing.assert_allclose(first["cut"] * first["sessions"], (same["before"] - same["after"]).sum())
    assert review.stops["times"].sum() == (events["kind"] == "trailing_stop").sum() > 0
    assert set(review.stops["rule"]) == {"trailing_stop"}


def test_selling_takes_as_long_as_a_tenth_of_the_volume_allows(review: RiskReview, result: ap.BacktestResult) -> None:
    market = result.market
    traded = (market.panel("volume") * market.panel("close")).iloc[-21:].mean()
    days = result.quantities.iloc[-1] * market.panel("close").iloc[-1] / (0.10 * traded)
    np.testing.assert_allclose(review.liquidity["days"], days[review.liquidity.index], rtol=1e-9)
    np.testing.assert_allclose(review.liquidity["spread_cost"], -review.liquidity["weight"] * 4e-4)
    assert not any("volume" in flag for flag in review.flags)


def test_rules_are_valued_by_the_runs_without_them(review: RiskReview, value: RiskValue) -> None:
    assert review.rules.empty and review.rule_equity.empty
    valued = review.valued(value)
    pd.testing.assert_frame_equal(valued.rules.drop(columns="t"), value.table)
    with_it, without = (value.results[name].summary() for name in ("all rules", "without trailing_stop"))
    row = valued.rules.loc["trailing_stop"]
    assert row["sharpe"] == with_it["sharpe"] - without["sharpe"]
    assert np.sign(row["t"]) == np.sign(row["sharpe"])
    assert np.isnan(valued.rules.loc["max_gross", "t"])  # it never acted
    assert (valued.rule_equity.iloc[0] == 1.0).all()
    growth = (1.0 + value.results["no rules"].live_returns).prod()
    np.testing.assert_allclose(valued.rule_equity["no rules"].iloc[-1], growth)


def test_the_value_of_another_run_is_refused(result: ap.BacktestResult, value: RiskValue) -> None:
    other = risk_review(weights_run(result.market.until(result.market.sessions[340]), {300: 0.05}))
    with pytest.raises(ParamsError, match="other returns than the review"):
        other.valued(value)


def test_it_says_where_it_comes_from_and_keeps_as_files(review: RiskReview, value: RiskValue, tmp_path: Path) -> None:
    valued = review.valued(value)
    assert valued.provenance["parameters"]["review"] == {
        "level": 0.95,
        "seed": 0,
        "window": 504,
        "loss": 0.10,
        "book": review.book,
    }
    assert valued.provenance["parameters"]["estimates"]["covariance"] == "ledoit_wolf"
    assert valued.provenance["flags"] == list(review.flags) and "made up" in review.flags
    assert all(np.isscalar(value) for value in valued.summary())
    for name, table in valued.tables.items():
        table.to_parquet(tmp_path / f"{name}.parquet")
        assert len(pd.read_parquet(tmp_path / f"{name}.parquet")) == len(table)
    assert "reviewed" in repr(valued) and "made up" in valued._repr_html_()


def test_the_same_seed_gives_the_same_numbers_and_another_level_others(market: MarketData) -> None:
    result = weights_run(market.until(market.sessions[600]), {300: 0.05})
    review, again, other = risk_review(result), risk_review(result), risk_review(result, level=0.99, seed=1)
    for name, table in review.tables.items():
        pd.testing.assert_frame_equal(table, again.tables[name])
    assert (other.tails < review.tails).to_numpy()[review.tails.notna()].all()
    assert not other.measures["low"].equals(review.measures["low"])
    assert other.measures["value"].equals(review.measures["value"])
    with pytest.raises(ParamsError, match="level"):
        risk_review(result, level=95.0)


def test_crises_are_those_of_real_markets_alone(market: MarketData) -> None:
    real = ap.load_market("sample", start="2019-01-01", end="2020-12-31")
    review = risk_review(weights_run(real, {20: 0.04}))
    fall = review.episodes.loc["covid_2020"]
    prices = real.panel("close")
    held_through = prices.loc["2020-03-23"] / prices.loc["2020-02-19"] - 1.0
    weights = review.contributions["weight"]
    np.testing.assert_allclose(fall["book"], weights @ held_through[weights.index])
    level = real.benchmark
    np.testing.assert_allclose(fall["benchmark"], level["2020-03-23"] / level["2020-02-19"] - 1.0)
    assert fall["own"] == 1.0
    made_up = replace(market.until(market.sessions[400]), flags=("simulated data",))
    simulated = risk_review(weights_run(made_up, {300: 0.05}))
    assert simulated.episodes.empty
    assert any("crises, which are dated, are left out" in flag for flag in simulated.flags)


def test_without_an_index_nothing_beside_it_is_shown(market: MarketData) -> None:
    quiet = replace(market.until(market.sessions[700]), benchmark=None)
    review = risk_review(weights_run(quiet, {300: 0.05}))
    assert list(review.through_time) == ["return", "drawdown", "volatility"]
    assert "beta" not in review.measures.index and "beta" not in review.contributions
    assert set(review.exposures.index.unique("model")) == {"book on principal factors"}
    assert list(review.stress.index) == ["none", "volatility_doubled", "correlation_to_one"]
    assert any(flag.startswith("no index") for flag in review.flags)


def test_a_short_run_names_what_it_cannot_say(market: MarketData) -> None:
    review = risk_review(weights_run(market.until(market.sessions[340]), {300: 0.05}))
    assert len(review.through_time) == 40
    assert review.measures[["low", "high"]].notna().any(axis=None)
    assert set(review.forecasts.index.unique("method")) == {"historical", "normal"}
    assert any("short record: VaR is forecast from 20 sessions" in flag for flag in review.flags)
    assert any("filtered_historical" in flag for flag in review.flags)
    shortest = risk_review(weights_run(market.until(market.sessions[301]), {300: 0.05}))
    assert len(shortest.through_time) == 1 and shortest.forecasts.empty and shortest.tests.empty
    assert shortest.measures["low"].isna().all()


def test_a_run_that_ends_in_cash_is_judged_on_its_last_book(market: MarketData) -> None:
    result = weights_run(market.until(market.sessions[800]), {300: 0.05, 600: 0.0})
    review = risk_review(result)
    assert review.book == str(market.sessions[600].date())  # the order to sell fills a session later
    assert any(
        flag == f"the run ends in cash: the book is that of {review.book}, its last one" for flag in review.flags
    )
    np.testing.assert_allclose(review.contributions["weight"].sum(), result.weights.iloc[600].sum())


def test_a_run_in_cash_has_no_book(market: MarketData) -> None:
    review = risk_review(weights_run(market, {300: 0.0}))
    assert review.book is None and review.summary()["positions"] == 0
    assert review.contributions.empty and review.stress.empty and review.odds.empty and review.liquidity.empty
    assert review.forecasts.empty and review.tests.empty
    assert "nothing was ever held: there is no book to review" in review.flags


def test_a_run_without_a_decision_is_refused(market: MarketData) -> None:
    with pytest.raises(DataError, match="no session after a first decision"):
        risk_review(weights_run(market, {SESSIONS - 1: 0.05}))


@settings(max_examples=12)
@given(cases())
def test_a_troubled_market_is_reviewed_without_a_warning(case: Case) -> None:
    result = case.run()
    if result.live_returns.empty:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        review = risk_review(result)
    assert review.through_time["return"].equals(result.live_returns.rename("return"))
    if review.book is not None:
        weights = result.weights.loc[review.book]
        np.testing.assert_allclose(review.contributions["weight"].abs().sum(), weights.abs().sum())
        known = review.contributions["share"].dropna()
        assert known.empty or known.sum() == pytest.approx(1.0)
