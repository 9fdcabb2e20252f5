"""The sheet of one asset's headlines: every headline with its tone, the figures' data, hostile text kept text."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import alphapulse as ap
from alphapulse.core.errors import DataError, MissingField, ParamsError
from alphapulse.report.headlines import sentiment_sheet
from alphapulse.report.sheet import TearSheet
from alphapulse.testing import example_market

ROWS = [
    (10, "A00 beats profit forecasts"),
    (10, "A00 beats profit forecasts"),
    (20, "A00 misses profit forecasts, shares plunge"),
    (30, "A00 to hold its annual meeting"),
    (40, ""),
    (50, "<script>alert(1)</script> A00 profit falls"),
]


@pytest.fixture(scope="module")
def market() -> ap.MarketData:
    plain = example_market(sessions=120, assets=3)
    session = plain.sessions[[at for at, _ in ROWS]]
    news = pd.DataFrame({"asset": "A00", "headline": [text for _, text in ROWS], "session": session})
    return replace(plain, tables={"news": news.assign(known=session.tz_localize("UTC"))}, flags=("simulated <b>",))


@pytest.fixture(scope="module")
def sheet(market: ap.MarketData) -> TearSheet:
    return sentiment_sheet(market, "A00")


def test_each_headline_stands_once_with_its_tone(sheet: TearSheet) -> None:
    told = sheet.summary.set_index("measure")["value"]
    assert told["Headlines"] == "5"
    assert told["Could be read"] == "80.00%"
    assert sheet.tables["Brightest"]["headline"].tolist() == ["A00 beats profit forecasts"]
    assert "plunge" in sheet.tables["Darkest"]["headline"].iloc[0]
    assert sheet.tables["Could not be read"]["tone"].tolist() == ["-"]
    assert sheet.tables["Latest headlines"]["session"].is_monotonic_decreasing


def test_the_figures_hold_what_the_agent_reads(sheet: TearSheet, market: ap.MarketData) -> None:
    tone, price = sheet.figures["tone"].data
    assert len(tone.x) == len(price.x) == len(market.sessions)
    assert np.isnan(tone.y[9]) and tone.y[10] > 0.0 > tone.y[20]
    assert len(sheet.figures["headlines"].data[0].x) == 4


def test_a_page_shows_the_flags_and_keeps_text_as_text(sheet: TearSheet, tmp_path) -> None:  # type: ignore[no-untyped-def]
    page = sheet.to_html(tmp_path / "sheet.html").read_text(encoding="utf-8")
    assert "simulated &lt;b&gt;" in page
    assert "<script>alert(1)" not in page and "&lt;script&gt;alert(1)" in page


def test_wrong_input_is_taught(market: ap.MarketData) -> None:
    with pytest.raises(ParamsError, match="A0"):
        sentiment_sheet(market, "A0")
    with pytest.raises(ParamsError, match="finance"):
        sentiment_sheet(market, "A00", "finanse")
    with pytest.raises(DataError, match="A01: no headline names it"):
        sentiment_sheet(market, "A01")
    with pytest.raises(MissingField, match="news"):
        sentiment_sheet(replace(market, tables={}), "A00")
