"""The bridge to PyPortfolioOpt: an estimate goes in validated, weights come back verified.

PyPortfolioOpt is the readable laboratory: objectives, constraints and plots to play with. It takes what it is given
(a price that never moves wins all, a NaN fails late) and rounds what it gives back, so both ends are checked here.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from alphapulse.core.checks import check_number
from alphapulse.core.errors import DataError, Infeasible, ParamsError, RiskError
from alphapulse.core.estimates import RiskEstimate
from alphapulse.core.stats import Array
from alphapulse.core.units import SESSIONS_PER_YEAR
from alphapulse.portfolio.weights import noted

if TYPE_CHECKING:
    from pypfopt import EfficientFrontier

ROUNDING = 1e-3  # from 1 that a sum of rounded weights may be; `clean_weights` loses some 1e-5
DUST = 1e-6  # a weight below it is what an interior-point solver leaves of none
INDEFINITE = -1e-10  # share of the largest eigenvalue below which the smallest is no rounding


def to_pypfopt(estimate: RiskEstimate, *, bounds: tuple[float, float] = (0.0, 1.0)) -> "EfficientFrontier":
    """Return PyPortfolioOpt's EfficientFrontier of the usable assets, with yearly mean and covariance (252 sessions).

    bounds: lowest and highest weight of each asset. Its own defaults hold for the rest; its `max_sharpe` asks for a
    risk-free rate of 0 to agree with ours. ParamsError when PyPortfolioOpt is absent or bounds are no two numbers in
    order; RiskError without a usable asset, on values that are not finite or a covariance that no returns can have;
    Infeasible on bounds that cannot sum to 1.
    """
    if find_spec("pypfopt") is None:
        raise ParamsError(
            "to_pypfopt: PyPortfolioOpt is not installed",
            "the package pyportfolioopt, 1.6 or later",
            "pip install pyportfolioopt, or use alphapulse.ALLOCATORS, which need nothing more",
        )
    from pypfopt import EfficientFrontier

    known = estimate.restricted(estimate.usable)
    low, high = _bounds(bounds, len(known.assets))
    _check_moments(known)
    return EfficientFrontier(
        SESSIONS_PER_YEAR * known.mean, SESSIONS_PER_YEAR * known.covariance, weight_bounds=(low, high)
    )


def from_pypfopt(weights: Any, assets: pd.Index) -> "pd.Series[float]":
    """Return weights by asset, zero where there is none, from what PyPortfolioOpt gives back.

    weights: a mapping or Series by asset, or a solved EfficientFrontier (or another of its optimisers), which sums to 1
    but for rounding. Weights below 1e-6 count as none; a sum that is up to 1e-3 off is scaled to 1, noted in
    `attrs["notes"]`. DataError on an optimiser that was not asked yet, names that are not in `assets` or stand twice,
    weights that are not finite numbers, or another sum.
    """
    given = _as_series(weights)
    if given.index.has_duplicates:
        raise _refused(f"{given.index[given.index.duplicated()][0]} stands twice", "each asset once")
    unknown = given.index.difference(assets, sort=False)
    if len(unknown):
        near = get_close_matches(str(unknown[0]), [str(asset) for asset in assets], 1)
        raise _refused(f"{unknown[0]} is not an asset here", f"assets like {(near or list(assets[:1]))[0]}")
    if not np.isfinite(given.to_numpy()).all():
        raise _refused(f"{given[~np.isfinite(given)].iloc[0]} for {given.index[~np.isfinite(given)][0]}", "numbers")
    kept = given.where(given.abs() >= DUST, 0.0)
    total = float(kept.sum())
    if abs(total - 1.0) > ROUNDING:
        raise _refused(f"they sum to {total:.6g}", f"a sum of 1, up to {ROUNDING:g} off by rounding")
    scaled = (kept / total).reindex(assets, fill_value=0.0)
    return noted(scaled, *([f"weights summed to {total:.6f}: scaled to 1"] if abs(total - 1.0) > DUST else []))


def _as_series(weights: Any) -> "pd.Series[float]":
    if hasattr(weights, "tickers"):
        if getattr(weights, "weights", None) is None:
            raise _refused(f"{type(weights).__name__} has none yet", "an optimiser that was asked, say max_sharpe()")
        weights = dict(zip(weights.tickers, np.asarray(weights.weights), strict=True))
    if not isinstance(weights, Mapping | pd.Series):
        raise _refused(f"a {type(weights).__name__} came", "a mapping or Series by asset, or an optimiser")
    try:
        return pd.Series(weights, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise _refused(str(error), "numbers") from error


def _refused(came: str, accepted: str) -> DataError:
    return DataError(f"from_pypfopt: weights: {came}", accepted, "hand over what clean_weights() returned")


def _bounds(bounds: tuple[float, float], size: int) -> tuple[float, float]:
    if not isinstance(bounds, list | tuple) or len(bounds) != 2:
        raise ParamsError(f"to_pypfopt: bounds = {bounds!r}", "a lowest and a highest weight", "write (0.0, 0.1)")
    low, high = (check_number("to_pypfopt: bounds", one, least=-10.0, most=10.0) for one in bounds)
    if low > high:
        raise ParamsError(f"to_pypfopt: bounds = {bounds!r}", "the lower bound first", "swap the two numbers")
    if size and not size * low <= 1.0 <= size * high:
        raise Infeasible(
            f"to_pypfopt: {size} assets from {low:g} to {high:g} each sum to {size * low:g} to {size * high:g}",
            "bounds between which a sum of 1 lies",
            f"let {1.0 / size:.4f}, the equal weight, lie between them",
        )
    return low, high


def _check_moments(known: RiskEstimate) -> None:
    if not len(known.assets):
        raise RiskError("to_pypfopt: no usable asset", "a known mean and a variance above 0", "see estimate.notes")
    fault = _fault(np.asarray(known.mean, dtype=np.float64), known.covariance.to_numpy())
    if fault:
        raise RiskError(f"to_pypfopt: {fault}", "a covariance that returns can have", "take one of estimate_risk")


def _fault(mean: Array, covariance: Array) -> str:
    if not (np.isfinite(mean).all() and np.isfinite(covariance).all()):
        return "the mean or the covariance is not finite"
    if not np.allclose(covariance, covariance.T, rtol=1e-9, atol=0.0):
        return "the covariance is not symmetric"
    eigenvalues = np.linalg.eigvalsh(covariance)
    indefinite = eigenvalues[0] < INDEFINITE * eigenvalues[-1]
    return f"the covariance has an eigenvalue of {eigenvalues[0]:.3g}" if indefinite else ""
