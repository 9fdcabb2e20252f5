"""Value at risk and conditional value at risk of the next session, now and as forecast through history.

Every method forecasts a session from a window of the returns before it. `tail_risk` takes the whole series as the
window and forecasts the session after it; `var_forecasts` moves the window through the series, for `var_tests` to
judge. A negative value is a loss, as everywhere in this package.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view

from alphapulse.core.checks import check_choice, check_count, check_number
from alphapulse.core.errors import DataError, ParamsError, RiskError
from alphapulse.core.stats import Array
from alphapulse.risk.filtered import filtered_historical
from alphapulse.risk.levels import tail_share
from alphapulse.risk.sample import Sample, check_returns
from alphapulse.risk.tails import Tails, cornish_fisher, historical, normal, student_t

WINDOWS_AT_ONCE = 1024
LEVEL_LIKE = 0.5  # half of all sessions moving by more than this are prices, not returns


@dataclass(frozen=True)
class Tail:
    """The session return undercut with probability 1 - level, and the mean of those below it; negative is a loss."""

    var: float
    cvar: float


@dataclass(frozen=True)
class Method:
    """How a session is forecast.

    forecast: from one series, a level and a window to VaR and CVaR of each session from number `window` on and of the
    one after the last; NaN where the law cannot be fitted. least: sessions without which its estimates mean nothing.
    """

    forecast: Callable[[Array, float, int], Tails]
    least: int


def _moving(law: Callable[[Sample, float], Tails]) -> Callable[[Array, float, int], Tails]:
    def forecast(values: Array, level: float, window: int) -> Tails:
        windows = sliding_window_view(values, window)
        parts = [
            law(Sample(np.ascontiguousarray(windows[start : start + WINDOWS_AT_ONCE])), level)
            for start in range(0, len(windows), WINDOWS_AT_ONCE)
        ]
        return np.concatenate([var for var, _ in parts]), np.concatenate([cvar for _, cvar in parts])

    return forecast


METHODS: Mapping[str, Method] = {
    "historical": Method(_moving(historical), least=1),
    "normal": Method(_moving(normal), least=20),
    "student_t": Method(_moving(student_t), least=60),
    "cornish_fisher": Method(_moving(cornish_fisher), least=60),
    "filtered_historical": Method(filtered_historical, least=250),
}


def tail_risk(returns: "pd.Series[float]", level: float = 0.95, method: str = "historical") -> Tail:
    """Return VaR and CVaR of the session after the last from all returns of the series.

    returns: simple, per session, decimal, none unknown. level: from 0.5 up to 0.9999. method: a name of METHODS,
    each documented in `tails` and `filtered`. DataError for what is not a return series; RiskError when it is shorter
    than the method's `least` or than 1 / (1 - level) sessions, or when the law cannot be fitted to it.
    """
    found = METHODS[check_choice("method", method, METHODS)]
    check_level(level)
    values = check_series(returns)
    check_length(method, len(values), level, found.least)
    var, cvar = (float(value[-1]) for value in found.forecast(values, level, len(values)))
    if math.isnan(var) or math.isnan(cvar):
        counts = np.unique(values, return_counts=True)[1]
        raise RiskError(
            f"{method}: no VaR from {len(values)} returns, {counts.max() / len(values):.0%} of which are equal",
            "returns of which fewer than half are equal and whose tails leave a mean",
            'cut the series to the sessions with a position, or use method="historical"',
        )
    return Tail(var, cvar)


def var_forecasts(
    returns: "pd.Series[float]", level: float = 0.95, method: str = "historical", window: int = 504
) -> pd.DataFrame:
    """Forecast VaR and CVaR of each session from the `window` sessions before it; columns var and cvar.

    returns, level, method: as in `tail_risk`. The first `window` sessions are NaN, and so are sessions on whose window
    the law cannot be fitted. The forecast of a session sees nothing of that session or of later ones. ParamsError when
    the window is too short for the method or the level, RiskError when the series is no longer than the window. 8,000
    sessions take 0.1 s (historical, normal), up to 0.8 s (cornish_fisher), 2 s (student_t), 6 s (filtered_historical,
    refitted every 21 sessions).
    """
    found = METHODS[check_choice("method", method, METHODS)]
    check_level(level)
    values = check_series(returns)
    needed = sessions_needed(level, found.least)
    if check_count("window", window) < needed:
        raise ParamsError(
            f"window = {window}",
            f"at least {needed} sessions for {method} at {level:g}",
            "lengthen it or lower the level",
        )
    if len(values) <= window:
        raise RiskError(
            f"var_forecasts: {len(values)} returns",
            f"more than the window of {window} sessions",
            "pass a longer series or a shorter window",
        )
    table = np.full((len(values), 2), np.nan)
    table[window:] = np.column_stack(found.forecast(values, level, window))[:-1]
    return pd.DataFrame(table, index=returns.index, columns=["var", "cvar"], copy=False)


def check_level(level: float) -> float:
    """Return a level of confidence, or raise ParamsError."""
    return check_number(
        "level", level, least=0.5, most=0.9999, next_step="write 95 per cent as 0.95; its tail is the worst 5 per cent"
    )


def check_series(returns: "pd.Series[float]") -> Array:
    """Return the values of one series of returns, or raise DataError naming what is wrong with it."""
    if not isinstance(returns, pd.Series):
        raise DataError(
            f"returns: a {type(returns).__name__} came", "a Series of simple returns by session", "pass one column"
        )
    values: Array = check_returns(returns)[0]
    check_no_levels(values, "returns")
    return values


def check_no_levels(values: Array, name: str) -> None:
    """Raise DataError when the values are prices or index levels instead of returns."""
    if values.size and float(np.median(np.abs(values))) > LEVEL_LIKE:
        raise DataError(
            f"{name}: half of the values are above {LEVEL_LIKE:.0%} in size, like {values.flat[0]:g}",
            "simple returns per session, decimal: 0.01 is one per cent",
            "pass prices.pct_change().iloc[1:], or divide per cent by 100",
        )


def check_length(method: str, sessions: int, level: float, least: int = 1) -> None:
    """Raise RiskError when there are fewer sessions than the method and the level need."""
    needed = sessions_needed(level, least)
    if sessions < needed:
        raise RiskError(
            f"{method}: {sessions} returns",
            f"at least {needed} sessions at level {level:g}",
            "lengthen the series or lower the level",
        )


def sessions_needed(level: float, least: int = 1) -> int:
    """Return the sessions that a method needs: its own least, and enough for one session in the tail."""
    return max(least, math.ceil(round(1.0 / tail_share(level), 9)))
