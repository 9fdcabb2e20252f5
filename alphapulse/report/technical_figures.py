"""Figures of one asset's indicators; each takes bars and indicators on the same sessions, and has no theme."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from alphapulse.report.figures import HEIGHT, PERCENT
from alphapulse.report.theme import template

BAND, SHADE = "#858d96", "rgba(133, 141, 150, 0.16)"  # fit for both backgrounds


def price(bars: pd.DataFrame, values: pd.DataFrame) -> go.Figure:
    """Draw the close between its Bollinger bands on a log axis."""
    figure = go.Figure(go.Scatter(**_line(bars["close"], "close"), line={"width": 1.6}))
    if "bollinger_upper" in values:
        edge = {"line": {"width": 0.6, "color": BAND}, "zorder": -1}
        figure.add_scatter(**_line(values["bollinger_lower"], "lower band"), **edge)
        figure.add_scatter(**_line(values["bollinger_upper"], "upper band"), **edge, fill="tonexty", fillcolor=SHADE)
    figure.update_layout(title="Price and Bollinger bands, 20 sessions, 2 deviations (log scale)")
    return figure.update_yaxes(type="log", hoverformat=",.2f", title="price", nticks=6, tickformat=",.4~g")


def rsi(bars: pd.DataFrame, values: pd.DataFrame) -> go.Figure:
    """Draw the RSI with the customary lines at 30 and 70."""
    figure = go.Figure(go.Scatter(**_line(values["rsi"], "RSI"), line={"width": 1.2}))
    for level in (30, 70):
        figure.add_hline(y=level, line={"dash": "dot", "width": 1.2})
    figure.update_layout(title="RSI, 14 sessions", showlegend=False)
    return figure.update_yaxes(range=[0, 100], hoverformat=".1f", title="share of gains, per cent")


def macd(bars: pd.DataFrame, values: pd.DataFrame) -> go.Figure:
    """Draw the MACD, its signal, and the difference as bars."""
    apart = values["macd"] - values["macd_signal"]
    figure = go.Figure(go.Scatter(**_line(values["macd"], "MACD"), line={"width": 1.6}))
    figure.add_scatter(**_line(values["macd_signal"], "signal"), line={"width": 1.2})
    figure.add_bar(x=_days(apart.index), y=apart.to_numpy(dtype=np.float32), name="MACD less signal")
    figure.update_traces(marker={"line": {"width": 0}}, selector={"type": "bar"})
    figure.update_layout(title="MACD 12, 26 and its signal, 9 sessions", bargap=0.0)
    return figure.update_yaxes(hoverformat=".2f", title="units of price")


def reach(bars: pd.DataFrame, values: pd.DataFrame) -> go.Figure:
    """Draw the average true range as a share of the close."""
    figure = go.Figure(go.Scatter(**_line(values["atr"] / bars["close"], "ATR / close"), line={"width": 1.2}))
    figure.update_layout(title="Average true range, 14 sessions, over the close", showlegend=False)
    return figure.update_yaxes(**PERCENT, title="of the close", rangemode="tozero")


# Each figure with the indicators it cannot do without.
FIGURES: Mapping[str, tuple[Callable[[pd.DataFrame, pd.DataFrame], go.Figure], tuple[str, ...]]] = {
    "price": (price, ()),
    "rsi": (rsi, ("rsi",)),
    "macd": (macd, ("macd", "macd_signal")),
    "range": (reach, ("atr",)),
}


def technical_figures(bars: pd.DataFrame, values: pd.DataFrame, theme: str = "light") -> dict[str, go.Figure]:
    """Return the figures that these indicators allow, drawn in `theme`, in the order of FIGURES."""
    return {
        name: draw(bars, values).update_layout(template=template(theme), height=HEIGHT)
        for name, (draw, needs) in FIGURES.items()
        if set(needs) <= set(values.columns)
    }


def _line(series: "pd.Series[float]", name: str) -> dict[str, Any]:
    return {"x": _days(series.index), "y": series.to_numpy(dtype=np.float32), "name": name, "mode": "lines"}


def _days(index: pd.Index) -> list[str]:
    return list(pd.DatetimeIndex(index).strftime("%Y-%m-%d"))
