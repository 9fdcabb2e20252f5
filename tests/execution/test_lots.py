"""Whole shares and round lots: what is rounded, which way, and that nothing else changes."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from random_markets import Case, cases

import alphapulse as ap

NAN = np.nan
LOTS = (1.0, 7.0, 100.0)


def market_of(close: dict[str, list[float]], **panels: dict[str, list[float]]) -> ap.MarketData:
    sessions = pd.bdate_range("2020-01-06", periods=len(next(iter(close.values()))))
    frames = {
        name: pd.DataFrame(columns, sessions, dtype=float) for name, columns in {"close": close, **panels}.items()
    }
    return ap.MarketData(frames)


def weights_of(market: ap.MarketData, rows: dict[int, dict[str, float]]) -> pd.DataFrame:
    return pd.DataFrame(rows.values(), [market.sessions[row] for row in rows], dtype=float)


def unrestricted(case: Case) -> Case:
    return replace(case, stops=None, stop_rules=(), execution={**case.execution, "participation": None})


@given(cases(splits=False, lots=LOTS))
def test_without_splits_every_position_is_a_multiple_of_the_lot_after_every_fill(case: Case) -> None:
    result = case.run()
    held = result.fills.groupby("asset", observed=True)["quantity"].cumsum()
    assert (held % case.execution["lot"] == 0.0).all()
    assert (result.fills["quantity"] % case.execution["lot"] == 0.0).all()


@given(cases(lots=LOTS), st.sampled_from(LOTS))
def test_only_splits_make_odd_lots(case: Case, lot: float) -> None:
    """Where neither a cap nor missing cash cuts an order, it leaves whole lots whatever was held before."""
    whole = unrestricted(case)
    result = replace(whole, execution={**whole.execution, "lot": lot, "leverage": True}).run()
    rows = case.market.sessions.get_indexer(result.fills["session"])
    held = result.quantities.to_numpy()[rows, case.market.assets.get_indexer(result.fills["asset"])]
    assert (held % lot == 0.0).all()


@given(cases(troubled=False, lots=LOTS))
def test_no_weight_at_the_fill_is_beyond_its_target(case: Case) -> None:
    result = replace(unrestricted(case), execution={**unrestricted(case).execution, "fill": "next_close"}).run()
    short_of_cash = set(
        result.events.loc[result.events["kind"] == "unfunded", ["session", "asset"]].itertuples(index=False)
    )
    for session, target in case.weights.iterrows():
        at = case.market.sessions.get_loc(session) + 1
        if at == len(case.market.sessions):
            continue
        filled = case.market.sessions[at]
        for asset in target.index[target.notna()]:
            if (filled, asset) not in short_of_cash:
                assert abs(result.weights.loc[filled, asset]) <= abs(target[asset]) * (1.0 + 2e-12)


@given(cases(troubled=False, lots=LOTS))
def test_a_position_is_less_than_a_lot_short_of_its_target(case: Case) -> None:
    free = {**unrestricted(case).execution, "fill": "next_close", "costs": ap.Costs(), "leverage": True}
    result = replace(unrestricted(case), execution=free).run()
    close, lot = case.market.panel("close"), case.execution["lot"]
    for session, target in case.weights.iterrows():
        at = case.market.sessions.get_loc(session) + 1
        if at < len(case.market.sessions) and result.equity.iloc[at] > 0.0:
            wanted = target * result.equity.iloc[at] / close.iloc[at]
            short = (wanted.abs() - result.quantities.iloc[at].abs())[target.notna()]
            assert (short < lot * (1.0 + 1e-9)).all()


@given(cases(lots=(0.0,)))
def test_ever_smaller_lots_trade_as_fractions_do(case: Case) -> None:
    whole = unrestricted(case)
    fractional = whole.run()
    dearest = max(float(case.market.panel(name).max(axis=None)) for name in ("close", "open") if name in case.market)
    lot = 1e-12 * case.execution["capital"] / dearest
    tiny = replace(whole, execution={**whole.execution, "lot": lot}).run()
    np.testing.assert_allclose(tiny.equity, fractional.equity, rtol=1e-7)
    scale = max(float(fractional.quantities.abs().max(axis=None)), 1.0)
    np.testing.assert_allclose(tiny.quantities, fractional.quantities, rtol=1e-7, atol=1e-7 * scale)


def test_shares_are_rounded_toward_zero_and_the_rest_stays_in_cash() -> None:
    market = market_of({"A": [30, 30, 30], "B": [70, 70, 70]})
    result = ap.backtest_weights(market, weights_of(market, {0: {"A": 0.5, "B": -0.5}}), lot=1, capital=1_000)
    assert result.quantities.iloc[-1].tolist() == [16, -7]  # 16.67 and -7.14 wanted
    assert result.cash.iloc[-1] == 1_000 - 16 * 30 + 7 * 70
    assert result.parameters["execution"]["lot"] == 1


def test_a_wanted_position_that_is_whole_but_for_rounding_is_not_cut() -> None:
    """0.29 x 100 is 28.999999999999996 in floating point."""
    market = market_of({"A": [1, 1, 1]})
    result = ap.backtest_weights(market, weights_of(market, {0: {"A": 0.29}}), lot=1, capital=100)
    assert math.floor(0.29 * 100 / 1) == 28
    assert result.quantities["A"].iloc[-1] == 29


def test_a_zero_target_sells_the_odd_lot_too_and_another_one_rounds_it_away() -> None:
    split = {"A": [1, 1, 1.5, 1, 1], "B": [1, 1, 1.5, 1, 1]}
    market = market_of({"A": [10, 10, 10, 10, 10], "B": [10, 10, 10, 10, 10]}, split=split)
    weights = weights_of(market, {0: {"A": 0.5, "B": 0.5}, 2: {"A": 0.0, "B": 0.5}})
    result = ap.backtest_weights(market, weights, lot=100, capital=2_500)
    assert result.quantities["A"].tolist() == [0, 100, 150, 0, 0]
    assert result.quantities["B"].tolist() == [0, 100, 150, 100, 100]  # 175 wanted of an equity of 3,500


def test_what_a_cap_cuts_is_rounded_down_and_carried_in_lots() -> None:
    market = market_of({"A": [10] * 7}, volume={"A": [1e4, 1_700, 300, 1_299, 1e4, 1e4, 1e4]})
    weights = weights_of(market, {0: {"A": 1.0}})
    result = ap.backtest_weights(market, weights, lot=100, participation=0.2, carry=True, capital=9_990)
    # 999 wanted, so 900; room for 340, 60 and 259 shares
    assert result.quantities["A"].tolist() == [0, 300, 300, 500, 900, 900, 900]
    cancelled = ap.backtest_weights(market, weights, lot=100, participation=0.2, capital=9_990)
    assert cancelled.quantities["A"].tolist() == [0, 300, 300, 300, 300, 300, 300]
    assert cancelled.events[["kind", "quantity"]].to_numpy().tolist() == [["capped", 560.0], ["cancelled", 600.0]]


def test_an_exit_cut_by_the_cap_goes_on_to_the_last_odd_share() -> None:
    market = market_of(
        {"A": [10] * 7}, split={"A": [1, 1, 1.5, 1, 1, 1, 1]}, volume={"A": [1e6, 1e6, 1e6, 120, 90, 90, 90]}
    )
    weights = weights_of(market, {0: {"A": 1.0}, 2: {"A": 0.0}})
    result = ap.backtest_weights(market, weights, lot=100, participation=1.0, carry=True, capital=1_000)
    assert result.quantities["A"].tolist() == [0, 100, 150, 50, 0, 0, 0]


def test_an_order_carried_across_a_split_trades_whole_lots() -> None:
    market = market_of({"A": [15, 15, 10, 10]}, split={"A": [1, 1, 1.5, 1]}, volume={"A": [1e6, 33, 1e6, 1e6]})
    result = ap.backtest_weights(
        market, weights_of(market, {0: {"A": 1.0}}), lot=1, participation=1.0, carry=True, capital=1_000
    )
    # 66 wanted, 33 bought and 33 carried; the split makes 49.5 of both, and 49 are bought
    assert result.quantities["A"].tolist() == [0, 33, 98.5, 98.5]


def test_buys_that_cash_does_not_pay_for_shrink_to_whole_lots() -> None:
    market = market_of({"A": [10, 10, 10], "B": [5, 5, 5]})
    weights = weights_of(market, {0: {"A": 0.8, "B": 0.0}, 1: {"A": NAN, "B": 0.9}})
    result = ap.backtest_weights(market, weights, lot=7, capital=1_000)
    assert result.quantities["A"].tolist() == [0, 77, 77]  # 80 wanted
    assert result.quantities["B"].iloc[-1] == 42  # 230 in cash pay for 46
    assert (result.cash >= 0.0).all()


def test_rounded_sales_that_cost_more_leave_weights_within_their_targets() -> None:
    """8.2 shares to sell become 9: their cost comes out of the equity that the other weight is a share of."""
    market = market_of({"A": [100.0, 100.0, 100.0], "B": [0.01, 0.01, 0.01]})
    weights = weights_of(market, {0: {"A": 0.99, "B": 0.0}, 1: {"A": 0.11, "B": 0.8}})
    result = ap.backtest_weights(market, weights, lot=1, capital=1_000, costs=ap.Costs(commission_bps=1_000))
    assert (result.weights.iloc[-1] <= weights.iloc[-1]).all()
    # fractions would have kept 0.84 shares of A, whose sale cost 8.4: B is short of its share of that at most
    assert 0.0 < 0.8 * result.equity.iloc[-1] - result.quantities["B"].iloc[-1] * 0.01 <= 0.8 * 8.5


@pytest.mark.parametrize("lot", [-1.0, NAN, "1", True])
def test_a_lot_that_is_none_is_refused(lot: object) -> None:
    with pytest.raises(ap.AlphaPulseError, match="execution: lot"):
        ap.Execution(lot=lot)
