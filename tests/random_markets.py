"""Small random markets with everything that goes wrong in real ones, for property tests."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from hypothesis import strategies as st

import alphapulse as ap
from alphapulse.core.stops import AtrStop, FixedStop, StopRule, TimeStop, TrailingStop

# Tight enough that each of them closes positions within a few sessions.
STOP_RULES = ((), (FixedStop(0.03),), (TrailingStop(0.03),), (AtrStop(1.0),), (TimeStop(4),))
EVERY_RULE = (FixedStop(0.05), TrailingStop(0.04), AtrStop(2.0), TimeStop(9))


@dataclass(frozen=True)
class Case:
    """A market, a table of weights and how they trade."""

    market: ap.MarketData
    weights: pd.DataFrame
    execution: dict[str, object]
    stops: pd.DataFrame | None
    stop_rules: tuple[StopRule, ...] = ()

    def run(self, market: ap.MarketData | None = None) -> ap.BacktestResult:
        market = market or self.market
        within = self.weights.index <= market.sessions[-1]
        stops = None if self.stops is None else self.stops.loc[within]
        return ap.backtest_weights(
            market, self.weights.loc[within], stops=stops, stop_rules=self.stop_rules, **self.execution
        )


def random_market(
    random: np.random.Generator,
    sessions: int,
    assets: int,
    *,
    troubled: bool = True,
    bars: bool = True,
    splits: bool = True,
) -> ap.MarketData:
    """Return a market; troubled ones have halts, listings, delistings, splits and dividends on raw prices."""
    shape = (sessions, assets)
    index = pd.bdate_range("2015-01-05", periods=sessions)
    columns = [f"A{i}" for i in range(assets)]
    gaps = np.exp(0.01 * random.standard_normal(shape))
    moves = np.exp(0.02 * random.standard_normal(shape))
    true_close = random.uniform(5, 200, assets) * np.cumprod(gaps * moves, axis=0)
    true_open = true_close / moves
    split, dividend = np.ones(shape), np.zeros(shape)
    delisting = np.full(shape, np.nan)
    alive = np.ones(shape, dtype=bool)
    if troubled:
        split[random.random(shape) < 0.02] = random.choice([2.0, 3.0, 0.1, 1.5])
        dividend[random.random(shape) < 0.03] = random.uniform(0.01, 0.5)
        alive &= random.random(shape) > 0.05
        for asset in range(assets):
            if random.random() < 0.3:
                alive[: random.integers(1, sessions // 2), asset] = False
            if random.random() < 0.3:
                last = int(random.integers(sessions // 2, sessions - 1))
                alive[last + 1 :, asset] = False
                delisting[last + 1, asset] = random.uniform(0.0, 100.0)
                dividend[last + 1 :, asset], split[last + 1 :, asset] = 0.0, 1.0
    if not splits:
        split[:] = 1.0
    factor = np.cumprod(split, axis=0)
    close = np.where(alive, true_close / factor, np.nan)
    open_ = np.where(alive, true_open / factor, np.nan)
    close[0, :1] = true_close[0, :1]
    open_[0, :1] = true_open[0, :1]
    panels = {"close": close, "split": split, "dividend": dividend, "delisting": delisting}
    if bars:
        high = np.maximum(open_, close) * (1.0 + 0.01 * random.random(shape))
        low = np.minimum(open_, close) * (1.0 - 0.01 * random.random(shape))
        volume = np.where(np.isnan(close), np.nan, random.choice([0.0, 1e3, 1e5, 1e6], shape))
        volume[random.random(shape) < 0.05] = np.nan
        panels |= {"open": open_, "high": high, "low": low, "volume": volume}
    return ap.MarketData({name: pd.DataFrame(values, index, columns) for name, values in panels.items()})


def random_weights(random: np.random.Generator, market: ap.MarketData, *, short: bool) -> pd.DataFrame:
    """Return decision rows with some NaN (keep) and zero weights, gross at most 1."""
    count = int(random.integers(1, len(market.sessions)))
    index = market.sessions[np.sort(random.choice(len(market.sessions), count, replace=False))]
    raw = random.standard_normal((count, len(market.assets)))
    raw = raw if short else np.abs(raw)
    raw[random.random(raw.shape) < 0.2] = 0.0
    gross = np.maximum(np.abs(raw).sum(axis=1, keepdims=True), 1e-12)
    raw *= np.minimum(random.uniform(0.0, 1.2, (count, 1)), 1.0) / gross
    raw[random.random(raw.shape) < 0.1] = np.nan
    return pd.DataFrame(raw, index, market.assets)


@st.composite
def cases(
    draw: st.DrawFn,
    *,
    short: bool | None = None,
    troubled: bool = True,
    splits: bool = True,
    costs: bool = True,
    lots: tuple[float, ...] = (0.0, 0.0, 1.0, 100.0),
) -> Case:
    """Draw a market, weights, an execution and stops."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    market = random_market(
        random,
        draw(st.integers(8, 60)),
        draw(st.integers(1, 6)),
        troubled=troubled,
        bars=draw(st.booleans()),
        splits=splits,
    )
    weights = random_weights(random, market, short=draw(st.booleans()) if short is None else short)
    charged = costs and draw(st.booleans())
    execution = {
        "fill": draw(st.sampled_from(["next_open", "next_close", "same_close"])),
        "capital": draw(st.sampled_from([1e3, 1e6, 1e9])),
        "participation": draw(st.sampled_from([None, 0.05, 1.0])),
        "carry": draw(st.booleans()),
        "lot": draw(st.sampled_from(lots)),
        "costs": ap.Costs(
            commission_bps=draw(st.sampled_from([0.0, 1.0, 50.0])),
            spread_bps=draw(st.sampled_from([0.0, 8.0])),
            impact=draw(st.sampled_from([0.0, 0.5])),
            borrow_bps_ann=draw(st.sampled_from([0.0, 100.0])),
            cash_rate_ann=draw(st.sampled_from([0.0, 0.05])),
        )
        if charged
        else ap.Costs(),
    }
    stops = None
    if draw(st.booleans()):
        close = market.panel("close").reindex(weights.index)
        stops = (close * random.uniform(0.9, 1.1, close.shape)).where(random.random(close.shape) < 0.5)
    return Case(market, weights, execution, stops, draw(st.sampled_from([*STOP_RULES, EVERY_RULE])))
