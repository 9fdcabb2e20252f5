"""Ten measures, and Sharpe ratio and volatility over half a year's moving window, of 1,000 return series.

The series are ten years long (2,520 sessions). Each work returns the sum of the measures and of the last rolling
values, so that the numbers can be seen to agree: empyrical's do; quantstats defines the value at risk in its own way.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from alphapulse.risk.analyzer import measure_table
from alphapulse.risk.rolling import rolling_sharpe, rolling_volatility

SERIES, SESSIONS, WINDOW = 1_000, 2_520, 126
QUICK_SERIES, QUICK_SESSIONS = 50, 504
NAMES = (
    "total_return",
    "annual_return",
    "annual_volatility",
    "sharpe",
    "sortino",
    "calmar",
    "max_drawdown",
    "var_95",
    "tail_ratio",
    "omega",
)


def contestant(measured: Callable[[pd.DataFrame], float], share: float = 1.0) -> Callable[[bool], Callable[[], float]]:
    """Prepare the first `share` of the series, and the work of one way to measure them."""

    def prepare(quick: bool) -> Callable[[], float]:
        sessions, series = (QUICK_SESSIONS, QUICK_SERIES) if quick else (SESSIONS, SERIES)
        values = 0.0003 + 0.01 * np.random.default_rng(4).standard_t(5, (sessions, series))
        whole = pd.DataFrame(values, pd.bdate_range("2015-01-01", periods=sessions))
        some = whole.iloc[:, : max(round(series * share), 1)].copy()
        measured(some.iloc[:, :1])
        return lambda: measured(some)

    return prepare


def ours(returns: pd.DataFrame) -> float:
    table = measure_table(returns, names=NAMES)
    return _sum(table, rolling_sharpe(returns, WINDOW), rolling_volatility(returns, WINDOW))


def empyrical(returns: pd.DataFrame) -> float:
    """Hand over all series at once where it takes a table, one after the other where it does not."""
    import empyrical as library

    def by_series(measure: Callable[["pd.Series[float]"], float]) -> "pd.Series[float]":
        return pd.Series({name: measure(column) for name, column in returns.items()})

    rows = {
        "total_return": library.cum_returns_final(returns),
        "annual_return": library.annual_return(returns),
        "annual_volatility": library.annual_volatility(returns),
        "sharpe": library.sharpe_ratio(returns),
        "sortino": library.sortino_ratio(returns),
        "calmar": by_series(library.calmar_ratio),
        "max_drawdown": library.max_drawdown(returns),
        "var_95": by_series(library.value_at_risk),
        "tail_ratio": by_series(library.tail_ratio),
        "omega": by_series(library.omega_ratio),
    }
    table = pd.DataFrame([np.asarray(row) for row in rows.values()])
    rolling = (
        returns.apply(library.roll_sharpe_ratio, window=WINDOW),
        returns.apply(library.roll_annual_volatility, window=WINDOW),
    )
    return _sum(table, *rolling)


def quantstats(returns: pd.DataFrame) -> float:
    """Measure one series after the other."""
    from quantstats import stats

    total = 0.0
    for _, column in returns.items():
        row = (
            stats.comp(column),
            stats.cagr(column),
            stats.volatility(column),
            stats.sharpe(column),
            stats.sortino(column),
            stats.calmar(column),
            stats.max_drawdown(column),
            stats.value_at_risk(column),
            stats.tail_ratio(column),
            stats.omega(column),
        )
        rolling = stats.rolling_sharpe(column, rolling_period=WINDOW), stats.rolling_volatility(column, WINDOW)
        total += sum(map(float, row)) + sum(float(one.iloc[-1]) for one in rolling)
    return total


def _sum(table: pd.DataFrame, *rolling: pd.DataFrame) -> float:
    return float(table.to_numpy().sum()) + sum(float(one.iloc[-1].sum()) for one in rolling)
