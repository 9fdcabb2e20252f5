"""What the simulated market owes to the sample: its moments, and the model constants that reproduce them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from alphapulse.core.panel import Panel
from alphapulse.core.stats import Array

# Moments of the sample (20 stocks, 1990-01-02 to 2022-12-28), as `moments` computes them; tests recompute them.
SAMPLE_MOMENTS = {
    "volatility": 0.02007,
    "volatility_spread": 0.327,
    "correlation": 0.303,
    "excess_kurtosis": 11.7,
    "clustering_1": 0.247,
    "clustering_20": 0.161,
    "clustering_100": 0.088,
    "dispersion": 0.01713,
    "market_volatility": 0.01193,
    "market_clustering_20": 0.199,
}
# The mean simple return of the index, a year; the stocks' own mean (18.5 %) is that of survivors.
DRIFT_ANN = 0.088

# Loadings on the market and the sector; an asset's own part carries the rest of its variance.
MARKET_LOADING, MARKET_LOADING_SPREAD = 0.53, 0.09
SECTOR_LOADING = 0.40
# Log volatility: persistence a session and standard deviation, of the stress common to all and of each asset's own.
STRESS_PERSISTENCE, STRESS_DEVIATION = 0.985, 0.50
OWN_PERSISTENCE, OWN_DEVIATION = 0.997, 0.45
OWN_SHARE_OF_STRESS = 0.7
# A crisis multiplies the common volatility; probabilities a session of entering and leaving it.
CRISIS_VOLATILITY, CRISIS_ENTRY, CRISIS_EXIT = 2.0, 1 / 750, 1 / 90
# Degrees of freedom of the shocks.
TAIL_FREEDOM = 4.5


def moments(returns: Panel) -> "pd.Series[float]":
    """Return the moments that describe a market of simple returns (sessions x assets, decimals, no NaN).

    volatility: geometric mean over assets of the standard deviation per session; volatility_spread: standard
    deviation of its logarithm; correlation: mean over pairs; excess_kurtosis: median over assets; clustering_k:
    median autocorrelation of absolute returns at lag k; dispersion: mean standard deviation across assets; market_*:
    the same of the equal-weight mean return.
    """
    values = returns.to_numpy()
    deviation = values.std(axis=0, ddof=1)
    standard = (values - values.mean(axis=0)) / deviation
    count = values.shape[1]
    market = values.mean(axis=1, keepdims=True)
    # The variance of the sum of standardised returns is the sum of all correlations.
    correlation = (standard.sum(axis=1).var(ddof=1) - count) / (count * (count - 1))
    out = {
        "volatility": float(np.exp(np.log(deviation).mean())),
        "volatility_spread": float(np.log(deviation).std(ddof=1)),
        "correlation": float(correlation),
        "excess_kurtosis": float(np.median((standard**4).mean(axis=0) - 3.0)),
        "clustering_1": _clustering(values, 1),
        "clustering_20": _clustering(values, 20),
        "clustering_100": _clustering(values, 100),
        "dispersion": float(values.std(axis=1, ddof=1).mean()),
        "market_volatility": float(market.std(ddof=1)),
        "market_clustering_20": _clustering(market, 20),
    }
    return pd.Series(out)


def _clustering(values: Array, lag: int) -> float:
    size = np.abs(values)
    size = size - size.mean(axis=0)
    return float(np.median((size[lag:] * size[:-lag]).mean(axis=0) / (size**2).mean(axis=0)))
