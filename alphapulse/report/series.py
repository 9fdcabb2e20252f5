"""The numbers behind the figures: live equity, the index beside it, calendar returns, exposure, turnover, costs.

Everything counts from the first decision. Frames hold one column a line: the result under its name and, where the
market has an index that is known on every live session, the index.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from alphapulse.backtest.record import record_returns

if TYPE_CHECKING:
    from alphapulse.backtest.result import BacktestResult

INDEX = "index"


def live_sessions(result: BacktestResult) -> pd.DatetimeIndex:
    """Return the first decision's session and all later ones; DataError when nothing was decided before the end."""
    returns = record_returns(result)
    sessions = pd.DatetimeIndex(result.equity.index)
    return sessions[int(sessions.searchsorted(returns.index[0])) - 1 :]


def index_gaps(result: BacktestResult) -> int:
    """Return on how many live sessions the index is unknown; 0 too without an index."""
    benchmark = result.benchmark
    return 0 if benchmark is None else int(benchmark.reindex(live_sessions(result)).isna().sum())


def growth(result: BacktestResult) -> pd.DataFrame:
    """Return the growth of 1 invested at the first decision, live sessions x lines, after costs."""
    sessions = live_sessions(result)
    lines = {result.name: result.equity.loc[sessions]}
    if result.benchmark is not None and index_gaps(result) == 0:
        lines[_index_name(result)] = result.benchmark.loc[sessions]
    frame = pd.DataFrame(lines)
    return frame / frame.iloc[0]


def live_returns(result: BacktestResult) -> pd.DataFrame:
    """Return simple returns per session, sessions after the first decision x lines."""
    return growth(result).pct_change().iloc[1:]


def calendar_returns(result: BacktestResult, frequency: str) -> pd.DataFrame:
    """Return compounded returns by calendar period ("Y" or "M"), periods x lines; the first and last may be partial."""
    frame = growth(result)
    last = frame.groupby(pd.DatetimeIndex(frame.index).to_period(frequency)).last()
    return last / last.shift(1).fillna(1.0) - 1.0


def exposure(result: BacktestResult) -> pd.DataFrame:
    """Return gross and net exposure at each close after the first decision, fractions of equity."""
    weights = result.weights.loc[live_sessions(result)[1:]]
    return pd.DataFrame({"gross": weights.abs().sum(axis=1), "net": weights.sum(axis=1)})


def monthly_turnover(result: BacktestResult) -> "pd.Series[float]":
    """Return half of the value bought and sold over equity, by month from the first decision; 0 without a trade."""
    sessions, fills = live_sessions(result), result.fills
    value = (fills["quantity"].abs() * fills["price"]).groupby(fills["session"]).sum() / 2.0
    share = (value / result.equity.reindex(value.index)).reindex(sessions, fill_value=0.0)
    return share.groupby(sessions.to_period("M")).sum()


def cost_drag(result: BacktestResult) -> pd.DataFrame:
    """Return what was paid so far, as a sum of shares of equity, live sessions x (trading, borrow)."""
    flows = result.flows.loc[live_sessions(result)]
    paid = flows[["costs", "borrow"]].div(result.equity.loc[flows.index], axis=0).cumsum()
    return paid.rename(columns={"costs": "trading", "borrow": "borrow"})


def weekly_weights(result: BacktestResult, top: int = 15) -> pd.DataFrame:
    """Return weights at the last close of each week: the `top` assets by mean absolute weight, then all others.

    Columns run from the largest to the smallest; `others` is there when more assets were ever held.
    """
    sessions = live_sessions(result)
    week_end = np.flatnonzero(np.diff(sessions.to_period("W").asi8, append=-1))
    weights = result.weights.loc[sessions].iloc[week_end]
    size = weights.abs().mean().sort_values(ascending=False, kind="stable")
    held = size.index[size > 0.0]
    shown = weights[held[:top]]
    if len(held) > top:
        shown = shown.assign(others=weights[held[top:]].sum(axis=1))
    return shown


def _index_name(result: BacktestResult) -> str:
    name = None if result.benchmark is None else result.benchmark.name
    label = str(name) if name else INDEX
    return label if label != result.name else f"{label} ({INDEX})"
