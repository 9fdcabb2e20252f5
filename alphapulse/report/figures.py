"""Figures of a result: each function takes a BacktestResult and returns a plotly figure without a theme.

`FIGURES` names them in the order of the tear sheet; `figure` draws one with a theme. Texts that come from outside
(names of results, assets and the index) are escaped, because plotly reads them as markup.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from alphapulse.core.checks import check_choice
from alphapulse.report import series
from alphapulse.report.tables import monthly_grid
from alphapulse.report.theme import OTHERS, STACK, template
from alphapulse.risk.drawdowns import drawdown_series
from alphapulse.risk.measures import conditional_value_at_risk, value_at_risk
from alphapulse.risk.rolling import HALF_YEAR, rolling_sharpe, rolling_volatility

if TYPE_CHECKING:
    from alphapulse.backtest.result import BacktestResult

PERCENT = {"tickformat": ".0%", "hoverformat": ".2%"}
HEIGHT = 340


def equity(result: BacktestResult) -> go.Figure:
    """Draw the growth of 1 from the first decision on a log axis, after costs, against the index."""
    growth = series.growth(result)
    figure = go.Figure(_lines(growth)).update_layout(title="Growth of 1, after costs (log scale)")
    decades = float(np.log10(growth.to_numpy().max() / growth.to_numpy().min()))
    ticks = {"dtick": "D2", "tickformat": ",.4~g"} if decades > 0.8 else {"nticks": 6, "tickformat": ",.3~f"}
    return figure.update_yaxes(type="log", hoverformat=",.3f", title="growth of 1", **ticks)


def drawdowns(result: BacktestResult) -> go.Figure:
    """Draw how far below its last peak the result stands, against the index."""
    lines = _lines(drawdown_series(series.live_returns(result)))
    lines[0].update(fill="tozeroy")
    figure = go.Figure(lines).update_layout(title="Drawdown")
    return figure.update_yaxes(**PERCENT, title="below the last peak")


def sharpe(result: BacktestResult) -> go.Figure:
    """Draw the Sharpe ratio over the last 126 sessions (fewer on short runs), against the index."""
    returns = series.live_returns(result)
    window = _window(returns)
    figure = go.Figure(_lines(rolling_sharpe(returns, window)))
    figure.update_layout(title=f"Sharpe ratio, {window} sessions")
    return figure.update_yaxes(title="Sharpe ratio", hoverformat=".2f")


def volatility(result: BacktestResult) -> go.Figure:
    """Draw the annual volatility over the last 126 sessions (fewer on short runs), against the index."""
    returns = series.live_returns(result)
    window = _window(returns)
    figure = go.Figure(_lines(rolling_volatility(returns, window)))
    figure.update_layout(title=f"Volatility, {window} sessions")
    return figure.update_yaxes(**PERCENT, title="volatility a year", rangemode="tozero")


def months(result: BacktestResult) -> go.Figure:
    """Draw the return of each calendar month and year as a heat map; years have a colour scale of their own."""
    grid = monthly_grid(result)
    values = grid.to_numpy()
    reach = [max(float(np.nanquantile(np.abs(part), 0.98)), 0.001) for part in (values[:, :12], values[:, 12:])]
    heat = go.Heatmap(
        x=list(grid.columns),
        y=[str(year) for year in grid.index],
        z=values / np.repeat(reach, (12, 1)),
        zmin=-1.0,
        zmax=1.0,
        customdata=values,
        text=[["" if np.isnan(v) else f"{100 * v:z.1f}" for v in row] for row in values],
        texttemplate="%{text}",
        textfont={"size": 10},
        hovertemplate="%{x} %{y}: %{customdata:.2%}<extra></extra>",
        xgap=1,
        ygap=1,
        showscale=False,
    )
    figure = go.Figure(heat)
    figure.update_layout(title="Monthly and annual returns, per cent", height=110 + 18 * len(grid), hovermode="closest")
    figure.update_xaxes(side="top", showgrid=False, tickangle=0)
    return figure.update_yaxes(autorange="reversed", type="category", showgrid=False, dtick=1)


def years(result: BacktestResult) -> go.Figure:
    """Draw calendar-year returns as bars, against the index; the first and last year may be partial."""
    frame = series.calendar_returns(result, "Y")
    bars = [
        go.Bar(
            x=pd.PeriodIndex(frame.index).year,
            y=frame[name].to_numpy(),
            name=escape(str(name)),
            hovertemplate="%{y:.2%}",
        )
        for name in frame
    ]
    figure = go.Figure(bars).update_layout(title="Calendar-year returns", bargap=0.25)
    figure.update_xaxes(tickformat="d", dtick=1 if len(frame) <= 12 else None)
    return figure.update_yaxes(**PERCENT, title="return")


def distribution(result: BacktestResult) -> go.Figure:
    """Draw the distribution of session returns with value at risk and expected shortfall at 95 %."""
    returns = result.live_returns.loc[series.live_sessions(result)[1:]]
    low, high = returns.quantile([0.001, 0.999])
    inside = returns.clip(low, high)
    heights, edges = np.histogram(inside, bins=min(80, max(10, len(returns) // 10)))
    middles = (edges[1:] + edges[:-1]) / 2.0
    bars = go.Bar(
        x=middles, y=heights, name=escape(result.name), hovertemplate="%{x:.2%}: %{y} sessions<extra></extra>"
    )
    figure = go.Figure(bars)
    for name, at, place in (
        ("VaR 95 %", value_at_risk(returns), "right"),
        ("shortfall 95 %", conditional_value_at_risk(returns), "left"),
    ):
        figure.add_vline(x=at, line={"dash": "dot", "width": 1.5})
        figure.add_annotation(
            x=at,
            y=1.0,
            yref="paper",
            text=f"{name}: {at:.2%}",
            showarrow=False,
            xanchor="left" if place == "right" else "right",
            yanchor="bottom",
        )
    figure.update_layout(title="Distribution of session returns", bargap=0.02, hovermode="closest", showlegend=False)
    figure.update_xaxes(**PERCENT, title="session return; end bars hold what lies beyond")
    return figure.update_yaxes(title="sessions")


def exposure(result: BacktestResult) -> go.Figure:
    """Draw gross and net exposure at each close; one line where nothing was ever short."""
    frame = series.exposure(result)
    if frame["gross"].equals(frame["net"]):
        frame = frame[["gross"]].rename(columns={"gross": "exposure"})
    figure = go.Figure(_lines(frame)).update_layout(title="Exposure at the close")
    low, high = min(float(frame.to_numpy().min()), 0.0), float(frame.to_numpy().max())
    return figure.update_yaxes(**PERCENT, title="of equity", range=[1.08 * low, 1.08 * max(high, 0.01)])


def turnover(result: BacktestResult) -> go.Figure:
    """Draw turnover by month: half of the value bought and sold, over equity."""
    months = series.monthly_turnover(result)
    days = _days(pd.PeriodIndex(months.index).to_timestamp())
    bars = go.Bar(x=days, y=months.to_numpy(), name="turnover", hovertemplate="%{x|%b %Y}: %{y:.2%}<extra></extra>")
    figure = go.Figure(bars).update_layout(title="Turnover by month", hovermode="closest")
    return figure.update_yaxes(**PERCENT, title="half of buys and sells, of equity")


def costs(result: BacktestResult) -> go.Figure:
    """Draw what trading and borrowing cost so far, as a sum of shares of equity."""
    drag = series.cost_drag(result)
    shown = drag if drag["borrow"].any() else drag[["trading"]]
    figure = go.Figure(_lines(shown)).update_layout(title="Costs paid so far")
    figure.update_traces(showlegend=True)
    return figure.update_yaxes(tickformat=".1%", hoverformat=".3%", title="sum of shares of equity", rangemode="tozero")


def weights(result: BacktestResult) -> go.Figure:
    """Draw weights at the end of each week, stacked: the 15 largest names and all others; shorts below zero."""
    frame = series.weekly_weights(result)
    figure = go.Figure()
    for place, name in enumerate(frame):
        colour = OTHERS if name == "others" and place == frame.shape[1] - 1 else STACK[place % len(STACK)]
        for side, part in (("long", frame[name].clip(lower=0.0)), ("short", frame[name].clip(upper=0.0))):
            if side == "long" or part.any():
                figure.add_scatter(
                    x=_days(frame.index),
                    y=part.to_numpy(dtype=np.float32),
                    name=escape(str(name)),
                    legendgroup=escape(str(name)),
                    showlegend=side == "long",
                    stackgroup=side,
                    line={"width": 0.3, "color": colour},
                    fillcolor=colour,
                    hovertemplate="%{y:.1%}",
                )
    figure.update_layout(title="Weights at the end of each week", height=HEIGHT + 140, hovermode="closest")
    figure.update_layout(legend={"y": -0.1, "yanchor": "top"}, margin={"t": 56})
    return figure.update_yaxes(**PERCENT, title="of equity")


FIGURES: Mapping[str, Callable[["BacktestResult"], go.Figure]] = {
    "equity": equity,
    "drawdowns": drawdowns,
    "sharpe": sharpe,
    "volatility": volatility,
    "months": months,
    "years": years,
    "distribution": distribution,
    "exposure": exposure,
    "turnover": turnover,
    "costs": costs,
    "weights": weights,
}


def figure(result: BacktestResult, name: str, theme: str = "light") -> go.Figure:
    """Draw the figure `name` of FIGURES with a theme, "light" or "dark"."""
    drawn = FIGURES[check_choice("figure", name, FIGURES)](result)
    return drawn.update_layout(template=template(theme), height=drawn.layout.height or HEIGHT)


def _window(returns: pd.DataFrame) -> int:
    return max(min(HALF_YEAR, len(returns) // 2), 2)


def _lines(frame: pd.DataFrame) -> list[go.Scatter]:
    """One line a column: the first in the first colour of the theme, the others after it."""
    days = _days(frame.index)
    return [
        go.Scatter(
            x=days,
            y=frame[name].to_numpy(dtype=np.float32),
            name=escape(str(name)),
            mode="lines",
            line={"width": 1.6 if place == 0 else 1.2},
            zorder=-place,
        )
        for place, name in enumerate(frame)
    ]


def _days(index: pd.Index) -> list[str]:
    """Dates as text, a third of the size of time stamps."""
    return list(pd.DatetimeIndex(index).strftime("%Y-%m-%d"))
