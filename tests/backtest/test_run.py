"""A strategy through history: one path, the prefix law, what decisions record."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import alphapulse as ap
from alphapulse.core.ports import Broker
from alphapulse.cycle import due, step, study
from alphapulse.execution.simulated import SimulatedBroker

PARAMS = {
    "name": "test",
    "portfolio": {"allocator": "min_variance", "lookback": 252, "select": 0.5},
    "sizing": {"volatility_target_ann": 0.10},
    "risk": {"max_position": {"weight": 0.15}, "max_gross": {}, "max_drawdown": {"limit": 0.10}},
    "execution": {"costs": {"commission_bps": 2.0, "spread_bps": 4.0}},
}


def changed(**sections: dict[str, object]) -> dict[str, object]:
    return {**PARAMS, **{name: {**PARAMS.get(name, {}), **values} for name, values in sections.items()}}


@pytest.fixture(scope="module")
def market() -> ap.MarketData:
    return ap.load_market("simulated", n_assets=15, n_sessions=900, seed=7, actions=True)


@pytest.fixture(scope="module", params=["min_variance", "max_sharpe", "inverse_volatility", "equal_weight"])
def strategy(request: pytest.FixtureRequest) -> ap.Strategy:
    return ap.Strategy.from_params(changed(portfolio={"allocator": request.param}))


def replayed(market: ap.MarketData, strategy: ap.Strategy) -> tuple[SimulatedBroker, list[pd.Series]]:
    """Live through the market one session at a time, knowing only `until(session)`."""
    assert isinstance(SimulatedBroker(market, strategy.execution), Broker)
    broker, targets = SimulatedBroker(market, strategy.execution), []
    for row, session in enumerate(market.sessions):
        known = market.until(session)
        if due(strategy, known.sessions)[-1]:
            targets.append(step(strategy, study(strategy, known), row, broker).targets)
        else:
            broker.settle(row + 1)
    return broker, targets


def test_backtest_is_the_session_by_session_replay(market: ap.MarketData, strategy: ap.Strategy) -> None:
    result = ap.backtest(market, strategy)
    broker, targets = replayed(market, strategy)
    replay = broker.record()
    assert len(result.decisions) == len(targets) > 20
    np.testing.assert_allclose(result.decisions.targets, pd.DataFrame(targets), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(result.equity, replay.equity, rtol=1e-12)
    np.testing.assert_allclose(result.quantities, replay.quantities, rtol=1e-12, atol=1e-9)
    assert len(result.fills) == len(replay.fills)


def test_prefix_law_of_the_strategy(market: ap.MarketData, strategy: ap.Strategy) -> None:
    result = ap.backtest(market, strategy)
    for row in (300, 431, 432, 433, 640, 898):
        session = market.sessions[row]
        early = ap.backtest(market.until(session), strategy)
        np.testing.assert_allclose(early.equity, result.equity[:session], rtol=1e-12)
        np.testing.assert_allclose(early.decisions.targets, result.decisions.targets[:session], rtol=1e-12, atol=1e-12)


def test_decisions_record_what_was_seen_and_what_was_changed(market: ap.MarketData) -> None:
    result = ap.backtest(market, ap.Strategy.from_params(PARAMS))
    decision = result.decisions.at(result.decisions.targets.index[10])
    assert set(decision.scores) == {"combined", "technical", "value"}
    assert decision.scores["technical"].abs().max() <= 1.0
    assert decision.targets.max() <= 0.15 + 1e-12
    assert decision.targets.sum() <= 1.0 + 1e-12
    clamps = result.decisions.clamps
    assert set(clamps["rule"]) >= {"max_position"}
    assert (clamps["after"].abs() <= clamps["before"].abs() + 1e-15).all()
    assert (clamps["reason"] != "").all()


def test_weights_stay_within_the_position_limit_when_they_trade(market: ap.MarketData) -> None:
    result = ap.backtest(market, ap.Strategy.from_params(PARAMS))
    traded = market.sessions.get_indexer(result.decisions.targets.index) + 1
    at_fill = result.quantities.iloc[traded[traded < len(market.sessions)]]
    value = at_fill * market.panel("open").loc[at_fill.index]
    share = value.div(value.sum(axis=1) + result.cash[at_fill.index], axis=0)
    assert share.max().max() <= 0.15 * (1 + 1e-9)


def test_a_limit_that_never_binds_changes_nothing(market: ap.MarketData) -> None:
    without = ap.backtest(market, ap.Strategy.from_params({**PARAMS, "risk": {}}))
    with_idle = ap.backtest(
        market, ap.Strategy.from_params({**PARAMS, "risk": {"max_position": {"weight": 1.0}, "max_gross": {}}})
    )
    pd.testing.assert_series_equal(without.equity, with_idle.equity, check_exact=True)


def test_drawdown_control_lowers_the_exposure(market: ap.MarketData) -> None:
    free = ap.backtest(market, ap.Strategy.from_params({**PARAMS, "risk": {}}))
    held = ap.backtest(market, ap.Strategy.from_params({**PARAMS, "risk": {"max_drawdown": {"limit": 0.04}}}))
    assert "max_drawdown" in set(held.decisions.clamps["rule"])
    assert held.weights.sum(axis=1).mean() < free.weights.sum(axis=1).mean()


def test_same_parameters_give_the_same_numbers_and_another_seed_does_not(market: ap.MarketData) -> None:
    strategy = ap.Strategy.from_params(PARAMS)
    first, second = ap.backtest(market, strategy), ap.backtest(market, strategy)
    pd.testing.assert_series_equal(first.equity, second.equity, check_exact=True)
    assert first.provenance == second.provenance
    other = ap.load_market("simulated", n_assets=15, n_sessions=900, seed=8, actions=True)
    assert ap.backtest(other, strategy).provenance["data"] != first.provenance["data"]


def test_a_market_without_a_due_decision_is_refused(market: ap.MarketData) -> None:
    with pytest.raises(ap.AlphaPulseError, match="no decision falls due") as refused:
        ap.backtest(market.until(market.sessions[200]), ap.Strategy.from_params(PARAMS))
    assert "lookback of 252" in refused.value.accepted


def test_summary_counts_from_the_first_decision(market: ap.MarketData) -> None:
    result = ap.backtest(market, ap.Strategy.from_params(PARAMS))
    first = result.decisions.targets.index[0]
    live = result.equity[first:]
    summary = result.summary()
    assert summary["sessions"] == len(live) - 1
    assert summary["total_return"] == pytest.approx(live.iloc[-1] / live.iloc[0] - 1)
    assert summary["risk_free_ann"] == 0.0
    assert summary["costs_ann"] > 0


def test_the_default_strategy_runs_on_the_sample() -> None:
    sample = ap.load_market("sample", start="2014-01-02")
    result = ap.backtest(sample, ap.Strategy())
    assert "survivors only" in " ".join(result.flags)
    assert "closes only" in " ".join(result.flags)
    html = result._repr_html_()
    assert "survivors only" in html
    assert "sharpe" in html
