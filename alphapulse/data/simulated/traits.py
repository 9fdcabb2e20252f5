"""What distinguishes the simulated assets, spread as in the sample."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from alphapulse.core.stats import Array
from alphapulse.data.simulated import calibration as fit

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


@dataclass(frozen=True, eq=False)
class Traits:
    """What distinguishes the assets, by asset: volatility per session, loadings, sector number, price, shares a day."""

    volatility: Array
    market_loading: Array
    own_loading: Array
    sector: npt.NDArray[np.intp]
    price: Array
    turnover: Array


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
