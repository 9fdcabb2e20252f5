"""Reverse stress test: the most likely scenario in which a book loses a given amount."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import pandas as pd
from scipy.special import chdtrc

from alphapulse.core.checks import check_count, check_number
from alphapulse.core.errors import RiskError
from alphapulse.core.estimates import RiskEstimate
from alphapulse.risk.held import held


@dataclass(frozen=True, eq=False)
class ReverseStress:
    """The likeliest scenario that loses a given amount.

    scenario: one asset a row: weight, return (in the scenario), contribution (weight times return; sums to minus the
    loss) and deviations (return over the asset's volatility of the horizon); NaN for assets without a risk estimate.
    distance: Mahalanobis distance of the scenario from no move at all. probability: of losing that much or more, under
    a normal law with mean 0. farther: probability of any scenario at least so far out, chi-squared with as many
    degrees of freedom as assets, which is near 1 for small losses of large books. notes: positions left out.
    """

    scenario: pd.DataFrame
    loss: float
    distance: float
    probability: float
    farther: float
    notes: tuple[str, ...] = ()


def reverse_stress(
    weights: "pd.Series[float]", estimate: RiskEstimate, loss: float, *, horizon: int = 1
) -> ReverseStress:
    """Return the scenario nearest to no move at all in which the book loses `loss`.

    weights: fractions of equity by asset, negative when short. loss: fraction of equity, above 0. horizon: sessions
    over which it is lost; the covariance grows with it, the mean is taken as 0. With V the covariance over the
    horizon, the scenario is -loss V w / (w'Vw) and its distance loss / sqrt(w'Vw), the smallest x'V^-1 x for which
    w'x = -loss. All is of the positions with a risk estimate. RiskError when the book has no known risk. Source:
    Breuer, Jandacka, Rheinberger and Summer (2009).
    """
    check_number("loss", loss, above=True, next_step="write a loss of ten per cent of equity as 0.10")
    check_count("horizon", horizon)
    book = held(weights, estimate)
    volatility = book.volatility() * math.sqrt(horizon)
    if not volatility > 0.0:
        raise RiskError(
            "reverse stress: no position with a known risk", "at least one position of the estimate", "check weights"
        )
    covariance = book.covariance * horizon
    moves = covariance @ book.exposed * (-loss / volatility**2)
    distance = loss / volatility
    scenario = pd.DataFrame(
        {
            "weight": book.weights,
            "return": book.on_all(moves),
            "contribution": book.on_all(book.exposed * moves),
            "deviations": book.on_all(moves / np.sqrt(np.diag(covariance))),
        },
        index=book.assets,
    )
    return ReverseStress(
        scenario=scenario,
        loss=loss,
        distance=distance,
        probability=NormalDist().cdf(-distance),
        farther=float(chdtrc(len(moves), distance**2)),
        notes=book.notes,
    )
