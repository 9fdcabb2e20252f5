"""Volatility of the simulated market: calm and crisis, stress that persists, and Student tails.

All parts share one stress, each asset adds a log volatility of its own, and every session scales the shocks so that
they are Student's t. None of it depends on the sign of a return.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from alphapulse.core.stats import Array
from alphapulse.data.simulated import calibration as fit
from alphapulse.data.simulated.streams import persistent, stream, tail_scale
from alphapulse.data.simulated.traits import SECTORS, Traits


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
        square: Array = (self.own**2).mean(axis=1) + (self.sectors**2)[:, self.sector].mean(axis=1)
        return np.sqrt(square)

    def variance(self, traits: Traits, share: float) -> Array:
        """Return the conditional variance of a leg that holds `share` of the session, sessions x assets."""
        out = self.own**2
        out += (self.market**2)[:, None] * traits.market_loading**2
        out += (self.sectors**2)[:, self.sector]
        out *= share * traits.volatility**2
        return out


def draw_volatility(traits: Traits, n_sessions: int, seed: int) -> Volatility:
    """Draw the volatility of a whole market, never looking at a shock."""
    stress = persistent(stream(seed, "stress"), (n_sessions,), fit.STRESS_PERSISTENCE, fit.STRESS_DEVIATION)
    stress += np.log(fit.CRISIS_VOLATILITY) * crisis_sessions(stream(seed, "crisis").random(n_sessions))
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
    level: Array = np.exp(share * stress - (share * fit.STRESS_DEVIATION) ** 2) / np.sqrt(regimes)
    return level


def crisis_sessions(draws: Array) -> npt.NDArray[np.bool_]:
    """Return True by session in a crisis; draws: uniform numbers by session."""
    out = np.zeros(len(draws), dtype=bool)
    now = bool(draws[0] < fit.CRISIS_ENTRY / (fit.CRISIS_ENTRY + fit.CRISIS_EXIT))
    for row, draw in enumerate(draws):
        now = bool(draw >= fit.CRISIS_EXIT) if now else bool(draw < fit.CRISIS_ENTRY)
        out[row] = now
    return out
