"""Filtered historical simulation: yesterday's surprises at today's volatility.

1. `fit_garch` fits a constant mean and a GARCH(1,1) variance to a window of returns.
2. `variances` runs the fitted variance through the sessions: each from the one before, and one session ahead.
3. Returns less their mean over their volatility are the surprises. Their historical quantile, and the mean beyond it,
   times the volatility forecast are VaR and CVaR of the next session.

Source: Barone-Adesi, Giannopoulos and Vosper (1999); GARCH: Bollerslev (1986).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.lib.stride_tricks import sliding_window_view

from alphapulse.core.errors import RiskError
from alphapulse.core.stats import Array
from alphapulse.risk.sample import Sample
from alphapulse.risk.tails import Tails, historical

REFIT_EVERY = 21  # sessions; between fits the variance goes on day by day under the last parameters


@dataclass(frozen=True)
class Garch:
    """A constant mean and the variance omega + alpha surprise^2 + beta variance, per session.

    start: what stands for the squared surprise and the variance before the first session.
    """

    mean: float
    omega: float
    alpha: float
    beta: float
    start: float


def fit_garch(returns: Array) -> Garch:
    """Fit a GARCH(1,1) with a constant mean by normal (quasi) maximum likelihood, through arch.

    returns: one series of simple returns per session, finite. They are brought to a deviation of 1 for the optimiser
    and the result is brought back. The variance starts at that of the window. RiskError when the returns never vary or
    the optimiser does not converge. About 15 ms for 504 sessions, after 1.5 s for the first import of arch.
    """
    from arch import arch_model

    scale = float(returns.std())
    if float(np.ptp(returns)) == 0.0:
        raise _no_fit("they never vary", len(returns))
    model = arch_model(returns / scale, mean="Constant", vol="GARCH", p=1, q=1, dist="normal", rescale=False)
    fit = model.fit(disp="off", show_warning=False, backcast=1.0)
    if fit.convergence_flag != 0:
        raise _no_fit(f"the optimiser stopped without converging (flag {fit.convergence_flag})", len(returns))
    mean, omega, alpha, beta = (float(value) for value in fit.params)
    return Garch(mean * scale, omega * scale**2, alpha, beta, scale**2)


def variances(garch: Garch, returns: Array) -> Array:
    """Return the variance of each session given those before it, and that of the session after the last."""
    out: Array = _variances(returns - garch.mean, garch.omega, garch.alpha, garch.beta, garch.start)
    return out


def filtered_historical(values: Array, level: float, window: int) -> Tails:
    """Return VaR and CVaR of every session from number `window` on, and of the one after the last.

    values: one series of finite returns. Session t is forecast from the `window` sessions before it. The model is
    fitted on the first window and every 21 sessions after; where a fit fails, the one before it stays. RiskError when
    the first fit fails. 7,800 forecasts take 5 s.
    """
    ends = np.arange(window, len(values) + 1)
    var, cvar = np.empty(len(ends)), np.empty(len(ends))
    garch: Garch | None = None
    for at in range(0, len(ends), REFIT_EVERY):
        garch = _refitted(values[at : at + window], garch)
        seen = values[at : at + window + REFIT_EVERY - 1]
        variance = variances(garch, seen)
        surprises = (seen - garch.mean) / np.sqrt(variance[:-1])
        volatility = np.sqrt(variance[window:])
        quantile, beyond = historical(Sample(np.ascontiguousarray(sliding_window_view(surprises, window))), level)
        var[at : at + REFIT_EVERY] = garch.mean + volatility * quantile
        cvar[at : at + REFIT_EVERY] = garch.mean + volatility * beyond
    return var, cvar


def _refitted(returns: Array, last: Garch | None) -> Garch:
    try:
        return fit_garch(returns)
    except RiskError:
        if last is None:
            raise
        return last


def _no_fit(reason: str, sessions: int) -> RiskError:
    return RiskError(
        f"filtered_historical: no GARCH(1,1) from {sessions} returns: {reason}",
        "returns whose volatility can be estimated",
        'start the series where trading starts, take a longer window, or use method="historical"',
    )


@njit(cache=True, error_model="numpy")
def _variances(surprises: Array, omega: float, alpha: float, beta: float, start: float) -> Any:
    out = np.empty(len(surprises) + 1)
    out[0] = omega + (alpha + beta) * start
    for k in range(len(surprises)):
        out[k + 1] = omega + alpha * surprises[k] ** 2 + beta * out[k]
    return out
