"""Macro series of the simulated market, named, scaled and published as those of the sample."""

from __future__ import annotations

import numpy as np
import pandas as pd

from alphapulse.core.stats import Array
from alphapulse.core.units import SESSIONS_PER_YEAR
from alphapulse.data.macro import AFTER_FIRST_WEEK, AFTER_NEXT_MONTH, VIX_CLOSE, daily_rows, monthly_rows
from alphapulse.data.simulated.streams import persistent, stream


def economy_rows(market_return: Array, sessions: pd.DatetimeIndex, seed: int) -> list[pd.DataFrame]:
    """Return the rows of vix (points, daily), credit_spread (percentage points) and core_cpi (level), monthly.

    market_return: simple return of the benchmark by session; each value rests on returns up to its own date.
    """
    rng = stream(seed, "macro")
    square = pd.Series(market_return**2, index=sessions)
    variance = square.ewm(alpha=0.04, min_periods=1).mean()
    # The first sessions lean on the long-run level, since one squared return says little.
    weight = np.minimum(np.arange(1, len(sessions) + 1) / 60.0, 1.0)
    variance = weight * variance + (1.0 - weight) * 0.012**2
    noise = persistent(rng, (len(sessions),), 0.95, 0.08)
    vix = (100.0 * np.sqrt(SESSIONS_PER_YEAR * variance) * np.exp(0.08 + noise)).rename("vix").round(2)

    # The last month may be unfinished: its row is published after the last session, so it never shows.
    mean_vix = vix.groupby(sessions.to_period("M").to_timestamp()).mean()
    months = len(mean_vix)
    spread = 0.35 + 0.03 * mean_vix + persistent(rng, (months,), 0.97, 0.12)
    inflation = 0.0021 + persistent(rng, (months,), 0.9, 0.0008)
    core_cpi = pd.Series(130.0 * np.cumprod(1.0 + inflation), index=mean_vix.index)
    return [
        daily_rows(vix, VIX_CLOSE),
        monthly_rows(spread.rename("credit_spread").round(2), AFTER_FIRST_WEEK),
        monthly_rows(core_cpi.rename("core_cpi").round(1), AFTER_NEXT_MONTH),
    ]
