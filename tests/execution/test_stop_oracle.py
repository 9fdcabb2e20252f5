"""Stop rules against a plain loop that shares no code with the engine, on markets with gaps, halts and splits.

The loop keeps entries and best closes in prices restated for all splits of the market, recomputes the best close from
the whole life of the position, and knows nothing of costs or caps.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from random_markets import random_market, random_weights

import alphapulse as ap
from alphapulse.core.stops import AtrStop, FixedStop, StopRule, TimeStop, TrailingStop
from alphapulse.core.trading import STOP_KINDS

RULES = {
    "fixed": (FixedStop(0.04),),
    "trailing": (TrailingStop(0.05),),
    "atr": (AtrStop(1.5),),
    "time": (TimeStop(6),),
    "all": (TimeStop(11), FixedStop(0.03), TrailingStop(0.05), AtrStop(2.0)),
}


def market_of(seed: int, *, bars: bool) -> ap.MarketData:
    """Return a troubled market; with bars, some ranges and opens are unknown where there is a close."""
    random = np.random.default_rng(seed)
    market = random_market(random, 160, 4, bars=bars)
    panels = dict(market.panels)
    del panels["total_return"]
    # at the last close, because a payout far above it ruins who is short, and a ruined account takes no order
    panels["delisting"] = panels["close"].ffill().where(panels["delisting"].notna())
    if bars:
        unknown = random.random(panels["close"].shape) < 0.05
        for name in ("high", "low"):
            panels[name] = panels[name].mask(unknown)
        panels["open"] = panels["open"].mask(random.random(unknown.shape) < 0.03)
    return ap.MarketData(panels)


def true_ranges(close: list[float], high: list[float], low: list[float]) -> list[float]:
    """Return Wilder's average of 14 true ranges of one asset by session, in the prices given; NaN before the first."""
    seen: list[float] = []
    out, average, last = [], math.nan, math.nan
    for price, top, bottom in zip(close, high, low, strict=True):
        if not math.isnan(price):
            if not math.isnan(last):
                known = not (math.isnan(top) or math.isnan(bottom))
                moves = [abs(price - last)] if not known else [top - bottom, abs(top - last), abs(bottom - last)]
                seen.append(max(moves))
                if len(seen) == 14:
                    average = sum(seen) / 14
                elif len(seen) > 14:
                    average = (13 * average + seen[-1]) / 14
            last = price
        out.append(average)
    return out


