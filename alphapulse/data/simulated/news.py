"""Dated headlines about simulated companies, worded after what their prices had just done.

A headline appears between the close of the session it reports and the next open. Its tone follows that session's
return against the market, blurred by noise; nothing in it foretells the next one.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from alphapulse.data.simulated.prices import Bars
from alphapulse.data.simulated.streams import stream

HEADLINES_PER_SESSION = 0.06
SOURCES = ("Wire", "Daily Ledger", "Market Post")
WORDING = {
    "positive": (
        "{} beats profit expectations and raises its outlook",
        "Analysts upgrade {} after strong sales growth",
        "{} wins a record order, shares gain",
        "{} lifts its dividend on robust demand",
        "{} reports an excellent quarter with improved margins",
    ),
    "negative": (
        "{} misses profit expectations and cuts its outlook",
        "Analysts downgrade {} on weak demand",
        "{} faces a lawsuit over losses, shares drop",
        "{} warns of falling sales and rising debt",
        "{} recalls a failed product, an ugly quarter",
    ),
    "neutral": (
        "{} to present at an industry conference",
        "{} names a new head of operations",
        "{} schedules its annual meeting",
        "{} files its quarterly report",
        "{} opens an office in another state",
    ),
}


def headlines(
    bars: Bars, opens: pd.DatetimeIndex, closes: pd.DatetimeIndex, assets: pd.Index, seed: int
) -> pd.DataFrame:
    """Return rows of asset, known (UTC), headline and source, sorted by knowledge time; opens, closes by session."""
    rng = stream(seed, "news")
    surprise = (bars.growth - bars.growth.mean(axis=1, keepdims=True)) / bars.traits.volatility
    busy = HEADLINES_PER_SESSION * (1.0 + np.minimum(np.abs(surprise), 4.0))
    row, column = np.nonzero(rng.random(surprise.shape) < busy / 2.0)
    inside = row < len(opens) - 1
    row, column = row[inside], column[inside]
    tone = surprise[row, column] + rng.standard_normal(len(row))
    kind = np.where(tone > 0.7, "positive", np.where(tone < -0.7, "negative", "neutral"))
    template = rng.integers(0, 5, len(row))
    night = (opens[row + 1] - closes[row]).total_seconds()
    known = closes[row] + pd.to_timedelta(np.rint(night * rng.uniform(0.01, 0.99, len(row))), unit="s")
    names = assets[column]
    text = [WORDING[k][t].format(name) for k, t, name in zip(kind, template, names, strict=True)]
    source = np.asarray(SOURCES)[rng.integers(0, len(SOURCES), len(row))]
    out = pd.DataFrame({"asset": names, "known": known, "headline": text, "source": source})
    return out.sort_values("known", kind="stable", ignore_index=True)
