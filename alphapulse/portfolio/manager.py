"""PortfolioManager: when to decide, which assets may be held, and whether the change is worth trading."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from alphapulse.core.checks import check_count, check_number, check_share
from alphapulse.core.errors import ParamsError
from alphapulse.core.estimates import RiskEstimate
from alphapulse.core.ports import Allocator
from alphapulse.core.stats import Array
from alphapulse.portfolio.calendar import Calendar, calendar_words, checked_calendar, rebalance_sessions
from alphapulse.portfolio.trading import worth_trading
from alphapulse.portfolio.weights import noted, values_on

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class PortfolioManager:
    """An allocator with a rebalance calendar, a selection by score, and bands inside which nothing is traded.

    rebalance: a name from CALENDARS, a number of sessions, or ISO dates, see `rebalance_sessions`. select, short: share
    of the eligible assets handed to the allocator, of the best and of the worst by score; which of them it buys and
    which it sells is decided by its constraints and the scores. drift_band, no_trade, to_edge, min_trade: changes of
    weight not worth their cost, see `worth_trading`. lookback: sessions of returns in the risk estimate.

    ParamsError on a rule no calendar knows, a share outside (0, 1] (short: [0, 1]), a band outside [0, 1], a lookback
    below 2, and on `short` with an allocator whose constraints allow no shorts: it would buy the worst.
    """

    allocator: Allocator
    rebalance: Calendar = "monthly"
    select: float = 0.5
    drift_band: float = 0.0
    lookback: int = 756
    short: float = 0.0
    no_trade: float = 0.0
    to_edge: bool = False
    min_trade: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "rebalance", checked_calendar(self.rebalance))
        check_share("portfolio: select", self.select)
        check_number("portfolio: short", self.short, most=1.0, next_step="0.1 hands on the worst tenth as well")
        for name in ("drift_band", "no_trade", "min_trade"):
            band = getattr(self, name)
            check_number(f"portfolio: {name}", band, most=1.0, next_step="0.02 is a change of 2 % of equity")
        check_count("portfolio: lookback", self.lookback, least=2)
        if self.short > 0.0 and not getattr(getattr(self.allocator, "constraints", None), "shorts", False):
            raise ParamsError(
                f"portfolio: short = {self.short:g} with {self.allocator!r}, which sells nothing short",
                "an allocator with constraints whose lower bound is below 0",
                "set constraints: {lower: -0.1, net: 0.0, gross: 1.0} or the like, or short to 0",
            )

    def decides(self, sessions: pd.DatetimeIndex) -> Mask:
        """Return True by session where the calendar asks for a decision."""
        return rebalance_sessions(sessions, self.rebalance)

    def handed(
        self, estimate: RiskEstimate, members: "pd.Series[bool]", scores: "pd.Series[float] | None" = None
    ) -> RiskEstimate:
        """Return the estimate of the assets that the allocator is handed, see `targets`; of none where none is."""
        known = None if scores is None else values_on(scores, estimate.assets)
        return estimate.restricted(self._picked(estimate, members, known))

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
        the ceil(select x n) best and the ceil(short x n) worst are allocated; assets tied with the last one join it.
        Without any, all is cash.
        current: weights held now, by asset, handed to the allocator. The estimate may cover fewer assets than the
        market; those it lacks are not eligible.
        """
        same = members.index.equals(estimate.assets)
        at = np.arange(len(members)) if same else members.index.get_indexer(estimate.assets)
        known = None if scores is None else values_on(scores, estimate.assets)
        held = None if current is None else values_on(current, estimate.assets)
        chosen = self._picked(estimate, members, known)
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
        """Return the weights to trade to, NaN where what is held is kept, and why in a note.

        Apply it to the weights as sized, since it compares them with what is held. current: by asset, NaN as 0. The
        last note begins with "rebalanced:" and the calendar, or with "kept:" where nothing at all is traded.
        """
        held = np.nan_to_num(values_on(current, weights.index))
        goal, kept = worth_trading(
            np.asarray(weights.to_numpy(), dtype=np.float64),
            held,
            drift_band=self.drift_band,
            no_trade=self.no_trade,
            to_edge=self.to_edge,
            min_trade=self.min_trade,
        )
        note = self._reason(goal, held, kept)
        return noted(pd.Series(goal, index=weights.index), *weights.attrs.get("notes", ()), note)

    def _reason(self, goal: Array, held: Array, kept: str) -> str:
        resting = np.isnan(goal) | ((goal == 0.0) & (held == 0.0))
        if kept and resting.all():
            return f"kept: {kept}"
        from_cash = "" if resting.all() or held.any() else "from cash"
        return "rebalanced: " + ", ".join(filter(None, (calendar_words(self.rebalance), from_cash, kept)))

    def _picked(self, estimate: RiskEstimate, members: "pd.Series[bool]", known: Array | None) -> Mask:
        """Return True by asset of the estimate that is handed to the allocator."""
        allowed: Mask = estimate.usable & np.asarray(members.reindex(estimate.assets, fill_value=False), dtype=np.bool_)
        if known is None:
            return allowed
        eligible = allowed & ~np.isnan(known)
        chosen = _best(self.select, eligible, known)
        return chosen | _best(self.short, eligible, -known) if self.short > 0.0 else chosen


def _best(share: float, eligible: Mask, scores: Array) -> Mask:
    """Return True for the best `share` of the eligible assets and those tied with the last of them."""
    count = int(eligible.sum())
    if count == 0:
        return eligible
    wanted = max(1, math.ceil(share * count - 1e-9))
    threshold = np.partition(scores[eligible], count - wanted)[count - wanted]
    best: Mask = eligible & (scores >= threshold)
    return best
