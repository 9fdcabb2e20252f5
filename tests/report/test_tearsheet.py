"""The tear sheet as object, notebook output and file."""

import base64
import gzip
import json
import re
import time
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from alphapulse.backtest.result import BacktestResult
from alphapulse.core.errors import DataError, ParamsError
from alphapulse.core.market import MarketData
from alphapulse.core.trading import Decisions
from alphapulse.report.figures import FIGURES
from alphapulse.report.tearsheet import tearsheet

HOSTILE = '</script><script>alert("x")</script>'


class Page(HTMLParser):
    """Tags with their attributes, and the text of scripts by id, as a browser would read them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: dict[str, str] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        tag, attributes = self.tags[-1] if self.tags else ("", {})
        if tag == "script":
            self.scripts.setdefault(attributes.get("id") or "code", data)

    def unpacked(self, name: str) -> str:
        return gzip.decompress(base64.b64decode(self.scripts[name])).decode()


@pytest.fixture(scope="module")
def page(result: BacktestResult, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("page") / "sheet.html"
    assert tearsheet(result).to_html(path) == path
    return path.read_text(encoding="utf-8")


def test_the_sheet_names_its_parts(result: BacktestResult) -> None:
    sheet = tearsheet(result)
    assert list(sheet.figures) == list(FIGURES)
    assert sheet.flags == result.flags
    assert sheet.title == "equal weight"
    assert "sessions from the first decision" in sheet.subtitle
    assert {"Deepest drawdowns", "Calendar years", "Provenance"} <= set(sheet.tables)
    assert "equity" in repr(sheet)


def test_the_page_loads_nothing_from_outside(page: str) -> None:
    read = Page(page)
    loading = {"src", "href", "srcset", "action", "data", "poster"}
    assert not [attributes for _, attributes in read.tags if loading & set(attributes)]
    assert not re.findall(r"https?://|//cdn|@import|url\(", page)
    policy = next(a["content"] for tag, a in read.tags if tag == "meta" and "http-equiv" in a)
    assert policy.startswith("default-src 'none'")
    assert "http" not in read.unpacked("data")


def test_the_page_holds_plotly_once_all_figures_and_both_themes(page: str) -> None:
    read = Page(page)
    assert "plotly.js v" in read.unpacked("plotly")[:200]
    data = json.loads(read.unpacked("data"))
    assert list(data["figures"]) == list(FIGURES)
    assert set(data["templates"]) == {"light", "dark"}
    drawn = {a["id"] for tag, a in read.tags if tag == "div" and (a.get("id") or "").startswith("figure-")}
    assert drawn == {f"figure-{name}" for name in FIGURES}
    assert "template" not in data["figures"]["equity"]["layout"]


def test_flags_come_before_any_number(page: str, result: BacktestResult) -> None:
    for flag in result.flags:
        assert page.index(flag) < page.index('class="summary"')
    assert result.flags


def test_thirty_years_daily_are_small_and_fast(
    make_market: Callable[..., MarketData], make: Callable[..., BacktestResult], tmp_path: Path
) -> None:
    result = make(make_market("1990-01-01", "2022-12-31"))
    begin = time.perf_counter()
    path = tearsheet(result).to_html(tmp_path / "long.html")
    assert time.perf_counter() - begin < 5.0
    assert path.stat().st_size < 5_000_000


@pytest.mark.parametrize("theme", ["light", "dark", "auto"])
def test_the_theme_asked_for_is_the_first_shown(result: BacktestResult, theme: str, tmp_path: Path) -> None:
    text = tearsheet(result).to_html(tmp_path / "sheet.html", theme=theme).read_text(encoding="utf-8")
    assert f'<html lang="en" data-theme="{theme}">' in text
    with pytest.raises(ParamsError, match="dark"):
        tearsheet(result).to_html(tmp_path / "sheet.html", theme="drak")


def test_hostile_names_stay_text(
    make_market: Callable[..., MarketData], make: Callable[..., BacktestResult], tmp_path: Path
) -> None:
    market = make_market(names={"AAPL": HOSTILE})
    result = make(replace(market, flags=(*market.flags, HOSTILE), name=HOSTILE), name=HOSTILE)
    sheet = tearsheet(result)
    text = sheet.to_html(tmp_path / "sheet.html").read_text(encoding="utf-8")
    assert "alert" not in "".join(Page(text).scripts[name] for name in ("code", "plotly", "data"))
    for shown in (text, sheet._repr_html_()):
        assert HOSTILE not in shown
        assert "&lt;script&gt;alert" in shown
        assert not [a for tag, a in Page(shown).tags if any(name.startswith("on") for name in a)]


def test_the_notebook_output_is_small_without_scripts_and_shows_flags(result: BacktestResult) -> None:
    shown = tearsheet(result)._repr_html_()
    assert len(shown) < 50_000
    assert "<script" not in shown
    assert all(flag in shown for flag in result.flags)


def test_an_index_with_gaps_is_flagged(
    make_market: Callable[..., MarketData], make: Callable[..., BacktestResult]
) -> None:
    market = make_market()
    holed = market.benchmark.copy()
    holed.iloc[300] = np.nan
    sheet = tearsheet(make(replace(market, benchmark=holed)))
    assert "index unknown on 1 sessions: measures against it are left out" in sheet.flags
    assert len(sheet.figures["equity"].data) == 1
    alone = tearsheet(make(replace(market, benchmark=None)))
    assert len(alone.figures["equity"].data) == 1
    assert alone.flags == make(market).flags


def test_a_result_without_decisions_is_refused(result: BacktestResult) -> None:
    with pytest.raises(DataError, match="first decision"):
        tearsheet(replace(result, decisions=Decisions(result.decisions.targets.iloc[:0])))


def test_the_sheet_does_not_change_the_result(result: BacktestResult) -> None:
    before = result.summary(), result.weights.copy(deep=True), result.fills.copy(deep=True)
    tearsheet(result, theme="dark")
    assert result.summary().equals(before[0])
    assert result.weights.equals(before[1])
    assert result.fills.equals(before[2])
