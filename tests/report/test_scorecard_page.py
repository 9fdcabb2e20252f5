"""The page of a scorecard: what it shows, in which order, and that hostile names and silent agents do not break it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import alphapulse as ap
from alphapulse.backtest.card import Scorecard
from alphapulse.backtest.scorecard import scorecard
from alphapulse.core.errors import ParamsError
from alphapulse.core.market import MarketData
from alphapulse.core.panel import Panel
from alphapulse.report.labels import LABELS
from alphapulse.report.score_figures import SCORE_FIGURES
from alphapulse.report.scorecard import READING, verdict
from alphapulse.report.tearsheet import tearsheet

HOSTILE = '<img src=x onerror="alert(1)">'


@dataclass(frozen=True, eq=False)
class Given:
    name: str
    make: Callable[[MarketData], Panel]
    needs: tuple[str, ...] = ()
    warmup: int = 1

    def score(self, market: MarketData) -> Panel:
        return self.make(market)

    def coverage(self, market: MarketData) -> Panel:
        return self.make(market).notna() * 1.0


def random_scores(seed: int) -> Callable[[MarketData], Panel]:
    def made(market: MarketData) -> Panel:
        drawn = np.random.default_rng(seed).uniform(-1, 1, (len(market.sessions), len(market.assets)))
        return pd.DataFrame(drawn, market.sessions, market.assets)

    return made


@pytest.fixture(scope="module")
def market(make_market: Callable[..., MarketData]) -> MarketData:
    return make_market("2012-01-01", "2014-12-31")


@pytest.fixture(scope="module")
def card(market: MarketData) -> Scorecard:
    agents = {name: Given(name, random_scores(seed)) for seed, name in enumerate(("first", "second", "third"))}
    return scorecard(market, ap.AgentManager(agents), name="three of a kind")


@pytest.fixture(scope="module")
def page(card: Scorecard, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tearsheet(card).to_html(tmp_path_factory.mktemp("page") / "scorecard.html")
    return path.read_text(encoding="utf-8")


def test_the_sheet_has_every_figure_and_table(card: Scorecard) -> None:
    sheet = tearsheet(card)
    assert sheet.title == "three of a kind: agent scorecard"
    assert list(sheet.figures) == list(SCORE_FIGURES)
    assert next(iter(sheet.tables)) == "How to read this page"
    assert {"Information over 21 sessions", "Coverage", "Turnover", "What each agent adds", "Provenance"} <= set(
        sheet.tables
    )
    assert all(isinstance(value, str) for table in sheet.tables.values() for value in table.to_numpy().ravel())
    assert set(card.summary().index) <= set(LABELS)


def test_flags_and_the_verdict_come_before_any_number(page: str, card: Scorecard) -> None:
    assert card.flags
    for told in (*card.flags, "better than chance: "):
        assert 0 < page.index(told) < page.index('class="summary"')


def test_the_page_is_one_file_of_moderate_size(page: str) -> None:
    assert len(page) < 5_000_000
    assert not re.findall(r"https?://|//cdn|@import|url\(", page)
    assert all(meaning.split(".")[0] in page for meaning in READING.values())


def test_the_verdict_names_who_can_be_told_from_chance(card: Scorecard) -> None:
    table = card.information.copy()
    table["t"] = [3.1, -3.0, np.nan, 2.9]
    told = verdict(replace(card, information=table))
    assert "better than chance: first; worse than chance: second." in told
    assert "headline figures are those of manager" in told
    table["t"] = 0.0
    assert "better than chance: nobody; worse than chance: nobody." in verdict(replace(card, information=table))


def test_figures_show_the_tables_numbers(card: Scorecard) -> None:
    figures = tearsheet(card).figures
    bars = figures["information"].data[0]
    assert list(bars.x) == ["manager", "first", "second", "third"]
    assert list(bars.y) == list(card.information.loc[["manager", "first", "second", "third"], "mean"])
    np.testing.assert_allclose(
        bars.error_y.array, 1.96 * card.information.loc[list(bars.x), "standard_error"].to_numpy()
    )
    assert list(figures["leave_one_out"].data[0].y) == list(card.leave_one_out["difference"])
    years = figures["years"].data[0]
    assert list(years.x) == list(card.by_year.columns) == ["2012", "2013", "2014"]
    line = figures["decay"].data[2]
    assert list(line.x) == ["1", "2", "3", "5", "10", "21", "42", "60"]
    assert list(line.y) == list(card.decay["mean"].loc["manager"])
    low, high = figures["decay"].data[:2]
    np.testing.assert_allclose((np.array(low.y) + np.array(high.y)) / 2.0, line.y)
    shares = np.sum([trace.y for trace in figures["shares"].data], axis=0)
    np.testing.assert_allclose(shares, 1.0, rtol=1e-6)


def test_a_single_agent_has_a_page_without_comparisons(market: MarketData) -> None:
    sheet = tearsheet(scorecard(market, Given("alone", random_scores(1))))
    missing = {"leave_one_out", "correlation", "shares", "diagnostics"}
    assert set(sheet.figures) == set(SCORE_FIGURES) - missing
    assert not {"What each agent adds", "Evidence"} & set(sheet.tables)


def test_a_silent_agent_is_shown_as_unknown(market: MarketData, tmp_path: Path) -> None:
    agents = {"mute": Given("mute", lambda m: random_scores(1)(m) * np.nan), "one": Given("one", random_scores(1))}
    sheet = tearsheet(scorecard(market, ap.AgentManager(agents)))
    table = sheet.tables["Information over 21 sessions"].set_index("agent")
    assert table.loc["mute", "IC"] == "-" and table.loc["mute", "sessions"] == "0"
    assert sheet.tables["Coverage"].set_index("agent").loc["mute", "first score"] == "-"
    text = sheet.to_html(tmp_path / "mute.html").read_text(encoding="utf-8")
    assert "without a score anywhere on this market: mute" in text
    mute = tearsheet(scorecard(market, agents["mute"]))
    assert mute.to_html(tmp_path / "mute.html").stat().st_size > 10_000


def test_hostile_names_stay_text(market: MarketData, tmp_path: Path) -> None:
    agents = {HOSTILE: Given(HOSTILE, random_scores(1)), "tame": Given("tame", random_scores(2))}
    sheet = tearsheet(scorecard(market, ap.AgentManager(agents), name=HOSTILE))
    text = sheet.to_html(tmp_path / "hostile.html").read_text(encoding="utf-8")
    assert HOSTILE not in text and "&lt;img src=x" in text
    assert HOSTILE not in sheet._repr_html_()
    for name, figure in sheet.figures.items():
        assert "<img" not in json.dumps(json.loads(figure.to_json()), ensure_ascii=False), name


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_figures_are_drawn_in_the_theme_asked_for(card: Scorecard, theme: str) -> None:
    papers = {figure.layout.template.layout.paper_bgcolor for figure in tearsheet(card, theme).figures.values()}
    assert papers == {"#ffffff" if theme == "light" else "#14181d"}


def test_an_unknown_theme_is_refused(card: Scorecard) -> None:
    with pytest.raises(ParamsError, match="dark"):
        tearsheet(card, "drak")


def test_long_texts_wrap_and_short_ones_do_not(page: str) -> None:
    assert "<td class=prose>Rank correlation, across the members" in page
    assert "<td>manager</td>" in page
