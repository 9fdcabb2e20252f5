"""Weightings by trailing information coefficients: over all sessions, or over those of today's regime first.

1. `period_coefficients` measures each agent once a holding period, so that no two labels overlap.
2. A coefficient counts from the session its holding period ends at: that is the embargo.
3. `_judged` weighs the coefficients of the window into a mean and its standard error, agent by agent.
4. `votes.compared` turns both into a strength, `votes.held` into weights.

Holding periods that do not overlap have uncorrelated coefficients when there is no skill, whether an agent's scores
move fast or slowly, so their plain standard error is honest for both. Overlapping ones would need a correction that is
weaker for slow scores, and would prefer those on noise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from alphapulse.agents.evidence import market_returns
from alphapulse.agents.information import period_returns, rank_correlations
from alphapulse.agents.weighting.votes import DOUBT, LEAST_PERIODS, compared, held
from alphapulse.agents.windows import trailing_mean
from alphapulse.core.checks import check_count, check_number
from alphapulse.core.market import MarketData
from alphapulse.core.panel import Panel
from alphapulse.core.stats import Array


@dataclass(frozen=True)
class TrailingIC:
    """Weighs agents by the t-statistic of their information coefficients over the trailing window.

    horizon: sessions a score is held. window: sessions whose coefficients count. every: sessions between judgements.
    doubt: standard errors above the average that double a vote; more of it shrinks towards equal weights.
    Agents with fewer than LEAST_PERIODS coefficients keep their equal share.

    Grinold 1989, Journal of Portfolio Management 15: the weight of a signal grows with its information coefficient.
    """

    horizon: int = 21
    window: int = 756
    every: int = 21
    doubt: float = DOUBT

    def __post_init__(self) -> None:
        _check("trailing_ic", self.horizon, self.window, self.every, self.doubt)

    def weights(self, scores: Mapping[str, Panel], market: MarketData) -> pd.DataFrame:
        """Return the weight of each agent, sessions x agents (see `votes.Weighting`)."""
        found = period_coefficients(scores, market, self.horizon)

        def strengths(row: int) -> Array:
            past = _past(row, self.horizon, self.window)
            return _judged(found[past], np.ones(past.stop - past.start), self.doubt)

        return held(scores, market, self.every, strengths)


@dataclass(frozen=True)
class Regime:
    """Weighs agents by their coefficients in sessions like today's: calm or turbulent.

    horizon, window, every, doubt: see TrailingIC; the window is longer, as a regime fills a part of it. elsewhere:
    weight of a coefficient from the other regime, from 0 (today's regime alone) to 1 (TrailingIC): it shrinks the
    regime's mean towards the mean of all. lookback: sessions of the volatility that tells the regimes apart.

    Ang and Bekaert 2004, Financial Analysts Journal 60, on regimes told by volatility.
    """

    horizon: int = 21
    window: int = 1260
    every: int = 21
    doubt: float = DOUBT
    elsewhere: float = 0.25
    lookback: int = 63

    def __post_init__(self) -> None:
        _check("regime", self.horizon, self.window, self.every, self.doubt)
        check_number("weighting regime: elsewhere", self.elsewhere, most=1.0)
        check_count("weighting regime: lookback", self.lookback)

    def weights(self, scores: Mapping[str, Panel], market: MarketData) -> pd.DataFrame:
        """Return the weight of each agent, sessions x agents (see `votes.Weighting`)."""
        found = period_coefficients(scores, market, self.horizon)
        wild = turbulent(market, self.lookback).to_numpy()
        # the regime a score was given in, at the row its coefficient became known
        given = np.concatenate([[False], wild[:: self.horizon][:-1]])

        def strengths(row: int) -> Array:
            past = _past(row, self.horizon, self.window)
            return _judged(found[past], np.where(given[past] == wild[row], 1.0, self.elsewhere), self.doubt)

        return held(scores, market, self.every, strengths)


def period_coefficients(scores: Mapping[str, Panel], market: MarketData, horizon: int) -> Array:
    """Return the information coefficient of each agent and holding period, periods x agents; NaN where unknown.

    Ranks of scores with ranks of summed returns (`information.period_returns` says why not compounded).
    Row k became known at session k x horizon of the market, and is about the scores given at (k - 1) x horizon.
    """
    earned = period_returns(market_returns(market), horizon)[1:]
    out = np.full((len(earned) + 1, len(scores)), np.nan)
    for place, score in enumerate(scores.values()):
        out[1:, place] = rank_correlations(score.to_numpy()[::horizon][: len(earned)], earned)
    return out


def turbulent(market: MarketData, lookback: int) -> "pd.Series[bool]":
    """Return True by session at which the market's trailing volatility lies above its own median so far.

    The market is the mean return of its members. False until the first volatility is known.
    """
    returns = market_returns(market).to_numpy()
    known = market.members.to_numpy() & np.isfinite(returns)
    count = known.sum(axis=1)
    total = np.where(known, returns, 0.0).sum(axis=1)
    mean = np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0)
    variance = trailing_mean(pd.DataFrame({"market": mean**2}, index=market.sessions), lookback)["market"]
    return variance > variance.expanding().median()


def _past(row: int, horizon: int, window: int) -> slice:
    """Return the holding periods that ended at or before `row`, their scores given within the window."""
    return slice(max(1, -(-(row + 1 - window) // horizon) + 1), max(1, row // horizon + 1))


def _judged(found: Array, weights: Array, doubt: float) -> Array:
    """Return strengths from coefficients, periods x agents, and the weight of each period."""
    known = ~np.isnan(found)
    heavy: npt.NDArray[np.float64] = np.where(known, weights[:, None], 0.0)
    values = np.where(known, found, 0.0)
    total = heavy.sum(axis=0)
    mean = np.divide((heavy * values).sum(axis=0), total, out=np.full(len(total), np.nan), where=total > 0.0)
    spread = np.sqrt(((heavy * (values - mean)) ** 2).sum(axis=0))
    error = np.divide(spread, total, out=np.full(len(total), np.nan), where=total > 0.0)
    enough = known.sum(axis=0) >= LEAST_PERIODS
    return compared(np.where(enough, mean, np.nan), error, doubt)


def _check(name: str, horizon: int, window: int, every: int, doubt: float) -> None:
    check_count(f"weighting {name}: horizon", horizon)
    check_count(f"weighting {name}: window", window, least=(LEAST_PERIODS + 1) * horizon)
    check_count(f"weighting {name}: every", every)
    check_number(f"weighting {name}: doubt", doubt, above=True)
