"""Target-weight backtests: from loaded prices to a result whose equity is read. Each work returns the final equity."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd

import alphapulse as ap

ASSETS, SESSIONS = 500, 7_560
QUICK_ASSETS, QUICK_SESSIONS = 50, 1_260
CAPITAL, COST_BPS = 10_000_000.0, 10.0
RUNS = 9


def prices(quick: bool) -> dict[str, pd.DataFrame]:
    """Return opens and closes of correlated random walks, sessions x assets."""
    sessions, assets = (QUICK_SESSIONS, QUICK_ASSETS) if quick else (SESSIONS, ASSETS)
    random = np.random.default_rng(0)
    index = pd.bdate_range("1990-01-02", periods=sessions)
    names = [f"A{number:03d}" for number in range(assets)]
    moves = 0.01 * random.standard_normal((sessions, 1)) + 0.02 * random.standard_normal((sessions, assets))
    close = 50.0 * np.exp(np.cumsum(moves, axis=0))
    opening = close * np.exp(0.005 * random.standard_normal(close.shape))
    return {"open": pd.DataFrame(opening, index, names), "close": pd.DataFrame(close, index, names)}


def weights(sessions: pd.Index, names: pd.Index, every: int) -> pd.DataFrame:
    """Return random long-only weights that sum to one, decided at every `every`-th session."""
    chosen = sessions[:-1:every]
    raw = np.random.default_rng(1).random((len(chosen), len(names)))
    return pd.DataFrame(raw / raw.sum(axis=1, keepdims=True), chosen, names)


def ours(every: int) -> Callable[[bool], Callable[[], float]]:
    """Fill at the next open."""

    def prepare(quick: bool) -> Callable[[], float]:
        market = ap.MarketData(prices(quick))
        targets = weights(market.sessions, market.assets, every)
        return lambda: _final_equity(market, targets)

    return prepare


def ours_new(every: int) -> Callable[[bool], Callable[[], float]]:
    """The same, each time on a market that was never traded: its prices are laid out for the engine within the time."""

    def prepare(quick: bool) -> Callable[[], float]:
        market = ap.MarketData(prices(quick))
        targets = weights(market.sessions, market.assets, every)
        markets = [replace(market) for _ in range(RUNS + 1)]
        return lambda: _final_equity(markets.pop(), targets)

    return prepare


def _final_equity(market: ap.MarketData, targets: pd.DataFrame) -> float:
    costs = ap.Costs(commission_bps=COST_BPS)
    return float(ap.backtest_weights(market, targets, costs=costs, capital=CAPITAL).equity.iloc[-1])


def vectorbt(every: int) -> Callable[[bool], Callable[[], float]]:
    """Fill at the next open: the table of orders, one row a session, is made before the clock starts."""

    def prepare(quick: bool) -> Callable[[], float]:
        import vectorbt as vbt

        panels = prices(quick)
        close = panels["close"]
        targets = weights(close.index, close.columns, every).reindex(close.index).shift(1)

        def work() -> float:
            portfolio = vbt.Portfolio.from_orders(
                close,
                targets,
                size_type="targetpercent",
                price=panels["open"],
                fees=COST_BPS / 1e4,
                init_cash=CAPITAL,
                group_by=True,
                cash_sharing=True,
                call_seq="auto",
            )
            return float(portfolio.value().iloc[-1])

        return work

    return prepare


def bt(every: int, share: float) -> Callable[[bool], Callable[[], float]]:
    """Fill at the deciding close, the only price it knows, on the first `share` of the sessions."""

    def prepare(quick: bool) -> Callable[[], float]:
        import bt as library

        close = prices(quick)["close"]
        close = close.iloc[: round(len(close) * share)]
        targets = weights(close.index, close.columns, every)

        def work() -> float:
            strategy = library.Strategy("weights", [library.algos.WeighTarget(targets), library.algos.Rebalance()])
            test = library.Backtest(
                strategy,
                close,
                initial_capital=CAPITAL,
                commissions=lambda quantity, price: abs(quantity) * price * COST_BPS / 1e4,
                integer_positions=False,
                progress_bar=False,
            )
            test.run()
            return float(test.strategy.data["value"].iloc[-1])

        return work

    return prepare
