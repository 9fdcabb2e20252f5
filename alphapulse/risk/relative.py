"""Measures of returns beside a benchmark.

Every function takes returns (a Series, or a DataFrame with one series a column) and the benchmark's returns over at
least the same sessions; simple, per session, decimal, none unknown. A year has 252 sessions. empyrical keeps the
sessions that both have; here a missing session is an error.
"""

from __future__ import annotations

import numpy as np

from alphapulse.core.stats import Array
from alphapulse.core.units import SESSIONS_PER_YEAR
from alphapulse.risk.sample import YEAR_ROOT, RelativeMeasure, Sample, per_session, ratio


@RelativeMeasure
def beta(returns: Sample, benchmark: Array) -> Array:
    """Return the slope of the returns on the benchmark's; NaN when the benchmark does not move."""
    centred = benchmark - benchmark.mean()
    spread = (centred**2).sum() if np.ptp(benchmark) > 0.0 else 0.0
    return ratio(returns.values @ centred, np.full(len(returns.values), spread))


@RelativeMeasure
def alpha(returns: Sample, benchmark: Array, risk_free_ann: float = 0.0) -> Array:
    """Return the compounded annual return that the benchmark does not explain (Jensen's alpha).

    The mean session alpha over a risk-free rate per year, compounded over 252 sessions. empyrical takes the rate
    per session.
    """
    free = per_session(risk_free_ann)
    unexplained = returns.totals.mean - free - beta.formula(returns, benchmark) * (benchmark.mean() - free)
    enough = returns.sessions > 1
    return (1.0 + unexplained) ** SESSIONS_PER_YEAR - 1.0 if enough else np.full(len(unexplained), np.nan)


@RelativeMeasure
def tracking_error(returns: Sample, benchmark: Array) -> Array:
    """Return the annualised standard deviation (ddof 1) of the returns in excess of the benchmark's."""
    return returns.minus(benchmark).deviation * YEAR_ROOT


@RelativeMeasure
def information_ratio(returns: Sample, benchmark: Array) -> Array:
    """Return the annualised mean excess over the benchmark, over the tracking error; NaN when they never differ.

    empyrical's excess_sharpe is the same per session: this one over the square root of 252.
    """
    active = returns.minus(benchmark)
    return ratio(active.totals.mean, active.deviation) * YEAR_ROOT
