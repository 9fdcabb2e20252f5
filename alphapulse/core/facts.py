"""Facts: what is known of the assets at one close beside their returns."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
import pandas as pd

from alphapulse.core.stats import Array

UNKNOWN_SECTOR = "unknown"
HORIZON = 21  # sessions of return that a score is a forecast of, and that a trade's cost is weighed against
PRIOR_SKILL = 0.02  # information coefficient of scores of which nothing is known; 0.05 is good (Grinold and Kahn 2000)


@dataclass(frozen=True, eq=False)
class Facts:
    """Facts by asset at one close; None where nobody knows or nobody asked. They may cover more assets than are asked
    about: `values` and `sectors` read those of any set.

    sector: name; unknown is a group of its own. price: last traded close, currency. market_value: price times shares
    outstanding, currency. traded_value: mean value traded a session over the last 21, currency. true_range: mean true
    range of the last 14 sessions, currency a share. coverage: share of the agents' evidence that was available, in
    [0, 1]. tradable: True where the asset had a price at this close. In all numbers NaN is unknown.

    benchmark: returns of the benchmark by session, over at least the window of the estimate. skill: information
    coefficient that scores are credited with over `horizon` sessions, one number.
    """

    sector: "pd.Series[str] | None" = None
    price: "pd.Series[float] | None" = None
    market_value: "pd.Series[float] | None" = None
    traded_value: "pd.Series[float] | None" = None
    true_range: "pd.Series[float] | None" = None
    coverage: "pd.Series[float] | None" = None
    tradable: "pd.Series[bool] | None" = None
    benchmark: "pd.Series[float] | None" = None
    skill: float | None = None
    horizon: int = HORIZON

    def on(self, assets: pd.Index) -> Facts:
        """Return the facts of `assets` alone, NaN where there is none for an asset."""
        by_asset = {
            one.name: getattr(self, one.name)
            for one in fields(self)
            if one.name not in ("benchmark", "skill", "horizon") and getattr(self, one.name) is not None
        }
        return replace(
            self,
            **{
                name: series if series.index.equals(assets) else series.reindex(assets)
                for name, series in by_asset.items()
            },
        )

    def sectors(self, assets: pd.Index) -> "np.ndarray[tuple[int], np.dtype[np.object_]]":
        """Return the sector of each of `assets`, UNKNOWN_SECTOR where there is none."""
        if self.sector is None:
            return np.full(len(assets), UNKNOWN_SECTOR, dtype=object)
        named = self.sector if self.sector.index.equals(assets) else self.sector.reindex(assets)
        names = named.to_numpy(dtype=object, copy=True)
        names[pd.isna(names)] = UNKNOWN_SECTOR
        return names

    def values(self, name: str, assets: pd.Index) -> Array:
        """Return a fact by name as numbers on `assets`, all NaN where nobody knows it."""
        series = getattr(self, name)
        if series is None:
            return np.full(len(assets), np.nan)
        same = series.index.equals(assets)
        return np.asarray((series if same else series.reindex(assets)).to_numpy(), dtype=np.float64)
