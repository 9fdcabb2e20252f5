"""The words of a risk page: how to read it, what its measures are called, and the verdict of its numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from html import escape
from typing import TYPE_CHECKING, Any

from alphapulse.backtest.risk_review import HEADLINE
from alphapulse.report.labels import chance, number, percent, share

if TYPE_CHECKING:
    from alphapulse.backtest.risk_review import RiskReview

CLEAR = 2.0  # standard errors beyond which a difference of Sharpe ratios is told
REJECTED = 0.01  # p below which a forecast is called wrong: several methods and tests stand on one page
TOGETHER = "all together"
RULE_MEASURES = {
    "annual_return": "return a year",
    "max_drawdown": "drawdown",
    "cvar_95": "CVaR 95 %",
    "sharpe": "Sharpe",
}


def plain(name: object) -> str:
    """Return a name of the code as people write it."""
    return str(name).replace("_", " ")


def words(name: object) -> str:
    """Return `plain` escaped, for figures: plotly reads names as markup."""
    return escape(plain(name))


def at_level(review: RiskReview) -> str:
    """Return the level of VaR as people write it."""
    return f"{100.0 * review.level:g} %"


READING = {
    "VaR and CVaR": "At 95 %, one session in twenty should lose more than VaR; CVaR is the mean loss of those. Both "
    "are negative returns. Neither is a worst case.",
    "Forecast on trial": "Each session's VaR is made from the sessions before it alone. A good one is exceeded as "
    "often as its level says, and not in clusters: clusters mean it learns of a crisis only by suffering it.",
    "Kupiec": "Tests the number of exceptions. A small p rejects the forecast; a large one does not prove it: over "
    "thirty years of calm and crisis the number can be right while every single year is wrong.",
    "Christoffersen": "Tests whether an exception is as likely after an exception as after a calm session. Slow "
    "methods fail it in every crisis. 'Both' tests number and clustering at once.",
    "Acerbi and Szekely": "Z1 asks how deep exceptions went against CVaR, Z2 how deep and how many. Below zero, "
    "losses were worse than forecast.",
    "Zone": "The Basel traffic light: yellow where more exceptions than these have a chance of 5 % or less under a "
    "right forecast, red below 0.01 %. Supervisors look at 250 sessions, at 99 %; here the level is the page's.",
    "Ten tests on one page": "With many p-values some are small by chance. Here 0.01 is taken for a sign.",
    "Methods": "Historical: past sessions count alike. Normal and Student t: a law fitted to them. Cornish-Fisher: "
    "the normal quantile bent by skewness and kurtosis; with fat tails (excess kurtosis above 8) its CVaR can be far "
    "too large. Filtered historical: past surprises at today's volatility (GARCH). Monte Carlo: the book's assets "
    "with dependent crashes (t copula).",
    "Record and book": "The record is what the run earned, with a book that changed all the time. The last book is "
    "what is held now; its figures say what these weights would have done.",
    "Share of risk": "How much of the book's volatility, or of its worst sessions, a position brings. A share of the "
    "risk above the share of the weight marks a volatile position, or one that moves with the rest. Shares sum to 1; "
    "a hedge is negative. CVaR shares rest on few sessions and are rough.",
    "Exposures": "Slopes by least squares. The first principal factor is as a rule the whole market, the next ones "
    "are groups of assets that move against each other. What no factor explains is the residual.",
    "Stress": "A shock moves each asset by its slope on the index over the window; nothing else is assumed to break. "
    "Past crises are replayed with each asset's own returns of that time, or by its beta where it did not trade.",
    "What would lose a tenth": "The likeliest joint move that loses 10 % of equity (reverse stress). Its probability "
    "is that of a normal law and far too small for short horizons; the worst stretch of the window stands beside it. "
    "The index's part is its mean move in such a loss, the rest is the book's own.",
    "Cost and saved": "The run with all rules less the run without the rule, all else the same. t is that of the "
    "difference of Sharpe ratios: within 2 of zero it may be luck. A rule that never acted cost and saved nothing "
    "here, and may still be worth having.",
    "Band": "Bootstrap: how far a measure could have been off had the same history come in another order. It does "
    "not hold what a changed market could do, nor trends longer than a block.",
}


def verdict(review: RiskReview) -> str:
    """Return in plain words how well VaR was forecast, what the last book risks, and what the rules were worth."""
    parts = (_number(review), _methods(review), _depth(review), _book(review), _losses(review), _rules(review))
    return " ".join(sentence for part in parts for sentence in part)


def _number(review: RiskReview) -> Iterator[str]:
    level = f"VaR at {at_level(review)}"
    if HEADLINE not in review.tests.index:
        yield f"{level} is not put on trial: too few sessions have a forecast."
        return
    row = review.tests.loc[HEADLINE].to_dict()
    yield (
        f"{level} ({HEADLINE}) was exceeded on {share(row['share'])} of {row['sessions']:,} sessions, "
        f"{share(1.0 - review.level)} is right: Kupiec p {_p(row['kupiec_p_value'])}, {_judged(row['kupiec_p_value'])}."
    )
    clustered = row["independence_p_value"]
    if math.isnan(clustered):
        return
    yield (
        f"{'Exceptions cluster' if clustered < REJECTED else 'Exceptions do not visibly cluster'}: "
        f"Christoffersen p {_p(clustered)}."
    )


def _methods(review: RiskReview) -> Iterator[str]:
    if len(review.tests) > 1:
        passed = review.tests["conditional_p_value"] >= REJECTED
        names = ", ".join(plain(name) for name in review.tests.index[passed]) or "none"
        yield f"Of {len(passed)} methods, not rejected for number and clusters (p above {REJECTED}): {names}."


def _depth(review: RiskReview) -> Iterator[str]:
    if HEADLINE in review.tests.index:
        row = review.tests.loc[HEADLINE].to_dict()
        if row["z1_p_value"] < REJECTED:
            yield (
                f"Beyond VaR, losses ran {share(-row['z1'])} deeper than CVaR forecast "
                f"(Acerbi-Szekely p {_p(row['z1_p_value'])})."
            )


def _book(review: RiskReview) -> Iterator[str]:
    if review.book is None:
        yield "Nothing was ever held, so there is no book to judge."
        return
    head, top = review.summary(), review.contributions.index[0]
    yield (
        f"The book of {review.book} has {head['positions']} position{'s'[: head['positions'] != 1]}, "
        f"{share(head['gross'])} of equity gross and a volatility of {_known(head['book_risk_ann'])} a year; "
        f"{top} brings {_known(head['top_risk'])} of it with {_known(head['top_weight'] / head['gross'])} of what is "
        "invested."
    )


def _losses(review: RiskReview) -> Iterator[str]:
    if "market_down_20" in review.stress.index:
        fall = review.stress.loc["market_down_20"].to_dict()["return"]
        if not math.isnan(fall):
            yield f"An index fall of 20 % would move it by {share(fall)}, by its betas."
    replayed = review.episodes["book"].dropna() if "book" in review.episodes else review.through_time["return"].iloc[:0]
    if len(replayed):
        yield (f"Of past crises, {plain(replayed.idxmin())} would have hurt it most: {share(float(replayed.min()))}.")


def _rules(review: RiskReview) -> Iterator[str]:
    if len(review.rules):
        name = TOGETHER if TOGETHER in review.rules.index else str(review.rules.index[-1])
        row = review.rules.loc[name].to_dict()
        whose = "All rules together" if name == TOGETHER else plain(name)
        told = {title: worth(measure, row[measure]) for measure, title in RULE_MEASURES.items()}
        luck = "" if math.isnan(row["t"]) else f" (t {number(row['t'])})"
        yield f"{whose}: {', '.join(f'{title} {amount}' for title, amount in told.items())}{luck}."


def worth(measure: str, difference: float) -> str:
    """Return what a rule's difference of a measure amounts to: cost, saved or gained so much, or no change."""
    if math.isnan(difference):
        return "-"
    better = -difference if measure == "annual_volatility" else difference
    size = number(abs(better)) if measure == "sharpe" else percent(abs(better))
    if float(size.rstrip("%")) == 0.0:
        return "no change"
    gain = "gained" if measure in ("annual_return", "sharpe") else "saved"
    return f"{gain if better > 0.0 else 'cost'} {size}"


