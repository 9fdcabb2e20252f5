"""What scores were worth: information coefficients, returns of the signal, and errors that overlap does not fool.

Everything stands at the session at which it became known: a score counts once its holding period has passed.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from alphapulse.agents.compiling import compiled, in_threads
from alphapulse.agents.ranks import ranked
from alphapulse.core.checks import check_count
from alphapulse.core.panel import Panel
from alphapulse.core.stats import Array

LEAST_ASSETS = 5  # a rank correlation of fewer assets says next to nothing
RANKED_AT_ONCE = 512  # sessions; no more memory than that for ranks
NEGLIGIBLE = 1e-12  # distance from the mean, in units of the largest score, that is rounding


def information_coefficients(score: Panel, levels: Panel, horizon: int) -> "pd.Series[float]":
    """Return the rank correlation of scores with the total return of the next `horizon` sessions, once it is known.

    score: sessions x assets, NaN abstains. levels: total-return levels on the same axes, NaN while halted; a halted
    asset keeps its last level. The value at session t is Spearman's correlation across assets between the scores of t -
    horizon and the returns from then to t, over the assets where both are known. NaN with fewer than LEAST_ASSETS of
    them, where all scores or all returns are equal, and in the first `horizon` rows.

    Grinold and Kahn, Active Portfolio Management, 2000, chapter 6.
    """
    check_count("information coefficient: horizon", horizon)
    known = levels.ffill().to_numpy()
    scores = score.to_numpy()
    out = np.full(len(known), np.nan)
    for first in range(horizon, len(known), RANKED_AT_ONCE):
        rows = slice(first, first + RANKED_AT_ONCE)
        then = slice(first - horizon, min(first + RANKED_AT_ONCE, len(known)) - horizon)
        out[rows] = rank_correlations(scores[then], known[rows] / known[then])
    return pd.Series(out, index=score.index)


def rank_correlations(one: Array, other: Array) -> Array:
    """Return Spearman's correlation of each row, over the columns where both are known; NaN as above."""
    unknown = ~(np.isfinite(one) & np.isfinite(other))
    out = np.full(len(one), np.nan)
    _correlate(ranked(np.where(unknown, np.nan, one)), ranked(np.where(unknown, np.nan, other)), out)
    return out


def period_returns(returns: Panel, horizon: int) -> Array:
    """Return the sum of session returns over each holding period from the first session, periods x assets.

    Row k covers the sessions after (k - 1) x horizon up to k x horizon; row 0 is unknown (NaN). returns: simple returns
    per session, sessions x assets; an asset without one stays where it is. Sums instead of compounded returns: of two
    assets with the same expected return the more volatile has the lower median compounded return, so their ranks
    reward low volatility where nothing can be earned.
    """
    values = np.nan_to_num(returns.to_numpy()[1:])
    count = len(values) // horizon
    out = np.full((count + 1, values.shape[1]), np.nan)
    values[: count * horizon].reshape(count, horizon, values.shape[1]).sum(axis=1, out=out[1:])
    return out


def newey_west(values: "pd.Series[float] | Array", lags: int) -> tuple[float, float]:
    """Return the mean and its standard error under autocorrelation up to `lags`, with Bartlett weights.

    values: by session; NaN is dropped and the gap closed. Labels of `horizon` sessions overlap for horizon - 1 lags;
    as Bartlett weights count the far lags little, twice as many come closer. Both are NaN without a value, the error
    with a single one.

    Newey and West 1987, Econometrica 55.
    """
    known = np.asarray(values, dtype=np.float64)
    known = known[~np.isnan(known)]
    count = len(known)
    if count < 2:
        return (float(known[0]) if count else np.nan), np.nan
    mean = float(known.mean())
    apart = known - mean
    variance = float(apart @ apart)
    for lag in range(1, min(lags, count - 1) + 1):
        variance += 2.0 * (1.0 - lag / (lags + 1.0)) * float(apart[lag:] @ apart[: count - lag])
    return mean, float(np.sqrt(variance)) / count


def signal_returns(score: Panel, returns: Panel) -> "pd.Series[float]":
    """Return the return per session of the self-financing portfolio that holds the score of the session before.

    score: sessions x assets, NaN is not held. returns: simple returns per session on the same axes; an asset without
    one earns 0. Positions are proportional to the score less its mean across assets, long and short sides together
    1 (gross). NaN where the session before had no two different scores.
    """
    scores, earned = score.to_numpy(), returns.to_numpy()
    out = np.full(len(scores), np.nan)
    in_threads(lambda start, stop: _hold(scores, earned, start, stop, out), *scores.shape)
    return pd.Series(out, index=score.index)


@compiled
def _correlate(left: Array, right: Array, out: Array) -> None:
    """Correlate centred ranks row by row. Times their number they are whole, so sums are exact in any order."""
    for row in range(len(left)):
        count = 0
        for value in left[row]:
            if not np.isnan(value):
                count += 1
        if count < LEAST_ASSETS:
            continue
        both = one = other = 0.0
        for a, b in zip(left[row], right[row]):  # noqa: B905 - not known to the compiler
            if not np.isnan(a):
                x, y = np.rint(a * count), np.rint(b * count)
                both += x * y
                one += x * x
                other += y * y
        if one > 0.0 and other > 0.0:
            out[row] = both / np.sqrt(one * other)


@compiled
def _hold(score: Array, returns: Array, start: int, stop: int, out: Array) -> None:
    for row in range(max(start, 1), stop):
        total, count, largest = 0.0, 0, 0.0
        for value in score[row - 1]:
            if not np.isnan(value):
                total += value
                count += 1
                largest = max(largest, abs(value))
        if count < 2:
            continue
        mean = total / count
        gross = earned = 0.0
        for asset in range(score.shape[1]):
            value = score[row - 1, asset]
            if np.isnan(value):
                continue
            gross += abs(value - mean)
            if not np.isnan(returns[row, asset]):
                earned += (value - mean) * returns[row, asset]
        if gross > NEGLIGIBLE * count * largest:
            out[row] = earned / gross
