"""Measures of a return series: growth, risk, shape of the distribution and tails.

Every function takes simple returns per session (decimal, none unknown; see `sample`), as a Series (gives a number)
or a DataFrame with one series a column (gives a Series by column). A year has 252 sessions. Values equal
empyrical-reloaded's on complete series; where they differ on purpose, the docstring says so. Throughout, a ratio
whose divisor is zero is unknown (NaN) here and infinite there.
"""

from __future__ import annotations

import numpy as np

from alphapulse.core.stats import Array
from alphapulse.core.units import SESSIONS_PER_YEAR
from alphapulse.risk.levels import tail_share
from alphapulse.risk.sample import YEAR_ROOT, Measure, Sample, per_session, ratio


@Measure
def total_return(returns: Sample) -> Array:
    """Return the compounded return over all sessions."""
    return returns.totals.growth - 1.0


@Measure
def annual_return(returns: Sample) -> Array:
    """Return the compound annual growth rate; NaN once more than everything was lost."""
    growth = returns.totals.growth
    years = returns.sessions / SESSIONS_PER_YEAR
    return np.where(growth >= 0.0, np.abs(growth) ** (1.0 / years), np.nan) - 1.0


@Measure
def annual_volatility(returns: Sample) -> Array:
    """Return the standard deviation (ddof 1) of session returns times the square root of 252."""
    return returns.deviation * YEAR_ROOT


@Measure
def sharpe(returns: Sample, risk_free_ann: float = 0.0) -> Array:
    """Return the annualised Sharpe ratio over a risk-free rate per year, which is compounded down to a session.

    Equal returns have no Sharpe ratio (NaN). empyrical takes the rate per session. Source: Sharpe (1994).
    """
    excess = returns.minus(per_session(risk_free_ann))
    return ratio(excess.totals.mean, excess.deviation) * YEAR_ROOT


@Measure
def downside_risk(returns: Sample, required_ann: float = 0.0) -> Array:
    """Return the annualised root mean square of returns below a required return per year."""
    short = returns.minus(per_session(required_ann)).totals.downside
    return np.sqrt(short / returns.sessions * SESSIONS_PER_YEAR)


@Measure
def sortino(returns: Sample, required_ann: float = 0.0) -> Array:
    """Return the annualised mean excess over a required return per year, over the downside risk.

    empyrical takes the required return per session. Source: Sortino and Price (1994).
    """
    excess = returns.minus(per_session(required_ann))
    risk = np.sqrt(excess.totals.downside / excess.sessions * SESSIONS_PER_YEAR)
    enough = excess.sessions > 1
    return ratio(excess.totals.mean * SESSIONS_PER_YEAR, risk) if enough else np.full(len(risk), np.nan)


@Measure
def max_drawdown(returns: Sample) -> Array:
    """Return the deepest loss from a peak (negative), the starting capital being the first peak."""
    return returns.totals.drawdown


@Measure
def calmar(returns: Sample) -> Array:
    """Return the annual return over the deepest drawdown; NaN without a drawdown."""
    return ratio(annual_return.formula(returns), -returns.totals.drawdown)


@Measure
def skew(returns: Sample) -> Array:
    """Return the skewness of the population (not bias-corrected), as scipy.stats.skew; NaN without dispersion."""
    variance = _variance(returns)
    return ratio(returns.totals.third / returns.sessions, variance**1.5)


@Measure
def kurtosis(returns: Sample) -> Array:
    """Return the excess kurtosis of the population, 0 for a normal law, as scipy.stats.kurtosis."""
    variance = _variance(returns)
    return ratio(returns.totals.fourth / returns.sessions, variance**2) - 3.0


@Measure
def value_at_risk(returns: Sample, level: float = 0.95) -> Array:
    """Return the session return that is undercut with probability 1 - level: the historical quantile.

    Negative is a loss, as in empyrical, whose cutoff is 1 - level.
    """
    return returns.quantile(tail_share(level))


@Measure
def conditional_value_at_risk(returns: Sample, level: float = 0.95) -> Array:
    """Return the mean of the returns up to the historical quantile at 1 - level (negative is a loss).

    The mean of the int((n - 1) (1 - level)) + 1 worst sessions, as in empyrical.
    """
    worst = int((returns.sessions - 1) * tail_share(level)) + 1
    mean: Array = returns.ordered[:, :worst].mean(axis=1)
    return mean


@Measure
def tail_ratio(returns: Sample) -> Array:
    """Return the size of the 95 % quantile of returns over that of the 5 % quantile; below 1 losses are larger."""
    return ratio(np.abs(returns.quantile(0.95)), np.abs(returns.quantile(0.05)))


@Measure
def omega(returns: Sample, required_ann: float = 0.0) -> Array:
    """Return the sum of excesses over a required return per year, over the sum of shortfalls; NaN without one.

    Source: Keating and Shadwick (2002).
    """
    excess = returns.minus(per_session(required_ann)).totals
    return ratio(excess.gains, excess.losses) if returns.sessions > 1 else np.full(len(excess.gains), np.nan)


@Measure
def stability(returns: Sample) -> Array:
    """Return the R-squared of a straight line through the log of wealth; NaN once everything was lost or when flat.

    empyrical gives 0 for flat wealth.
    """
    lost = returns.totals.lowest <= -1.0
    log_wealth = np.log1p(np.where(lost[:, None], 0.0, returns.values)).cumsum(axis=1)
    log_wealth -= log_wealth.mean(axis=1, keepdims=True)
    time = np.arange(returns.sessions) - (returns.sessions - 1) / 2.0
    explained = (log_wealth @ time) ** 2
    return np.where(lost, np.nan, ratio(explained, (time @ time) * (log_wealth**2).sum(axis=1)))


@Measure
def hit_rate(returns: Sample) -> Array:
    """Return the share of sessions with a return above zero."""
    return returns.totals.ups / returns.sessions


def _variance(returns: Sample) -> Array:
    flat = returns.totals.lowest == returns.totals.highest
    return np.where(flat, 0.0, returns.totals.second / returns.sessions)
