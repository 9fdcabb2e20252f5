"""The shoot-out runs each allocator as a backtest of its own would, and its table says what the runs say."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import alphapulse as ap
from alphapulse.core.errors import ParamsError

NAMES = ("equal_weight", "hrp", "black_litterman")


@pytest.fixture(scope="module")
def market() -> ap.MarketData:
    return ap.load_market("simulated", n_assets=15, n_sessions=700, seed=5, fundamentals=True)


@pytest.fixture(scope="module")
def strategy() -> ap.Strategy:
    return ap.Strategy.from_params(
        {
            "agents": {"use": ["technical", "value"]},
            "portfolio": {"lookback": 252},
            "execution": {"costs": {"commission_bps": 5.0}},
        }
    )


@pytest.fixture(scope="module")
def shot(market: ap.MarketData, strategy: ap.Strategy):
    return ap.shootout(market, strategy, NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_each_is_its_own_backtest(name: str, shot, market: ap.MarketData, strategy: ap.Strategy) -> None:
    params = {
        "agents": {"use": ["technical", "value"]},
        "portfolio": {"lookback": 252, "allocator": name},
        "execution": {"costs": {"commission_bps": 5.0}},
    }
    alone = ap.backtest(market, ap.Strategy.from_params(params))
    np.testing.assert_allclose(shot.results[name].equity, alone.equity, rtol=1e-12)


def test_the_table(shot) -> None:
    table = shot.table
    assert list(table.index) == [*NAMES, *(["index"] if shot.first.benchmark is not None else [])]
    for name in NAMES:
        result = shot.results[name]
        assert table.loc[name, "sharpe"] == pytest.approx(result.summary()["sharpe"])
        assert table.loc[name, "max_drawdown"] == pytest.approx(result.summary()["max_drawdown"])
        years = len(result.live_returns) / 252
        traded = sum(
            abs(fill.quantity) * fill.price / result.equity[fill.session] for fill in result.fills.itertuples()
        )
        assert table.loc[name, "turnover_ann"] == pytest.approx(traded / years)
        assert table.loc[name, "costs_ann"] == pytest.approx(5e-4 * traded / years, rel=0.2)
    assert table.loc["equal_weight", "assets"] > 5
    # Lo 2002: about one over the square root of the years
    assert table.loc["hrp", "sharpe_se"] == pytest.approx(1 / np.sqrt(years), rel=0.05)


def test_own_allocators_and_wrong_names(market: ap.MarketData, strategy: ap.Strategy) -> None:
    capped = ap.ALLOCATORS["min_variance"](constraints={"upper": 0.2})
    shot = ap.shootout(market, strategy, {"capped": capped})
    assert shot.results["capped"].decisions.targets.max(axis=None) <= 0.2 + 1e-9
    assert isinstance(shot.returns, pd.DataFrame) and "capped" in repr(shot)
    with pytest.raises(ParamsError, match="did you mean hrp"):
        ap.shootout(market, strategy, ["hrpp"])
