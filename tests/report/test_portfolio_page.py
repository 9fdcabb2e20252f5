"""The page of a shoot-out: it says what the numbers say, its figures hold them, and no name or gap breaks it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html import escape
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import alphapulse as ap
from alphapulse.backtest.shootout import Shootout
from alphapulse.core.errors import DataError, ParamsError
from alphapulse.report import decision_figures as draw
from alphapulse.report.labels import number, percent
from alphapulse.report.portfolio import READING, portfolio_sheet, verdict
from alphapulse.report.roles import cast
from alphapulse.report.sheet import TearSheet
from alphapulse.report.tables import comparison, comparison_text, headline
from alphapulse.risk.drawdowns import drawdown_series

NAMES = ("equal_weight", "inverse_volatility", "min_variance", "max_sharpe", "risk_parity", "hrp", "herc")
HOSTILE = '<img src=x onerror="alert(1)">'
MEASURES = "Measures a year, after costs"


@pytest.fixture(scope="module")
def market() -> ap.MarketData:
    return ap.load_market("sample", start="2010-01-01", end="2013-12-31")


@pytest.fixture(scope="module")
def strategy() -> ap.Strategy:
    return ap.Strategy.from_params(
        {
            "name": "seven",
            "agents": {"use": ["technical"]},
            "portfolio": {"lookback": 252, "allocator": "min_variance"},
            "execution": {"costs": {"spread_bps": 5.0}},
        }
    )


@pytest.fixture(scope="module")
def shot(market: ap.MarketData, strategy: ap.Strategy) -> Shootout:
    return ap.shootout(market, strategy, NAMES)


@pytest.fixture(scope="module")
def sheet(shot: Shootout) -> TearSheet:
    return ap.portfolio_sheet(shot)


@pytest.fixture(scope="module")
def page(sheet: TearSheet, tmp_path_factory: pytest.TempPathFactory) -> str:
    return sheet.to_html(tmp_path_factory.mktemp("page") / "portfolio.html").read_text(encoding="utf-8")


def earning(shot: Shootout, **extra: float) -> Shootout:
    """Return the shoot-out as if allocators had earned a steady amount a session more."""
    made = replace(shot)
    made.__dict__["returns"] = shot.returns.assign(**{name: shot.returns[name] + more for name, more in extra.items()})
    return made


def traces(figure, **asked) -> list:
    return [trace for trace in figure.data if all(getattr(trace, key) == value for key, value in asked.items())]


def test_the_table_and_the_cards_hold_the_numbers_of_the_shoot_out(shot: Shootout, sheet: TearSheet, page: str) -> None:
    text, cards = sheet.tables[MEASURES].set_index("allocator"), sheet.summary.set_index("measure")["value"]
    assert list(text.index) == [*NAMES, "index"]
    against = shot.against()
    for name, row in shot.table.iterrows():
        assert text.loc[name, "return"] == percent(row["annual_return"])
        assert text.loc[name, "Sharpe"] == f"{number(row['sharpe'])} ± {number(row['sharpe_se'])}"
        difference = against.loc[name]
        assert text.loc[name, "less 1/N"].split(" ± ") == [number(value) for value in difference.iloc[:2]]
        assert text.loc[name, "drawdown"] == percent(row["max_drawdown"])
        shown = "equal_weight (1/N)" if name == "equal_weight" else name
        assert cards[shown] == f"{percent(row['annual_return'])} / {number(row['sharpe'])}"
        assert text.loc[name, "return"] in page and cards[shown] in page
    assert text.loc["index", ["turnover", "costs", "assets"]].tolist() == ["-", "-", "-"]
    assert "Lopez de Prado" in text.loc["hrp", "what it does"]


def test_verdict_flags_and_cards_come_before_any_figure(shot: Shootout, page: str) -> None:
    assert shot.flags
    for told in ("1/N earned", *shot.flags, "equal_weight (1/N)"):
        assert 0 < page.index(told) < page.index('class="figures"')
    for meaning in READING.values():
        assert escape(meaning) in page
    assert "fingerprint" in page and str(shot.provenance["code"]) in page


def test_the_page_is_one_file_without_a_link(page: str) -> None:
    assert len(page) < 5_000_000
    assert not re.findall(r"https?://|//cdn|@import|url\(", page)


def test_the_verdict_tells_nobody_apart_where_nobody_is(shot: Shootout) -> None:
    t = shot.against()["t"].drop("index")
    assert (t.dropna().abs() < 2.0).all()
    naive, index = shot.table.loc["equal_weight"], shot.table.loc["index"]
    assert verdict(shot) == (
        f"1/N earned {percent(naive['annual_return'])} a year (Sharpe {number(naive['sharpe'])}), after costs. No "
        f"allocator's Sharpe ratio differs from it by more than two standard errors. The index earned "
        f"{percent(index['annual_return'])} a year (Sharpe {number(index['sharpe'])}), without costs."
    )


def test_the_verdict_names_those_it_tells_apart_and_what_chance_would_do(shot: Shootout) -> None:
    told = verdict(earning(shot, hrp=0.003, herc=0.002, max_sharpe=-0.003))
    assert "By more than two standard errors of the Sharpe ratio, better: herc, hrp; worse: max_sharpe." in told
    assert "one or more of 6 apart on up to 27% of such pages" in told  # 6 x 4.55 %
    assert "; worse" not in verdict(earning(shot, hrp=0.003))


def test_the_figures_are_those_of_the_page_in_order(sheet: TearSheet) -> None:
    assert list(sheet.figures) == [
        *("equity", "lead", "sharpe", "drawdowns", "promises", "costs"),
        *("frontier", "contributions", "dendrogram", "weights"),
    ]


def test_growth_and_lead_end_where_the_returns_lead(shot: Shootout, sheet: TearSheet) -> None:
    ends = (1.0 + shot.returns).prod()
    lines = {trace.name: trace for trace in sheet.figures["equity"].data}
    assert len(lines) == len(NAMES) + 1
    for name, end in ends.items():
        label = "equal_weight (1/N)" if name == "equal_weight" else name
        assert lines[label].y[-1] == pytest.approx(end, rel=1e-5)
    assert sheet.figures["equity"].layout.yaxis.type == "log"
    for trace in sheet.figures["lead"].data:
        assert trace.y[-1] == pytest.approx(ends[trace.name] / ends["equal_weight"] - 1.0, abs=1e-5)


def test_sharpe_ratios_stand_in_order_with_their_errors(shot: Shootout, sheet: TearSheet) -> None:
    figure = sheet.figures["sharpe"]
    alone, apart = figure.data
    ordered = shot.table.sort_values("sharpe")
    np.testing.assert_allclose(alone.x, ordered["sharpe"])
    np.testing.assert_allclose(alone.error_x.array, 2.0 * ordered["sharpe_se"])
    np.testing.assert_allclose(apart.x, shot.against().loc[ordered.index, "difference"])
    np.testing.assert_allclose(apart.error_x.array, 2.0 * shot.against().loc[ordered.index, "standard_error"])
    labels = dict(zip(figure.layout.yaxis.tickvals, figure.layout.yaxis.ticktext, strict=True))
    best = ordered.index[-1]
    assert labels[len(ordered) - 1] == (f"{best} (1/N)" if best == "equal_weight" else best)


def test_drawdowns_of_a_month_are_its_deepest(shot: Shootout, sheet: TearSheet) -> None:
    (heat,) = sheet.figures["drawdowns"].data
    depth = drawdown_series(shot.returns)
    place = list(shot.returns).index("hrp")
    month = heat.x.index("2011-08-01") if isinstance(heat.x, list) else list(heat.x).index("2011-08-01")
    assert heat.z[place][month] == pytest.approx(depth.loc["2011-08", "hrp"].min(), rel=1e-5)
    labels = sheet.figures["drawdowns"].layout.yaxis.ticktext
    assert labels[place] == f"hrp  {shot.table.loc['hrp', 'max_drawdown']:.0%}"


def test_promises_and_costs_hold_their_tables(shot: Shootout, sheet: TearSheet) -> None:
    promised, kept = sheet.figures["promises"].data[1:]
    ordered = shot.promises.sort_values("promised_sharpe")
    np.testing.assert_allclose(promised.x, ordered["promised_sharpe"])
    np.testing.assert_allclose(kept.x, ordered["kept_sharpe"])
    turnover, costs = sheet.figures["costs"].data
    np.testing.assert_allclose(turnover.x, shot.table["turnover_ann"].dropna().sort_values())
    assert len(costs.x) == len(NAMES)  # the index trades nothing


def test_the_frontier_holds_its_line_and_every_portfolio(shot: Shootout, sheet: TearSheet) -> None:
    line, *points = sheet.figures["frontier"].data
    np.testing.assert_allclose(line.x, shot.last.frontier["volatility_ann"])
    np.testing.assert_allclose(line.y, shot.last.frontier["return_ann"])
    for name, point in zip(NAMES, points, strict=True):
        assert (point.x[0], point.y[0]) == pytest.approx(tuple(shot.last.moments.loc[name]))
    assert str(shot.last.session.date()) in sheet.figures["frontier"].layout.title.text


def test_contributions_are_weights_and_shares_in_per_cent(shot: Shootout, sheet: TearSheet) -> None:
    weights, shares = sheet.figures["contributions"].data
    for heat in (weights, shares):
        np.testing.assert_allclose(np.nansum(np.array(heat.z, dtype=float), axis=1), 100.0)
    parity = np.array(shares.z, dtype=float)[NAMES.index("risk_parity")]
    np.testing.assert_allclose(parity, 100.0 / len(shot.estimate.assets), rtol=1e-4)


def test_the_tree_stands_on_the_weights_of_hrp(shot: Shootout, sheet: TearSheet) -> None:
    branches, bars = sheet.figures["dendrogram"].data
    tree, leaves = shot.last.tree()
    np.testing.assert_allclose(bars.y, shot.last.portfolios["hrp"].reindex(leaves))
    assert list(sheet.figures["dendrogram"].layout.xaxis2.ticktext) == list(leaves)
    heights = np.array(branches.y, dtype=float).reshape(-1, 5)
    np.testing.assert_allclose(heights[:, 1], tree[:, 2])
    feet = np.array(branches.x, dtype=float).reshape(-1, 5)[:, [0, 2]]
    on_the_ground = sorted(feet[heights[:, [0, 3]] == 0.0])
    assert on_the_ground == list(range(len(leaves)))


@pytest.mark.parametrize("name", ["min_variance", "hrp"])
def test_weights_through_time_are_those_of_the_allocator_asked_for(shot: Shootout, name: str) -> None:
    figure = portfolio_sheet(shot, None if name == shot.own else name).figures["weights"]
    assert name in figure.layout.title.text
    stacked = np.sum([np.array(trace.y, dtype=float) for trace in traces(figure, stackgroup="long")], axis=0)
    assert stacked[-1] == pytest.approx(shot.results[name].weights.iloc[-1].sum(), abs=1e-5)


def test_another_allocator_or_theme_is_refused_by_name(shot: Shootout) -> None:
    with pytest.raises(ParamsError, match="did you mean hrp"):
        portfolio_sheet(shot, "hpr")
    with pytest.raises(ParamsError, match="dark"):
        portfolio_sheet(shot, theme="drak")
    papers = {
        figure.layout.template.layout.paper_bgcolor for figure in portfolio_sheet(shot, theme="dark").figures.values()
    }
    assert papers == {"#14181d"}


def test_fifteen_allocators_and_the_index_keep_apart_in_every_figure() -> None:
    roles = cast([f"allocator {number}" for number in range(15)], None, "allocator 3", "index")
    assert len({(role.colour, role.dash) for role in roles.values()}) == 16
    assert len({role.symbol for role in roles.values()}) == 16
    assert [role.leads for role in roles.values()] == [place == 3 for place in range(16)]


def test_one_allocator_makes_a_page_without_comparisons(market: ap.MarketData, strategy: ap.Strategy) -> None:
    alone = ap.shootout(market, strategy, ["equal_weight"])
    sheet = portfolio_sheet(alone)
    assert sheet.title == "seven: one allocator"
    assert "No other allocator ran." in sheet.subtitle
    assert {"lead", "dendrogram"}.isdisjoint(sheet.figures)
    assert len(sheet.figures["sharpe"].data) == 1
    without = portfolio_sheet(ap.shootout(market, strategy, ["herc"]))
    assert "1/N (equal_weight) did not run" in without.subtitle
    assert "dendrogram" in without.figures and "less 1/N" not in without.tables[MEASURES]


def test_a_market_without_an_index_has_a_page(market: ap.MarketData, strategy: ap.Strategy, tmp_path: Path) -> None:
    bare = ap.MarketData(dict(market.panels), name="bare")
    shot = ap.shootout(bare, strategy, ["equal_weight", "hrp"])
    sheet = portfolio_sheet(shot)
    assert list(sheet.tables[MEASURES]["allocator"]) == ["equal_weight", "hrp"]
    assert "index" not in sheet.subtitle
    assert sheet.to_html(tmp_path / "bare.html").stat().st_size > 10_000


def test_long_and_hostile_names_stay_text_and_leave_room(
    market: ap.MarketData, strategy: ap.Strategy, tmp_path: Path
) -> None:
    long = "an allocator whose name goes on and on and on"
    names = {HOSTILE: "hrp", long + " A": "equal_weight", long + " B": "min_variance"}
    shot = ap.shootout(market, strategy, {name: ap.ALLOCATORS[kind]() for name, kind in names.items()})
    sheet = portfolio_sheet(shot)
    text = sheet.to_html(tmp_path / "hostile.html").read_text(encoding="utf-8")
    assert HOSTILE not in text and "&lt;img src=x" in text and long + " A (1/N)" in text
    assert HOSTILE not in sheet._repr_html_()
    for name, figure in sheet.figures.items():
        assert "<img" not in json.dumps(json.loads(figure.to_json()), ensure_ascii=False), name
    labels = sheet.figures["sharpe"].layout.yaxis.ticktext
    assert (
        len(set(labels)) == 4 and max(map(len, labels)) < 50 and len(sheet.figures["sharpe"].data[0].y) == 4
    )  # no two rows became one


def test_all_in_cash_has_a_page_that_says_so(market: ap.MarketData) -> None:
    gaps = market.panel("close").copy()
    gaps.iloc[::2] = np.nan
    patchy = ap.MarketData({"close": gaps}, name="patchy")
    params = {"agents": {"use": ["technical"]}, "portfolio": {"lookback": 252}}
    shot = ap.shootout(patchy, ap.Strategy.from_params(params), ["equal_weight", "hrp"])
    sheet = portfolio_sheet(shot)
    assert "1/N earned 0.00% a year (Sharpe -)" in sheet.subtitle
    assert {"frontier", "contributions", "dendrogram"}.isdisjoint(sheet.figures)


def test_a_shoot_out_that_ends_with_its_first_decision_is_refused(market: ap.MarketData, strategy: ap.Strategy) -> None:
    whole = ap.shootout(market, strategy, ["hrp"])
    short = ap.shootout(market.until(whole.first.decisions.targets.index[0]), strategy, ["hrp"])
    with pytest.raises(DataError, match="no session after a first decision"):
        portfolio_sheet(short)


def test_many_assets_do_not_crowd_the_heat_map() -> None:
    index = pd.MultiIndex.from_product(
        [["a", "b"], [f"S{number:03}" for number in range(80)]], names=["allocator", "asset"]
    )
    parts = pd.DataFrame({"weight": np.arange(160.0) / 1e4, "share": 1 / 80}, index=index)
    figure = draw.contributions(parts, cast(["a", "b"], None, "a"), "2020-01-01")
    assert list(figure.data[0].x) == [f"S{number:03}" for number in range(65, 80)]
    tree = np.array([[0.0, 1.0, 0.1, 2.0]])
    weights = pd.Series([0.4, 0.6], index=["x", "y"])
    assert list(draw.dendrogram(tree, weights, "hrp").data[0].x[:4]) == [0.0, 0.0, 1.0, 1.0]


def test_a_stored_shoot_out_is_listed_by_one_over_n_and_the_best(shot: Shootout) -> None:
    summary = shot.summary()
    line = headline("portfolio", summary)
    assert line.startswith(f"1/N Sharpe {summary['naive_sharpe']:5.2f}") and "of 6 others told apart" in line
    assert f"best Sharpe {summary['best_sharpe']:5.2f} ({summary['best']})" in line
    without = headline("portfolio", {**summary, "naive_sharpe": np.nan, "told_apart": np.nan})
    assert "of 7, without 1/N" in without and "nan" not in without


def test_runs_of_all_kinds_are_compared_with_texts_as_texts(shot: Shootout) -> None:
    backtest = shot.results["hrp"].summary()
    frame = comparison({"one": backtest, "all": shot.summary()})
    assert frame.loc["best", "all"] == shot.summary()["best"]
    assert frame.loc["sharpe"].tolist() == [backtest["sharpe"], shot.table.loc["min_variance", "sharpe"]]
    assert frame["one"].dtype == np.float64 and np.isnan(frame.loc["best", "one"])
    assert shot.summary()["best"] in comparison_text({"one": backtest, "all": shot.summary()})
