"""Prices of the simulated market, the truth every other part starts from.

1. traits      each asset's volatility, loadings, sector, first price and turnover (`draw_traits`)
2. volatility  calm and crisis, log volatility that persists, Student tails (`_volatilities`)
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
import numpy.typing as npt

from alphapulse.core.stats import Array
from alphapulse.core.units import SESSIONS_PER_YEAR
from alphapulse.data.simulated import calibration as fit
from alphapulse.data.simulated.streams import persistent, stream, tail_scale

SECTORS = (
    "Communication Services",
    "Consumer Discretionary",
    "Consumer Staples",
    "Energy",
    "Financials",
    "Health Care",
    "Industrials",
    "Information Technology",
    "Materials",
    "Real Estate",
    "Utilities",
)
# The sample has closes only, so these are assumptions: a quarter of the variance arises overnight; logarithmic volume
# persists and rises with the size of the return.
OVERNIGHT_SHARE = 0.25
VOLUME_PERSISTENCE, VOLUME_DEVIATION = 0.7, 0.35
LARGEST_LEG = 0.4
MOMENTUM_LOOKBACK, MOMENTUM_SKIP = 252, 21


@dataclass(frozen=True, eq=False)
class Traits:
    """What distinguishes the assets, by asset: volatility per session, loadings, sector number, price, shares a day."""

    volatility: Array
    market_loading: Array
    own_loading: Array
    sector: npt.NDArray[np.intp]
    price: Array
    turnover: Array


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
    volatility = _volatilities(traits, n_sessions, seed)
    night = _leg(traits, volatility, seed, "night", OVERNIGHT_SHARE)
    day = _leg(traits, volatility, seed, "day", 1.0 - OVERNIGHT_SHARE)
    night += OVERNIGHT_SHARE * drift_ann / SESSIONS_PER_YEAR
    day += (1.0 - OVERNIGHT_SHARE) * drift_ann / SESSIONS_PER_YEAR
    if alpha != 0.0:
        _plant_momentum(night, day, alpha * volatility.apart()[:, None] * traits.volatility)
    return _bars(traits, night, day, volatility.variance(traits, 1.0 - OVERNIGHT_SHARE), seed)


def draw_traits(n_assets: int, rng: np.random.Generator) -> Traits:
    """Draw the traits of `n_assets`, spread as in the sample."""
    level = np.clip(rng.standard_normal(n_assets), -2.2, 2.2)
    loading = fit.MARKET_LOADING + fit.MARKET_LOADING_SPREAD * np.clip(rng.standard_normal(n_assets), -2.2, 2.2)
    price = 50.0 * np.exp(0.5 * rng.standard_normal(n_assets))
    return Traits(
        volatility=fit.SAMPLE_MOMENTS["volatility"] * np.exp(fit.SAMPLE_MOMENTS["volatility_spread"] * level),
        market_loading=loading,
        own_loading=np.sqrt(1.0 - loading**2 - fit.SECTOR_LOADING**2),
        sector=np.arange(n_assets) % len(SECTORS),
        price=price,
        turnover=1e8 / price * np.exp(rng.standard_normal(n_assets)),
    )


@dataclass(frozen=True, eq=False)
class Volatility:
    """Conditional volatility in units of the asset's own: of the market (by session), of each sector, of each asset.

    own is already scaled by the asset's own loading. Their mean squares add up to one for every asset.
    """

    market: Array
    sectors: Array
    own: Array
    sector: npt.NDArray[np.intp]

    def apart(self) -> Array:
        """Return by session the root mean square over assets of what is not common to all."""
        own = np.einsum("ij,ij->i", self.own, self.own) / self.own.shape[1]
        return np.sqrt(own + (self.sectors**2)[:, self.sector].mean(axis=1))

    def variance(self, traits: Traits, share: float) -> Array:
        """Return the conditional variance of a leg that holds `share` of the session, sessions x assets."""
        out = self.own**2
        out += (self.market**2)[:, None] * traits.market_loading**2
        out += (self.sectors**2)[:, self.sector]
        out *= share * traits.volatility**2
        return out


def _volatilities(traits: Traits, n_sessions: int, seed: int) -> Volatility:
    stress = persistent(stream(seed, "stress"), (n_sessions,), fit.COMMON_PERSISTENCE, fit.COMMON_DEVIATION)
    stress += np.log(fit.CRISIS_VOLATILITY) * _crisis(stream(seed, "crisis").random(n_sessions))
    market = _level(stress, 1.0)
    sectors = np.repeat(fit.SECTOR_LOADING * market[:, None], len(SECTORS), axis=1)
    market *= tail_scale(stream(seed, "market tails"), market.shape, fit.TAIL_FREEDOM)
    sectors *= tail_scale(stream(seed, "sector tails"), sectors.shape, fit.TAIL_FREEDOM)
    own = persistent(
        stream(seed, "own volatility"), (n_sessions, len(traits.sector)), fit.OWN_PERSISTENCE, fit.OWN_DEVIATION
    )
    own -= fit.OWN_DEVIATION**2
    np.exp(own, out=own)
    own *= _level(stress, fit.OWN_SHARE_OF_STRESS)[:, None] * traits.own_loading
    own *= tail_scale(stream(seed, "own tails"), own.shape, fit.TAIL_FREEDOM)
    return Volatility(market, sectors, own, traits.sector)


def _level(stress: Array, share: float) -> Array:
    """Return exp(share * stress), divided by its root mean square in the long run."""
    in_crisis = fit.CRISIS_ENTRY / (fit.CRISIS_ENTRY + fit.CRISIS_EXIT)
    regimes = 1.0 - in_crisis + in_crisis * fit.CRISIS_VOLATILITY ** (2.0 * share)
    return np.exp(share * stress - (share * fit.COMMON_DEVIATION) ** 2) / np.sqrt(regimes)


def _crisis(draws: Array) -> npt.NDArray[np.bool_]:
    out = np.zeros(len(draws), dtype=bool)
    now = bool(draws[0] < fit.CRISIS_ENTRY / (fit.CRISIS_ENTRY + fit.CRISIS_EXIT))
    for row, draw in enumerate(draws):
        now = bool(draw >= fit.CRISIS_EXIT) if now else bool(draw < fit.CRISIS_ENTRY)
        out[row] = now
    return out


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
    close = np.cumprod(growth, axis=0)
    close *= traits.price
    opening = close / (1.0 + day)
    variance *= 2.0
    square = day**2
    # Extremes of an arithmetic Brownian path from 0 to the day's return; the low stays above zero.
    reach = stream(seed, "high").standard_exponential(day.shape)
    reach *= variance
    reach += square
    high = opening * (1.0 + 0.5 * (day + np.sqrt(reach, out=reach)))
    reach = stream(seed, "low").standard_exponential(day.shape)
    reach *= variance
    reach += square
    low = opening * np.maximum(1.0 + 0.5 * (day - np.sqrt(reach, out=reach)), 1.0 - 1.5 * LARGEST_LEG)
    np.maximum(high, np.maximum(opening, close), out=high)
    np.minimum(low, np.minimum(opening, close), out=low)
    volume = persistent(stream(seed, "volume"), day.shape, VOLUME_PERSISTENCE, VOLUME_DEVIATION)
    np.exp(volume, out=volume)
    volume *= 1.0 + np.abs(growth - 1.0) / traits.volatility
    volume *= traits.turnover
    return Bars(opening, high, low, close, np.rint(volume, out=volume), growth, traits)
