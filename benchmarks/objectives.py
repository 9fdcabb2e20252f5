"""The numbers by which portfolios are judged, lower is better, and the problems whose answers they judge.

Before it is judged a portfolio is brought within its constraints: a solver that stops at a sum of 1 - 1e-6, or at a
weight of -1e-6, has not found a lower variance.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from alphapulse.core.estimates import RiskEstimate
from alphapulse.core.stats import Array
from alphapulse.data.simulated.traits import SECTORS
from alphapulse.portfolio.black_litterman import BlackLitterman
from alphapulse.portfolio.case import case_of
from alphapulse.portfolio.constraints import Constraints
from benchmarks.portfolios import MONTH, Problem, Seen

LEVEL = 0.95
AVERSION = 2.5
CAP, SPAN, TURNOVER_BPS = 0.05, (0.02, 0.15), 10.0
COST = TURNOVER_BPS * 1e-4 / MONTH  # of a unit of weight traded, by session of the month it is held
CONSTRAINTS: dict[str, Any] = {"upper": CAP, "sectors": dict.fromkeys(SECTORS, SPAN), "turnover_bps": TURNOVER_BPS}


def invested(weights: Array) -> Array:
    """Return weights without what is below zero, scaled to a sum of 1."""
    kept = np.maximum(weights, 0.0)
    return kept / kept.sum()


def variance(seen: Seen, estimate: RiskEstimate, weights: Array) -> float:
    x = invested(weights)
    return float(x @ estimate.covariance.to_numpy() @ x)


def ratio(seen: Seen, estimate: RiskEstimate, weights: Array) -> float:
    """Return the Sharpe ratio a session, negative."""
    x = invested(weights)
    return -float(estimate.mean.to_numpy() @ x) / variance(seen, estimate, x) ** 0.5


def believed_ratio(seen: Seen, estimate: RiskEstimate, weights: Array) -> float:
    """Return the same by the mean and covariance believed after the views."""
    return ratio(seen, BELIEVER.posterior(estimate, seen.scores), weights)


def tail(seen: Seen, estimate: RiskEstimate, weights: Array) -> float:
    """Return the CVaR of the window (Rockafellar and Uryasev 2000, equation 17, at the loss that minimises it)."""
    losses = -(seen.window.to_numpy() @ invested(weights))
    value_at_risk = np.quantile(losses, LEVEL, method="inverted_cdf")
    return float(value_at_risk + np.maximum(losses - value_at_risk, 0.0).mean() / (1.0 - LEVEL))


def constrained_ratio(seen: Seen, estimate: RiskEstimate, weights: Array) -> float:
    """Return the ratio of mean less cost to deviation, negative."""
    earned, risk = _earned(seen, estimate, weights)
    return -earned / risk**0.5


def constrained_utility(seen: Seen, estimate: RiskEstimate, weights: Array) -> float:
    """Return mean less cost less half the aversion times variance, negative."""
    earned, risk = _earned(seen, estimate, weights)
    return AVERSION / 2.0 * risk - earned


def _earned(seen: Seen, estimate: RiskEstimate, weights: Array) -> tuple[float, float]:
    """Return mean less cost, and variance, of the weights brought within the constraints."""
    current = seen.current.to_numpy()
    x = case_of(estimate, Constraints(**CONSTRAINTS), current).start(weights)
    cost = COST * float(np.abs(x - current).sum())
    return float(estimate.mean.to_numpy() @ x) - cost, float(x @ estimate.covariance.to_numpy() @ x)


BELIEVER = BlackLitterman(risk_aversion=AVERSION)
MIN_VARIANCE = Problem("min_variance", variance)
MAX_SHARPE = Problem("max_sharpe", ratio)
HRP = Problem("hrp", variance)
BLACK_LITTERMAN = Problem("black_litterman", believed_ratio, {"risk_aversion": AVERSION})
MIN_CVAR = Problem("min_cvar", tail, {"level": LEVEL})
CONSTRAINED = Problem("max_sharpe", constrained_ratio, {"constraints": CONSTRAINTS})
UTILITY = Problem("mean_variance", constrained_utility, {"risk_aversion": AVERSION, "constraints": CONSTRAINTS})
