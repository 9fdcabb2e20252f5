"""Figures of a risk review: each function takes a RiskReview and returns a plotly figure without a theme.

`RISK_FIGURES` names them in the order of the page; one whose data a review does not have is None. Names of assets,
sectors and rules are escaped, because plotly reads them as markup.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import plotly.graph_objects as go

from alphapulse.report.figures import HEIGHT, PERCENT
from alphapulse.report.risk_book_figures import FIRST, LOSS, contributions, episodes, sectors, stress
from alphapulse.report.risk_words import at_level, plain, words
from alphapulse.report.theme import STACK

if TYPE_CHECKING:
    from alphapulse.backtest.risk_review import RiskReview

SLOW, FAST = "historical", "filtered_historical"  # VaR that remembers all of its window alike, and that follows
SHADE = "rgba(213, 94, 0, 0.13)"
MARKED = 5  # drawdowns shaded
CROWDED = 15  # years beside each other, beyond which they stand upright
HUES, DASHES = STACK[1:5], ("solid", "dash", "dot")


def exceptions(review: RiskReview) -> go.Figure | None:
    """Draw each session's return, two methods' VaR forecast for it the evening before, and where the first failed."""
    methods = [method for method in (SLOW, FAST) if method in review.forecasts.index.get_level_values(0)]
    if not methods:
        return None
    lines = {method: review.forecasts.loc[[method]].droplevel("method") for method in methods}
    table = lines[methods[0]].dropna()
    hit = table["return"] < table["var"]
    figure = go.Figure()

    # In the order of the theme's colours: blue, grey, vermilion, green.
    def draw(name: str, values: "pd.Series[float]", **style: Any) -> None:
        figure.add_scatter(x=_days(values.index), y=_short(values), name=name, hovertemplate="%{y:.2%}", **style)

    draw(f"VaR, {words(methods[0])}", lines[methods[0]]["var"], mode="lines", line={"width": 1.8}, zorder=1)
    draw("return", table.loc[~hit, "return"], mode="markers", marker={"size": 2.5, "opacity": 0.6})
    draw("exception", table.loc[hit, "return"], mode="markers", marker={"size": 5, "symbol": "x"})
    for method in methods[1:]:
        draw(f"VaR, {words(method)}", lines[method]["var"], mode="lines", line={"width": 1.0})
    title = (
        f"VaR {at_level(review)} ({words(methods[0])}): exceeded on {hit.sum():,} of {len(table):,} sessions, "
        f"{(1.0 - review.level) * len(table):,.0f} expected"
    )
    figure.update_layout(title=title, height=HEIGHT + 60, legend={"itemsizing": "constant"})
    return figure.update_yaxes(**PERCENT, title="session return")


def exceptions_by_year(review: RiskReview) -> go.Figure | None:
    """Draw how often VaR was exceeded in each calendar year, as a multiple of what its level allows."""
    known = review.forecasts.dropna().reset_index()
    if known.empty:
        return None
    known["year"] = pd.DatetimeIndex(known["session"]).year.astype(str)
    known["rate"] = (known["return"] < known["var"]) / (1.0 - review.level)
    table = known.pivot_table("rate", "method", "year", sort=False)
    values, crowded = table.to_numpy(), len(table.columns) > CROWDED
    heat = go.Heatmap(
        x=list(table.columns),
        y=[words(name) for name in table.index],
        z=1.0 - values,
        zmin=-1.5,
        zmax=1.5,
        customdata=values,
        text=[["" if np.isnan(value) else f"{value:.1f}" for value in row] for row in values],
        texttemplate="%{text}",
        textfont={"size": 9 if crowded else 10},
        hovertemplate="%{y}, %{x}: %{customdata:.2f} times as often as the level allows<extra></extra>",
        xgap=1,
        ygap=1,
        showscale=False,
    )
    title = "Exceptions by year, times those allowed: 1 is right"
    figure = go.Figure(heat).update_layout(title=title, hovermode="closest", height=HEIGHT - 60)
    figure.update_xaxes(type="category", showgrid=False, tickangle=-90 if crowded else 0)
    return figure.update_yaxes(autorange="reversed", type="category", showgrid=False, dtick=1)


def tails(review: RiskReview) -> go.Figure:
    """Draw VaR and CVaR of the next session by every method, of the record and of the book."""
    names = [words(name) for name in review.tails.index]
    figure = go.Figure()
    for column, title, colour, symbol in (
        ("record_var", "VaR, record", FIRST, "circle"),
        ("record_cvar", "CVaR, record", FIRST, "circle-open"),
        ("book_var", "VaR, last book", LOSS, "diamond"),
        ("book_cvar", "CVaR, last book", LOSS, "diamond-open"),
    ):
        values = review.tails[column]
        if values.notna().any():
            marker = {"size": 9, "color": colour, "symbol": symbol}
            figure.add_scatter(
                x=values.to_numpy(), y=names, name=title, mode="markers", marker=marker, hovertemplate="%{x:.2%}"
            )
    title = f"VaR and CVaR {at_level(review)} of the next session, by method"
    figure.update_layout(title=title, hovermode="y unified", margin={"t": 92})
    figure.update_xaxes(tickformat=".1%", hoverformat=".2%", title="session return")
    return figure.update_yaxes(autorange="reversed", type="category")


def underwater(review: RiskReview) -> go.Figure:
    """Draw how far the record stood below its last peak, its deepest drawdowns shaded and numbered, and the index."""
    table = review.through_time
    figure = _lines(table, {"drawdown": review.name, "index_drawdown": "index"})
    figure.data[0].update(fill="tozeroy")
    deepest = review.drawdowns.head(MARKED)
    starts, ends = deepest["peak"].fillna(table.index[0]), deepest["recovery"].fillna(table.index[-1])
    for rank, (start, end) in enumerate(zip(_days(starts), _days(ends), strict=True), 1):
        figure.add_vrect(x0=start, x1=end, fillcolor=SHADE, line_width=0, layer="below")
        figure.add_annotation(x=start, y=1.0, yref="paper", text=str(rank), showarrow=False, xanchor="left")
    figure.update_layout(title=f"Drawdown; the {len(deepest)} deepest shaded" if len(deepest) else "Drawdown: none")
    return figure.update_yaxes(**PERCENT, title="below the last peak")


def volatility(review: RiskReview) -> go.Figure:
    """Draw the rolling volatility of the record, and of the index."""
    figure = _lines(review.through_time, {"volatility": review.name, "index_volatility": "index"})
    figure.update_layout(title=f"Volatility a year, over {_rolled(review)} sessions")
    return figure.update_yaxes(**PERCENT, title="volatility a year", rangemode="tozero")


def beta(review: RiskReview) -> go.Figure | None:
    """Draw the rolling slope of the record's returns on those of the index."""
    if "beta" not in review.through_time:
        return None
    figure = _lines(review.through_time, {"beta": "beta"})
    figure.update_layout(title=f"Beta to the index, over {_rolled(review)} sessions")
    return figure.update_yaxes(title="beta", hoverformat=".2f", rangemode="tozero")


