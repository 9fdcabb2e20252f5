"""Tables of a record: returns, drawdown, volatility and beta through time, and what limits and stops did by month."""

from __future__ import annotations

import numpy as np
import pandas as pd

from alphapulse.backtest.result import BacktestResult
from alphapulse.core.trading import STOP_KINDS
from alphapulse.facts import index_returns as market_index_returns
from alphapulse.risk.drawdowns import drawdown_series
from alphapulse.risk.rolling import HALF_YEAR, rolling_beta, rolling_volatility


def index_returns(result: BacktestResult, sessions: pd.Index) -> "pd.Series[float] | None":
    """Return the index's returns over the record; None where there is none, one is unknown or it never moves."""
    whole = market_index_returns(result.market)
    if whole is None:
        return None
    returns = whole.reindex(sessions)
    known = returns.notna().all() and returns.min() < returns.max()
    return returns.rename("index") if known else None


def through_time(returns: "pd.Series[float]", index: "pd.Series[float] | None") -> pd.DataFrame:
    """Return return, drawdown and rolling volatility a year by session, with an index the same of it, and beta.

    Rolling: over half a year, or over half of a shorter record.
    """
    window = max(min(HALF_YEAR, len(returns) // 2), 2)
    table = pd.DataFrame(
        {
            "return": returns,
            "drawdown": drawdown_series(returns),
            "volatility": rolling_volatility(returns, window),
        }
    )
    if index is not None:
        table["index_return"] = index
        table["index_drawdown"] = drawdown_series(index)
        table["index_volatility"] = rolling_volatility(index, window)
        table["beta"] = rolling_beta(returns, index, window)
    return table


def clamps_by_month(result: BacktestResult) -> pd.DataFrame:
    """Return month, rule, times, sessions and cut, the mean over those sessions of the weight taken off, in all."""
    clamps = result.decisions.clamps
    clamps = clamps.assign(cut=(clamps["before"].abs() - clamps["after"].abs()).astype(np.float64))
    by_month = clamps.groupby([_month(clamps["session"]), "rule"])
    table = by_month.agg(times=("asset", "size"), sessions=("session", "nunique"), cut=("cut", "sum")).reset_index()
    return table.assign(cut=table["cut"] / table["sessions"])


def stops_by_month(result: BacktestResult) -> pd.DataFrame:
    """Return month, rule, times and assets of the positions that stop rules closed."""
    events = result.events
    stops = events.loc[events["kind"].isin(STOP_KINDS)].astype({"kind": str, "asset": str})
    by_month = stops.groupby([_month(stops["session"]), stops["kind"].rename("rule")])
    return by_month.agg(times=("asset", "size"), assets=("asset", "nunique")).reset_index()


def _month(sessions: "pd.Series[pd.Timestamp]") -> "pd.Series[pd.Timestamp]":
    days = pd.DatetimeIndex(sessions)
    return pd.Series(days.to_period("M").to_timestamp(), index=sessions.index, name="month")
