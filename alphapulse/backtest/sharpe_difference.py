"""Can two Sharpe ratios be told apart? The error of their difference, from the sessions both traded."""

from __future__ import annotations

import numpy as np
import pandas as pd

from alphapulse.agents.information import newey_west
from alphapulse.core.stats import Array
from alphapulse.core.units import SESSIONS_PER_YEAR
from alphapulse.risk.measures import sharpe


def sharpe_differences(returns: pd.DataFrame, base: str) -> pd.DataFrame:
    """Return by how much each column's Sharpe ratio a year differs from that of the column `base`, one row a column.

    returns: simple returns per session, sessions x names, none unknown. Columns: difference, standard_error, t. NaN
    where a column or `base` never varies; t is NaN too where the error is 0, as for `base` itself.

    Portfolios of the same assets move together, so the error of a difference is far below the errors of the two ratios.
    It follows from how each session moves each ratio (delta method), with the autocorrelation of Newey and West at
    4 (T / 100)^(2/9) lags. Source: Ledoit and Wolf (2008), section 3.1, without their bootstrap; under independent
    normal returns it is the error of Jobson and Korkie (1981) as corrected by Memmel (2003).
    """
    ratios = sharpe(returns)
    moves = _moves(returns.to_numpy(dtype=np.float64)) * np.sqrt(SESSIONS_PER_YEAR)
    apart = moves - moves[:, [returns.columns.get_loc(base)]]
    lags = int(4.0 * (len(returns) / 100.0) ** (2.0 / 9.0))
    errors = pd.Series([newey_west(column, lags)[1] for column in apart.T], index=returns.columns)
    table = pd.DataFrame({"difference": ratios - ratios[base], "standard_error": errors})
    return table.assign(t=table["difference"] / errors.where(errors > 0.0))


def _moves(returns: Array) -> Array:
    """Return by how much each session moves each Sharpe ratio per session, times the number of sessions."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = returns.mean(axis=0) / returns.std(axis=0)
        standard = returns / returns.std(axis=0) - ratio
        moves: Array = standard - ratio / 2.0 * (standard**2 - 1.0)
    return moves
