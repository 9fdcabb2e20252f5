"""The page of a risk review: what a run risked, for people who do not write code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from alphapulse.report.figures import HEIGHT
from alphapulse.report.labels import LABELS, chance, count, number, percent, share
from alphapulse.report.risk_figures import RISK_FIGURES
from alphapulse.report.risk_words import (
    READING,
    RULE_MEASURES,
    at_level,
    judged_rule,
    on_trial,
    plain,
    verdict,
    worth,
)
from alphapulse.report.sheet import TearSheet
from alphapulse.report.tables import provenance_table
from alphapulse.report.theme import template

if TYPE_CHECKING:
    from alphapulse.backtest.risk_review import RiskReview
    from alphapulse.backtest.risk_value import RiskValue

Columns = Mapping[str, tuple[str, Callable[[float], str]]]

TAILS: Columns = {
    "record_var": ("VaR, record", percent),
    "record_cvar": ("CVaR, record", percent),
    "book_var": ("VaR, last book", percent),
    "book_cvar": ("CVaR, last book", percent),
}
NUMBER: Columns = {
    "exceptions": ("seen", count),
    "expected": ("expected", count),
    "share": ("rate", percent),
    "kupiec_p_value": ("Kupiec p", chance),
    "independence_p_value": ("Christoffersen p", chance),
    "conditional_p_value": ("both p", chance),
}
DEPTH: Columns = {
    "z1": ("Z1", number),
    "z1_p_value": ("Z1 p", chance),
    "z2": ("Z2", number),
    "z2_p_value": ("Z2 p", chance),
    "zone": ("zone", str),
    "recent_exceptions": ("last 250", count),
    "recent_zone": ("zone now", str),
}
PARTS: Columns = {
    "weight": ("weight", percent),
    "volatility_ann": ("own volatility", percent),
    "share": ("of volatility", share),
    "var_share": ("of VaR", share),
    "cvar_share": ("of CVaR", share),
    "beta": ("beta", number),
    "beta_contribution": ("of beta", number),
}
EXPOSURES: Columns = {"coefficient": ("slope", number), "t": ("t", number), "variance_share": ("of variance", share)}
EPISODES: Columns = {
    "start": ("from", str),
    "end": ("to", str),
    "sessions": ("sessions", count),
    "return": ("record", percent),
    "max_drawdown": ("its drawdown", percent),
    "benchmark": ("index", percent),
    "book": ("last book", percent),
    "own": ("by own returns", share),
    "by_beta": ("by beta", share),
    "unknown": ("unknown", share),
}
STRESS: Columns = {
    "return": ("return", percent),
    "volatility_ann": ("volatility after", percent),
    "var": ("VaR after", percent),
    "covered": ("of the book", share),
}
REVERSE: Columns = {
    "weight": ("weight", percent),
    "return": ("return", percent),
    "contribution": ("contribution", percent),
    "deviations": ("in monthly deviations", number),
}
ODDS: Columns = {
    "distance": ("deviations", number),
    "probability": ("normal probability", lambda value: f"{value:.2%}" if value >= 5e-5 else "<0.01%"),
    "worst": ("worst in window", percent),
    "benchmark": ("index meanwhile", percent),
}
LIQUIDITY: Columns = {
    "weight": ("weight", percent),
    "days": ("sessions to sell", number),
    "var": ("VaR, one session", percent),
    "horizon_var": ("VaR until sold", percent),
    "spread_cost": ("spread", percent),
    "total": ("in all", percent),
}
DRAWDOWNS: Columns = {
    "peak": ("peak", str),
    "trough": ("trough", str),
    "recovery": ("recovery", str),
    "depth": ("depth", percent),
    "length": ("sessions", count),
}
ACTIONS: Columns = {
    "times": ("times", count),
    "months": ("months", count),
    "cut": ("weight cut, mean", percent),
    "first": ("first", str),
    "last": ("last", str),
}


def risk_sheet(review: RiskReview, value: RiskValue | None = None, theme: str = "light") -> TearSheet:
    """Return the page of a risk review: verdict, flags, headline measures, figures drawn in `theme`, tables.

    value: of `value_of_risk` for the same run, adds what each rule cost and saved; a review that was `valued` holds it.
    """
    if value is not None:
        review = review.valued(value)
    sheets = {
        "How to read this page": pd.DataFrame({"term": list(READING), "meaning": list(READING.values())}),
        "VaR forecasts on trial: number and clusters": _tests(review.tests),
        "VaR forecasts on trial: depth and zones": _text(review.tests, DEPTH, "method"),
        f"VaR and CVaR {at_level(review)} of the next session": _text(review.tails, TAILS, "method"),
        "What each rule cost and saved": _rules(review.rules),
        "What limits did": _actions(review.clamps),
        "What stop rules did": _actions(review.stops),
        f"Risk of the book of {review.book}, by asset": _text(review.contributions, PARTS, "asset", names=str),
        f"Risk of the book of {review.book}, by sector": _text(review.sectors, PARTS, "sector", names=str),
        "What it moves with": _exposures(review),
        "Stress": _text(review.stress, STRESS, "shock"),
        "Market crises": _text(review.episodes, EPISODES, "crisis"),
        "The likeliest loss of a tenth of equity": _text(review.reverse, REVERSE, "asset", names=str),
        "How likely that is": _text(review.odds, ODDS, "sessions"),
        "Liquidity": _text(_with_whole(review.liquidity), LIQUIDITY, "asset", names=str),
        "Deepest drawdowns": _drawdowns(review.drawdowns),
        "Measures and 95 % bands": _bands(review.measures),
        "Provenance": provenance_table(review.provenance),
    }
    drawn = {name: draw(review) for name, draw in RISK_FIGURES.items()}
    sessions = review.through_time.index
    return TearSheet(
        title=f"{review.name}: risk review",
        subtitle=f"{sessions[0].date()} to {sessions[-1].date()}, {len(sessions):,} sessions. {verdict(review)}",
        flags=review.flags,
        summary=_cards(review),
        figures={
            name: figure.update_layout(template=template(theme), height=figure.layout.height or HEIGHT)
            for name, figure in drawn.items()
            if figure is not None
        },
        tables={name: table for name, table in sheets.items() if len(table)},
    )


def _cards(review: RiskReview) -> pd.DataFrame:
    rows = [
        (LABELS[str(name)].title, _written(value, LABELS[str(name)].write), LABELS[str(name)].meaning)
        for name, value in review.summary().drop("level").items()
    ]
    return pd.DataFrame(rows, columns=["measure", "value", "meaning"])


def _tests(tests: pd.DataFrame) -> pd.DataFrame:
    text = _text(tests, NUMBER, "method")
    return text if text.empty else text.assign(**{"in words": [on_trial(row) for row in tests.to_dict("records")]})


def _rules(rules: pd.DataFrame) -> pd.DataFrame:
    if rules.empty:
        return rules
    return pd.DataFrame(
        {
            "rule": [plain(name) for name in rules.index],
            "acted": [count(times) for times in rules["actions"]],
            **{title: [worth(name, value) for value in rules[name]] for name, title in RULE_MEASURES.items()},
            "t of Sharpe": [_written(value, number) for value in rules["t"]],
            "in words": [judged_rule(row) for row in rules.to_dict("records")],
        }
    )


def _actions(table: pd.DataFrame) -> pd.DataFrame:
    """Return what each rule did in all; table: by month and rule."""
    if table.empty:
        return table
    table = table.assign(cut=table["cut"] if "cut" in table else float("nan"))
    by_rule = table.groupby("rule").agg(
        times=("times", "sum"),
        months=("month", "nunique"),
        cut=("cut", "mean"),
        first=("month", "min"),
        last=("month", "max"),
    )
    by_rule[["first", "last"]] = by_rule[["first", "last"]].apply(lambda month: month.dt.strftime("%Y-%m"))
    return _text(by_rule.dropna(axis=1, how="all").sort_values("times", ascending=False), ACTIONS, "rule")


def _drawdowns(table: pd.DataFrame) -> pd.DataFrame:
    text = _text(table.set_axis(range(1, len(table) + 1)), DRAWDOWNS, "rank", names=str)
    text.loc[table["peak"].isna(), "peak"] = "start"
    text.loc[table["recovery"].isna(), "recovery"] = "not yet"
    return text


def _with_whole(liquidity: pd.DataFrame) -> pd.DataFrame:
    """Return the table under a row of the whole book, which takes as long to sell as its slowest position."""
    if liquidity.empty:
        return liquidity
    whole = liquidity.sum(min_count=1).to_frame("whole book").T.assign(days=liquidity["days"].max())
    return pd.concat([whole, liquidity])


def _exposures(review: RiskReview) -> pd.DataFrame:
    if review.exposures.empty:
        return review.exposures
    models = review.exposures.reset_index("model")
    text = _text(models, EXPOSURES, "factor")
    text.insert(0, "model", models["model"].to_list())
    alpha = models.index == "alpha_ann"
    text.loc[alpha, "slope"] = [percent(value) for value in models.loc[alpha, "coefficient"]]
    return text


def _bands(measures: pd.DataFrame) -> pd.DataFrame:
    labels = [LABELS[str(name)] for name in measures.index]
    return pd.DataFrame(
        {"measure": [label.title for label in labels]}
        | {
            title: [_written(value, label.write) for value, label in zip(measures[column], labels, strict=True)]
            for column, title in (("value", "value"), ("low", "from"), ("high", "to"))
        }
    )


def _text(table: pd.DataFrame, columns: Columns, index: str, names: Callable[[Any], str] = plain) -> pd.DataFrame:
    """Return the columns that are there as text under their titles, the index first."""
    shown = {name: form for name, form in columns.items() if name in table}
    if not shown:
        return pd.DataFrame()
    return pd.DataFrame(
        {index: [names(name) for name in table.index]}
        | {title: [_written(value, write) for value in table[name]] for name, (title, write) in shown.items()}
    )


def _written(value: Any, write: Callable[[Any], str]) -> str:
    if isinstance(value, str):
        return value
    if pd.isna(value):
        return "-"
    return f"{value:%Y-%m-%d}" if isinstance(value, pd.Timestamp) else write(value)
