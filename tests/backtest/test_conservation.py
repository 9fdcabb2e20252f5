"""Law 4 and its kin as properties over markets with halts, listings, delistings, splits and dividends."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given
from random_markets import Case, cases

import alphapulse as ap
from alphapulse.core.trading import Book, Decision
from alphapulse.execution.simulated import Execution, SimulatedBroker


def marks_of(market: ap.MarketData) -> pd.DataFrame:
    """Last known close of each asset, restated for the splits since, by a plain loop."""
    close, split = market.panel("close").to_numpy(), market.panel("split").to_numpy()
    marks, last = np.full(close.shape, np.nan), np.full(close.shape[1], np.nan)
    for t in range(len(close)):
        last = np.where(np.isnan(close[t]), last / split[t], close[t])
        marks[t] = last
    return pd.DataFrame(marks, market.sessions, market.assets)


@given(cases())
def test_cash_and_positions_are_the_equity(case: Case) -> None:
    result = case.run()
    value = (result.quantities * marks_of(case.market)).where(result.quantities != 0.0, 0.0).sum(axis=1)
    scale = np.maximum(value.abs() + result.cash.abs(), case.execution["capital"])
    assert result.equity.iloc[0] == case.execution["capital"]
    assert (((value + result.cash - result.equity) / scale).iloc[1:].abs() <= 1e-12).all()
    np.testing.assert_allclose(
        (result.weights.sum(axis=1) * result.equity)[1:], value[1:], rtol=1e-9, atol=1e-9 * scale.max()
    )


@given(cases())
def test_equity_changes_by_pnl_dividends_interest_and_costs_alone(case: Case) -> None:
    result = case.run()
    flows = result.flows
    net = flows["price_pnl"] + flows["dividends"] + flows["interest"] - flows["borrow"] - flows["costs"]
    rebuilt = case.execution["capital"] + net.cumsum()
    scale = result.equity.abs() + result.cash.abs() + case.execution["capital"]
    assert (((rebuilt - result.equity) / scale).iloc[1:].abs() <= 1e-11).all()
    costs = result.fills.groupby("session")["cost"].sum().reindex(result.equity.index, fill_value=0.0)
    np.testing.assert_allclose(flows["costs"], costs, rtol=1e-12, atol=1e-12)
    assert (result.fills["cost"] >= 0.0).all()
    if case.execution["costs"] == ap.Costs():
        assert (flows[["costs", "interest", "borrow"]] == 0.0).all().all()


@given(cases())
def test_the_book_is_a_fold_over_fills_and_events(case: Case) -> None:
    result = case.run()
    book = Book.opening(case.execution["capital"], case.market.assets)
    fills, events = dict(list(result.fills.groupby("session"))), dict(list(result.events.groupby("session")))
    accrued = (result.flows["interest"] - result.flows["borrow"]).cumsum()
    for session in result.equity.index:
        book = book.after(fills.get(session, result.fills[:0]), events.get(session))
        np.testing.assert_allclose(book.quantities, result.quantities.loc[session], rtol=1e-9, atol=1e-9)
        scale = abs(book.cash) + case.execution["capital"]
        assert abs(book.cash + accrued[session] - result.cash[session]) <= 1e-10 * scale


@given(cases())
def test_fills_trade_at_prices_of_the_session_within_its_range_and_volume(case: Case) -> None:
    result = case.run()
    fills, market = result.fills, case.market
    at = market.sessions.get_indexer(fills["session"]), market.assets.get_indexer(fills["asset"])
    price = fills["price"].to_numpy()
    close = market.panel("close").to_numpy()[at]
    assert not np.isnan(close).any()
    if "low" in market:
        low, high = market.panel("low").to_numpy()[at], market.panel("high").to_numpy()[at]
        assert ((price >= low * (1 - 1e-12)) & (price <= high * (1 + 1e-12))).all()
        if case.execution["participation"] is not None:
            volume = market.panel("volume").to_numpy()
            traded = np.zeros(volume.shape)
            np.add.at(traded, at, fills["quantity"].abs().to_numpy())
            cap = case.execution["participation"] * volume * (1 + 1e-12)
            assert (traded[~np.isnan(volume)] <= cap[~np.isnan(volume)]).all()
    else:
        np.testing.assert_array_equal(price, close)


@given(cases())
def test_nothing_is_decided_and_filled_before_it_is_known(case: Case) -> None:
    result = case.run()
    first = case.weights.index[0]
    if case.execution["fill"] == "same_close":
        assert (result.fills["session"] >= first).all()
    else:
        assert (result.fills["session"] > first).all()


@given(cases(short=False))
def test_an_account_without_leverage_never_owes_cash(case: Case) -> None:
    result = case.run()
    assert (result.cash >= -1e-8 * result.equity.abs()).all()
    assert (result.quantities.to_numpy() >= 0.0).all()


@given(cases())
def test_equity_is_always_known(case: Case) -> None:
    result = case.run()
    assert result.equity.notna().all()
    assert result.cash.notna().all()
    assert result.quantities.notna().all().all()


@given(cases())
def test_session_by_session_replay_is_the_backtest_to_the_last_bit(case: Case) -> None:
    result = case.run()
    options = dict(case.execution)
    broker = SimulatedBroker(case.market, Execution(options.pop("costs"), **options), case.stop_rules)
    for row, session in enumerate(case.market.sessions):
        broker.settle(row + 1)
        if session in case.weights.index:
            stops = None if case.stops is None else case.stops.loc[session]
            broker.place(Decision(session, case.weights.loc[session], stops=stops))
    replayed = broker.record()
    pd.testing.assert_series_equal(replayed.equity, result.equity, check_exact=True)
    pd.testing.assert_frame_equal(replayed.fills, result.fills, check_exact=True)
    pd.testing.assert_frame_equal(replayed.events, result.events, check_exact=True)
    pd.testing.assert_frame_equal(replayed.quantities, result.quantities, check_exact=True)


@given(cases())
def test_prefix_law_of_the_engine(case: Case) -> None:
    result = case.run()
    cut = case.market.sessions[len(case.market.sessions) // 2]
    if case.weights.index[0] > cut:
        return
    early = case.run(case.market.until(cut))
    pd.testing.assert_series_equal(early.equity, result.equity[:cut], check_exact=True)
    pd.testing.assert_frame_equal(early.quantities, result.quantities[:cut], check_exact=True)


@given(cases())
def test_prices_and_capital_in_another_currency_change_no_weight(case: Case) -> None:
    if case.execution["participation"] is not None or case.execution["costs"].impact:
        return  # volumes are in shares: the same capital in another currency buys another share of them
    factor = 1_000.0
    market = case.market
    priced = {"close", "open", "high", "low", "dividend", "delisting"} & set(market.panels)
    scaled = {n: f * factor if n in priced else f for n, f in market.panels.items() if n != "total_return"}
    other = Case(
        ap.MarketData(scaled),
        case.weights,
        {**case.execution, "capital": case.execution["capital"] * factor},
        None if case.stops is None else case.stops * factor,
        case.stop_rules,
    ).run()
    np.testing.assert_allclose(other.equity / factor, case.run().equity, rtol=1e-9)


@given(cases(short=False, costs=False))
def test_raw_prices_with_actions_earn_the_total_return(case: Case) -> None:
    """Fully invested in one asset, rebalanced at every close, equity follows its total return."""
    market = case.market
    asset = market.assets[0]
    level = market.panel("total_return")[asset].dropna()
    level = level[: market.panel("delisting")[asset].first_valid_index()]
    weights = pd.DataFrame(1.0, index=level.index, columns=[asset])
    equity = ap.backtest_weights(market, weights, fill="same_close").equity[level.index]
    # cash paid during a halt waits uninvested until the next price, so the law is exact between halts only
    steady = level.index.to_series().diff().eq(market.sessions.to_series().diff().reindex(level.index))
    ratio, expected = equity.pct_change(), level.pct_change()
    np.testing.assert_allclose(ratio[steady & expected.notna()], expected[steady & expected.notna()], atol=1e-9)
