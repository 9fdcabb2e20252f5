"""backtest_weights against a plain loop that shares no code with the engine."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import alphapulse as ap

COSTS = {
    "free": {},
    "linear": {"commission_bps": 7.0, "spread_bps": 6.0},
    "all": {"commission_bps": 5.0, "spread_bps": 4.0, "borrow_bps_ann": 80.0, "cash_rate_ann": 0.03},
}


def market_of(seed: int, sessions: int = 260, assets: int = 7) -> ap.MarketData:
    random = np.random.default_rng(seed)
    index = pd.bdate_range("2010-01-04", periods=sessions)
    columns = [f"A{i}" for i in range(assets)]
    close = 50.0 * np.exp(np.cumsum(0.02 * random.standard_normal((sessions, assets)), axis=0))
    open_ = close * np.exp(0.01 * random.standard_normal(close.shape))
    return ap.MarketData({"close": pd.DataFrame(close, index, columns), "open": pd.DataFrame(open_, index, columns)})


def weights_of(market: ap.MarketData, seed: int, *, short: bool, every: int = 5) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    index = market.sessions[3::every]
    raw = random.standard_normal((len(index), len(market.assets)))
    raw = raw if short else np.abs(raw)
    raw *= random.uniform(0.3, 1.0, (len(index), 1)) / np.abs(raw).sum(axis=1, keepdims=True)
    return pd.DataFrame(raw, index, market.assets)


def plain_loop(market: ap.MarketData, weights: pd.DataFrame, costs: dict[str, float], fill: str, capital: float):
    """Hold cash and shares; solve the equity after costs by bisection; one asset and one session at a time."""
    close, open_ = market.panel("close").to_numpy(), market.panel("open").to_numpy()
    rate = (costs.get("commission_bps", 0.0) + costs.get("spread_bps", 0.0) / 2) / 1e4
    interest, borrow = costs.get("cash_rate_ann", 0.0) / 252, costs.get("borrow_bps_ann", 0.0) / 1e4 / 252
    cash, shares = capital, [0.0] * close.shape[1]
    equity, holdings, paid = [], [], 0.0
    pending = None
    for t, session in enumerate(market.sessions):
        if t:
            cash += cash * interest - borrow * sum(-q * p for q, p in zip(shares, close[t - 1], strict=True) if q < 0)
        decided = weights.loc[session].to_numpy() if session in weights.index else None
        if fill == "same_close":
            pending = decided
        if pending is not None:
            price = open_[t] if fill == "next_open" else close[t]
            before = cash + sum(q * p for q, p in zip(shares, price, strict=True))

            def spent(after: float, price=price, pending=pending) -> float:
                return rate * sum(abs(w * after - q * p) for w, q, p in zip(pending, shares, price, strict=True))

            low, high = 0.0, before
            for _ in range(200):
                middle = (low + high) / 2
                low, high = (middle, high) if middle + spent(middle) < before else (low, middle)
            for i, price_i in enumerate(price):
                trade = pending[i] * high / price_i - shares[i]
                cost = rate * abs(trade) * price_i
                shares[i] += trade
                cash -= trade * price_i + cost
                paid += cost
            pending = None
        equity.append(cash + sum(q * p for q, p in zip(shares, close[t], strict=True)))
        holdings.append(list(shares))
        if fill != "same_close":
            pending = decided
    return np.array(equity), np.array(holdings), paid


@pytest.mark.parametrize("short", [False, True], ids=["long", "long_short"])
@pytest.mark.parametrize("costs", COSTS)
@pytest.mark.parametrize("fill", ["next_open", "next_close", "same_close"])
def test_engine_equals_the_plain_loop(fill: str, costs: str, short: bool) -> None:
    market = market_of(seed=11)
    weights = weights_of(market, seed=12, short=short)
    result = ap.backtest_weights(market, weights, costs=ap.Costs(**COSTS[costs]), fill=fill, capital=1e6)
    equity, holdings, paid = plain_loop(market, weights, COSTS[costs], fill, 1e6)
    np.testing.assert_allclose(result.equity.to_numpy(), equity, rtol=1e-12)
    np.testing.assert_allclose(result.quantities.to_numpy(), holdings, rtol=1e-12, atol=1e-12 * np.abs(holdings).max())
    np.testing.assert_allclose(result.fills["cost"].sum(), paid, rtol=1e-11)


@pytest.mark.parametrize("fill", ["next_open", "next_close", "same_close"])
def test_weights_at_the_fill_equal_the_targets_after_costs(fill: str) -> None:
    market = market_of(seed=3)
    weights = weights_of(market, seed=4, short=False, every=21)
    result = ap.backtest_weights(market, weights, costs=ap.Costs(commission_bps=50), fill=fill)
    prices = market.panel("open" if fill == "next_open" else "close")
    lag = 0 if fill == "same_close" else 1
    for decided in weights.index:
        at = market.sessions.get_loc(decided) + lag
        if at >= len(market.sessions):
            continue
        value = result.quantities.iloc[at] * prices.iloc[at]
        reached = value / (result.cash.iloc[at] + value.sum())
        np.testing.assert_allclose(reached, weights.loc[decided], rtol=1e-10)
