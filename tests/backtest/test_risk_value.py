"""What each rule cost and saved: a rule off is a rule never had; the daily watch cuts what the limits say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import alphapulse as ap
from alphapulse.core.errors import ParamsError

RISK = {"max_position": {"weight": 0.12}, "max_drawdown": {"limit": 0.1}, "trailing_stop": {"loss": 0.1}}


@pytest.fixture(scope="module")
def market() -> ap.MarketData:
    return ap.load_market("simulated", n_assets=12, n_sessions=800, seed=11)


def strategy(risk: dict[str, Any], check: str = "decisions") -> ap.Strategy:
    return ap.Strategy.from_params(
        {
            "agents": {"use": ["technical"]},
            "portfolio": {"lookback": 200, "allocator": "min_variance"},
            "risk": risk,
            "risk_check": check,
            "execution": {"costs": {"commission_bps": 2.0}},
        }
    )


@pytest.fixture(scope="module")
def value(market: ap.MarketData):
    return ap.value_of_risk(market, strategy(RISK))


@pytest.mark.parametrize("off", RISK)
def test_a_rule_off_is_a_rule_never_had(off: str, value, market: ap.MarketData) -> None:
    never = ap.backtest(market, strategy({name: options for name, options in RISK.items() if name != off}))
    np.testing.assert_array_equal(value.results[f"without {off}"].equity, never.equity)


def test_the_table_is_the_difference_of_the_runs(value, market: ap.MarketData) -> None:
    whole = ap.backtest(market, strategy(RISK))
    np.testing.assert_array_equal(value.with_all.equity, whole.equity)
    table = value.table
    assert list(table.index) == [*RISK, "all together"]
    bare = ap.backtest(market, strategy({})).summary()
    for name in ("annual_return", "sharpe", "max_drawdown"):
        assert table.loc["all together", name] == pytest.approx(whole.summary()[name] - bare[name])
    assert table.loc["max_position", "actions"] == (whole.decisions.clamps["rule"] == "max_position").sum() > 0
    assert table.loc["trailing_stop", "actions"] == (whole.events["kind"].astype(str) == "trailing_stop").sum() > 0
    assert list(value.equity.columns) == ["all rules", *(f"without {name}" for name in RISK), "no rules"]


def test_a_strategy_without_rules_is_taught(market: ap.MarketData) -> None:
    with pytest.raises(ParamsError, match="no limit and no stop rule"):
        ap.value_of_risk(market, strategy({}))


def test_the_daily_watch_keeps_the_book_within_its_limits(market: ap.MarketData) -> None:
    limit = {"max_position": {"weight": 0.12}}
    loose = ap.backtest(market, strategy(limit))
    daily = ap.backtest(market, strategy(limit, "daily"))
    first = daily.decisions.targets.index[0]
    # Weights drift between decisions: at the close after the watch has traded they are back.
    over = (loose.weights.loc[first:].max(axis=1) > 0.12 * 1.05).sum()
    assert over > 0, "the test needs drift"
    assert (daily.weights.loc[first:].max(axis=1) > 0.12 * 1.05).sum() < over / 3
    checks = daily.decisions.notes["note"] == "risk check between decisions"
    assert checks.sum() == len(daily.decisions) - len(loose.decisions) > 0
    clamps = daily.decisions.clamps
    assert (clamps["after"].abs() <= clamps["before"].abs()).all()


def test_a_daily_watch_that_never_bites_changes_nothing(market: ap.MarketData) -> None:
    calm = {"max_position": {"weight": 1.0}}
    once, daily = (ap.backtest(market, strategy(calm, check)) for check in ("decisions", "daily"))
    np.testing.assert_array_equal(once.equity, daily.equity)


def test_the_watch_does_not_look_ahead(market: ap.MarketData) -> None:
    report = ap.leak_check(
        strategy({"max_position": {"weight": 0.12}, "max_drawdown": {"limit": 0.1}}, "daily"), market, quick=True
    )
    assert report.ok, report
