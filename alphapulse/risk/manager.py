"""RiskManager: the last word on weights."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from alphapulse.core.checks import check_choice
from alphapulse.core.ports import Limit, RiskContext
from alphapulse.core.trading import Clamp
from alphapulse.risk.limits import LIMITS


class RiskManager:
    """Applies limits in order and records every clamp.

    limits: names from LIMITS (with their defaults) or limit objects. ParamsError on an unknown name.
    """

    def __init__(self, limits: Iterable[Limit | str] = ()) -> None:
        self.limits: tuple[Limit, ...] = tuple(
            LIMITS[check_choice("limit", item, LIMITS)]() if isinstance(item, str) else item
            for item in ([limits] if isinstance(limits, str) else limits)
        )

    def apply(self, weights: "pd.Series[float]", context: RiskContext) -> "tuple[pd.Series[float], tuple[Clamp, ...]]":
        """Return weights within every limit, and one clamp for each asset and limit that changed it.

        weights: proposed, by asset; NaN keeps what is held, is judged at its current weight and stays NaN unless a
        limit changes it. Notes in `attrs` are kept.
        """
        proposed = weights.to_numpy()
        kept = np.isnan(proposed)
        judged = weights
        if kept.any():
            now = np.nan_to_num(context.current.reindex(weights.index).to_numpy())
            judged = pd.Series(np.where(kept, now, proposed), index=weights.index)
        allowed = judged
        clamps: tuple[Clamp, ...] = ()
        for limit in self.limits:
            allowed, made = limit.apply(allowed, context)
            clamps += made
        if not clamps:
            return weights, ()
        unchanged = kept & (allowed.to_numpy() == judged.to_numpy())
        result = pd.Series(np.where(unchanged, np.nan, allowed.to_numpy()), index=weights.index)
        result.attrs.update(weights.attrs)
        return result, clamps

    def __repr__(self) -> str:
        return f"RiskManager({list(self.limits)})"
