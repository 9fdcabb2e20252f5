"""Risk estimates: expected returns and covariance of one window of returns.

1. `_observed` finds the assets with enough returns and a variance above zero; the others are unusable.
2. `deviations` takes off each asset's mean and minds the gaps; `Moments` saves most of that work from window to window.
3. The chosen method estimates the covariance; `positive_definite` verifies it and lifts the eigenvalues if it must.
4. The chosen mean states what each asset is expected to earn.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd

from alphapulse.core.checks import check_choice, check_share, listed
from alphapulse.core.errors import DataError
from alphapulse.core.estimates import RiskEstimate
from alphapulse.core.facts import Facts
from alphapulse.core.panel import Panel
from alphapulse.core.stats import Array
from alphapulse.risk.deviations import Deviations, deviations
from alphapulse.risk.expected import MEANS, Grounds
from alphapulse.risk.moments import Moments
from alphapulse.risk.repair import Estimated, positive_definite
from alphapulse.risk.shrinkage import ledoit_wolf, oas
from alphapulse.risk.spectral import denoised, factor

__all__ = ["COVARIANCES", "EWMA_HALF_LIFE", "MEANS", "estimate_risk"]

EWMA_HALF_LIFE = 63
MOST_STILL = 0.5  # share of an asset's returns that may be exactly zero; a price that rests more is not traded
SMALLEST_RANGE = 1e-12  # of returns; below it only rounding moves the price
LARGEST_MEDIAN = 0.5  # of absolute returns; half of all assets do not halve or double in one session
ROWS_LOOKED_AT = 16
NO_FACTS = Facts()


def sample(window: Deviations) -> Estimated:
    """Return the sample covariance, dividing by the number of known sessions less one."""
    return Estimated(window.covariance(lost=1.0), window.notes)


def ewma(window: Deviations) -> Estimated:
    """Return the exponentially weighted covariance with a half-life of 63 sessions (RiskMetrics 1996)."""
    weights = 0.5 ** (np.arange(len(window.values))[::-1] / EWMA_HALF_LIFE)
    weighted = window.weighted(weights / weights.sum())
    return Estimated(weighted.covariance(), weighted.notes)


COVARIANCES: dict[str, Callable[[Deviations], Estimated]] = {
    "sample": sample,
    "ewma": ewma,
    "ledoit_wolf": ledoit_wolf,
    "oas": oas,
    "factor": factor,
    "denoised": denoised,
}


def estimate_risk(
    returns: Panel,
    covariance: str = "ledoit_wolf",
    mean: str = "historical",
    *,
    min_observed: float = 0.9,
    scores: "pd.Series[float] | None" = None,
    facts: Facts = NO_FACTS,
    moments: Moments | None = None,
) -> RiskEstimate:
    """Estimate expected returns and covariance per session from one window of returns.

    returns: simple returns per session, sessions x assets, NaN unknown; the window ends with what is known. An asset
    with fewer than `min_observed` of the window's returns, or whose returns never vary or are zero in most sessions, is
    unusable: its mean and covariance are NaN and a note says so. A window without sessions or assets has no usable
    asset. With gaps a variance is that of the asset's own known returns and a correlation that of the sessions both
    know (see `pairs`). The covariance is symmetric and positive definite over the usable assets; a repair is noted.

    covariance: a name from COVARIANCES. mean: a name from MEANS. scores: by asset, for the mean of that name. facts: at
    the close of the window's last session; capm needs the benchmark. moments: of the panel the window is cut from, to
    save time; the numbers agree within 1e-12. ParamsError on other names or a share outside (0, 1]; DataError on
    infinite returns, on what looks like prices, and on what a mean lacks.

    500 assets x 756 sessions take about 5 ms with ledoit_wolf, 2 ms with moments, 5 ms more with gaps.
    """
    method = COVARIANCES[check_choice("covariance", covariance, COVARIANCES)]
    expected = MEANS[check_choice("mean", mean, MEANS)]
    check_share("min_observed", min_observed)
    values = returns.to_numpy(dtype=np.float64)
    usable, notes = _observed(returns, values, min_observed)
    at = np.flatnonzero(usable)
    size = values.shape[1]
    if not at.size:
        return _assembled(returns, np.full(size, np.nan), np.full((size, size), np.nan), notes, facts)
    whole = len(at) == size
    window = values if whole else values[:, at]
    about = deviations(window, None if moments is None else partial(moments.products, returns, at))
    matrix, repairs = positive_definite(method(about))
    assets = returns.columns if whole else returns.columns[at]
    grounds = Grounds(window, returns.index, assets, about.mean, matrix, facts, scores)
    means, told = expected(grounds)
    notes = (*notes, *repairs, *told)
    if whole:
        return _assembled(returns, means, matrix, notes, facts)
    all_means, all_matrix = np.full(size, np.nan), np.full((size, size), np.nan)
    all_means[at], all_matrix[np.ix_(at, at)] = means, matrix
    return _assembled(returns, all_means, all_matrix, notes, facts)


def _observed(returns: Panel, values: Array, min_observed: float) -> tuple[np.ndarray, tuple[str, ...]]:
    sessions, assets = values.shape
    if sessions < 2 or assets == 0:
        return np.zeros(assets, dtype=bool), (f"{sessions} sessions of {assets} assets: no asset is usable",)
    _check_returns(returns, values)
    count = np.full(assets, sessions)
    with np.errstate(invalid="ignore"):
        low, high = values.min(axis=0), values.max(axis=0)
        gaps = np.flatnonzero(np.isnan(low))
        if gaps.size:
            some = values[:, gaps]
            low[gaps], high[gaps] = np.fmin.reduce(some, axis=0), np.fmax.reduce(some, axis=0)
            count[gaps] = np.count_nonzero(~np.isnan(some), axis=0)
    if np.isinf(low).any() or np.isinf(high).any():
        row, column = np.argwhere(np.isinf(values))[0]
        raise DataError(
            f"returns: {values[row, column]} on {returns.index[row]} for {returns.columns[column]}",
            "finite returns, NaN where unknown",
            "a price of zero or a wrong split is the usual cause",
        )
    enough = count >= max(2.0, min_observed * sessions)
    varies = high - low > SMALLEST_RANGE
    rests = varies & (np.count_nonzero(values == 0.0, axis=0) > MOST_STILL * count)
    notes = []
    if not enough.all():
        notes.append(f"too few of {sessions} returns known: {listed(returns.columns[~enough])}")
    if not (varies | ~enough).all():
        notes.append(f"returns never vary: {listed(returns.columns[enough & ~varies])}")
    if (rests & enough).any():
        notes.append(f"no move in most sessions: {listed(returns.columns[enough & rests])}")
    usable: np.ndarray = enough & varies & ~rests
    return usable, tuple(notes)


def _check_returns(returns: Panel, values: Array) -> None:
    some = np.abs(values[:: -(-len(values) // ROWS_LOOKED_AT)])
    if 2 * np.count_nonzero(some > LARGEST_MEDIAN) > np.count_nonzero(~np.isnan(some)):
        raise DataError(
            f"returns: half of those from {returns.index[0]} on are beyond +-{np.nanmedian(some):g}",
            "simple returns per session as decimals: 0.01 is one per cent",
            "of prices take prices.pct_change(fill_method=None); divide per cent by 100",
        )


def _assembled(returns: Panel, means: Array, matrix: Array, notes: tuple[str, ...], facts: Facts) -> RiskEstimate:
    assets = returns.columns
    return RiskEstimate(
        window=returns,
        mean=pd.Series(means, index=assets),
        covariance=pd.DataFrame(matrix, index=assets, columns=assets, copy=False),
        notes=notes,
        facts=facts,
    )
