"""PositionSizer: how much of the target portfolio to hold."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from alphapulse.core.checks import check_share
from alphapulse.core.estimates import RiskEstimate
from alphapulse.core.units import SESSIONS_PER_YEAR


@dataclass(frozen=True)
class PositionSizer:
    """Scales targets so that their forecast volatility meets a yearly target, never above `max_gross`.

    volatility_target_ann: None leaves the targets as they are, but for `max_gross`. max_gross: largest sum of absolute
    weights, above 1 only with leverage. ParamsError on a target outside (0, 2] or a gross outside (0, 10].
    """

    volatility_target_ann: float | None = None
    max_gross: float = 1.0

    def __post_init__(self) -> None:
        if self.volatility_target_ann is not None:
            check_share("sizing: volatility_target_ann", self.volatility_target_ann, most=2.0)
        check_share("sizing: max_gross", self.max_gross, most=10.0)

    def size(self, weights: "pd.Series[float]", estimate: RiskEstimate) -> "pd.Series[float]":
        """Return `weights` times one factor, with what was done added to `attrs["notes"]`.

        weights: targets by asset, every one known. The forecast is sqrt(w' covariance w) over the assets of the
        estimate; weights outside it, or on unusable assets, have no forecast, add no risk to it and are noted.
        """
        values = weights.to_numpy()
        gross = float(np.abs(values).sum())
        notes: tuple[str, ...] = weights.attrs.get("notes", ())
        if gross == 0.0:
            return weights
        factor = self.max_gross / gross
        if self.volatility_target_ann is None:
            if gross <= self.max_gross * (1.0 + 1e-12):
                return weights
            notes += (f"sized: gross {gross:.3f} scaled to {self.max_gross:g}",)
        else:
            forecast, unknown = _forecast_ann(weights, estimate)
            notes += unknown
            if forecast > 0.0:
                factor = min(factor, self.volatility_target_ann / forecast)
            reached = "met" if factor * gross < self.max_gross else f"not reached at gross {self.max_gross:g}"
            notes += (
                f"sized: forecast volatility {forecast:.1%} a year, target {self.volatility_target_ann:.1%} {reached}, "
                f"weights x {factor:.3f}",
            )
        sized = pd.Series(values * factor, index=weights.index)
        sized.attrs["notes"] = notes
        return sized


def _forecast_ann(weights: "pd.Series[float]", estimate: RiskEstimate) -> tuple[float, tuple[str, ...]]:
    assets, values = weights.index, weights.to_numpy()
    at = np.arange(len(assets)) if assets.equals(estimate.assets) else estimate.assets.get_indexer(assets)
    known = (at >= 0) & estimate.usable[at]
    unknown = assets[(values != 0.0) & ~known] if not known.all() else ()
    chosen = values[known]
    covariance = estimate.covariance.to_numpy()[np.ix_(at[known], at[known])]
    notes = (f"sized: no risk forecast for {', '.join(unknown)}",) if len(unknown) else ()
    return math.sqrt(float(chosen @ covariance @ chosen) * SESSIONS_PER_YEAR), notes
