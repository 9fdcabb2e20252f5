"""Figures of the book in a risk review: each takes a RiskReview, and returns None where it has no such data."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from alphapulse.report.figures import HEIGHT, PERCENT
from alphapulse.report.labels import share
from alphapulse.report.risk_words import words
from alphapulse.report.theme import OTHERS, STACK

if TYPE_CHECKING:
    from alphapulse.backtest.risk_review import RiskReview

FIRST, LOSS, THIRD = STACK[:3]  # in shades fit for both backgrounds
ROWS = 15  # positions that have room beside an axis
ROW_HEIGHT = 26
ROOM = 0.24  # of an axis, for the number beside a bar


def contributions(review: RiskReview) -> go.Figure | None:
    """Draw the share of the riskiest positions in the book, in its volatility and in its CVaR."""
    table = review.contributions
    if table.empty:
        return None
    invested = table["weight"] / table["weight"].abs().sum()
    parts = pd.DataFrame({"weight": invested, "share": table["share"], "cvar_share": table["cvar_share"]})
    figure = _shares(parts.iloc[:ROWS], f"Where the risk of the book of {review.book} comes from")
    if len(parts) > ROWS:
        rest = float(parts["share"].iloc[ROWS:].sum())
        figure.update_xaxes(title=f"share; {len(parts) - ROWS} others bring {share(rest)} of the volatility")
    return figure


def sectors(review: RiskReview) -> go.Figure | None:
    """Draw each sector's share of the book, of its volatility and of its CVaR."""
    table = review.sectors
    if table.empty:
        return None
    gross = review.contributions["weight"].abs().sum()
    return _shares(table.assign(weight=table["weight"] / gross), "The same by sector")


def stress(review: RiskReview) -> go.Figure | None:
    """Draw what the book would return in hypothetical shocks and, as if held through them, in past crises."""
    if review.stress.empty:
        return None
    shocks = review.stress["return"].dropna()
    crises = review.episodes["book"].dropna()
    figure = go.Figure()
    for name, returns, colour in (
        ("hypothetical shock", shocks[shocks != 0.0], FIRST),
        ("past crisis", crises, THIRD),
    ):
        ordered = returns.sort_values(ascending=False)
        figure.add_bar(
            x=ordered.to_numpy(),
            y=[words(one) for one in ordered.index],
            name=name,
            orientation="h",
            marker={"color": colour},
            text=[share(value) for value in ordered],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{y}: %{x:.2%}<extra></extra>",
        )
    drawn = np.concatenate([[0.0], shocks.to_numpy(), crises.to_numpy()])
    low, high = float(drawn.min()), float(drawn.max())
    room = ROOM * max(high - low, 0.01)
    figure.update_layout(title=f"What would the book of {review.book} lose?", bargap=0.25, hovermode="closest")
    figure.update_layout(height=_height(sum(len(bar.y) for bar in figure.data)))
    figure.update_xaxes(**PERCENT, title="of equity", range=[low - room * (low < 0.0), high + room * (high > 0.0)])
    return figure.update_yaxes(type="category", autorange="reversed")


def episodes(review: RiskReview) -> go.Figure | None:
    """Draw what the record and the index returned in each crisis the record saw."""
    seen = review.episodes.dropna(subset="return")
    if seen.empty:
        return None
    lines = {"return": (escape(review.name), FIRST), "benchmark": ("index", OTHERS)}
    figure = _bars(seen, lines, [words(name) for name in seen.index], "%{y}: %{x:.2%}")
    figure.update_layout(title="What the record did in past crises", height=_height(1.5 * len(seen)))
    return figure.update_xaxes(**PERCENT, title="return")


def _shares(table: pd.DataFrame, title: str) -> go.Figure:
    lines = {
        "weight": ("of what is invested", OTHERS),
        "share": ("of the volatility", FIRST),
        "cvar_share": ("of the CVaR", LOSS),
    }
    figure = _bars(table, lines, [escape(str(name)) for name in table.index], "%{y}: %{x:.1%}")
    figure.update_layout(title=title, height=_height(1.5 * len(table)))
    return figure.update_xaxes(**PERCENT, title="share")


def _bars(table: pd.DataFrame, lines: dict[str, tuple[str, str]], names: list[str], hover: str) -> go.Figure:
    """Return one bar for each of the columns that are there, rows from top to bottom."""
    figure = go.Figure(
        [
            go.Bar(
                x=table[column].to_numpy(),
                y=names,
                name=title,
                orientation="h",
                marker={"color": colour},
                hovertemplate=hover,
            )
            for column, (title, colour) in lines.items()
            if column in table
        ]
    )
    figure.update_layout(bargap=0.3, hovermode="closest")
    return figure.update_yaxes(type="category", autorange="reversed")


def _height(rows: float) -> int:
    return max(HEIGHT, int(130 + ROW_HEIGHT * rows))
