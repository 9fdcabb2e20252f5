"""Figures of a shoot-out's last decision: frontier, contributions, tree; each function draws the tables it is given."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from alphapulse.core.stats import Array
from alphapulse.report.figures import HEIGHT, PERCENT
from alphapulse.report.roles import Role, cut, legend_below, named_rows
from alphapulse.report.theme import OTHERS, STACK

WRITTEN = 12  # columns of a heat map whose cells have room for their number
MOST = 15  # assets in a heat map
LABELLED = 36  # leaves of a tree whose names have room


def frontier(line: pd.DataFrame, moments: pd.DataFrame, roles: Mapping[str, Role], session: str) -> go.Figure:
    """Draw the efficient frontier and where the allocators' portfolios lie.

    line, moments: volatility_ann and return_ann, one portfolio a row; moments by allocator. session: of the estimate.
    """
    figure = go.Figure(
        go.Scatter(
            x=line["volatility_ann"].to_numpy(),
            y=line["return_ann"].to_numpy(),
            mode="lines",
            line={"color": OTHERS, "width": 2.0},
            name="frontier",
            hovertemplate="frontier: volatility %{x:.1%}, return %{y:.1%}<extra></extra>",
        )
    )
    for name, row in moments.iterrows():
        role = roles[str(name)]
        figure.add_scatter(
            x=[row["volatility_ann"]],
            y=[row["return_ann"]],
            mode="markers",
            name=role.label,
            marker={"size": 10, "symbol": role.symbol, "color": role.colour},
            hovertemplate=f"{role.full}: volatility %{{x:.1%}}, return %{{y:.1%}}<extra></extra>",
        )
    figure.update_layout(title=f"Efficient frontier as estimated on {session}", hovermode="closest")
    figure.update_layout(**legend_below(["frontier", *(roles[str(name)].label for name in moments.index)]))
    figure.update_xaxes(**PERCENT, title="volatility a year")
    return figure.update_yaxes(**PERCENT, title="mean return a year, of the lookback")


def contributions(parts: pd.DataFrame, roles: Mapping[str, Role], session: str) -> go.Figure:
    """Draw weights beside shares of the risk, allocators x assets, as two heat maps of per cent.

    parts: weight and share by allocator and asset; what an allocator does not hold is left blank. session: of both. Of
    many assets the 15 with the largest weights are drawn.
    """
    figure = make_subplots(1, 2, shared_yaxes=True, subplot_titles=["weight, %", "share of the risk, %"])
    names = parts.index.unique("allocator")
    tables = [parts.pivot_table(one, "allocator", "asset").reindex(names) for one in ("weight", "share")]
    largest = tables[0].abs().sum().nlargest(MOST).index
    tables = [table.reindex(columns=largest.sort_values()) for table in tables]
    reach = max(float(np.nan_to_num(np.abs(table.to_numpy())).max()) for table in tables)
    for column, table in enumerate(tables, 1):
        values = 100.0 * table.to_numpy()
        figure.add_heatmap(
            x=[escape(str(asset)) for asset in table.columns],
            y=list(range(len(table))),
            z=values,
            zmin=-100.0 * reach,
            zmax=100.0 * reach,
            text=[["" if np.isnan(value) else f"{value:z.0f}" for value in row] for row in values],
            texttemplate="%{text}" if table.shape[1] <= WRITTEN else None,
            textfont={"size": 9},
            customdata=[[roles[str(name)].full] * table.shape[1] for name in table.index],
            hovertemplate="%{customdata}, %{x}: %{z:.1f} %<extra></extra>",
            xgap=1,
            ygap=1,
            showscale=False,
            row=1,
            col=column,
        )
    figure.update_annotations(font={"size": 12})
    figure.update_layout(title=f"Weights, and shares of the risk, on {session}")
    figure.update_xaxes(type="category", showgrid=False, ticks="", tickangle=-90, tickfont={"size": 10})
    labels = [roles[str(name)].label for name in tables[0].index]
    return named_rows(figure, labels).update_yaxes(autorange="reversed", showgrid=False)


def dendrogram(tree: Array, weights: "pd.Series[float]", name: str) -> go.Figure:
    """Draw the tree of assets and below it their weights. weights: from left to right; name: of the allocator.

    tree: scipy's linkage, whose leaf i is the i-th of the weights.
    """
    figure = make_subplots(2, 1, shared_xaxes=True, row_heights=[0.6, 0.4], vertical_spacing=0.04)
    across, up = _branches(tree, len(weights))
    figure.add_scatter(
        x=across, y=up, mode="lines", line={"width": 1.4, "color": STACK[5]}, hoverinfo="skip", row=1, col=1
    )
    labels = [escape(str(asset)) for asset in weights.index]
    figure.add_bar(
        x=list(range(len(weights))),
        y=weights.to_numpy(),
        marker={"color": STACK[0]},
        customdata=labels,
        hovertemplate="%{customdata}: %{y:.1%}<extra></extra>",
        row=2,
        col=1,
    )
    figure.update_layout(title=f"Who moves with whom, and the weights of {cut(name)}", showlegend=False)
    figure.update_layout(hovermode="closest", height=HEIGHT + 60, bargap=0.3)
    figure.update_xaxes(showgrid=False, zeroline=False, showticklabels=False)
    if len(labels) <= LABELLED:
        ticks = {"tickvals": list(range(len(labels))), "ticktext": labels, "tickangle": -90 if len(labels) > 12 else 0}
        figure.update_xaxes(showticklabels=True, **ticks, row=2, col=1)
    figure.update_yaxes(title="distance at which they join", rangemode="tozero", row=1, col=1)
    return figure.update_yaxes(**PERCENT, title="weight", row=2, col=1)


def _branches(tree: Array, leaves: int) -> tuple[list[float], list[float]]:
    """Return the lines of a tree, one bracket a merge, parted by NaN; leaves stand at 0, 1, 2 and so on."""
    place, height = list(map(float, range(leaves))), [0.0] * leaves
    across: list[float] = []
    up: list[float] = []
    for left, right, distance, _ in tree.tolist():
        first, second = int(left), int(right)
        across += [place[first], place[first], place[second], place[second], np.nan]
        up += [height[first], distance, distance, height[second], np.nan]
        place.append((place[first] + place[second]) / 2.0)
        height.append(distance)
    return across, up
