"""Light and dark plotly templates, handed to figures as objects: nothing global changes when this is imported.

The colours tell apart for all common kinds of colour blindness (after Okabe and Ito, "Color Universal Design",
2008); the result is always the first colour and the index the second, a grey. Figures take every colour that depends
on the background from the template, so that a page can change its theme by changing the template alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import plotly.graph_objects as go

from alphapulse.core.checks import check_choice


class Colours(NamedTuple):
    """What differs between themes. lines: colourway. losses, middle, gains: the diverging scale."""

    paper: str
    text: str
    muted: str
    grid: str
    lines: tuple[str, ...]
    losses: str
    middle: str
    gains: str


THEMES: Mapping[str, Colours] = {
    "light": Colours(
        paper="#ffffff",
        text="#1c2127",
        muted="#5b6570",
        grid="#e3e7eb",
        lines=("#0072b2", "#858d96", "#d55e00", "#009e73", "#cc79a7", "#b58900", "#56b4e9"),
        losses="#b34e00",
        middle="#f7f7f7",
        gains="#005f96",
    ),
    "dark": Colours(
        paper="#14181d",
        text="#e4e8ec",
        muted="#a3adb8",
        grid="#2b323a",
        lines=("#56b4e9", "#9aa3ad", "#f0883e", "#2dc79a", "#e39bc5", "#f0d14a", "#7a9cff"),
        losses="#b45a17",
        middle="#20262d",
        gains="#1b6fa6",
    ),
}
# For many stacked names: five hues in three shades, neighbours of different hue, fit for both backgrounds.
STACK = (
    *("#4c9fd1", "#ee8f45", "#35b08a", "#cc79a7", "#d9b036"),
    *("#0072b2", "#d55e00", "#007f5c", "#a34a7c", "#a67c00"),
    *("#9ccbe8", "#f7c199", "#97d8c2", "#e6b5d0", "#f0dd8f"),
)
OTHERS = "#8a929b"
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"


def template(theme: str = "light") -> go.layout.Template:
    """Return the plotly template of a theme, "light" or "dark"."""
    colours = THEMES[check_choice("theme", theme, THEMES)]
    axis = {
        "gridcolor": colours.grid,
        "linecolor": colours.grid,
        "zerolinecolor": colours.muted,
        "zerolinewidth": 1,
        "automargin": True,
        "tickfont": {"color": colours.muted},
        "title": {"font": {"size": 12, "color": colours.muted}, "standoff": 8},
    }
    diverging = [[0.0, colours.losses], [0.5, colours.middle], [1.0, colours.gains]]
    return go.layout.Template(
        layout={
            "paper_bgcolor": colours.paper,
            "plot_bgcolor": colours.paper,
            "font": {"family": FONT, "size": 12, "color": colours.text},
            "title": {
                "font": {"size": 15},
                "x": 0.0,
                "xref": "paper",
                "xanchor": "left",
                "yref": "container",
                "y": 0.97,
            },
            "colorway": list(colours.lines),
            "colorscale": {"diverging": diverging},
            "xaxis": axis,
            "yaxis": axis,
            "hovermode": "x unified",
            "hoverlabel": {"bgcolor": colours.paper, "font": {"color": colours.text}},
            "legend": {"orientation": "h", "x": 0.0, "y": 1.0, "xanchor": "left", "yanchor": "bottom"},
            "margin": {"l": 56, "r": 16, "t": 72, "b": 36},
            "shapedefaults": {"line": {"color": colours.muted}},
            "annotationdefaults": {"font": {"color": colours.muted}},
        },
        data={"heatmap": [go.Heatmap(colorscale=diverging)]},
    )
