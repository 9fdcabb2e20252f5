"""Measures over a moving window of sessions, the last one included; NaN until the window is full.

Each takes simple returns per session (decimal, none unknown), a Series or a DataFrame with one series a column, and
returns the same shape. empyrical's roll_ functions drop the leading sessions instead of marking them unknown.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import pandas as pd

from alphapulse.core.checks import check_count
from alphapulse.core.stats import Array
from alphapulse.core.units import SESSIONS_PER_YEAR
from alphapulse.risk.passes import window_deviation, window_ratio
from alphapulse.risk.sample import YEAR_ROOT, check_benchmark, check_returns, ratio

Returns = TypeVar("Returns", "pd.Series[float]", pd.DataFrame)
HALF_YEAR = SESSIONS_PER_YEAR // 2


def rolling_volatility(returns: Returns, window: int = HALF_YEAR) -> Returns:
    """Return the annualised volatility of the last `window` sessions."""
    deviation = window_deviation(check_returns(returns), check_count("window", window, least=2))
    deviation *= YEAR_ROOT
    return _like(deviation, returns)


def rolling_sharpe(returns: Returns, window: int = HALF_YEAR) -> Returns:
    """Return the annualised Sharpe ratio, over a risk-free rate of 0, of the last `window` sessions."""
    sharpe = window_ratio(check_returns(returns), check_count("window", window, least=2))
    sharpe *= YEAR_ROOT
    return _like(sharpe, returns)


def rolling_beta(returns: Returns, benchmark: "pd.Series[float]", window: int = HALF_YEAR) -> Returns:
    """Return the slope on the benchmark's returns of the last `window` sessions.

    Covariance is read off the variances of sum and difference: 4 cov(r, b) = var(r + b) - var(r - b).
    """
    values, beside = check_returns(returns), check_benchmark(benchmark, returns.index)
    check_count("window", window, least=2)
    together = window_deviation(values + beside, window)
    apart = window_deviation(values - beside, window)
    alone = window_deviation(beside[None, :], window)
    covariance = (together**2 - apart**2) / 4.0
    return _like(ratio(covariance, np.broadcast_to(alone**2, covariance.shape)), returns)


def _like(values: Array, returns: Returns) -> Returns:
    if isinstance(returns, pd.Series):
        return pd.Series(values[0], index=returns.index, name=returns.name)
    return pd.DataFrame(values.T, index=returns.index, columns=returns.columns, copy=False)
