"""Results to report on: real backtests of tables of weights on the sample's prices, without the data room."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from skfolio.datasets import load_sp500_dataset, load_sp500_index

from alphapulse.backtest.result import BacktestResult
from alphapulse.backtest.weights import backtest_weights
from alphapulse.core.market import MarketData
from alphapulse.execution.costs import Costs

FLAGS = ("survivors only", "closes only")


def sample_market(
    start: str = "2012-01-01", end: str = "2016-12-31", names: dict[str, str] | None = None
) -> MarketData:
    close = load_sp500_dataset().loc[start:end].rename(columns=names or {}).sort_index(axis=1)
    index = load_sp500_index().iloc[:, 0].reindex(close.index).rename("S&P 500")
    return MarketData({"close": close}, benchmark=index, flags=FLAGS)


def traded(market: MarketData, name: str = "equal weight", **options: object) -> BacktestResult:
    sessions = market.sessions
    decisions = sessions[np.flatnonzero(np.diff(sessions.to_period("M").asi8))][2:]
    weights = pd.DataFrame(1.0 / len(market.assets), index=decisions, columns=market.assets)
    return backtest_weights(market, weights, costs=Costs(commission_bps=5, spread_bps=5), name=name, **options)


@pytest.fixture(scope="session")
def result() -> BacktestResult:
    return traded(sample_market())


@pytest.fixture(scope="session")
def hedged() -> BacktestResult:
    market = sample_market()
    weights = pd.DataFrame(0.05, index=market.sessions[[100, 600]], columns=market.assets)
    weights.iloc[:, ::2] = -0.05
    return backtest_weights(market, weights, costs=Costs(spread_bps=5, borrow_bps_ann=50), name="hedged", leverage=True)


@pytest.fixture(scope="session")
def make() -> Callable[..., BacktestResult]:
    return traded


@pytest.fixture(scope="session")
def make_market() -> Callable[..., MarketData]:
    return sample_market
