"""RiskEstimate: what is believed about one window of returns, computed once a decision and shared."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import pandas as pd

from alphapulse.core.facts import Facts
from alphapulse.core.panel import Panel
from alphapulse.core.stats import Array

SAME_SCORE = 1e-12  # a difference of scores that is rounding


@dataclass(frozen=True, eq=False)
class RiskEstimate:
    """Expected returns and covariance of a set of assets, per session.

    window: returns the estimate was made from, sessions x assets, NaN unknown. mean: expected simple return by
    asset. covariance: assets x assets, symmetric, positive definite over `usable`, NaN for the others.
    notes: what was repaired or left out, in words. facts: what else is known of the assets.
    """

    window: Panel
    mean: "pd.Series[float]"
    covariance: pd.DataFrame
    notes: tuple[str, ...] = ()
    facts: Facts = field(default_factory=Facts)

    @property
    def assets(self) -> pd.Index:
        return self.window.columns

    @cached_property
    def usable(self) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """True by asset where mean and variance are known and the variance is above zero."""
        variance = np.diag(self.covariance.to_numpy())
        usable: np.ndarray[tuple[int], np.dtype[np.bool_]] = (variance > 0.0) & ~np.isnan(self.mean.to_numpy())
        return usable

    @cached_property
    def volatility(self) -> Array:
        """Standard deviation per session by asset; NaN where unknown."""
        return np.sqrt(np.diag(self.covariance.to_numpy()))

    def ordered(self, assets: pd.Index) -> RiskEstimate:
        """Return the estimate of the same assets in another order, or of some of them."""
        return replace(
            self,
            window=self.window[assets],
            mean=self.mean[assets],
            covariance=self.covariance.loc[assets, assets],
        )

    def restricted(self, keep: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> RiskEstimate:
        """Return the estimate over the assets where `keep` is True."""
        if keep.all():
            return self
        chosen = self.assets[keep]
        at = np.flatnonzero(keep)
        return RiskEstimate(
            window=pd.DataFrame(self.window.to_numpy()[:, at], index=self.window.index, columns=chosen),
            mean=pd.Series(self.mean.to_numpy()[at], index=chosen),
            covariance=pd.DataFrame(self.covariance.to_numpy()[np.ix_(at, at)], index=chosen, columns=chosen),
            notes=self.notes,
            facts=self.facts,
        )


def score_alpha(scores: Array, volatility: Array, skill: float, horizon: int) -> Array | None:
    """Return what scores promise a session beyond the mean of all, by asset, NaN without a score.

    skill x volatility x z / sqrt(horizon), where z is the score less the mean of all, over their deviation: the
    forecast of a score with an information coefficient of `skill` over `horizon` sessions. volatility: per session.
    None where scores do not differ or none is known.

    Grinold 1994, Alpha is volatility times IC times score.
    """
    told = ~np.isnan(scores)
    if not told.any() or float(np.ptp(scores[told])) <= SAME_SCORE:
        return None
    alpha: Array = skill * volatility * (scores - scores[told].mean()) / scores[told].std() / np.sqrt(horizon)
    return alpha
