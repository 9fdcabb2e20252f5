"""Prices of the simulated market, the truth every other part starts from.

1. assets      volatility, loadings, sector, first price and turnover (`traits`)
2. volatility  stress and crises, each asset's own, tails (`volatility`)
3. shocks      market + sector + own part, drawn apart for the night and the day (`_leg`)
4. premium     drift and, if asked for, the planted momentum (`_plant_momentum`)
5. bars        open, close, and the extremes of a Brownian path between them (`_bars`)

Volatilities never look at the sign of a shock and shocks are symmetric, so with zero drift and zero alpha the simple
return of every night and every day has the expectation zero given all that came before: prices are martingales. The
extremes follow the reflection principle of an arithmetic Brownian motion, so a stop inside the bar is fair as well.
No step uses later rows and none a matrix product: fewer sessions give the same first rows, bit for bit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alphapulse.core.stats import Array
from alphapulse.core.units import SESSIONS_PER_YEAR
from alphapulse.data.simulated.streams import persistent, stream
from alphapulse.data.simulated.traits import Traits, draw_traits
from alphapulse.data.simulated.volatility import Volatility, draw_volatility

# The sample has closes only, so these are assumptions: a quarter of the variance arises overnight; logarithmic volume
# persists and rises with the size of the return.
OVERNIGHT_SHARE = 0.25
VOLUME_PERSISTENCE, VOLUME_DEVIATION = 0.7, 0.35
# Shocks are clipped on both sides alike; a low keeps at least this share of its open.
LARGEST_LEG, LOWEST_LOW = 0.4, 0.4
MOMENTUM_LOOKBACK, MOMENTUM_SKIP = 252, 21


@dataclass(frozen=True, eq=False)
class Bars:
    """Total-return prices (dollars) and volume (shares), sessions x assets; no NaN. growth: close to close, 1 + r."""

    open: Array
    high: Array
    low: Array
    close: Array
    volume: Array
    growth: Array
    traits: Traits


def simulate_bars(n_assets: int, n_sessions: int, seed: int, *, drift_ann: float, alpha: float) -> Bars:
    """Simulate bars of `n_assets` over `n_sessions`; drift_ann: expected simple return a year, the same for all.

    alpha: correlation across assets between momentum known at a close (log return from 252 to 21 sessions before,
    standardised) and the next session's return in units of each asset's volatility.
    """
    traits = draw_traits(n_assets, stream(seed, "traits"))
    volatility = draw_volatility(traits, n_sessions, seed)
    night = _leg(traits, volatility, seed, "night", OVERNIGHT_SHARE)
    day = _leg(traits, volatility, seed, "day", 1.0 - OVERNIGHT_SHARE)
    night += OVERNIGHT_SHARE * drift_ann / SESSIONS_PER_YEAR
    day += (1.0 - OVERNIGHT_SHARE) * drift_ann / SESSIONS_PER_YEAR
    if alpha != 0.0:
        _plant_momentum(night, day, alpha * volatility.apart()[:, None] * traits.volatility)
    return _bars(traits, night, day, volatility.variance(traits, 1.0 - OVERNIGHT_SHARE), seed)


def _leg(traits: Traits, volatility: Volatility, seed: int, leg: str, share: float) -> Array:
    """Return the simple returns of all nights or all days, symmetric about zero."""
    market = stream(seed, f"market {leg}").standard_normal(volatility.market.shape) * volatility.market
    sectors = stream(seed, f"sector {leg}").standard_normal(volatility.sectors.shape) * volatility.sectors
    out = stream(seed, f"own {leg}").standard_normal(volatility.own.shape)
    out *= volatility.own
    out += market[:, None] * traits.market_loading
    out += sectors[:, traits.sector]
    out *= np.sqrt(share) * traits.volatility
    return np.clip(out, -LARGEST_LEG, LARGEST_LEG, out=out)


def _plant_momentum(night: Array, day: Array, scale: Array) -> None:
    """Add `scale` times the standardised momentum of the previous close, a block of sessions at a time.

    A block is as long as the skip, so its momentum rests on sessions before the block alone.
    """
    level = np.zeros(night.shape)
    for first in range(0, len(night), MOMENTUM_SKIP):
        rows = slice(first, min(first + MOMENTUM_SKIP, len(night)))
        if first > MOMENTUM_LOOKBACK:
            recent = slice(rows.start - 1 - MOMENTUM_SKIP, rows.stop - 1 - MOMENTUM_SKIP)
            distant = slice(rows.start - 1 - MOMENTUM_LOOKBACK, rows.stop - 1 - MOMENTUM_LOOKBACK)
            momentum = level[recent] - level[distant]
            momentum -= momentum.mean(axis=1, keepdims=True)
            premium = scale[rows] * momentum / momentum.std(axis=1, keepdims=True)
            night[rows] += OVERNIGHT_SHARE * premium
            day[rows] += (1.0 - OVERNIGHT_SHARE) * premium
        level[rows] = np.cumsum(np.log1p(night[rows]) + np.log1p(day[rows]), axis=0)
        level[rows] += level[first - 1] if first else 0.0


def _bars(traits: Traits, night: Array, day: Array, variance: Array, seed: int) -> Bars:
    growth = (1.0 + night) * (1.0 + day)
    close: Array = np.multiply.accumulate(growth, axis=0)
    close *= traits.price
    opening = close / (1.0 + day)
    high = opening * (1.0 + 0.5 * (day + _reach(day, variance, stream(seed, "high"))))
    low = opening * np.maximum(1.0 + 0.5 * (day - _reach(day, variance, stream(seed, "low"))), LOWEST_LOW)
    np.maximum(high, np.maximum(opening, close), out=high)
    np.minimum(low, np.minimum(opening, close), out=low)
    volume = persistent(stream(seed, "volume"), day.shape, VOLUME_PERSISTENCE, VOLUME_DEVIATION)
    np.exp(volume, out=volume)
    volume *= 1.0 + np.abs(growth - 1.0) / traits.volatility
    volume *= traits.turnover
    return Bars(opening, high, low, close, np.rint(volume, out=volume), growth, traits)


def _reach(day: Array, variance: Array, rng: np.random.Generator) -> Array:
    """Draw how far a Brownian path from 0 to `day` goes: its maximum is half of `day` plus this, its minimum minus."""
    reach = rng.standard_exponential(day.shape)
    reach *= variance
    reach *= 2.0
    reach += day**2
    return np.sqrt(reach, out=reach)
