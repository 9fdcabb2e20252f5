"""The engine beside vectorbt and bt: one loop explains all three, which differ in one line, the size of a trade.

E is the equity before trading, v the values held, w the weights, c the cost of a traded unit of value.

- ours: values become w x E', with E' the equity that is left when all costs are paid.
- vectorbt: values become w x E, costs come out of the cash; sales go first, then buys from the smallest to the
  largest, and the one that finds the cash spent is cut.
- bt: a trade *and its cost* amount to w x E - v, so that buys are smaller and sales larger; a closed position is sold
  as it stands.

The conventions agree without costs, and part by second-order amounts with them.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest

import alphapulse as ap

CAPITAL = 1e6
COST = 0.002

needs_vectorbt = pytest.mark.skipif(find_spec("vectorbt") is None, reason="vectorbt is not installed (extra bench)")
needs_bt = pytest.mark.skipif(find_spec("bt") is None, reason="bt is not installed (extra bench)")

Sizing = Callable[[np.ndarray, np.ndarray, float, float, float], np.ndarray]


def market_of(seed: int = 5, sessions: int = 300, assets: int = 8) -> ap.MarketData:
    random = np.random.default_rng(seed)
    index = pd.bdate_range("2012-01-02", periods=sessions)
    names = [f"A{number}" for number in range(assets)]
    close = 40.0 * np.exp(np.cumsum(0.02 * random.standard_normal((sessions, assets)), axis=0))
    opening = close * np.exp(0.01 * random.standard_normal(close.shape))
    return ap.MarketData({"close": pd.DataFrame(close, index, names), "open": pd.DataFrame(opening, index, names)})


def weights_of(market: ap.MarketData, *, invested: float, every: int = 7, seed: int = 6) -> pd.DataFrame:
    """Long-only rows that sum to `invested`, each with positions opened and closed."""
    random = np.random.default_rng(seed)
    sessions = market.sessions[4:-1:every]
    raw = random.random((len(sessions), len(market.assets))) * (random.random((len(sessions), 8)) > 0.3)
    raw[:, 0] += 0.1
    return pd.DataFrame(invested * raw / raw.sum(axis=1, keepdims=True), sessions, market.assets)


def size_ours(weights: np.ndarray, values: np.ndarray, equity: float, cash: float, cost: float) -> np.ndarray:
    after = equity
    for _ in range(100):  # a contraction of rate cost
        after = equity - cost * np.abs(weights * after - values).sum()
    return weights * after - values


def size_vectorbt(weights: np.ndarray, values: np.ndarray, equity: float, cash: float, cost: float) -> np.ndarray:
    trades = weights * equity - values
    for i in np.argsort(trades):
        trades[i] = min(trades[i], cash / (1.0 + cost))
        cash -= trades[i] + cost * abs(trades[i])
    return trades


def size_bt(weights: np.ndarray, values: np.ndarray, equity: float, cash: float, cost: float) -> np.ndarray:
    trades = weights * equity - values
    return np.where(weights == 0.0, -values, trades / np.where(trades > 0.0, 1.0 + cost, 1.0 - cost))


def plain_loop(market: ap.MarketData, orders: pd.DataFrame, size: Sizing, cost: float, price: str) -> np.ndarray:
    """Equity at each close; orders: weights at the session they trade, at its `price`."""
    cash, shares, equity = CAPITAL, np.zeros(len(market.assets)), []
    for session, close in market.panel("close").iterrows():
        if session in orders.index:
            at = market.panel(price).loc[session].to_numpy()
            trades = size(orders.loc[session].to_numpy(), shares * at, cash + shares @ at, cash, cost)
            cash -= trades.sum() + cost * np.abs(trades).sum()
            shares = shares + trades / at
        equity.append(cash + shares @ close.to_numpy())
    return np.array(equity)


def next_session(market: ap.MarketData, weights: pd.DataFrame) -> pd.DataFrame:
    """The same rows, labelled by the session after the decision, where they trade."""
    later = market.sessions[market.sessions.get_indexer(weights.index) + 1]
    return weights.set_axis(later)


def ours(market: ap.MarketData, weights: pd.DataFrame, fill: str, cost: float) -> np.ndarray:
    costs = ap.Costs(commission_bps=cost * 1e4)
    equity = ap.backtest_weights(market, weights, costs=costs, fill=fill, capital=CAPITAL).equity
    return equity.to_numpy()


def by_vectorbt(market: ap.MarketData, orders: pd.DataFrame, price: str, cost: float) -> np.ndarray:
    import vectorbt

    portfolio = vectorbt.Portfolio.from_orders(
        market.panel("close"),
        orders.reindex(market.sessions),
        size_type="targetpercent",
        price=market.panel(price),
        fees=cost,
        init_cash=CAPITAL,
        group_by=True,
        cash_sharing=True,
        call_seq="auto",
    )
    return portfolio.value().to_numpy()


def by_bt(market: ap.MarketData, orders: pd.DataFrame, cost: float) -> np.ndarray:
    import bt

    test = bt.Backtest(
        bt.Strategy("weights", [bt.algos.WeighTarget(orders), bt.algos.Rebalance()]),
        market.panel("close"),
        initial_capital=CAPITAL,
        commissions=lambda quantity, price: abs(quantity) * price * cost,
        integer_positions=False,
        progress_bar=False,
    )
    test.run()
    return test.strategy.data["value"].to_numpy()[1:]  # it puts a row of its own before the first session


@needs_vectorbt
@pytest.mark.parametrize("invested", [0.9, 1.0])
@pytest.mark.parametrize("fill", ["next_open", "next_close", "same_close"])
def test_without_costs_the_engine_equals_vectorbt(fill: str, invested: float) -> None:
    market = market_of()
    weights = weights_of(market, invested=invested)
    orders = weights if fill == "same_close" else next_session(market, weights)
    price = "open" if fill == "next_open" else "close"
    theirs = by_vectorbt(market, orders, price, cost=0.0)
    np.testing.assert_allclose(ours(market, weights, fill, cost=0.0), theirs, rtol=1e-11)


@needs_bt
@pytest.mark.parametrize("invested", [0.9, 1.0])
@pytest.mark.parametrize("fill", ["next_close", "same_close"])
def test_without_costs_the_engine_equals_bt(fill: str, invested: float) -> None:
    market = market_of()
    weights = weights_of(market, invested=invested)
    orders = weights if fill == "same_close" else next_session(market, weights)
    np.testing.assert_allclose(ours(market, weights, fill, cost=0.0), by_bt(market, orders, cost=0.0), rtol=1e-11)


@pytest.mark.parametrize("invested", [0.9, 1.0])
def test_the_loop_with_our_sizing_is_our_engine(invested: float) -> None:
    market = market_of()
    weights = weights_of(market, invested=invested)
    loop = plain_loop(market, weights, size_ours, COST, "close")
    np.testing.assert_allclose(ours(market, weights, "same_close", COST), loop, rtol=1e-12)


@needs_vectorbt
@pytest.mark.parametrize("price", ["open", "close"])
@pytest.mark.parametrize("invested", [0.9, 1.0], ids=["cash_left", "cash_spent"])
def test_the_loop_with_its_sizing_is_vectorbt(invested: float, price: str) -> None:
    market = market_of()
    orders = next_session(market, weights_of(market, invested=invested))
    loop = plain_loop(market, orders, size_vectorbt, COST, price)
    np.testing.assert_allclose(by_vectorbt(market, orders, price, COST), loop, rtol=1e-11)


@needs_bt
@pytest.mark.parametrize("invested", [0.9, 1.0])
def test_the_loop_with_its_sizing_is_bt(invested: float) -> None:
    market = market_of()
    orders = weights_of(market, invested=invested)
    loop = plain_loop(market, orders, size_bt, COST, "close")
    np.testing.assert_allclose(by_bt(market, orders, COST), loop, rtol=1e-11)


@pytest.mark.parametrize("size", [size_vectorbt, size_bt], ids=["vectorbt", "bt"])
def test_one_rebalance_costs_the_same_up_to_the_square_of_the_cost(size: Sizing) -> None:
    """Trades differ by the cost of trading at most, so costs differ by the cost of that.

    With T = |w E - v| summed, ours trades w E' - v, and E - E' <= c T: |costs - c T| <= c x sum w x c T <= c^2 T.
    bt divides each trade by 1 +- c: |costs - c T| <= c^2 T / (1 - c). vectorbt trades w E - v, cut by what the costs
    took from the cash, c T at most: |costs - c T| <= c^2 T.
    """
    random = np.random.default_rng(8)
    for _ in range(200):
        weights, values = random.dirichlet(np.ones(6)), 1e6 * random.dirichlet(np.ones(6)) * random.uniform(0.2, 1.0)
        cost, equity = random.uniform(0.0, 0.02), 1e6
        turnover = np.abs(weights * equity - values).sum()
        bound = cost**2 * turnover * (1.0 + 1.0 / (1.0 - cost)) + 1e-6
        cash = equity - values.sum()
        paid = [cost * np.abs(s(weights, values, equity, cash, cost)).sum() for s in (size, size_ours)]
        assert abs(paid[0] - paid[1]) <= bound
