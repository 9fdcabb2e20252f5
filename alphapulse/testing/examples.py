"""Seeded markets and estimates to check parts on, and what can be done to them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from alphapulse.core.estimates import RiskEstimate
from alphapulse.core.market import PRICE_FIELDS, MarketData
from alphapulse.core.panel import Panel
from alphapulse.core.stats import Array


def example_market(sessions: int = 1500, assets: int = 9, seed: int = 0) -> MarketData:
    """Return a seeded market with bars and volume, a late listing, a delisting, halts and changing membership."""
    random = np.random.default_rng(seed)
    index = pd.bdate_range("2001-01-01", periods=sessions)
    names = pd.Index([f"A{number:02d}" for number in range(assets)])
    shape = (sessions, assets)
    returns = 0.01 * random.standard_normal((sessions, 1)) + 0.02 * random.standard_normal(shape)
    close = 50.0 * np.exp(np.cumsum(returns - 0.5 * returns.var(), axis=0))
    spread = np.abs(0.005 * random.standard_normal((2, *shape)))
    opening = close * np.exp(0.005 * random.standard_normal(shape))
    bars = {
        "close": close,
        "open": opening,
        "high": np.maximum(close, opening) * (1.0 + spread[0]),
        "low": np.minimum(close, opening) * (1.0 - spread[1]),
        "volume": np.round(random.lognormal(12.0, 0.5, shape)),
    }
    missing = random.random(shape) < 0.002
    missing[: sessions // 3, 1 % assets] = True
    missing[-sessions // 5 :, 2 % assets] = True
    membership = pd.DataFrame(True, index=index, columns=names)
    membership.iloc[sessions // 2 :, 3 % assets] = False
    panels = {name: pd.DataFrame(np.where(missing, np.nan, bar), index, names) for name, bar in bars.items()}
    benchmark = pd.Series(1000.0 * np.exp(np.cumsum(returns.mean(axis=1))), index=index)
    return MarketData(panels, benchmark=benchmark, membership=membership, name="example")


def poisoned(market: MarketData, session: pd.Timestamp, how: str) -> MarketData:
    """Return the market with everything after `session` replaced: how in {"unknown", "noise", "tenfold"}.

    Opens, highs, lows and closes of a session share their noise, so that bars stay bars.
    """
    random = np.random.default_rng(1)
    later = market.sessions > session
    bar_noise = np.exp(random.standard_normal((int(later.sum()), len(market.assets))))

    def poison(values: Array, noise: Array | None = None) -> Array:
        if how == "unknown":
            return np.full_like(values, np.nan)
        if how == "tenfold":
            return values * 10.0
        return values * (np.exp(random.standard_normal(values.shape)) if noise is None else noise)

    def poison_table(table: pd.DataFrame) -> pd.DataFrame:
        after = table["session"] > session
        if how == "unknown":
            return table.loc[~after]
        out = table.copy()
        for column in out.select_dtypes("number"):
            out[column] = np.where(after, poison(out[column].to_numpy(dtype=np.float64)), out[column])
        return out

    def poison_panel(frame: Panel, noise: Array | None = None) -> Panel:
        values = frame.to_numpy().copy()
        values[later] = poison(values[later], noise)
        return pd.DataFrame(values, frame.index, frame.columns)

    membership = market.membership
    return replace(
        market,
        panels={
            name: poison_panel(frame, bar_noise if name in PRICE_FIELDS else None)
            for name, frame in market.panels.items()
        },
        benchmark=None if market.benchmark is None else poison_panel(market.benchmark.to_frame()).iloc[:, 0],
        membership=None if membership is None else membership ^ later[:, None],
        tables={name: poison_table(table) for name, table in market.tables.items()},
    )


def renamed(market: MarketData, names: dict[str, str]) -> MarketData:
    """Return the market with its assets renamed by `names`, sorted by their new labels."""

    def rename(frame: Panel) -> Panel:
        return frame.rename(columns=names)[market.assets]

    tables = {
        name: table.assign(asset=table["asset"].map(names)) if "asset" in table else table
        for name, table in market.tables.items()
    }
    return replace(
        market,
        panels={name: rename(frame) for name, frame in market.panels.items()},
        membership=None if market.membership is None else rename(market.membership),
        tables=tables,
        sectors=None if market.sectors is None else market.sectors.rename(index=names),
    )


def example_estimate(assets: int = 7, sessions: int = 300, seed: int = 0, *, scale: float = 1.0) -> RiskEstimate:
    """Return a seeded estimate (sample mean and covariance) of correlated assets with volatilities from 1 to 3 %."""
    random = np.random.default_rng(seed)
    names = pd.Index([f"A{number:02d}" for number in range(assets)])
    volatility = np.linspace(0.01, 0.03, assets)
    returns = (random.standard_normal((sessions, 1)) + random.standard_normal((sessions, assets))) * volatility
    returns = (returns + 0.03 * volatility * random.standard_normal(assets) + 0.001) * scale
    window = pd.DataFrame(returns, pd.bdate_range("2001-01-01", periods=sessions), names)
    return RiskEstimate(window, window.mean(), window.cov())


def unusable(estimate: RiskEstimate, asset: str) -> RiskEstimate:
    """Return the estimate with `asset` unusable: no mean, no covariance, no returns."""
    mean, covariance, window = estimate.mean.copy(), estimate.covariance.copy(), estimate.window.copy()
    mean[asset] = np.nan
    covariance.loc[asset] = np.nan
    covariance[asset] = np.nan
    window[asset] = np.nan
    return RiskEstimate(window, mean, covariance)
