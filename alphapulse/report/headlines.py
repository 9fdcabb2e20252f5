"""One asset's headlines in depth: each with its tone, how tone and attention moved, and what the price did."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from alphapulse.agents.headlines import NEUTRAL, HeadlineScorer, scorer_of
from alphapulse.agents.news import Reader, attention, disagreement, news_tone
from alphapulse.backtest.provenance import provenance
from alphapulse.core.checks import check_choice
from alphapulse.core.errors import DataError
from alphapulse.core.market import MarketData
from alphapulse.report.figures import HEIGHT
from alphapulse.report.labels import count, number, percent
from alphapulse.report.sheet import TearSheet
from alphapulse.report.tables import provenance_table
from alphapulse.report.theme import template

SHOWN = 12
LONGEST = 120
USUAL = 63


def sentiment_sheet(
    market: MarketData,
    asset: str,
    scorer: str | HeadlineScorer = "finance",
    *,
    half_life: float = 5.0,
    theme: str = "light",
) -> TearSheet:
    """Return what headlines said of one asset: latest tone, figures drawn in `theme`, and the headlines themselves.

    scorer: a name of SCORERS or a HeadlineScorer. half_life: sessions after which a headline counts half. Raises
    ParamsError for an unknown asset or scorer, MissingField for a market without news, DataError for an asset that no
    headline names.
    """
    check_choice("asset", asset, market.assets)
    reader = Reader(scorer_of(scorer), half_life)
    market = _about(market, asset)
    told = headline_table(market, asset, reader.scorer)
    by_session = pd.DataFrame(
        {
            "tone": news_tone(market, 0, reader)[asset],
            "disagreement": disagreement(market, 0, reader)[asset],
            "attention": attention(market, USUAL)[asset],
            "close": market.panel("total_return")[asset],
        }
    )
    read = told.loc[told["tone"].notna()]
    ordered = read.sort_values("tone", kind="stable")
    tables = {
        "Latest headlines": _written(told.iloc[::-1].head(SHOWN)),
        "Brightest": _written(ordered.loc[ordered["tone"] > NEUTRAL].iloc[::-1].head(SHOWN)),
        "Darkest": _written(ordered.loc[ordered["tone"] < -NEUTRAL].head(SHOWN)),
        "Could not be read": _written(told.loc[told["tone"].isna()].head(SHOWN)),
        "Provenance": provenance_table(
            provenance(asset, market, {"sheet": "headlines", "scorer": reader.scorer.name}, market.flags)
        ),
    }
    drawn = {"tone": _tone(by_session), "attention": _attention(by_session), "headlines": _headlines(read)}
    return TearSheet(
        title=f"{asset}: headlines",
        subtitle=f"{told['session'].iloc[0].date()} to {told['session'].iloc[-1].date()}, {len(told):,} headlines, "
        f"scorer {reader.scorer.name}, market {market.name}. Evidence on one asset, not orders",
        flags=market.flags,
        summary=_summary(told, by_session),
        figures={name: figure.update_layout(template=template(theme), height=HEIGHT) for name, figure in drawn.items()},
        tables={name: table for name, table in tables.items() if len(table)},
    )


def _about(market: MarketData, asset: str) -> MarketData:
    """Return the market with the headlines about one asset alone, so that no other is read."""
    news = market.table("news")
    return replace(market, tables={**market.tables, "news": news.loc[news["asset"] == asset]})


def headline_table(market: MarketData, asset: str, scorer: HeadlineScorer) -> pd.DataFrame:
    """Return session, known (UTC), headline and tone of every headline about `asset`; a tone of NaN cannot be read.

    session: the first whose decision may use the headline. A text repeated on one session stands once.
    """
    rows = market.table("news")
    about = rows.loc[rows["asset"] == asset].drop_duplicates(["session", "headline"])
    if about.empty:
        raise DataError(
            f"{asset}: no headline names it", "an asset with headlines", "choose another asset, dates or source"
        )
    told = about[["session", "known", "headline"]].reset_index(drop=True)
    return told.assign(tone=scorer.score(list(told["headline"])))


def _summary(told: pd.DataFrame, by_session: pd.DataFrame) -> pd.DataFrame:
    tone = told["tone"].dropna()
    last = by_session.iloc[-1]
    lines = [
        ("Headlines", count(len(told)), "about this asset in the market's sessions"),
        ("Could be read", percent(len(tone) / len(told)), "the rest is empty, no text, or in another language"),
        ("Bright", percent(float((tone > NEUTRAL).mean())), f"share with a tone above {NEUTRAL}"),
        ("Dark", percent(float((tone < -NEUTRAL).mean())), f"share with a tone below -{NEUTRAL}"),
        ("Mean tone", number(float(tone.mean())), "-1 all dark, 1 all bright, 0 balanced or neutral"),
        ("Tone now", _known(last["tone"]), "of recent headlines, each counting half after the half-life"),
        ("Disagreement now", _known(last["disagreement"]), "standard deviation of tone among recent headlines"),
        ("Attention now", _known(last["attention"]), "log of last week's headlines over their usual number"),
    ]
    return pd.DataFrame(lines, columns=["measure", "value", "meaning"])


def _written(rows: pd.DataFrame) -> pd.DataFrame:
    text = rows["headline"].fillna("").astype(str)
    return pd.DataFrame(
        {
            "session": rows["session"].dt.strftime("%Y-%m-%d"),
            "tone": [_known(value) for value in rows["tone"]],
            "headline": text.where(text.str.len() <= LONGEST, text.str.slice(0, LONGEST - 3) + "..."),
        }
    )


def _known(value: float) -> str:
    return "-" if np.isnan(value) else number(value)


def _tone(by_session: pd.DataFrame) -> go.Figure:
    """Draw tone against the price, each on its own axis."""
    figure = go.Figure()
    figure.add_scatter(x=_days(by_session.index), y=by_session["tone"], name="tone", mode="lines")
    figure.add_scatter(
        x=_days(by_session.index), y=by_session["close"], name="total return (right)", mode="lines", yaxis="y2"
    )
    figure.update_layout(
        title="Tone of recent headlines, and what one unit invested became",
        yaxis={"title": "tone", "range": [-1.05, 1.05], "hoverformat": ".2f"},
        yaxis2={"title": "total return", "overlaying": "y", "side": "right", "showgrid": False, "tickformat": ".2f"},
        margin={"r": 56},
    )
    return figure


def _attention(by_session: pd.DataFrame) -> go.Figure:
    figure = go.Figure()
    figure.add_scatter(x=_days(by_session.index), y=by_session["attention"], name="attention", mode="lines")
    figure.add_scatter(x=_days(by_session.index), y=by_session["disagreement"], name="disagreement", mode="lines")
    figure.update_layout(title="Attention paid, and disagreement of tone")
    return figure.update_yaxes(hoverformat=".2f", title="attention, disagreement")


def _headlines(read: pd.DataFrame) -> go.Figure:
    """Draw every headline that could be read as a point; its text shows where the pointer is."""
    text = _written(read)["headline"]
    figure = go.Figure(
        go.Scatter(
            x=_days(read["session"]), y=read["tone"], text=text, mode="markers", marker={"size": 5, "opacity": 0.6}
        )
    )
    figure.update_traces(hovertemplate="%{text}<extra>%{y:.2f}</extra>")
    figure.update_layout(title="Each headline by the session that may use it", showlegend=False, hovermode="closest")
    return figure.update_yaxes(range=[-1.05, 1.05], title="tone")


def _days(index: "pd.Index | pd.Series[pd.Timestamp]") -> list[str]:
    return list(pd.DatetimeIndex(index).strftime("%Y-%m-%d"))
