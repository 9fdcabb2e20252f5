"""Roles: how each allocator of a shoot-out is named and drawn, the same in every figure.

Names are escaped, because plotly reads them as markup, and cut where they would take a figure's room; hover texts have
the full name.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import NamedTuple

import plotly.graph_objects as go

from alphapulse.report.figures import HEIGHT
from alphapulse.report.theme import OTHERS, STACK

LONGEST = 22  # signs of a name beside an axis
FITTING = 18  # signs of a name in a legend of three a row
HUES = STACK[:5]
DASHES = ("solid", "dash", "dot")
SYMBOLS = (
    *("circle", "square", "diamond", "triangle-up", "x", "star", "hexagon", "cross", "triangle-down", "pentagon"),
    *("star-square", "bowtie", "hourglass", "diamond-tall", "triangle-right"),
)


class Role(NamedTuple):
    """How one line of the shoot-out is named and drawn in every figure. row: its colour where rows are named."""

    label: str
    full: str
    colour: str
    dash: str
    symbol: str
    row: str
    leads: bool = False


def cast(allocators: Iterable[str], naive: str | None, own: str, index: str | None = None) -> dict[str, Role]:
    """Return the role of each allocator and of the index, by name; 1/N and the strategy's own lead.

    15 allocators have 15 pairs of colour and dash, and 15 symbols; beyond, these repeat.
    """
    roles = {}
    for place, name in enumerate(allocators):
        full = f"{name} (1/N)" if name == naive else name
        hue, dash, symbol = HUES[place % 5], DASHES[place // 5 % 3], SYMBOLS[place % len(SYMBOLS)]
        row = STACK[6] if name == naive else STACK[5]
        roles[name] = Role(cut(full), escape(full), hue, dash, symbol, row, name in (naive, own))
    if index is not None:
        roles[index] = Role(index, index, OTHERS, "solid", "circle-open", OTHERS)
    return roles


def named_rows(figure: go.Figure, labels: list[str]) -> go.Figure:
    """Name the rows of a figure, whose places are 0, 1, 2 and so on, and give them room."""
    figure.update_layout(height=max(HEIGHT, 130 + 22 * len(labels)), hovermode="closest")
    return figure.update_yaxes(tickvals=list(range(len(labels))), ticktext=labels, ticks="", zeroline=False)


def legend_below(labels: list[str]) -> dict[str, object]:
    """Return layout with room under the figure for a legend of some labels, three a row, or two where one is long."""
    rows = -(-len(labels) // (3 if max(map(len, labels)) <= FITTING else 2))
    return {"legend": {"y": -0.22, "yanchor": "top"}, "margin": {"t": 56}, "height": HEIGHT + 20 * rows}


def cut(name: str) -> str:
    """Return a name escaped and short enough to stand beside an axis: its beginning and its end."""
    half = LONGEST // 2
    return escape(name if len(name) <= LONGEST else f"{name[:half]}…{name[1 - half :]}")
