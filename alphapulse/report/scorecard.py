"""The page of a scorecard: what agents' scores were worth, for people who do not write code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from alphapulse.report.figures import HEIGHT
from alphapulse.report.labels import count, fine, number, percent
from alphapulse.report.score_figures import SCORE_FIGURES
from alphapulse.report.sheet import TearSheet
from alphapulse.report.tables import provenance_table, summary_table
from alphapulse.report.theme import template

if TYPE_CHECKING:
    from alphapulse.backtest.card import Scorecard

CLEAR = 3.0  # standard errors: several agents are tried at once (Harvey, Liu and Zhu 2016)
READING = {
    "Information coefficient (IC)": "Rank correlation, across the members of a session, between scores and the returns "
    "that followed. 0 is chance, 1 a perfect ranking. 0.02 to 0.05 held for years is good; 0.1 is suspicious.",
    "Band, standard error, t": "Returns over several sessions overlap, so sessions are not independent; the errors "
    "allow for most of it. With several agents a t of 2 comes by chance on one page in three; 3 is taken for a sign.",
    "One session late": "The IC counts from the close at which the score was made. An order fills later, so the figure "
    "that starts a session late is nearer to what can be earned.",
    "Groups of scores": "Members are split by score into groups of equal size; their mean returns, less that of all "
    "scored members, should rise from the worst to the best. Before any cost.",
    "Sums and compounding": "Scores are compared with the sum of session returns. Compounding drags volatile stocks "
    "below their own mean, so its ranks favour calm stocks even on pure noise; that IC stands beside for comparison.",
    "Coverage": "An agent without its data is silent instead of guessing. A figure made on few members, or on part of "
    "the evidence, says little about the agent as designed.",
    "What each agent adds": "IC of the manager less that of a manager without the agent. Below 0 the others did better "
    "alone on this market.",
    "Agreement and silence": "Conflict is 0 where all agents point one way and 1 where they cancel out; concentration "
    "is 1 where one agent has the whole vote; abstaining is the share of agents that are silent.",
    "Turnover": "Half of what changes from one session to the next in a portfolio proportional to the scores. High "
    "turnover eats small ICs through costs.",
}
WRITERS: Mapping[str, Callable[[float], str]] = {
    **dict.fromkeys(("mean", "one_session", "delayed", "compounded", "whole", "without", "difference"), fine),
    **dict.fromkeys(("standard_error", "weight", "autocorrelation_1", "autocorrelation_21"), fine),
    **dict.fromkeys(("positive", "speaks", "coverage", "available", "turnover", "average", "spread"), percent),
    **dict.fromkeys(("sessions", "window"), count),
    "t": number,
}
TITLES = {
    "mean": "IC",
    "standard_error": "standard error",
    "positive": "sessions above 0",
    "one_session": "IC, one session",
    "delayed": "IC, one session late",
    "compounded": "IC, compounded returns",
    "first_session": "first score",
    "kinds": "speaks from",
    "speaks": "members scored",
    "coverage": "evidence available",
    "spread": "top minus bottom",
    "whole": "IC with",
    "without": "IC without",
    "autocorrelation_1": "same ranks a session later",
    "autocorrelation_21": "same ranks 21 sessions later",
}


def scorecard_sheet(card: Scorecard, theme: str = "light") -> TearSheet:
    """Return the page of a scorecard as a tear sheet: flags, headline measures, figures drawn in `theme`, tables."""
    spread = card.quantiles.rename(columns={"standard_error": "error"})
    sheets = {
        "How to read this page": pd.DataFrame({"term": list(READING), "meaning": list(READING.values())}),
        f"Information over {card.horizon} sessions": _text(card.information),
        f"Groups of scores: returns over {card.horizon} sessions": _text(spread),
        "Coverage": _text(card.coverage),
        "Turnover": _text(card.turnover),
        "What each agent adds": _text(card.leave_one_out),
        "Evidence": _text(card.evidence),
        "Provenance": provenance_table(card.provenance),
    }
    drawn = {
        name: draw(card)
        for name, draw in SCORE_FIGURES.items()
        if not (name in card.tables and card.tables[name].empty)
    }
    if len(card.agents) == 1:
        del drawn["correlation"]
    sessions = card.coefficients.index
    return TearSheet(
        title=f"{card.name}: agent scorecard",
        subtitle=f"{sessions[0].date()} to {sessions[-1].date()}, {len(sessions):,} sessions, "
        f"{len(card.market.assets):,} assets. {verdict(card)}",
        flags=card.flags,
        summary=summary_table(card.summary()),
        figures={
            name: figure.update_layout(template=template(theme), height=figure.layout.height or HEIGHT)
            for name, figure in drawn.items()
        },
        tables={name: table for name, table in sheets.items() if len(table)},
    )


def verdict(card: Scorecard) -> str:
    """Return in words whose ranking of the horizon can be told apart from chance, at three standard errors."""
    t = card.information["t"]
    better, worse = (", ".join(map(str, t.index[mask])) or "nobody" for mask in (t >= CLEAR, t <= -CLEAR))
    return (
        f"At ranking the next {card.horizon} sessions, better than chance: {better}; worse than chance: {worse}. "
        f"The headline figures are those of {card.agents[-1]}."
    )


def _text(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table as text, its index as first columns, with titles people read."""
    flat = table.reset_index()
    written = {TITLES.get(str(name), str(name)): flat[name].map(_writer(str(name))) for name in flat.columns}
    return pd.DataFrame(written)


def _writer(name: str) -> Callable[[Any], str]:
    write = WRITERS.get(name, percent)

    def one(value: Any) -> str:
        if isinstance(value, str):
            return value
        if pd.isna(value):
            return "-"
        return f"{value:%Y-%m-%d}" if isinstance(value, pd.Timestamp) else write(float(value))

    return one
