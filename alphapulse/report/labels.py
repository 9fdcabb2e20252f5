"""How measures are called, written and explained to people, by their name in a summary."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple


class Label(NamedTuple):
    """Title, way of writing the value, and definition of one measure."""

    title: str
    write: Callable[[float], str]
    meaning: str


def percent(value: float) -> str:
    return f"{value:z,.2%}"


def number(value: float) -> str:
    return f"{value:z,.2f}"


def fine(value: float) -> str:
    return f"{value:z,.3f}"


def count(value: float) -> str:
    return f"{value:,.0f}"


def share(value: float) -> str:
    """Return a fraction as per cent to one place."""
    return f"{value:z,.1%}"


def chance(value: float) -> str:
    """Return a probability: three places, and what is smaller as such."""
    return "<0.001" if value < 0.0005 else f"{value:.3f}"


LABELS: Mapping[str, Label] = {
    "sessions": Label("Sessions", count, "exchange days measured, from the first decision on"),
    "risk_free_ann": Label("Risk-free rate", percent, "rate per year that Sharpe and alpha are measured over"),
    "total_return": Label("Total return", percent, "compounded, after costs"),
    "annual_return": Label("Annual return", percent, "compound growth rate over 252 sessions a year"),
    "annual_volatility": Label("Annual volatility", percent, "standard deviation of session returns x sqrt(252)"),
    "sharpe": Label("Sharpe ratio", number, "mean over standard deviation of session returns x sqrt(252)"),
    "sortino": Label("Sortino ratio", number, "annual mean return over downside risk"),
    "calmar": Label("Calmar ratio", number, "annual return over the deepest drawdown"),
    "max_drawdown": Label("Deepest drawdown", percent, "largest loss from a peak of equity at session closes"),
    "downside_risk": Label("Downside risk", percent, "root mean square of negative session returns x sqrt(252)"),
    "var_95": Label("Value at risk 95 %", percent, "session return undercut on one session in twenty (historical)"),
    "cvar_95": Label("Expected shortfall 95 %", percent, "mean of the worst twentieth of session returns"),
    "skew": Label("Skewness", number, "of session returns; below 0 the longer tail is the loss"),
    "kurtosis": Label("Excess kurtosis", number, "of session returns; 0 for a normal law"),
    "tail_ratio": Label("Tail ratio", number, "95 % quantile of session returns over the 5 % quantile"),
    "omega": Label("Omega ratio", number, "sum of gains over sum of losses"),
    "stability": Label("Stability", number, "R-squared of a straight line through log equity"),
    "hit_rate": Label("Sessions with a gain", percent, "share of sessions with a return above zero"),
    "alpha": Label("Alpha", percent, "annual return that the index does not explain"),
    "beta": Label("Beta", number, "slope of session returns on the index"),
    "tracking_error": Label("Tracking error", percent, "annual volatility of returns in excess of the index"),
    "information_ratio": Label("Information ratio", number, "annual excess return over tracking error"),
    "turnover_ann": Label("Turnover a year", percent, "half of the value bought and sold over equity, a year"),
    "costs_ann": Label("Trading costs a year", percent, "commission, spread and impact over equity, a year"),
    "exposure": Label("Gross exposure", percent, "mean sum of absolute weights"),
    "decisions": Label("Decisions", count, "sessions at whose close targets were set"),
    "fills": Label("Fills", count, "trades made"),
    "first_equity": Label("First equity", count, "cash and positions where the measures start, in cash"),
    "final_equity": Label("Final equity", count, "cash and positions at the last close, in cash"),
    "agents": Label("Agents", count, "agents measured, the manager that combines them aside"),
    "horizon": Label("Horizon", count, "sessions of return that scores are compared with"),
    "ic": Label("Information coefficient", fine, "mean rank correlation of scores with the returns that followed"),
    "ic_t": Label(
        "t of the IC", number, "mean over standard error, overlap allowed for; below 2 it may well be chance"
    ),
    "ic_positive": Label("Sessions with IC above 0", percent, "share of sessions whose scores ranked the right way"),
    "ic_one_session": Label("IC over one session", fine, "the same for the next session's return alone"),
    "ic_delayed": Label("IC one session late", fine, "the same when the return starts a session later, as fills do"),
    "ic_sessions": Label("Sessions compared", count, "sessions with an information coefficient"),
    "spread": Label("Top minus bottom", percent, "best less worst scored group, mean return a horizon, before costs"),
    "spread_t": Label("t of top minus bottom", number, "mean over standard error, overlap allowed for"),
    "score_turnover": Label("Turnover a session", percent, "of a portfolio held in proportion to the scores"),
    "speaks": Label("Members scored", percent, "share of members and sessions with a score"),
    "coverage": Label("Evidence available", percent, "share of the evidence that was there where a score was given"),
    "allocators": Label("Allocators", count, "ways of allocating, side by side"),
    "naive_sharpe": Label("Sharpe ratio of 1/N", number, "of equal weights, after costs"),
    "told_apart": Label("Told apart from 1/N", count, "allocators more than two standard errors away"),
    "best": Label("Best allocator", number, "by Sharpe ratio, which is not yet a discovery"),
    "best_sharpe": Label("Best Sharpe ratio", number, "of all allocators, after costs"),
    "own": Label("Own allocator", number, "of the strategy; the measures below are its run"),
    "level": Label("Level of VaR", share, "the share of sessions whose return should not be below VaR"),
    "var": Label("VaR, one session", percent, "return undercut with probability 1 - level (historical, whole record)"),
    "cvar": Label("CVaR, one session", percent, "mean return of the sessions below that VaR"),
    "exceptions": Label("VaR exceeded", share, "share of sessions below the VaR forecast the evening before"),
    "kupiec_p": Label("Kupiec p", chance, "probability of such a number of exceptions if the forecasts are right"),
    "independence_p": Label("Christoffersen p", chance, "probability of such clustering if exceptions are independent"),
    "positions": Label("Positions", count, "assets in the last book"),
    "gross": Label("Gross weight", percent, "sum of absolute weights of the last book"),
    "book_risk_ann": Label("Volatility of the book", percent, "a year, by the strategy's own risk estimate"),
    "book_var": Label("VaR of the book", percent, "one session, as if held over the window of the estimate"),
    "book_cvar": Label("CVaR of the book", percent, "one session, as if held over the window of the estimate"),
    "top_weight": Label("Riskiest position", percent, "weight of the position that brings most of the volatility"),
    "top_risk": Label("Its share of the risk", percent, "share of the book's volatility that this position brings"),
    "crash": Label("Book in a crash", percent, "index -20 %, volatility doubled, correlations half way to one"),
    "clamps": Label("Weights cut by limits", count, "times a limit changed a weight"),
    "days_to_sell": Label("Sessions to sell", number, "of the slowest position, at a tenth of what is traded"),
    "sold_var": Label("VaR until sold", percent, "of the book, normal, until all is sold at that rate; spread paid"),
    "stops": Label("Closed by stops", count, "positions that stop rules closed"),
}


def title(name: str) -> str:
    """Return the title of a measure; an unknown name is its own title."""
    return LABELS[name].title if name in LABELS else name


def written(name: str, value: Any) -> str:
    """Return a measure as people read it: per cent, number or count; a dash where it is unknown."""
    if isinstance(value, str):
        return value
    if value is None or math.isnan(value):
        return "-"
    return LABELS[name].write(float(value)) if name in LABELS else f"{value:,.4g}"
