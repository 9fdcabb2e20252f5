"""What several agents read off prices: past returns, volatility, and beta to the market."""

from __future__ import annotations

import numpy as np
import pandas as pd

from alphapulse.agents.evidence import market_returns
from alphapulse.agents.ranks import ranked
from alphapulse.agents.windows import trailing_mean
from alphapulse.core.market import MarketData
from alphapulse.core.memory import once
from alphapulse.core.panel import Panel
from alphapulse.core.stats import Array


def past_return(market: MarketData, window: int, skip: int = 0) -> Panel:
    """Return the total return over `window` sessions, leaving out the last `skip` of them, sessions x assets."""
    levels = market.panel("total_return").ffill()
    return levels.shift(skip) / levels.shift(window) - 1.0


@once
def volatility(market: MarketData, window: int) -> Panel:
    """Return the root mean square of session returns over `window` sessions, sessions x assets."""
    return trailing_mean(market_returns(market) ** 2, window).pow(0.5)


@once
def index_returns(market: MarketData) -> "pd.Series[float]":
    """Return the index's return by session, or the mean return of the members of the session before."""
    if market.benchmark is not None:
        return market.benchmark.ffill().pct_change(fill_method=None).where(market.benchmark.notna())
    return market_returns(market).where(market.members.shift(1, fill_value=False)).mean(axis=1)


@once
def beta(market: MarketData, window: int) -> Panel:
    """Return the slope of session returns on the index over `window` sessions, sessions x assets; NaN unknown.

    Sums run over sessions on which both are known; fewer than 90 % of them leave it unknown.
    """
    index = index_returns(market).to_numpy()[:, None]
    returns = market_returns(market)
    known = ~np.isnan(returns.to_numpy()) & ~np.isnan(index)

    def mean(values: Array) -> Array:
        frame = pd.DataFrame(np.where(known, values, np.nan), returns.index, returns.columns, copy=False)
        return trailing_mean(frame, window).to_numpy()

    own, common = mean(returns.to_numpy()), mean(np.broadcast_to(index, returns.shape))
    both, square = mean(returns.to_numpy() * index), mean(np.broadcast_to(index**2, returns.shape))
    variance = square - common**2
    # a market that does not move has no beta: rounding leaves less than this of its mean square
    slope = np.where(variance > 1e-12 * square, (both - own * common) / np.where(variance > 0.0, variance, 1.0), np.nan)
    return pd.DataFrame(slope, returns.index, returns.columns, copy=False)


@once
def beta_rank(market: MarketData, window: int) -> Panel:
    """Return the centred rank of `beta` among the members of each session, sessions x assets in (-1, 1)."""
    members = beta(market, window).where(market.members)
    return pd.DataFrame(ranked(members.to_numpy()), market.sessions, market.assets, copy=False)
