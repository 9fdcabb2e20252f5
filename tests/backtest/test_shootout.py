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
        assert table.loc[name, "turnover_ann"] == pytest.approx(traded / 2.0 / years, rel=1e-3)  # of equity after costs
        assert table.loc[name, "turnover_ann"] == result.summary()["turnover_ann"]
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


def test_classes_and_names_share_the_strategys_own_constraints(market: ap.MarketData) -> None:
    params = {
        "agents": {"use": ["technical", "value"]},
        "portfolio": {
            "lookback": 252,
            "allocator": "hrp",
            "options": {"linkage": "ward", "constraints": {"upper": 0.2}},
        },
    }
    strategy = ap.Strategy.from_params(params)
    shot = ap.shootout(market, strategy, ["equal_weight", "max_sharpe", "hrp"])
    assert shot.allocators["hrp"] is strategy.portfolio.allocator and shot.own == "hrp"
    assert shot.results["max_sharpe"].decisions.targets.max(axis=None) <= 0.2 + 1e-9
    whole = ap.shootout(market, strategy, {name: ap.ALLOCATORS[name] for name in shot.allocators})
    pd.testing.assert_frame_equal(whole.returns, shot.returns)


def test_its_summary_is_the_run_of_its_own_allocator_beside_naive_and_best(shot) -> None:
    summary = shot.summary()
    own = shot.results[shot.own].summary()
    shared = summary.index.intersection(own.index)
    assert {"annual_return", "sharpe", "max_drawdown", "turnover_ann", "costs_ann"} <= set(shared)
    pd.testing.assert_series_equal(summary[shared], own[shared])
    assert summary["allocators"] == 3 and summary["naive_sharpe"] == shot.table.loc["equal_weight", "sharpe"]
    assert (
        summary["best_sharpe"] == shot.table.loc[summary["best"], "sharpe"] == shot.table["sharpe"][list(NAMES)].max()
    )
    t = shot.against()["t"].reindex(list(NAMES))
    assert summary["told_apart"] == (t.abs() > 2.0).sum()
    assert {"measures", "against", "promises", "returns", "portfolios"} <= set(shot.tables)


def test_without_one_over_n_nothing_is_told_apart(market: ap.MarketData, strategy: ap.Strategy) -> None:
    shot = ap.shootout(market, strategy, ["hrp"])
    assert shot.naive is None and shot.told_apart.empty and "against" not in shot.tables
    assert np.isnan(shot.summary()["naive_sharpe"]) and np.isnan(shot.summary()["told_apart"])
    with pytest.raises(ParamsError, match="base = None"):
        shot.against()
    assert np.isnan(shot.against("hrp").loc["hrp", "t"])


def test_an_index_with_gaps_is_left_out_and_flagged(market: ap.MarketData, strategy: ap.Strategy) -> None:
    gaps = pd.Series(np.linspace(100.0, 120.0, len(market.sessions)), market.sessions, name="patchy")
    gaps.iloc[600] = np.nan
    patchy = ap.MarketData(dict(market.panels), benchmark=gaps, name="patchy")
    shot = ap.shootout(patchy, strategy, ["equal_weight"])
    assert list(shot.table.index) == ["equal_weight"]
    assert any("index unknown on 1 sessions" in flag for flag in shot.flags)


@pytest.mark.parametrize("allocators", [[], {}, {"index": ap.ALLOCATORS["hrp"]()}])
def test_no_allocator_or_the_name_of_the_index_is_refused(market, strategy, allocators) -> None:
    with pytest.raises(ParamsError, match="at least one, and none named 'index'"):
        ap.shootout(market, strategy, allocators)


def test_its_provenance_names_the_strategy_and_every_allocator(shot) -> None:
    assert shot.provenance["name"] == "run" == shot.name
    assert list(shot.provenance["parameters"]["allocators"]) == list(NAMES)
    assert shot.provenance["data"]["fingerprint"] == shot.market.fingerprint
