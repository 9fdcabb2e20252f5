"""What all weightings share: the port, the calendar of sessions at which they judge, and shares from strengths."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol, runtime_checkable

import numpy as np
import pandas as pd

from alphapulse.core.market import MarketData
from alphapulse.core.panel import Panel
from alphapulse.core.stats import Array

# Share of the vote dealt out equally whatever was learnt: an agent alone on an asset is heard, and combinations of
# forecasts gain from staying close to equal (Timmermann 2006, Forecast Combinations, section 4).
ALWAYS_HEARD = 0.05
# Standard errors above the average skill that double an agent's vote.
DOUBT = 3.0
# No evidence counts for more standard errors than this, so that a lucky constant does not silence the rest.
MOST_ERRORS = 10.0
# Holding periods an agent must have spoken in before it is judged.
LEAST_PERIODS = 12


@runtime_checkable
class Weighting(Protocol):
    """Says whom to believe: a small frozen object, without state between calls."""

    def weights(self, scores: Mapping[str, Panel], market: MarketData) -> pd.DataFrame:
        """Return the weight of each agent, sessions x agents; no weight below 0, rows sum to 1.

        scores: by agent, sessions x assets, NaN abstains. The row at t uses what was known at the close of t.
        """
        ...


def held(
    agents: Iterable[str], market: MarketData, every: int, strengths_at: Callable[[int], Array | None]
) -> pd.DataFrame:
    """Return weights judged on every `every`-th session from the market's first and held in between.

    strengths_at: row of a session to the agents' strengths known at its close (see `shares`), None for no opinion.
    """
    names = list(agents)
    out = np.full((len(market.sessions), len(names)), 1.0 / len(names))
    for row in range(0, len(out), every):
        strengths = strengths_at(row)
        if strengths is not None:
            out[row : row + every] = shares(strengths)
    return pd.DataFrame(out, index=market.sessions, columns=names)


def shares(strengths: Array) -> Array:
    """Return shares of the vote in proportion to strengths above 0, by agent; all above 0, their sum is 1.

    An agent of unknown strength (NaN) keeps its equal share, and the judged ones divide theirs: to be new is neither
    an advantage nor a fault. Without any strength above 0 all are equal.
    """
    equal = 1.0 / len(strengths)
    out = np.full(len(strengths), equal)
    judged = ~np.isnan(strengths)
    power = np.maximum(strengths[judged], 0.0)
    if power.sum() > 0.0:
        out[judged] = judged.mean() * power / power.sum()
    return (1.0 - ALWAYS_HEARD) * out + ALWAYS_HEARD * equal


def compared(estimates: Array, errors: Array, doubt: float) -> Array:
    """Return strengths around 1 from estimates of skill and their standard errors, by agent; NaN where unknown.

    Evidence is the estimate in units of its own error, so that an agent whose luck merely swings more is not preferred.
    An agent `doubt` errors above the average has twice the strength, one as far below it none. As strengths are
    linear in the evidence around its average, noise moves no agent's expected share, whoever resembles whom.
    """
    evidence = np.full(len(estimates), np.nan)
    np.divide(estimates, errors, out=evidence, where=(errors > 0.0) & np.isfinite(estimates))
    known = ~np.isnan(evidence)
    if known.any():
        evidence = np.clip(evidence, -MOST_ERRORS, MOST_ERRORS)
        evidence -= evidence[known].mean()
    return 1.0 + evidence / doubt
