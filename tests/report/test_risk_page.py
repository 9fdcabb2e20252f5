"""The page of a risk review: words and tables hold the numbers, figures the data, and what is unknown is said."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import alphapulse as ap
from alphapulse.backtest.risk_review import RiskReview, risk_review
from alphapulse.backtest.risk_value import RiskValue
from alphapulse.core.errors import ParamsError
from alphapulse.core.market import MarketData
from alphapulse.report.labels import LABELS
from alphapulse.report.risk import risk_sheet
from alphapulse.report.risk_figures import RISK_FIGURES
from alphapulse.report.risk_words import READING, judged_rule, on_trial, verdict, worth
from alphapulse.report.sheet import TearSheet

HOSTILE = '<img src=x onerror="alert(1)">'
PARAMS = {
    "name": "careful",
    "agents": {"use": ["technical"]},
    "portfolio": {"allocator": "inverse_volatility", "lookback": 252},
    "risk": {"max_position": {"weight": 0.12}, "max_gross": {}, "fixed_stop": {"loss": 0.05}},
    "execution": {"costs": {"spread_bps": 8.0}},
}


@pytest.fixture(scope="module")
def value(make_market: Callable[..., MarketData]) -> RiskValue:
    return ap.value_of_risk(make_market("2008-01-01", "2012-12-31"), ap.Strategy.from_params(PARAMS))


@pytest.fixture(scope="module")
def review(value: RiskValue) -> RiskReview:
    return risk_review(value.with_all)


@pytest.fixture(scope="module")
def sheet(review: RiskReview, value: RiskValue) -> TearSheet:
    return risk_sheet(review, value)


@pytest.fixture(scope="module")
def page(sheet: TearSheet, tmp_path_factory: pytest.TempPathFactory) -> str:
    return sheet.to_html(tmp_path_factory.mktemp("page") / "risk.html").read_text(encoding="utf-8")


def test_the_sheet_has_every_figure_and_its_tables_are_text(sheet: TearSheet, review: RiskReview) -> None:
    assert sheet.title == "careful: risk review"
    assert set(RISK_FIGURES) - set(sheet.figures) == {"sectors"}  # this market names none
    assert next(iter(sheet.tables)) == "How to read this page"
    assert list(sheet.tables)[-1] == "Provenance"
    assert all(isinstance(value, str) for table in sheet.tables.values() for value in table.to_numpy().ravel())
    assert set(review.summary().index) <= set(LABELS)


def test_flags_and_the_verdict_come_before_any_number(page: str, review: RiskReview) -> None:
    assert {"survivors only", "closes only"} < set(review.flags)
    assert any("no volume" in flag for flag in review.flags)
    for told in (*review.flags, "VaR at 95 % (historical) was exceeded on"):
        assert 0 < page.index(told) < page.index('class="summary"')


def test_the_page_is_one_file_with_its_provenance(page: str, review: RiskReview) -> None:
    assert len(page) < 5_000_000
    assert not re.findall(r"https?://|//cdn|@import|url\(", page)
    assert all(meaning.split(".")[0].replace("'", "&#x27;") in page for meaning in READING.values())
    for told in (review.market.fingerprint, "parameters.review.level", "parameters.estimates.covariance"):
        assert f"<td>{told}</td>" in page


def test_tables_hold_the_numbers(sheet: TearSheet, review: RiskReview) -> None:
    trial = sheet.tables["VaR forecasts on trial: number and clusters"].set_index("method")
    assert trial.loc["historical", "seen"] == str(review.tests.loc["historical", "exceptions"])
    assert trial.loc["student t", "Kupiec p"] == f"{review.tests.loc['student_t', 'kupiec_p_value']:.3f}"
    book = sheet.tables[f"Risk of the book of {review.book}, by asset"].set_index("asset")
    assert list(book["of volatility"]) == [f"{share:.1%}" for share in review.contributions["share"]]
    stress = sheet.tables["Stress"].set_index("shock")
    assert stress.loc["market down 20", "return"] == f"{review.stress.loc['market_down_20', 'return']:.2%}"
    falls = sheet.tables["Deepest drawdowns"]
    assert falls["depth"].iloc[0] == f"{review.drawdowns['depth'].min():.2%}"
    assert list(falls["peak"] == "start") == list(review.drawdowns["peak"].isna())
    assert list(falls["recovery"] == "not yet") == list(review.drawdowns["recovery"].isna())
    cards = sheet.summary.set_index("measure")["value"]
    assert cards["VaR exceeded"] == f"{review.tests.loc['historical', 'share']:.1%}"
    assert cards["Closed by stops"] == f"{review.stops['times'].sum():,}"


def test_figures_hold_the_data(sheet: TearSheet, review: RiskReview) -> None:
    line, calm, hit, fast = sheet.figures["exceptions"].data
    forecasts = review.forecasts.loc["historical"]
    below = forecasts["return"] < forecasts["var"]
    assert len(hit.x) == below.sum() == review.tests.loc["historical", "exceptions"]
    assert len(calm.x) + len(hit.x) == len(line.x) == len(fast.x) == len(forecasts)
    np.testing.assert_allclose(hit.y, forecasts.loc[below, "return"], rtol=1e-6)
    np.testing.assert_allclose(line.y, forecasts["var"], rtol=1e-6)

    years = sheet.figures["exceptions_by_year"].data[0]
    rate = below.groupby(forecasts.index.year).mean() / 0.05
    assert list(years.x) == [str(year) for year in rate.index]
    np.testing.assert_allclose(years.customdata[list(years.y).index("historical")], rate)

    weight, share, cvar = sheet.figures["contributions"].data
    top = review.contributions.head(15)
    np.testing.assert_allclose(share.x, top["share"])
    np.testing.assert_allclose(cvar.x, top["cvar_share"])
    np.testing.assert_allclose(weight.x, top["weight"] / review.contributions["weight"].sum())

    shocks, crises = sheet.figures["stress"].data
    assert dict(zip(shocks.y, shocks.x, strict=True))["crash"] == review.stress.loc["crash", "return"]
    assert "none" not in shocks.y
    assert sorted(crises.x) == sorted(review.episodes["book"].dropna())
    np.testing.assert_allclose(sheet.figures["beta"].data[0].y, review.through_time["beta"], rtol=1e-5)
    fall = sheet.figures["underwater"]
    np.testing.assert_allclose(np.min(fall.data[0].y), review.drawdowns["depth"].min(), rtol=1e-6)
    peaks = review.drawdowns["peak"].head(5).fillna(review.through_time.index[0])
    assert review.drawdowns["peak"].isna().any()  # one begins with the starting capital
    assert [shape.x0 for shape in fall.layout.shapes] == list(peaks.dt.strftime("%Y-%m-%d"))
    acted = sum(int(np.sum(bar.y)) for bar in sheet.figures["actions"].data)
    assert acted == review.clamps["times"].sum() + review.stops["times"].sum()


def test_rules_are_said_to_cost_or_to_save(sheet: TearSheet, value: RiskValue, review: RiskReview) -> None:
    table = sheet.tables["What each rule cost and saved"].set_index("rule")
    difference = value.table.loc["max_position"]
    gained = "gained" if difference["annual_return"] > 0.0 else "cost"
    saved = "saved" if difference["max_drawdown"] > 0.0 else "cost"
    assert table.loc["max position", "return a year"] == f"{gained} {abs(difference['annual_return']):.2%}"
    assert table.loc["max position", "drawdown"] == f"{saved} {abs(difference['max_drawdown']):.2%}"
    assert table.loc["max gross", "acted"] == "0" and table.loc["max gross", "drawdown"] == "no change"
    growth = [line for line in sheet.figures["equity"].data if line.name.startswith("no rules")]
    np.testing.assert_allclose(growth[0].y[-1], (1.0 + value.results["no rules"].live_returns).prod(), rtol=1e-6)
    assert list(sheet.figures["rules"].data[0].y) == list(value.table["annual_return"])
    without = risk_sheet(review)
    assert not {"equity", "rules"} & set(without.figures)
    assert "What each rule cost and saved" not in without.tables
    assert "All rules together" in sheet.subtitle and "All rules together" not in without.subtitle


@pytest.mark.parametrize(
    ("measure", "difference", "told"),
    [
        ("annual_return", -0.0071, "cost 0.71%"),
        ("annual_return", 0.0071, "gained 0.71%"),
        ("max_drawdown", 0.0169, "saved 1.69%"),
        ("max_drawdown", -0.0169, "cost 1.69%"),
        ("annual_volatility", -0.01, "saved 1.00%"),
        ("sharpe", -0.02, "cost 0.02"),
        ("max_drawdown", 1e-16, "no change"),
        ("sharpe", np.nan, "-"),
    ],
)
def test_worth_has_the_sign_people_mean(measure: str, difference: float, told: str) -> None:
    assert worth(measure, difference) == told


def test_the_verdict_follows_the_tests(review: RiskReview) -> None:
    def told(**row: object) -> str:
        tests = review.tests.copy()
        tests.loc["historical", list(row)] = list(row.values())
        return verdict(replace(review, tests=tests))

    fine = told(share=0.05, kupiec_p_value=0.9, independence_p_value=0.5, z1_p_value=0.4)
    assert "was exceeded on 5.0%" in fine and "Kupiec p = 0.900, not rejected." in fine
    assert "Exceptions do not visibly cluster: Christoffersen p = 0.500." in fine and "deeper than CVaR" not in fine
    bad = told(kupiec_p_value=0.0001, independence_p_value=1e-9, z1=-0.25, z1_p_value=0.0002)
    assert "Kupiec p < 0.001, rejected. Exceptions cluster: Christoffersen p < 0.001." in bad
    assert "losses ran 25.0% deeper than CVaR forecast" in bad
    assert f"The book of {review.book} has {len(review.contributions)} positions" in fine
    worst = review.episodes["book"].idxmin().replace("_", " ")
    assert f"Of past crises, {worst} would have hurt it most" in fine


def test_single_rows_are_judged_in_words() -> None:
    row = {"kupiec_p_value": 0.001, "exceptions": 9, "expected": 4.0, "independence_p_value": 0.2, "z1_p_value": 0.001}
    assert on_trial(row) == "Too many exceptions, no visible clusters; losses beyond VaR deeper than CVaR."
    assert on_trial({**row, "exceptions": 1}).startswith("Too few exceptions")
    assert on_trial({**row, "kupiec_p_value": 0.01, "independence_p_value": 0.001}).startswith(
        "Number not rejected, in clusters"
    )
    rule = {"actions": 3, "annual_return": -0.01, "max_drawdown": 0.05, "sharpe": 0.1, "t": 2.5}
    assert "beyond two standard errors" in judged_rule(rule) and "saved 5.00%" in judged_rule(rule)
    assert "within two standard errors" in judged_rule({**rule, "t": np.nan})
    assert "never acted" in judged_rule({**rule, "actions": 0})


def test_a_run_without_index_limits_or_volume_has_a_page(
    make: Callable[..., ap.BacktestResult], make_market: Callable[..., MarketData], tmp_path: Path
) -> None:
    market = replace(make_market("2012-01-01", "2013-06-30"), benchmark=None)
    sheet = risk_sheet(risk_review(make(market)))
    assert not {"beta", "actions", "equity", "rules", "sectors", "episodes"} & set(sheet.figures)
    assert not {"Liquidity", "What limits did", "What stop rules did"} & set(sheet.tables)
    assert "An index fall" not in sheet.subtitle
    assert "no index that is known" in sheet.to_html(tmp_path / "bare.html").read_text(encoding="utf-8")


def test_cash_and_short_runs_have_a_page(make_market: Callable[..., MarketData], tmp_path: Path) -> None:
    market = make_market("2012-01-01", "2012-04-30")
    weights = pd.DataFrame(0.0, market.sessions[[5]], market.assets)
    cash = risk_sheet(risk_review(ap.backtest_weights(market, weights)))
    assert "Nothing was ever held" in cash.subtitle and "is not put on trial" in cash.subtitle
    assert not {"exceptions", "exceptions_by_year", "contributions", "stress"} & set(cash.figures)
    assert cash.to_html(tmp_path / "cash.html").stat().st_size > 10_000
    weights.loc[:] = 0.05
    short = risk_sheet(risk_review(ap.backtest_weights(market.until(market.sessions[7]), weights)))
    assert short.to_html(tmp_path / "short.html").stat().st_size > 10_000


def test_selling_is_shown_for_the_whole_book_where_volume_is_known() -> None:
    market = ap.load_market("simulated", n_assets=6, n_sessions=400, seed=2)
    weights = pd.DataFrame(0.15, market.sessions[[100]], market.assets)
    review = risk_review(ap.backtest_weights(market, weights))
    sheet = risk_sheet(review)
    whole = sheet.tables["Liquidity"].iloc[0]
    assert whole["asset"] == "whole book"
    assert whole["in all"] == f"{review.liquidity['total'].sum():.2%}"
    assert sheet.summary.set_index("measure")["value"]["Sessions to sell"] == f"{review.liquidity['days'].max():.2f}"


def test_hostile_names_stay_text(
    make: Callable[..., ap.BacktestResult], make_market: Callable[..., MarketData], tmp_path: Path
) -> None:
    market = make_market("2012-01-01", "2012-12-31", {"AAPL": HOSTILE})
    market = replace(market, sectors=pd.Series(HOSTILE, index=market.assets))
    sheet = risk_sheet(risk_review(make(market, HOSTILE)))
    text = sheet.to_html(tmp_path / "hostile.html").read_text(encoding="utf-8")
    assert HOSTILE not in text and "&lt;img src=x" in text
    assert HOSTILE not in sheet._repr_html_()
    for name, figure in sheet.figures.items():
        assert "<img" not in json.dumps(json.loads(figure.to_json()), ensure_ascii=False), name


def test_figures_are_drawn_in_the_theme_asked_for(review: RiskReview) -> None:
    papers = {
        figure.layout.template.layout.paper_bgcolor for figure in risk_sheet(review, theme="dark").figures.values()
    }
    assert papers == {"#14181d"}
    with pytest.raises(ParamsError, match="dark"):
        risk_sheet(review, theme="drak")
