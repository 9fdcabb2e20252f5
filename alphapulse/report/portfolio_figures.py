"""Figures of a shoot-out of allocators through its run; each function draws the tables it is given."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from alphapulse.report.figures import HEIGHT
from alphapulse.report.roles import Role, legend_below, named_rows
from alphapulse.report.theme import OTHERS, STACK

ERRORS = 2.0  # standard errors drawn to each side


def equity(growth: pd.DataFrame, roles: Mapping[str, Role]) -> go.Figure:
    """Draw the growth of 1, sessions x names, at the end of each week, on a log axis."""
    weekly = _week_ends(growth)
    figure = go.Figure(_lines(weekly, roles))
    figure.update_layout(title="Growth of 1, after costs (log scale)", height=HEIGHT + 140, hovermode="closest")
    decades = float(np.log10(weekly.to_numpy().max() / weekly.to_numpy().min()))
    ticks = {"dtick": "D2", "tickformat": ",.4~g"} if decades > 0.8 else {"nticks": 6, "tickformat": ",.3~f"}
    figure.update_layout(legend={"y": -0.1, "yanchor": "top"}, margin={"t": 56})
    return figure.update_yaxes(type="log", hoverformat=",.3f", title="growth of 1", **ticks)


def lead(growth: pd.DataFrame, naive: str, roles: Mapping[str, Role]) -> go.Figure:
    """Draw the growth of 1 of every other allocator over that of 1/N, at the end of each week."""
    weekly = _week_ends(growth)
    ratio = weekly.div(weekly[naive], axis=0).drop(columns=naive) - 1.0
    figure = go.Figure(_lines(ratio, roles)).update_layout(title="Wealth ahead of 1/N", hovermode="closest")
    figure.update_layout(**legend_below([role.label for role in roles.values()]))
    return figure.update_yaxes(tickformat="+.0%", hoverformat="+.1%", title="wealth against 1/N", zeroline=True)


def drawdowns(depth: pd.DataFrame, roles: Mapping[str, Role]) -> go.Figure:
    """Draw the deepest point below the last peak, sessions x names, in each month, as a heat map."""
    months = depth.groupby(pd.DatetimeIndex(depth.index).to_period("M")).min()
    values = months.to_numpy(dtype=np.float32).T
    labels = [f"{roles[str(name)].label}  {low:.0%}" for name, low in depth.min().items()]
    full = [[roles[str(name)].full] * len(months) for name in depth]
    heat = go.Heatmap(
        x=list(pd.PeriodIndex(months.index).strftime("%Y-%m-01")),
        y=list(range(len(labels))),
        z=values,
        customdata=full,
        zmin=float(values.min()) or -0.01,
        zmax=-float(values.min()) or 0.01,
        hovertemplate="%{customdata}, %{x|%b %Y}: %{z:.1%}<extra></extra>",
        ygap=2,
        showscale=False,
    )
    figure = go.Figure(heat).update_layout(title="Drawdown by month, and the deepest")
    figure.update_xaxes(showgrid=False, ticks="")
    return named_rows(figure, labels).update_yaxes(autorange="reversed", showgrid=False)


def sharpe(table: pd.DataFrame, against: pd.DataFrame | None, roles: Mapping[str, Role]) -> go.Figure:
    """Draw Sharpe ratios with two standard errors to each side, the best on top, and their differences from 1/N.

    table: sharpe and sharpe_se by name. against: difference and standard_error by name; None leaves that panel out.
    """
    ordered = table.sort_values("sharpe", na_position="first")
    panels = [("Sharpe ratio, alone", ordered["sharpe"], ordered["sharpe_se"])]
    if against is not None:
        apart = against.reindex(ordered.index)
        panels.append(("less that of 1/N", apart["difference"], apart["standard_error"]))
    figure = make_subplots(1, len(panels), shared_yaxes=True, subplot_titles=[panel[0] for panel in panels])
    places = list(range(len(ordered)))
    for column, (title, value, error) in enumerate(panels, 1):
        figure.add_scatter(
            x=value.to_numpy(),
            y=places,
            error_x={"array": ERRORS * error.to_numpy(), "thickness": 1.4, "width": 4, "color": OTHERS},
            mode="markers",
            marker={"size": 9, "color": [roles[str(name)].row for name in ordered.index]},
            customdata=np.array([[roles[str(name)].full for name in ordered.index], error.to_numpy()], object).T,
            hovertemplate=f"%{{customdata[0]}}, {title}: %{{x:.2f}}, error %{{customdata[1]:.2f}}<extra></extra>",
            row=1,
            col=column,
        )
    figure.update_annotations(font={"size": 12})
    figure.update_layout(title="Sharpe ratios, with two standard errors", showlegend=False)
    figure.update_xaxes(tickformat=".1f", zeroline=True)
    return named_rows(figure, [roles[str(name)].label for name in ordered.index])


def promises(table: pd.DataFrame, roles: Mapping[str, Role]) -> go.Figure:
    """Draw the Sharpe ratio that portfolios had in their lookback and the one that followed: the estimation error.

    table: promised_sharpe and kept_sharpe by name.
    """
    ordered = table.sort_values("promised_sharpe", na_position="first")
    places = list(range(len(ordered)))
    promised, kept = ordered["promised_sharpe"].to_numpy(), ordered["kept_sharpe"].to_numpy()
    gaps = np.column_stack([promised, kept, np.full(len(ordered), np.nan)]).ravel()
    figure = go.Figure(
        go.Scatter(
            x=gaps,
            y=np.repeat(places, 3),
            mode="lines",
            line={"color": OTHERS, "width": 1.4},
            hoverinfo="skip",
            showlegend=False,
        )
    )
    full = [roles[str(name)].full for name in ordered.index]
    for name, values, symbol in (("in the lookback", promised, "circle-open"), ("afterwards", kept, "circle")):
        figure.add_scatter(
            x=values,
            y=places,
            mode="markers",
            name=name,
            marker={"size": 9, "symbol": symbol, "color": STACK[5], "line": {"width": 1.8}},
            customdata=full,
            hovertemplate=f"%{{customdata}}, {name}: %{{x:.2f}}<extra></extra>",
        )
    figure.update_layout(title="What portfolios promised, and kept")
    figure.update_xaxes(title="Sharpe ratio, before costs", tickformat=".1f")
    return named_rows(figure, [roles[str(name)].label for name in ordered.index])


def costs(table: pd.DataFrame, roles: Mapping[str, Role]) -> go.Figure:
    """Draw turnover and costs a year as bars, the one that trades most on top.

    table: turnover_ann and costs_ann by name.
    """
    ordered = table.dropna(subset=["turnover_ann"]).sort_values("turnover_ann")
    panels = (("turnover a year", "turnover_ann", ".0%"), ("costs a year", "costs_ann", ".2%"))
    figure = make_subplots(1, 2, shared_yaxes=True, subplot_titles=[panel[0] for panel in panels])
    for column, (title, name, form) in enumerate(panels, 1):
        figure.add_bar(
            x=ordered[name].to_numpy(),
            y=list(range(len(ordered))),
            orientation="h",
            marker={"color": [roles[str(each)].row for each in ordered.index]},
            customdata=[roles[str(each)].full for each in ordered.index],
            hovertemplate=f"%{{customdata}}, {title}: %{{x:{form}}}<extra></extra>",
            row=1,
            col=column,
        )
        figure.update_xaxes(tickformat=form, rangemode="tozero", nticks=5, row=1, col=column)
    figure.update_annotations(font={"size": 12})
    figure.update_layout(title="What trading took", showlegend=False, bargap=0.35)
    return named_rows(figure, [roles[str(name)].label for name in ordered.index])


def _lines(frame: pd.DataFrame, roles: Mapping[str, Role]) -> list[go.Scatter]:
    days = list(pd.DatetimeIndex(frame.index).strftime("%Y-%m-%d"))
    return [
        go.Scatter(
            x=days,
            y=frame[name].to_numpy(dtype=np.float32),
            name=role.label,
            mode="lines",
            line={"width": 2.4 if role.leads else 1.3, "color": role.colour, "dash": role.dash},
            zorder=int(role.leads),
            hovertemplate=f"{role.full}, %{{x}}: %{{y}}<extra></extra>",
        )
        for name, role in ((name, roles[str(name)]) for name in frame)
    ]


def _week_ends(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.iloc[np.flatnonzero(np.diff(pd.DatetimeIndex(frame.index).to_period("W").asi8, append=-1))]
