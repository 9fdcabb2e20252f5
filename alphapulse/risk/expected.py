"""Expected returns per session: what is believed to be earned by each asset of one window."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from alphapulse.core.checks import listed
from alphapulse.core.errors import DataError
from alphapulse.core.estimates import score_alpha
from alphapulse.core.facts import PRIOR_SKILL, Facts
from alphapulse.core.stats import Array


@dataclass(frozen=True, eq=False)
class Grounds:
    """What an expected return may be drawn from: usable assets of one window.

    returns: sessions x assets, NaN unknown. historical: mean of the known returns, by asset. covariance: as estimated,
    assets x assets. facts: at the window's last close. scores: by asset, NaN abstains; None if not given.
    """

    returns: Array
    sessions: pd.Index
    assets: pd.Index
    historical: Array
    covariance: Array
    facts: Facts
    scores: "pd.Series[float] | None" = None


Expected = tuple[Array, tuple[str, ...]]


def historical(grounds: Grounds) -> Expected:
    """Return the arithmetic mean of the known returns."""
    return grounds.historical, ()


def shrunk(grounds: Grounds) -> Expected:
    """Return the historical means shrunk towards that of the minimum-variance portfolio (Jorion 1986).

    The covariance is the estimate's; with gaps the number of sessions is the mean number of known returns.
    """
    assets = len(grounds.historical)
    sessions = np.count_nonzero(~np.isnan(grounds.returns)) / assets
    ones = np.ones(assets)
    inverse = np.linalg.solve(grounds.covariance, np.column_stack([ones, grounds.historical]))
    target = float(ones @ inverse[:, 1]) / float(ones @ inverse[:, 0])
    away = grounds.historical - target
    distance = float(away @ (inverse[:, 1] - target * inverse[:, 0]))
    intensity = (assets + 2.0) / (assets + 2.0 + sessions * distance)
    return target + (1.0 - intensity) * away, ()


def capm(grounds: Grounds) -> Expected:
    """Return beta times the benchmark's mean return over the window, over a risk-free rate of 0 (Sharpe 1964).

    Beta is taken over the sessions that asset and benchmark both know; where the benchmark does not vary over them the
    expected return is NaN, noted. DataError without the benchmark's returns in two sessions of the window.
    """
    if grounds.facts.benchmark is None:
        raise _unmarked("no returns of a benchmark")
    benchmark = grounds.facts.benchmark.reindex(grounds.sessions).to_numpy(dtype=np.float64)
    marked = ~np.isnan(benchmark)
    if np.count_nonzero(marked) < 2:
        raise _unmarked(f"{np.count_nonzero(marked)} returns of the benchmark in a window of {len(marked)} sessions")
    returns, against = grounds.returns[marked], benchmark[marked]
    known = ~np.isnan(returns)
    count = known.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        away = np.where(known, against[:, None] - (against @ known) / count, 0.0)
        spread = (away**2).sum(axis=0)
        beta = (away * np.where(known, returns, 0.0)).sum(axis=0) / np.where(spread > 0.0, spread, np.nan)
    unknown = grounds.assets[np.isnan(beta)]
    notes = (f"no beta to the benchmark: {listed(unknown)}",) if len(unknown) else ()
    return beta * float(against.mean()), notes


def scores(grounds: Grounds) -> Expected:
    """Return the grand mean of all assets plus what the scores promise: skill x volatility x score / sqrt(horizon).

    Grinold 1994 (Alpha is volatility times IC times score): over `facts.horizon` sessions an asset is expected to beat
    the grand mean by its volatility over them, times the skill, times the score standardised across the assets; what
    that makes a session is stated. Skill is `facts.skill`, the information coefficient; 0.02 where unknown. An asset
    without a score is expected to earn the grand mean, noted; so are all if the scores do not differ. DataError without
    scores or with infinite ones.
    """
    if grounds.scores is None:
        raise DataError("mean = scores without scores", "scores by asset", "pass scores, or choose mean = historical")
    given: Array = np.asarray(grounds.scores.reindex(grounds.assets).to_numpy(), dtype=np.float64)
    if np.isinf(given).any():
        at = int(np.argmax(np.isinf(given)))
        raise DataError(f"scores: {given[at]} for {grounds.assets[at]}", "finite scores", "NaN abstains")
    facts, mean, notes = grounds.facts, float(grounds.historical.mean()), []
    skill = PRIOR_SKILL if facts.skill is None else facts.skill
    volatility: Array = np.sqrt(np.diag(grounds.covariance))
    alpha = score_alpha(given, volatility, skill, facts.horizon)
    scored = ~np.isnan(given)
    if alpha is None and scored.any():
        notes.append("scores do not differ: expected at the mean of all")
    if not scored.all():
        notes.append(f"no score, expected at the mean of all: {listed(grounds.assets[~scored])}")
    return mean + (np.zeros(len(given)) if alpha is None else np.nan_to_num(alpha)), tuple(notes)


MEANS: dict[str, Callable[[Grounds], Expected]] = {
    "historical": historical,
    "shrunk": shrunk,
    "capm": capm,
    "scores": scores,
}


def _unmarked(came: str) -> DataError:
    return DataError(
        f"mean = capm with {came}",
        "returns of the benchmark over the window, by session",
        "pass facts=Facts(benchmark=...), or choose mean = historical or shrunk",
    )
