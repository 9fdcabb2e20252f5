"""The page of one asset: right numbers, own past only, nothing invented, and what is left out is said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import ta

import alphapulse as ap
from alphapulse.agents.indicators import indicator_panels
from alphapulse.core.errors import DataError, ParamsError
from alphapulse.core.market import MarketData
from alphapulse.report import technical
from alphapulse.report.technical import INDICATORS, bars_of, indicator_table, look_ahead_table, technical_sheet

ASSET = "S000"
CLOSES_ALONE = {"rsi", "macd", "macd_signal", "bollinger_middle", "bollinger_upper", "bollinger_lower"}


@pytest.fixture(scope="module")
def market() -> MarketData:
    return ap.load_market("simulated", n_assets=3, n_sessions=500, actions=False)


@pytest.fixture(scope="module")
def closes() -> MarketData:
    return ap.load_market("sample", start="2019-01-02", assets=["AAPL", "MSFT"])


def test_full_bars_give_every_indicator(market: MarketData) -> None:
    sheet = technical_sheet(market, ASSET)
    assert list(sheet.summary["measure"]) == [indicator.title for indicator in INDICATORS.values()]
    assert list(sheet.figures) == ["price", "rsi", "macd", "range"]
    assert list(sheet.tables) == ["Latest sessions", "Left out: they look ahead", "Provenance"]
    assert sheet.flags == market.flags
    assert "not orders" in sheet.subtitle and "500 traded sessions" in sheet.subtitle


def test_closes_alone_name_what_they_cannot_give(closes: MarketData) -> None:
    values, missing = indicator_table(bars_of(closes, "AAPL"))
    assert set(values) == CLOSES_ALONE
    assert set(missing) == set(INDICATORS) - CLOSES_ALONE
    assert missing["atr"] == "the market has no high, low"
    lacking = technical_sheet(closes, "AAPL").tables["Left out: the data lacks"]
    assert list(lacking["indicator"]) == [INDICATORS[name].title for name in missing]


def test_numbers_are_those_of_our_panels(market: MarketData) -> None:
    """Different code, same definitions, once the seeds of ta have faded."""
    values, _ = indicator_table(bars_of(market, ASSET))
    ours = indicator_panels(market.panel("close"), market.panel("high"), market.panel("low"))
    for name in set(ours) & set(values):
        apart = (values[name] - ours[name][ASSET]).abs() / market.panel("close")[ASSET]
        assert apart.iloc[300:].max() < 1e-9, name


@pytest.mark.parametrize("cut", [60, 300])
def test_later_sessions_change_nothing(cut: int) -> None:
    """Also with splits and dividends after the cut."""
    market = ap.load_market("simulated", n_assets=3, n_sessions=500, actions=True)
    past = market.until(market.sessions[cut - 1])
    for asset in market.assets:
        whole, then = (indicator_table(bars_of(seen, asset))[0] for seen in (market, past))
        pd.testing.assert_frame_equal(whole.loc[then.index, then.columns], then, rtol=1e-12, check_freq=False)


def test_warm_up_is_unknown_where_ta_writes_a_number(market: MarketData) -> None:
    values, _ = indicator_table(bars_of(market, ASSET))
    for name, indicator in INDICATORS.items():
        assert values[name].iloc[: indicator.first].isna().all(), name
        assert values[name].iloc[indicator.first :].notna().all(), name
    bars = bars_of(market, ASSET).reset_index(drop=True)
    assert (ta.volatility.average_true_range(bars["high"], bars["low"], bars["close"]).iloc[:13] == 0.0).all()


def test_the_parabolic_stop_is_that_of_a_plain_row_number(market: MarketData) -> None:
    """On a date index ta's own has more values than there are prices."""
    bars = bars_of(market, ASSET)
    values, _ = indicator_table(bars)
    assert values.index.equals(bars.index)
    plain = bars.reset_index(drop=True)
    right = ta.trend.PSARIndicator(plain["high"], plain["low"], plain["close"]).psar()
    assert np.array_equal(values["psar"].iloc[2:], right.iloc[2:])
    stop, close = values["psar"].iloc[2:], bars["close"].iloc[2:]
    assert 0.2 < (stop < close).mean() < 0.8


def test_gaps_are_left_out_and_dates_put_back(market: MarketData) -> None:
    gone = market.sessions[[100, 101, 200]]
    panels = {name: market.panel(name).copy() for name in ("close", "high", "low", "volume")}
    for panel in panels.values():
        panel.loc[gone, ASSET] = np.nan
    barless = market.sessions[250]
    panels["high"].loc[barless, ASSET] = np.nan
    bars = bars_of(MarketData(panels), ASSET)
    values, _ = indicator_table(bars)
    assert not gone.isin(values.index).any()
    assert np.isnan(values.loc[barless, "atr"]) and not np.isnan(values.loc[barless, "rsi"])
    alone = ta.momentum.rsi(bars["close"].reset_index(drop=True))
    assert np.array_equal(values["rsi"].iloc[14:], alone.iloc[14:])


