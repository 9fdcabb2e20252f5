"""Figures of a scorecard: each function takes a Scorecard and returns a plotly figure without a theme.

`SCORE_FIGURES` names them in the order of the page. The manager comes first wherever lines or bars stand side by
side. Names of agents are escaped, because plotly reads them as markup.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from alphapulse.report.figures import PERCENT
from alphapulse.report.theme import OTHERS, STACK

if TYPE_CHECKING:
    from alphapulse.backtest.card import Scorecard

BAND = 1.96  # standard errors of a 95 % band
SHADE = "rgba(76, 159, 209, 0.25)"  # of a band, fit for both backgrounds
IN_A_ROW = 4
WRITTEN = 12  # columns of a heat map whose cells have room for their number


def information(card: Scorecard) -> go.Figure:
    """Draw the mean IC of each agent with its 95 % band, and the IC when the return starts a session later."""
    table = card.information.loc[_manager_first(card)]
    names = [escape(name) for name in table.index]
    bars = go.Bar(
        x=names,
        y=table["mean"].to_numpy(),
        error_y=_band(table),
        name="decided and held at the close",
        hovertemplate="IC %{y:.3f}",
    )
    late = go.Scatter(
        x=names,
        y=table["delayed"].to_numpy(),
        mode="markers",
        marker={"symbol": "diamond", "size": 8, "color": STACK[1]},
        name="one session late, as fills are",
        hovertemplate="IC %{y:.3f}",
    )
    figure = go.Figure([bars, late])
    figure.update_layout(title=f"How well scores rank the next {card.horizon} sessions, 95 % band")
    return figure.update_yaxes(title="information coefficient", tickformat=".2f")


def leave_one_out(card: Scorecard) -> go.Figure:
    """Draw what each agent adds to the manager's IC, with its 95 % band."""
    table = card.leave_one_out
    bars = go.Bar(
        x=[escape(str(name)) for name in table.index],
        y=table["difference"].to_numpy(),
        error_y=_band(table),
        hovertemplate="%{x}: %{y:+.3f}<extra></extra>",
    )
    figure = go.Figure(bars)
    figure.update_layout(title="What each agent adds to the manager, 95 % band", hovermode="closest")
    return figure.update_yaxes(title="difference of IC", tickformat="+.3f")


