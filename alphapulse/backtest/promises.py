"""Promised and kept: what portfolios looked like in the window they were made from, and what they did afterwards."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from alphapulse.backtest.result import BacktestResult
from alphapulse.core.stats import Array, session_returns
from alphapulse.core.units import SESSIONS_PER_YEAR


def promises(results: Mapping[str, BacktestResult], rows: npt.NDArray[np.intp], lookback: int) -> pd.DataFrame:
    """Return what portfolios promised in their lookback and kept until the next decision, one row a result.

    results: runs on one market. rows: places of the sessions at whose close all of them decided. lookback: sessions up
    to a decision, that included, at most the first of `rows` and one.

    Columns, each as promised_ and kept_: return_ann (arithmetic), volatility_ann, sharpe (risk-free 0); all NaN where
    no session followed. A portfolio is what was held at the close of the session after the decision. Its weights stay
    fixed both ways, before costs; cash and unknown returns earn 0. Promises are the mean return and variance of the
    windows, mean over decisions; kept is over all sessions that follow. The gap is estimation error, which optimisers
    seek out (Michaud 1989).
    """
    market = next(iter(results.values())).market
    returns = np.nan_to_num(session_returns(market.panel("total_return")).to_numpy())
    starts = rows[rows + 2 < len(returns)] + 1
    ends = np.append(starts[1:], len(returns) - 1)[: len(starts)]
    weights = np.stack([result.weights.to_numpy()[starts] for result in results.values()], axis=-1)
    before = [returns[row - lookback : row] @ held for row, held in zip(starts, weights, strict=True)]
    after = [returns[row + 1 : end + 1] @ held for row, end, held in zip(starts, ends, weights, strict=True)]
    unknown = np.full((1, len(results)), np.nan)
    mean = np.mean([window.mean(axis=0) for window in before] or unknown, axis=0)
    variance = np.mean([window.var(axis=0) for window in before] or unknown, axis=0)
    kept = np.concatenate(after or [unknown])
    moments = _moments(mean, variance, "promised") | _moments(kept.mean(axis=0), kept.var(axis=0), "kept")
    return pd.DataFrame(moments, index=list(results))


def _moments(mean: Array, variance: Array, prefix: str) -> dict[str, Array]:
    volatility = np.sqrt(variance)
    sharpe = np.divide(mean, volatility, out=np.full(len(mean), np.nan), where=volatility > 0.0)
    return {
        f"{prefix}_return_ann": SESSIONS_PER_YEAR * mean,
        f"{prefix}_volatility_ann": np.sqrt(SESSIONS_PER_YEAR) * volatility,
        f"{prefix}_sharpe": np.sqrt(SESSIONS_PER_YEAR) * sharpe,
    }
