"""The record of a run: its returns from the first fills on, which all measures count from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alphapulse.core.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

    from alphapulse.backtest.result import BacktestResult


def record_returns(result: BacktestResult) -> "pd.Series[float]":
    """Return the run's returns from its first fills on; DataError without any."""
    returns = result.live_returns
    if returns.empty:
        raise DataError(
            f"result {result.name}: no session after a first decision",
            "a result with at least one decision and one session after it",
            "run over a longer market, or check why nothing was decided",
        )
    return returns