def decay(card: Scorecard) -> go.Figure:
    """Draw the IC of each agent against the horizon, one panel an agent on one scale, with 95 % bands."""
    names = _manager_first(card)
    rows = -(-len(names) // IN_A_ROW)
    columns = min(len(names), IN_A_ROW)
    figure = make_subplots(
        rows, columns, subplot_titles=[escape(name) for name in names], shared_yaxes="all", vertical_spacing=0.22
    )
    for place, name in enumerate(names):
        table = card.decay.loc[name]
        spans = [str(span) for span in table.index]
        mean, half = table["mean"].to_numpy(), BAND * table["standard_error"].to_numpy()
        at = {"row": place // IN_A_ROW + 1, "col": place % IN_A_ROW + 1}
        for edge, fill in ((mean - half, None), (mean + half, "tonexty")):
            line = {"width": 0}
            figure.add_scatter(
                x=spans, y=edge, mode="lines", line=line, fill=fill, fillcolor=SHADE, hoverinfo="skip", **at
            )
        figure.add_scatter(
            x=spans,
            y=mean,
            mode="lines+markers",
            marker={"size": 4, "color": STACK[0]},
            line={"width": 1.6, "color": STACK[0]},
            hovertemplate="%{x} sessions: %{y:.3f}<extra></extra>",
            **at,
        )
    figure.update_annotations(font={"size": 12})
    figure.update_xaxes(type="category", tickangle=0, tickfont={"size": 10})
    figure.update_yaxes(tickformat=".2f")
    title = "How long a score stays true: IC by sessions of return after it, with 95 % bands"
    return figure.update_layout(title=title, showlegend=False, hovermode="closest", height=130 + 190 * rows)


def years(card: Scorecard) -> go.Figure:
    """Draw the mean IC of each calendar year, that in which the return was known, as a heat map."""
    return _heat(card.by_year.loc[_manager_first(card)], "Did it hold? Mean IC by year")


def quantiles(card: Scorecard) -> go.Figure:
    """Draw the return of each score quantile above the average of all scored."""
    names = _manager_first(card)
    groups = [str(column) for column in card.quantiles if str(column).startswith("q")]
    shades = [STACK[1], STACK[11], "#a9b0b7", STACK[10], STACK[5]]
    titles = {groups[0]: f"{groups[0]} (worst scored)", groups[-1]: f"{groups[-1]} (best scored)"}
    bars = [
        go.Bar(
            x=[escape(name) for name in names],
            y=card.quantiles[group].loc[names].to_numpy(),
            name=titles.get(group, group),
            marker={"color": shades[place]} if len(groups) == len(shades) else None,
            hovertemplate="%{y:.2%}",
        )
        for place, group in enumerate(groups)
    ]
    figure = go.Figure(bars).update_layout(title=f"Return over {card.horizon} sessions by group of scores", bargap=0.3)
    return figure.update_yaxes(tickformat=".1%", hoverformat=".2%", title="above the average member scored")


def correlation(card: Scorecard) -> go.Figure:
    """Draw the mean rank correlation between scores as a heat map."""
    names = _manager_first(card)
    return _heat(card.correlation.loc[names, names], "Do agents say the same? Correlation of scores", 1.0)


def speaking(card: Scorecard) -> go.Figure:
    """Draw the share of members with a score, by agent, at the end of each week."""
    figure = _weekly(card.speaking[_manager_first(card)], "Share of members that get a score")
    return figure.update_yaxes(range=[-0.02, 1.05])


def depth(card: Scorecard) -> go.Figure:
    """Draw the mean share of its evidence that an agent had where it gave scores, at the end of each week."""
    figure = _weekly(card.depth[_manager_first(card)], "Share of the evidence behind the scores")
    return figure.update_yaxes(range=[-0.02, 1.05])


def shares(card: Scorecard) -> go.Figure:
    """Draw each agent's share of the manager's vote through time, stacked, at the end of each week."""
    figure = _weekly(card.shares, "Share of each agent in the manager's vote")
    for place, trace in enumerate(figure.data):
        trace.update(stackgroup="all", line={"width": 0.3, "color": STACK[place % len(STACK)]})
    return figure.update_yaxes(range=[0.0, 1.0])


def diagnostics(card: Scorecard) -> go.Figure:
    """Draw how much agents differ and how many are silent, at the end of each week."""
    return _weekly(card.diagnostics, "Agreement and silence among the agents", percent=False)


SCORE_FIGURES: Mapping[str, Callable[["Scorecard"], go.Figure]] = {
    "information": information,
    "leave_one_out": leave_one_out,
    "decay": decay,
    "quantiles": quantiles,
    "years": years,
    "correlation": correlation,
    "speaking": speaking,
    "depth": depth,
    "shares": shares,
    "diagnostics": diagnostics,
}


def _manager_first(card: Scorecard) -> list[str]:
    return [card.agents[-1], *card.agents[:-1]]


def _band(table: pd.DataFrame) -> dict[str, object]:
    return {"array": BAND * table["standard_error"].to_numpy(), "thickness": 1.4, "width": 5, "color": OTHERS}


def _heat(table: pd.DataFrame, title: str, reach: float | None = None) -> go.Figure:
    values = table.to_numpy(dtype=np.float64)
    known = np.abs(values[np.isfinite(values)])
    limit = reach or max(float(known.max()) if len(known) else 0.0, 0.001)
    heat = go.Heatmap(
        x=[escape(str(name)) for name in table.columns],
        y=[escape(str(name)) for name in table.index],
        z=values,
        zmin=-limit,
        zmax=limit,
        text=[["" if np.isnan(value) else f"{value:z.2f}" for value in row] for row in values],
        texttemplate="%{text}" if table.shape[1] <= WRITTEN else None,
        textfont={"size": 10},
        hovertemplate="%{y}, %{x}: %{z:.3f}<extra></extra>",
        xgap=1,
        ygap=1,
        showscale=False,
    )
    figure = go.Figure(heat).update_layout(title=title, hovermode="closest")
    figure.update_xaxes(type="category", showgrid=False, tickangle=0)
    return figure.update_yaxes(autorange="reversed", type="category", showgrid=False, dtick=1)


def _weekly(frame: pd.DataFrame, title: str, *, percent: bool = True) -> go.Figure:
    sessions = pd.DatetimeIndex(frame.index)
    ends = np.flatnonzero(np.diff(sessions.to_period("W").asi8, append=-1))
    days = list(sessions[ends].strftime("%Y-%m-%d"))
    lines = [
        go.Scatter(
            x=days,
            y=frame[name].to_numpy(dtype=np.float32)[ends],
            name=escape(str(name)),
            mode="lines",
            line={"width": 1.6 if place == 0 else 1.2},
            hovertemplate="%{y:.0%}" if percent else "%{y:.2f}",
        )
        for place, name in enumerate(frame)
    ]
    figure = go.Figure(lines).update_layout(title=title)
    return figure.update_yaxes(**(PERCENT if percent else {}))
