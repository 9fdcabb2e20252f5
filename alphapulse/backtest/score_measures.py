"""What a score panel is worth, measured against the returns that followed; scores are sessions x assets, NaN abstains.

Everything is dated by the session at which it was known: the row at t compares the scores of t - horizon with the
returns from then to t. A score counts from the close it was made at; trades fill later, so what is
earned is nearer to the figure with a delay of one session.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from alphapulse.agents.information import newey_west, rank_correlations
from alphapulse.agents.ranks import ranked
from alphapulse.core.panel import Panel

LAGS = 2  # lags of an error for each session of overlap
MEASURED = ("mean", "standard_error", "t", "sessions")


def summed_levels(returns: Panel) -> Panel:
    """Return levels whose ratios rank assets by the sum of their session returns instead of the compounded one.

    returns: simple returns per session, sessions x assets; an asset without one (NaN) stays where it is. Of two assets
    with the same expected return the more volatile has the lower median compounded return, so ranks of compounded
    returns reward low volatility where nothing can be earned. Sums do not.
    """
    return pd.DataFrame(np.exp(returns.fillna(0.0).cumsum().to_numpy()), returns.index, returns.columns, copy=False)


def measured(values: "pd.Series[float]", horizon: int) -> dict[str, float]:
    """Return mean, standard_error, t and sessions of the known values of a series by session.

    Values less than `horizon` sessions apart share returns, so the standard error is that of Newey and West (1987).
    With the horizon - 1 lags that overlap, their falling weights leave a third of it out, and noise passes a t of 2 in
    11 cases of 100 instead of 5; with twice as many in 8. NaN: the mean where nothing is known, the error below two
    values, t where the error is 0.
    """
    mean, error = newey_west(values, LAGS * (horizon - 1))
    t = mean / error if error > 0.0 else np.nan
    return dict(zip(MEASURED, (mean, error, t, int(values.notna().sum())), strict=True))


def rank_correlation(left: Panel, right: Panel) -> "pd.Series[float]":
    """Return Spearman's rank correlation of two panels across the assets known in both, by session; NaN for few."""
    return pd.Series(rank_correlations(left.to_numpy(), right.to_numpy()), index=left.index)


def correlations(scores: Mapping[str, Panel]) -> pd.DataFrame:
    """Return the mean over sessions of the rank correlation between scores, scores x scores; NaN without overlap."""
    names = list(scores)
    table = pd.DataFrame(np.nan, index=names, columns=names)
    for place, first in enumerate(names):
        if scores[first].notna().to_numpy().any():
            table.loc[first, first] = 1.0
        for second in names[place + 1 :]:
            mean = float(rank_correlation(scores[first], scores[second]).mean())
            table.loc[first, second] = table.loc[second, first] = mean
    return table


def quantile_returns(score: Panel, levels: Panel, horizon: int, quantiles: int) -> pd.DataFrame:
    """Return the mean total return over `horizon` sessions of each score quantile, sessions x (q1 lowest ... average).

    Assets are split by their rank among all scored at the deciding close; quantile means are in excess of `average`,
    the mean return of all scored. NaN where fewer than `quantiles` assets are known, and for an empty quantile.
    """
    rank = ranked(score.shift(horizon).to_numpy())
    held = levels.ffill()  # what trades no more keeps its last level, so nobody who left is forgotten
    growth = (held / held.shift(horizon) - 1.0).to_numpy()
    known = np.isfinite(rank) & np.isfinite(growth)
    enough = known.sum(axis=1) >= quantiles
    known &= enough[:, None]
    row, column = np.nonzero(known)
    bucket = np.minimum(((rank[row, column] + 1.0) / 2.0 * quantiles).astype(np.int64), quantiles - 1)
    place = row * quantiles + bucket
    size = len(rank) * quantiles
    total = np.bincount(place, weights=growth[row, column], minlength=size).reshape(-1, quantiles)
    count = np.bincount(place, minlength=size).reshape(-1, quantiles)
    average = np.full(len(rank), np.nan)
    np.divide(total.sum(axis=1), count.sum(axis=1), out=average, where=enough)
    means = np.full(total.shape, np.nan)
    np.divide(total, count, out=means, where=count > 0)
    table = pd.DataFrame(means - average[:, None], index=score.index)
    return table.set_axis([f"q{number}" for number in range(1, quantiles + 1)], axis=1).assign(average=average)


def quantile_row(score: Panel, levels: Panel, horizon: int, quantiles: int) -> dict[str, float]:
    """Return the means over sessions of `quantile_returns`, and `spread`: top minus bottom, measured.

    All per `horizon` sessions, as decimals, before any cost.
    """
    returns = quantile_returns(score, levels, horizon, quantiles)
    spread = measured(returns[f"q{quantiles}"] - returns["q1"], horizon)
    return {**{str(name): float(mean) for name, mean in returns.mean().items()}, "spread": spread.pop("mean"), **spread}


def turnover_row(score: Panel) -> dict[str, float]:
    """Return turnover per session, and the correlation of the score's ranks with those 1 and 21 sessions before.

    turnover: mean of half the sum of absolute changes of the weights proportional to the score less its mean, scaled
    to a gross of 1: 0 for a score that stands still, 1 for a portfolio sold whole. Counted where both sessions speak.
    """
    values = score.to_numpy()
    known = np.isfinite(values)
    count = np.maximum(known.sum(axis=1, keepdims=True), 1)
    filled = np.where(known, values, 0.0)
    apart = np.where(known, filled - filled.sum(axis=1, keepdims=True) / count, 0.0)
    gross = np.abs(apart).sum(axis=1, keepdims=True)
    weights = apart / np.where(gross > 0.0, gross, 1.0)
    speaks = known.any(axis=1)
    both = speaks[1:] & speaks[:-1]
    traded = np.abs(np.diff(weights, axis=0)).sum(axis=1)[both] / 2.0
    return {
        "turnover": float(traded.mean()) if len(traded) else np.nan,
        "autocorrelation_1": float(rank_correlation(score, score.shift(1)).mean()),
        "autocorrelation_21": float(rank_correlation(score, score.shift(21)).mean()),
    }


def speaking(score: Panel, coverage: Panel, members: Panel) -> pd.DataFrame:
    """Return by session the share of members with a score (`speaks`) and their mean coverage (`coverage`).

    `speaks` is NaN without members, `coverage` where nobody is scored.
    """
    scored = score.notna().to_numpy()
    count, total = scored.sum(axis=1), members.to_numpy().sum(axis=1)
    share, mean = np.full(len(count), np.nan), np.full(len(count), np.nan)
    np.divide(count, total, out=share, where=total > 0)
    np.divide(np.where(scored, coverage.to_numpy(), 0.0).sum(axis=1), count, out=mean, where=count > 0)
    return pd.DataFrame({"speaks": share, "coverage": mean, "scored": count, "members": total}, index=score.index)
