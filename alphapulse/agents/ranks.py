"""Ranks across assets, for what is compared with ranks: returns with scores, scores with scores."""

from __future__ import annotations

import numpy as np

from alphapulse.agents.scales import Codes, add_votes
from alphapulse.core.stats import Array


def ranked(values: Array, groups: Codes | None = None) -> Array:
    """Return centred ranks of each row's known values, rows x columns, in (-1, 1); NaN stays NaN.

    groups: number of the group each column is ranked within, from 0 on; one group by default.
    """
    out = np.zeros(values.shape)
    seen = np.zeros(values.shape)
    one = np.zeros(values.shape[1], dtype=np.int64) if groups is None else groups
    add_votes(values, np.ones(values.shape, dtype=bool), 1.0, 1, "rank", one, out, seen)
    out[seen == 0.0] = np.nan
    return out