def equity(review: RiskReview) -> go.Figure | None:
    """Draw the growth of 1 with all risk rules, without each of them, and without any; in the legend the last one."""
    if review.rule_equity.empty:
        return None
    weekly = review.rule_equity.iloc[_week_ends(review.rule_equity.index)]
    titles = {str(name): f"{plain(name)}: {line.iloc[-1]:,.2f}" for name, line in weekly.items()}
    figure = _lines(weekly, titles)
    for place, line in enumerate(figure.data[1:]):
        line.update(line={"color": HUES[place % len(HUES)], "dash": DASHES[place // len(HUES) % len(DASHES)]})
    low, high = float(weekly.to_numpy().min()), float(weekly.to_numpy().max())
    ticks = {"dtick": "D2", "tickformat": ",.4~g"} if high > 6.0 * low else {"nticks": 6, "tickformat": ",.3~f"}
    figure.update_layout(title="With and without each risk rule: growth of 1, after costs (log scale)")
    return figure.update_yaxes(type="log", title="growth of 1", hoverformat=",.3f", **ticks)


def rules(review: RiskReview) -> go.Figure | None:
    """Draw what each rule cost (below 0) and gained or saved (above), in return a year and in deepest drawdown."""
    table = review.rules
    if table.empty:
        return None
    bars = [
        go.Bar(
            x=[words(name) for name in table.index],
            y=table[column].to_numpy(),
            name=title,
            marker={"color": colour},
            hovertemplate="%{y:+.2%}",
        )
        for column, title, colour in (
            ("annual_return", "return a year", FIRST),
            ("max_drawdown", "deepest drawdown", LOSS),
        )
    ]
    figure = go.Figure(bars).update_layout(title="What each rule cost (below 0) and saved (above)", bargap=0.35)
    return figure.update_yaxes(tickformat="+.1%", title="with it less without it")


def actions(review: RiskReview) -> go.Figure | None:
    """Draw how often each limit and each stop rule acted, by quarter."""
    made = pd.concat([review.clamps[["month", "rule", "times"]], review.stops[["month", "rule", "times"]]])
    if made.empty:
        return None
    made["quarter"] = pd.DatetimeIndex(made["month"]).to_period("Q").to_timestamp()
    table = made.pivot_table("times", "quarter", "rule", aggfunc="sum", fill_value=0)
    table = table[table.sum().sort_values(ascending=False, kind="stable").index]
    bars = [
        go.Bar(
            x=_days(table.index),
            y=table[rule].to_numpy(),
            name=words(rule),
            marker={"color": STACK[place % len(STACK)]},
            hovertemplate="%{y}",
        )
        for place, rule in enumerate(table)
    ]
    title = "How often limits and stops acted, by quarter"
    figure = go.Figure(bars).update_layout(title=title, barmode="stack", bargap=0.1, showlegend=True)
    return figure.update_yaxes(title="times")


RISK_FIGURES: Mapping[str, Callable[["RiskReview"], go.Figure | None]] = {
    "exceptions": exceptions,
    "exceptions_by_year": exceptions_by_year,
    "tails": tails,
    "underwater": underwater,
    "contributions": contributions,
    "sectors": sectors,
    "stress": stress,
    "episodes": episodes,
    "volatility": volatility,
    "beta": beta,
    "equity": equity,
    "rules": rules,
    "actions": actions,
}


def _lines(table: pd.DataFrame, titles: Mapping[str, str]) -> go.Figure:
    """Return a line for each of the columns that are there, the first one thicker and in front."""
    days = _days(table.index)
    return go.Figure(
        [
            go.Scatter(
                x=days,
                y=_short(table[name]),
                name=escape(titles[name]),
                mode="lines",
                line={"width": 1.6 if place == 0 else 1.2},
                zorder=-place,
            )
            for place, name in enumerate(name for name in titles if name in table)
        ]
    )


def _rolled(review: RiskReview) -> int:
    """Return the window of the rolling columns, from their first known row."""
    return int(review.through_time["volatility"].notna().to_numpy().argmax()) + 1


def _week_ends(index: pd.Index) -> npt.NDArray[np.intp]:
    return np.flatnonzero(np.diff(pd.DatetimeIndex(index).to_period("W").asi8, append=-1))


def _short(values: "pd.Series[float]") -> npt.NDArray[np.float32]:
    return values.to_numpy(dtype=np.float32)


def _days(sessions: "pd.Index | pd.Series[pd.Timestamp]") -> list[str]:
    return list(pd.DatetimeIndex(sessions).strftime("%Y-%m-%d"))
