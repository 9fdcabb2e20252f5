"""Figures are data: what they show, not their pixels."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import plotly.io as pio
import pytest

from alphapulse.backtest.result import BacktestResult
from alphapulse.core.errors import ParamsError
from alphapulse.core.market import MarketData
from alphapulse.report import series
from alphapulse.report.figures import FIGURES, figure
from alphapulse.report.theme import THEMES, template


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("book", ["result", "hedged"])
def test_each_figure_draws_with_title_and_units(name: str, book: str, request: pytest.FixtureRequest) -> None:
    drawn = figure(request.getfixturevalue(book), name)
    assert drawn.layout.title.text
    assert drawn.layout.height >= 150
    assert name == "months" or drawn.layout.yaxis.title.text
    for trace in drawn.data:
        assert len(trace.x)
        if name != "months":
            assert len(trace.y) == len(trace.x)
    drawn.to_json()


def test_equity_is_on_a_log_axis_and_ends_at_the_growth(result: BacktestResult) -> None:
    drawn = figure(result, "equity")
    assert drawn.layout.yaxis.type == "log"
    assert drawn.data[0].y[-1] == pytest.approx(series.growth(result).iloc[-1, 0], rel=1e-6)
    assert drawn.data[0].x[0] == str(result.decisions.targets.index[0].date())
    assert [trace.name for trace in drawn.data] == ["equal weight", "S&amp;P 500"]


def test_a_long_climb_is_ticked_by_decades_and_a_short_one_evenly(
    result: BacktestResult, make_market: Callable[..., MarketData], make: Callable[..., BacktestResult]
) -> None:
    assert figure(result, "equity").layout.yaxis.dtick is None
    assert figure(make(make_market("1990-01-01", "2022-12-31")), "equity").layout.yaxis.dtick == "D2"


def test_weights_are_weekly_and_stack_to_the_exposure(result: BacktestResult, hedged: BacktestResult) -> None:
    drawn = figure(result, "weights")
    assert len(drawn.data) == 16
    assert len(drawn.data[0].x) < len(result.live_returns) / 4
    last = sum(float(trace.y[-1]) for trace in drawn.data)
    assert last == pytest.approx(float(result.weights.iloc[-1].sum()), abs=1e-5)
    groups = {trace.stackgroup for trace in figure(hedged, "weights").data}
    assert groups == {"long", "short"}


def test_the_distribution_counts_every_session(result: BacktestResult) -> None:
    drawn = figure(result, "distribution")
    assert sum(drawn.data[0].y) == len(result.live_returns)
    assert len(drawn.layout.shapes) == 2


def test_exposure_shows_net_only_when_it_differs(result: BacktestResult, hedged: BacktestResult) -> None:
    assert [trace.name for trace in figure(result, "exposure").data] == ["exposure"]
    assert [trace.name for trace in figure(hedged, "exposure").data] == ["gross", "net"]
    low, high = figure(hedged, "exposure").layout.yaxis.range
    assert low <= 0 < 1 < high


def test_borrow_is_drawn_when_it_was_paid(result: BacktestResult, hedged: BacktestResult) -> None:
    assert [trace.name for trace in figure(result, "costs").data] == ["trading"]
    assert [trace.name for trace in figure(hedged, "costs").data] == ["trading", "borrow"]


def test_a_month_of_history_still_draws(
    make_market: Callable[..., MarketData], make: Callable[..., BacktestResult]
) -> None:
    short = make(make_market("2012-01-01", "2012-04-20"))
    for name in FIGURES:
        figure(short, name).to_json()


def test_markup_in_names_is_escaped(
    make_market: Callable[..., MarketData], make: Callable[..., BacktestResult]
) -> None:
    hostile = '<a href="javascript:x">A</a>'
    largest = series.weekly_weights(make(make_market())).columns[0]
    result = make(make_market(names={largest: hostile}), name="<b>bold</b>")
    for name in FIGURES:
        assert "<a href" not in figure(result, name).to_json()
        assert "<b>bold" not in figure(result, name).to_json()
    assert any("&lt;a href" in trace.name for trace in figure(result, "weights").data)


def test_themes_change_colours_but_not_data(result: BacktestResult) -> None:
    light, dark = figure(result, "equity", "light"), figure(result, "equity", "dark")
    assert light.layout.template.layout.paper_bgcolor != dark.layout.template.layout.paper_bgcolor
    assert light.data == dark.data
    with pytest.raises(ParamsError, match="light"):
        figure(result, "equity", "ligth")


def test_importing_and_drawing_leaves_plotly_as_it_was(result: BacktestResult) -> None:
    default, known = pio.templates.default, set(pio.templates)
    figure(result, "months", "dark")
    assert pio.templates.default == default
    assert set(pio.templates) == known
    assert go.Figure().layout.template != template("dark")


def _luminance(colour: str) -> float:
    parts = np.array([int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)])
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("theme", THEMES)
def test_contrast(theme: str) -> None:
    colours = THEMES[theme]
    paper = _luminance(colours.paper)

    def contrast(colour: str) -> float:
        low, high = sorted((paper, _luminance(colour)))
        return (high + 0.05) / (low + 0.05)

    assert contrast(colours.text) >= 7
    assert contrast(colours.muted) >= 4.5
    assert all(contrast(line) >= 3 for line in colours.lines[:4])


def test_days_do_not_depend_on_the_resolution_of_dates(result: BacktestResult) -> None:
    assert figure(result, "drawdowns").data[0].x[-1] == f"{pd.Timestamp(result.equity.index[-1]):%Y-%m-%d}"