def on_trial(row: Mapping[Any, Any]) -> str:
    """Return in words what the tests of one method's forecasts found; row: of the review's tests."""
    many = "too many exceptions" if row["exceptions"] > row["expected"] else "too few exceptions"
    seen = "number not rejected" if row["kupiec_p_value"] >= REJECTED else many
    clusters = "in clusters" if row["independence_p_value"] < REJECTED else "no visible clusters"
    deeper, shallow = row["z1_p_value"] < REJECTED, row["z1_p_value"] > 1.0 - REJECTED
    depth = "deeper than" if deeper else "less deep than" if shallow else "as deep as"
    return f"{seen.capitalize()}, {clusters}; losses beyond VaR {depth} CVaR."


def judged_rule(row: Mapping[Any, Any]) -> str:
    """Return in words what a risk rule was worth; row: of the review's rules."""
    if not row["actions"]:
        return "It never acted here: nothing cost and nothing saved, and still a bound for worse times."
    apart = "beyond" if abs(row["t"]) > CLEAR else "within"
    return (
        f"Return a year: {worth('annual_return', row['annual_return'])}; deepest drawdown: "
        f"{worth('max_drawdown', row['max_drawdown'])}; Sharpe ratio: {worth('sharpe', row['sharpe'])}, {apart} two "
        "standard errors."
    )


def _p(value: float) -> str:
    return chance(value).replace("<", "< ") if value < 0.0005 else f"= {chance(value)}"


def _judged(value: float) -> str:
    return "rejected" if value < REJECTED else "not rejected"


def _known(value: float) -> str:
    return "unknown" if math.isnan(value) else share(value)