class Loop:
    """One account without costs; sessions and assets by number, `events` and `fills` in the order they happen."""

    def __init__(self, market: ap.MarketData, weights: pd.DataFrame, rules: tuple[StopRule, ...], fill: str) -> None:
        def table(name: str) -> np.ndarray:
            return market.panels[name].to_numpy() if name in market else np.full(market.panel("close").shape, np.nan)

        self.open, self.high, self.low, self.close = (table(name) for name in ("open", "high", "low", "close"))
        self.split, self.dividend, self.delisting = (table(name) for name in ("split", "dividend", "delisting"))
        self.factor = np.cumprod(self.split, axis=0)
        self.count, self.assets = self.close.shape
        self.decided = dict(zip(market.sessions.get_indexer(weights.index), weights.to_numpy(), strict=True))
        self.rules, self.at_open = rules, fill == "next_open" and "open" in market
        self.at_once = fill == "same_close"
        columns = [(panel * self.factor).T for panel in (self.close, self.high, self.low)]
        self.ranges = np.array([true_ranges(*asset) for asset in zip(*columns, strict=True)]).T
        self.cash, self.shares, self.mark = 1e6, np.zeros(self.assets), np.full(self.assets, np.nan)
        self.entry, self.opened = np.zeros(self.assets), np.zeros(self.assets, dtype=int)
        self.pending: dict[int, float] = {}
        self.fills: list[tuple[int, int, float, float]] = []
        self.events: list[tuple[int, int, str]] = []
        self.equity: list[float] = []

    def fill(self, t: int, i: int, size: float, price: float) -> None:
        after = 0.0 if math.isclose(size, -self.shares[i], rel_tol=1e-12) else self.shares[i] + size
        if self.shares[i] * after <= 0.0:
            self.entry[i], self.opened[i] = price * self.factor[t, i], t
        self.cash -= size * price
        self.shares[i], self.mark[i] = after, price
        self.fills.append((t, i, size, price))

    def trade(self, t: int, prices: np.ndarray) -> None:
        at = np.where(np.isnan(prices), self.mark, prices)
        equity = self.cash + sum(q * p for q, p in zip(self.shares, at, strict=True) if q)
        for i, weight in list(self.pending.items()):
            if not math.isnan(prices[i]):
                size = weight * equity / prices[i] - self.shares[i]
                if abs(size) * prices[i] > 1e-10 * equity:
                    self.fill(t, i, size, prices[i])
                del self.pending[i]

    def stop_of(self, t: int, i: int) -> tuple[float, str]:
        """Return the tightest stop set at the close of t for the prices of the session after it, and whose it is."""
        side = math.copysign(1.0, self.shares[i])
        life = self.close[self.opened[i] : t + 1, i] * self.factor[self.opened[i] : t + 1, i]
        known = [side * price for price in life if not math.isnan(price)]
        best = side * max(known) if known else math.nan
        levels = []
        for rule in self.rules:
            match rule:
                case FixedStop(loss):
                    level = self.entry[i] - side * loss * self.entry[i]
                case TrailingStop(loss):
                    level = best - side * loss * best
                case AtrStop(multiple):
                    level = best - side * multiple * self.ranges[t, i]
                case TimeStop():
                    level = math.nan
            if not math.isnan(level):
                levels.append((side * level, rule.rule))
        return (math.nan, "") if not levels else (side * max(levels)[0], max(levels)[1])

    def touched(self, t: int, i: int, stop: float) -> float:
        """Return the price at which a position leaves, NaN when it stays."""
        side, first = math.copysign(1.0, self.shares[i]), self.open[t, i]
        worst, best = (self.low[t, i], self.high[t, i]) if side > 0 else (self.high[t, i], self.low[t, i])
        if math.isnan(worst) or math.isnan(best):
            return self.close[t, i] if side * self.close[t, i] <= side * stop else math.nan
        if side * worst > side * stop:
            return math.nan
        gap = best if math.isnan(first) else first
        return gap if side * gap < side * stop else stop

    def run(self) -> Loop:
        for t in range(self.count):
            before = self.shares.copy()
            stops = [self.stop_of(t - 1, i) if before[i] else (math.nan, "") for i in range(self.assets)]
            self.shares *= self.split[t]
            self.mark /= self.split[t]
            self.cash += float(np.dot(self.shares, self.dividend[t]))
            for i in np.flatnonzero(~np.isnan(self.delisting[t])):
                self.cash += self.shares[i] * self.delisting[t, i]
                self.shares[i] = 0.0
                self.pending.pop(i, None)
            for rule in self.rules:
                if isinstance(rule, TimeStop):
                    for i in np.flatnonzero(self.shares):
                        leaves = self.pending.get(i, math.nan) * self.shares[i] <= 0.0
                        if t - 1 - self.opened[i] >= rule.sessions and not leaves:
                            self.pending[i] = 0.0
                            self.events.append((t, i, rule.rule))
            if self.at_open:
                self.trade(t, self.open[t])
            for i, (stop, rule) in enumerate(stops):
                price = self.touched(t, i, stop / self.factor[t, i]) if self.shares[i] * before[i] > 0 else math.nan
                if not math.isnan(price):
                    self.pending.pop(i, None)
                    self.events.append((t, i, rule))
                    self.fill(t, i, -self.shares[i], price)
            if not self.at_open:
                self.trade(t, self.close[t])
            self.decide(t)
            self.mark = np.where(np.isnan(self.close[t]), self.mark, self.close[t])
            self.equity.append(self.cash + sum(q * p for q, p in zip(self.shares, self.mark, strict=True) if q))
        return self

    def decide(self, t: int) -> None:
        if t in self.decided:
            chosen = enumerate(self.decided[t])
            self.pending = {i: w for i, w in chosen if not math.isnan(w) and (w or self.shares[i])}
            if self.at_once:
                self.trade(t, self.close[t])


@pytest.mark.parametrize("fill", ["next_open", "next_close", "same_close"])
@pytest.mark.parametrize("rules", RULES)
def test_exits_are_those_of_the_plain_loop(rules: str, fill: str) -> None:
    seen: list[str] = []
    for seed in range(8):
        market = market_of(seed, bars=seed % 4 != 3)
        weights = random_weights(np.random.default_rng(seed), market, short=seed % 2 == 0).iloc[::4]
        # leverage, so that a purchase is not cut when a sale waits: what cash allows is not what is tested here
        result = ap.backtest_weights(market, weights, fill=fill, capital=1e6, leverage=True, stop_rules=RULES[rules])
        loop = Loop(market, weights, RULES[rules], fill).run()
        fills = pd.DataFrame(loop.fills, columns=["session", "asset", "quantity", "price"]).sort_values(
            ["session", "asset"], kind="stable"
        )
        ours = result.fills.assign(
            session=market.sessions.get_indexer(result.fills["session"]),
            asset=market.assets.get_indexer(result.fills["asset"]),
        ).sort_values(["session", "asset"], kind="stable")
        assert fills[["session", "asset"]].to_numpy().tolist() == ours[["session", "asset"]].to_numpy().tolist()
        np.testing.assert_allclose(ours["price"], fills["price"], rtol=1e-11)
        np.testing.assert_allclose(ours["quantity"], fills["quantity"], rtol=1e-8, atol=1e-8)
        stopped = result.events.loc[result.events["kind"].isin(STOP_KINDS)]
        assert sorted(loop.events) == sorted(
            zip(
                market.sessions.get_indexer(stopped["session"]),
                market.assets.get_indexer(stopped["asset"]),
                stopped["kind"],
                strict=True,
            )
        )
        np.testing.assert_allclose(result.equity.to_numpy()[1:], loop.equity[1:], rtol=1e-10)
        seen += stopped["kind"].tolist()
    assert set(seen) == {rule.rule for rule in RULES[rules]}
    assert len(seen) > 30
