"""PortfolioManager: when to decide, which assets may be held, and whether the change is worth trading."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from alphapulse.core.checks import check_choice, check_count, check_number, check_share
from alphapulse.core.estimates import RiskEstimate
from alphapulse.core.ports import Allocator
from alphapulse.portfolio.calendar import CALENDARS, rebalance_sessions
from alphapulse.portfolio.weights import noted, values_on

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class PortfolioManager:
    """An allocator with a rebalance calendar, a selection by score and a drift band.

    rebalance: a name from CALENDARS. select: share of the eligible assets, by score, handed to the allocator.
    drift_band: change of weight below which nothing is traded. lookback: sessions of returns in the risk estimate.
    ParamsError on a share outside (0, 1], a band outside [0, 1] or a lookback below 2.
    """

    allocator: Allocator
    rebalance: str = "monthly"
    select: float = 0.5
    drift_band: float = 0.0
    lookback: int = 756

    def __post_init__(self) -> None:
        check_choice("portfolio: rebalance", self.rebalance, CALENDARS)
        check_share("portfolio: select", self.select)
        check_number("portfolio: drift_band", self.drift_band, most=1.0, next_step="0.02 is a change of 2 % of equity")
        check_count("portfolio: lookback", self.lookback, least=2)

    def decides(self, sessions: pd.DatetimeIndex) -> Mask:
        """Return True by session where the calendar asks for a decision."""
        return rebalance_sessions(sessions, self.rebalance)

    def targets(
        self,
        estimate: RiskEstimate,
        members: "pd.Series[bool]",
        scores: "pd.Series[float] | None" = None,
        current: "pd.Series[float] | None" = None,
    ) -> "pd.Series[float]":
        """Return target weights by asset of `members`, zero where not held; notes in `attrs["notes"]`.

        members: True by market asset that may be held. scores: by asset, in [-1, 1]; NaN is not eligible; None makes
        every usable member eligible and selects them all. Of the n eligible (member, scored, usable in the estimate)
        the ceil(select x n) best are allocated; assets tied with the last one join it. Without any, all is cash.
        current: weights held now, by asset, handed to the allocator. The estimate may cover fewer assets than the
        market; those it lacks are not eligible.
        """
        same = members.index.equals(estimate.assets)
        at = np.arange(len(members)) if same else members.index.get_indexer(estimate.assets)
        allowed = estimate.usable & (at >= 0) & members.to_numpy()[at]
        known = None if scores is None else values_on(scores, estimate.assets)
        held = None if current is None else values_on(current, estimate.assets)
        chosen = allowed if known is None else self._best(allowed, known)
        weights = np.zeros(len(members))
        if not chosen.any():
            return noted(pd.Series(weights, index=members.index), "no eligible asset: all in cash")
        picked = estimate.restricted(chosen)
        allocated = self.allocator.allocate(
            picked,
            None if known is None else pd.Series(known[chosen], index=picked.assets),
            None if held is None else pd.Series(held[chosen], index=picked.assets),
        )
        weights[at[chosen]] = allocated.to_numpy()
        return noted(pd.Series(weights, index=members.index), *allocated.attrs.get("notes", ()))

    def banded(self, weights: "pd.Series[float]", current: "pd.Series[float]") -> "pd.Series[float]":
        """Return NaN for every asset (keep what is held) if no weight changes by `drift_band` or more, noted.

        Apply it to the weights as sized, since it compares them with what is held. current: by asset, NaN as 0.
        """
        change = float(np.abs(weights.to_numpy() - np.nan_to_num(values_on(current, weights.index))).max())
        if change >= self.drift_band:
            return weights
        note = f"kept: the largest change of {change:.4f} is inside the drift band of {self.drift_band:g}"
        return noted(pd.Series(np.nan, index=weights.index), *weights.attrs.get("notes", ()), note)

    def _best(self, allowed: Mask, scores: npt.NDArray[np.float64]) -> Mask:
        eligible = allowed & ~np.isnan(scores)
        count = int(eligible.sum())
        if count == 0:
            return eligible
        wanted = max(1, math.ceil(self.select * count - 1e-9))
        threshold = np.partition(scores[eligible], count - wanted)[count - wanted]
        best: Mask = eligible & (scores >= threshold)
        return best
