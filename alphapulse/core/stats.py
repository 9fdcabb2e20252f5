"""What several rooms compute from prices alike. Row t reads rows up to t only."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from alphapulse.core.panel import Panel

Array = npt.NDArray[np.float64]


def session_returns(total_return: Panel) -> Panel:
    """Return simple returns per session, sessions x assets, from compounded total-return levels.

    A session without a level has no return (NaN); the next known level is compared with the last known one, so the
    product of returns over known sessions equals the ratio of the levels.
    """
    levels = total_return.to_numpy()
    known = ~np.isnan(levels)
    if known[1:].all():
        previous = levels[:-1]
    else:
        row = np.where(known, np.arange(len(levels))[:, None], -1)
        last = np.maximum.accumulate(row, axis=0)[:-1]
        previous = np.where(last >= 0, np.take_along_axis(levels, np.maximum(last, 0), axis=0), np.nan)
    out = np.full(levels.shape, np.nan)
    np.divide(levels[1:], previous, out=out[1:])
    out[1:] -= 1.0
    return pd.DataFrame(out, index=total_return.index, columns=total_return.columns, copy=False)