def test_prices_are_carried_over_splits(market: MarketData) -> None:
    split = pd.DataFrame(1.0, market.sessions, market.assets)
    split.iloc[250] = 2.0
    halved = {name: market.panel(name).copy() for name in ("close", "high", "low", "volume")}
    for name, panel in halved.items():
        panel.iloc[250:] *= 2.0 if name == "volume" else 0.5
    parted = bars_of(MarketData({**halved, "split": split}), ASSET)
    whole = bars_of(MarketData({name: market.panel(name) for name in halved}), ASSET)
    pd.testing.assert_frame_equal(parted, whole, rtol=1e-12)
    pd.testing.assert_series_equal(whole["close"], market.panel("close")[ASSET], check_exact=True, check_names=False)


def test_what_looks_ahead_is_shown_and_left_out(market: MarketData) -> None:
    shown = look_ahead_table(bars_of(market, ASSET))
    assert list(shown["indicator"]) == ["KST", "Ichimoku span A, shifted"]
    assert (shown["known that day"] != shown["by the whole history"]).all()
    assert not any("kst" in name for name in INDICATORS)
    early = market.until(market.sessions[50])
    assert look_ahead_table(bars_of(early, ASSET))["indicator"].tolist() == ["Ichimoku span A, shifted"]


def test_short_histories_say_what_they_lack(market: MarketData) -> None:
    early = market.until(market.sessions[19])
    values, missing = indicator_table(bars_of(early, ASSET))
    assert "rsi" in values and "macd" not in values
    assert missing["macd"] == "20 sessions are known, it needs more than 26"
    sheet = technical_sheet(early, ASSET)
    assert list(sheet.figures) == ["price", "rsi", "range"]
    shortest = technical_sheet(market.until(market.sessions[1]), ASSET)
    assert list(shortest.figures) == ["price"]
    assert shortest.summary["measure"].tolist() == ["On-balance volume"]


def test_prices_that_never_moved_have_no_rsi(market: MarketData) -> None:
    flat = market.panel("close") * 0.0 + 10.0
    values, missing = indicator_table(bars_of(MarketData({"close": flat}), ASSET))
    assert "rsi" not in values and "no value" in missing["rsi"]
    assert (values["bollinger_upper"].iloc[19:] == 10.0).all()
    assert "RSI 14" not in set(technical_sheet(MarketData({"close": flat}), ASSET).summary["measure"])


def test_figures_draw_the_numbers(market: MarketData) -> None:
    sheet = technical_sheet(market, ASSET, sessions=100)
    values, _ = indicator_table(bars_of(market, ASSET))
    lines = {line.name: line for line in sheet.figures["price"].data}
    assert set(lines) == {"lower band", "upper band", "close"}
    assert len(lines["close"].x) == 100
    assert lines["close"].x[-1] == f"{market.sessions[-1]:%Y-%m-%d}"
    assert np.allclose(lines["upper band"].y, values["bollinger_upper"].iloc[-100:], rtol=1e-6)
    assert np.allclose(sheet.figures["rsi"].data[0].y, values["rsi"].iloc[-100:], rtol=1e-6)
    bars = sheet.figures["macd"].data[-1]
    assert np.allclose(bars.y, (values["macd"] - values["macd_signal"]).iloc[-100:], rtol=1e-4, atol=1e-6)
    share = (values["atr"] / market.panel("close")[ASSET]).iloc[-100:]
    assert np.allclose(sheet.figures["range"].data[0].y, share, rtol=1e-6)
    latest = sheet.tables["Latest sessions"]
    assert latest.columns[-1] == f"{market.sessions[-1]:%Y-%m-%d}"
    assert latest.iloc[0, -1] == f"{values['rsi'].iloc[-1]:.2f}"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_page_is_one_file(market: MarketData, theme: str, tmp_path: Path) -> None:
    sheet = technical_sheet(replace(market, flags=("<b>simulated</b>",)), ASSET, theme=theme)
    text = sheet.to_html(tmp_path / "asset.html").read_text(encoding="utf-8")
    assert "<b>simulated</b>" not in text
    assert text.count('id="figure-') == 4
    assert "Parabolic SAR" in text and ASSET in sheet._repr_html_()


def test_wrong_requests_are_refused(market: MarketData, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ParamsError, match="S000"):
        technical_sheet(market, "S00")
    with pytest.raises(ParamsError, match="whole number"):
        technical_sheet(market, ASSET, sessions=0)
    with pytest.raises(ParamsError, match="dark"):
        technical_sheet(market, ASSET, theme="drak")
    never = market.panel("close").copy()
    never.iloc[1:, 0] = np.nan
    with pytest.raises(DataError, match="at least two"):
        technical_sheet(MarketData({"close": never}), ASSET)
    monkeypatch.setattr(technical, "find_spec", lambda name: None)
    with pytest.raises(ParamsError, match=r"alphapulse\[lab\]"):
        technical_sheet(market, ASSET)


def test_the_market_stays_as_it_is(market: MarketData) -> None:
    before = {name: market.panel(name).copy(deep=True) for name in market.panels}
    technical_sheet(market, ASSET)
    for name, panel in before.items():
        pd.testing.assert_frame_equal(market.panel(name), panel, check_exact=True)
