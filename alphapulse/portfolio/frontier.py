"""The efficient frontier (Markowitz 1952): the highest mean at each volatility, as a table to draw."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from alphapulse.core.checks import check_count
from alphapulse.core.errors import RiskError
from alphapulse.core.estimates import RiskEstimate
from alphapulse.core.units import SESSIONS_PER_YEAR
from alphapulse.portfolio.constraints import Constraints
from alphapulse.portfolio.mean_variance import MaxSharpe, MinVariance

HIGHEST = 2.0  # yearly volatility beyond which MaxSharpe takes no target
FLAT = 1e-9  # of yearly volatility: a frontier shorter than this is one portfolio


def frontier(
    estimate: RiskEstimate, points: int = 20, *, constraints: Constraints | Mapping[str, Any] = Constraints()
) -> pd.DataFrame:
    """Return portfolios of the efficient frontier within constraints, from the lowest volatility to the highest mean.

    Rows are evenly spaced in volatility, up to 2 a year. Columns: volatility_ann, return_ann (arithmetic, mean x 252),
    sharpe (risk-free 0), then the weight of each asset of the estimate, zero where unusable. Where all means are equal
    the frontier is the one portfolio of minimum variance. Notes of the constraints stand in `attrs["notes"]`.

    ParamsError on fewer than 2 points; RiskError without a usable asset. 20 points of 20 assets take about 0.04 s.
    """
    check_count("frontier: points", points, least=2)
    if not estimate.usable.any():
        raise RiskError("frontier: no usable asset", "a known mean and a variance above 0", "see estimate.notes")
    known = estimate.usable
    mean = SESSIONS_PER_YEAR * estimate.mean.to_numpy()[known]
    covariance = SESSIONS_PER_YEAR * estimate.covariance.to_numpy()[np.ix_(known, known)]

    def volatility(weights: "pd.Series[float]") -> float:
        held = weights.to_numpy()[known]
        return math.sqrt(float(held @ covariance @ held))

    lowest = MinVariance(constraints=constraints).allocate(estimate)
    highest = MaxSharpe(HIGHEST, constraints).allocate(estimate)
    low, high = volatility(lowest), volatility(highest)
    portfolios = [lowest]
    if high - low > FLAT:
        targets = np.linspace(low, high, points)[1:-1]
        portfolios += [MaxSharpe(float(target), constraints).allocate(estimate) for target in targets]
        portfolios.append(highest)
    table = pd.DataFrame([weights.to_numpy() for weights in portfolios], columns=estimate.assets)
    risk = np.array([volatility(weights) for weights in portfolios])
    reward = table.to_numpy()[:, known] @ mean
    ratio = np.divide(reward, risk, out=np.full(len(risk), np.nan), where=risk > 0.0)
    measures = pd.DataFrame({"volatility_ann": risk, "return_ann": reward, "sharpe": ratio})
    found = pd.concat([measures, table], axis=1)
    found.attrs["notes"] = lowest.attrs["notes"]
    return found
