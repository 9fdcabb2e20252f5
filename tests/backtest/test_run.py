"""A strategy through history: one path, the prefix law, what decisions record."""

from __future__ import annotations

from dataclasses import replace

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


# Everything that may act between the calendar's decisions, or remembers what it did at the last one.
BUSY = {
    "portfolio": {
        "allocator": "mean_variance",
        "options": {"constraints": {"upper": 0.3, "turnover_bps": 10.0}},
        "mean": "scores",
        "no_trade": 0.01,
    },
    "sizing": {"method": "kelly", "drawdown_scale": 0.5},
    "risk": {
        "max_position": {"weight": 0.06},
        "max_var": {"loss": 0.015},
        "max_turnover": {"turnover": 0.5},
        "trailing_stop": {"loss": 0.12},
        "time_stop": {"sessions": 50},
    },
    "risk_check": "daily",
    "execution": {"lot": 1.0, "participation": 0.05, "carry": True},
}


def busy() -> dict[str, object]:
    return {
        **changed(**{name: values for name, values in BUSY.items() if isinstance(values, dict)}),
        "risk_check": "daily",
    }


@pytest.fixture(scope="module", params=[*ap.ALLOCATORS, "busy"])
def strategy(request: pytest.FixtureRequest) -> ap.Strategy:
    params = busy() if request.param == "busy" else changed(portfolio={"allocator": request.param})
    return ap.Strategy.from_params(params)


def replayed(market: ap.MarketData, strategy: ap.Strategy) -> tuple[SimulatedBroker, list[pd.Series]]:
    """Live through the market one session at a time, knowing only `until(session)`."""
    broker, targets, estimate = SimulatedBroker(market, strategy.execution, strategy.risk.stops), [], None
    assert isinstance(broker, Broker)
    for row, session in enumerate(market.sessions):
        known = market.until(session)
        asked = due(strategy, known.sessions)[-1]
        if asked or (strategy.risk.check == "daily" and estimate is not None):
            decision, estimate = step(strategy, study(strategy, known), row, broker, None if asked else estimate)
            targets += [] if decision is None else [decision.targets]
        else:
            broker.settle(row + 1)
    return broker, targets


def test_backtest_is_the_session_by_session_replay(market: ap.MarketData, strategy: ap.Strategy) -> None:
    market = market.until(market.sessions[600 if strategy.risk.check == "daily" else 640])
    result = ap.backtest(market, strategy)
    broker, targets = replayed(market, strategy)
    replay = broker.record()
    assert len(result.decisions) == len(targets) > 12
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
    assert set(decision.scores) == {"combined", *ap.AGENTS}
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


def test_provenance_tells_what_ran_and_not_what_was_asked_for(market: ap.MarketData) -> None:
    strategy = ap.Strategy.from_params(PARAMS)
    execution = ap.Execution(costs=ap.Costs(commission_bps=50), fill="next_close", capital=5e6)
    result = ap.backtest(market, replace(strategy, execution=execution, covariance="sample"))
    told = result.provenance
    assert told["parameters"]["execution"]["fill"] == "next_close"
    assert told["parameters"]["execution"]["capital"] == result.equity.iloc[0] == 5e6
    assert told["parameters"]["execution"]["costs"]["commission_bps"] == 50
    assert told["parameters"]["estimates"]["covariance"] == "sample"
    assert "TechnicalAgent" in told["parameters"]["agent"]
    assert told["data"]["origin"]["name"] == "simulated"
    assert told["data"]["origin"]["n_assets"] == 15
    assert told["seed"] == 7
    assert told["data"]["fingerprint"] == market.fingerprint


def test_a_result_can_be_made_again_from_its_provenance(market: ap.MarketData) -> None:
    result = ap.backtest(market, ap.Strategy.from_params(PARAMS))
    again = ap.load_market(**result.provenance["data"]["origin"])
    assert again.fingerprint == result.provenance["data"]["fingerprint"]


@pytest.mark.parametrize("fill", ["next_open", "next_close", "same_close"])
def test_measures_count_what_the_first_trade_cost(fill: str) -> None:
    sessions = pd.bdate_range("2020-01-06", periods=30)
    flat = ap.MarketData({"close": pd.DataFrame(100.0, sessions, ["A", "B"])})
    weights = pd.DataFrame([[1.0, 0.0]], sessions[10:11], ["A", "B"])
    result = ap.backtest_weights(flat, weights, fill=fill, costs=ap.Costs(commission_bps=100))
    summary = result.summary()
    assert summary["total_return"] == pytest.approx(-1 / 101)
    assert summary["final_equity"] / summary["first_equity"] - 1 == pytest.approx(summary["total_return"])


def test_an_index_with_a_gap_is_flagged(market: ap.MarketData) -> None:
    gap = market.benchmark.copy()
    gap.iloc[400] = np.nan
    result = ap.backtest(replace(market, benchmark=gap), ap.Strategy.from_params(PARAMS))
    assert "alpha" not in result.summary() or np.isnan(result.summary()["alpha"])
    assert any("index unknown on 1 session" in flag for flag in result.flags)
