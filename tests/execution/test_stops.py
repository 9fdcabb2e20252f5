"""Stop rules by hand: when each acts, at which price, what it leaves in the record, and what it leaves alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import talib
from hypothesis import given
from random_markets import EVERY_RULE, Case, cases, random_market

import alphapulse as ap
from alphapulse.core.stops import STOPS, AtrStop, FixedStop, StopRule, TimeStop, TrailingStop, chosen_stops
from alphapulse.core.trading import STOP_KINDS
from alphapulse.execution.stops import average_true_range
from alphapulse.execution.tape import tape_of

NAN = np.nan
BAR = ("open", "high", "low", "close")


def market_of(bars: list[tuple[float, float, float, float]], **panels: list[float]) -> ap.MarketData:
    """Return a market of the asset A with these bars, and of B, which stays at 5."""
    sessions = pd.bdate_range("2020-01-06", periods=len(bars))
    frames = {
        name: pd.DataFrame({"A": column, "B": 5.0}, sessions)
        for name, column in zip(BAR, np.array(bars).T, strict=True)
    }
    for name, column in panels.items():
        frames[name] = pd.DataFrame({"A": column, "B": {"split": 1.0, "volume": 1e9}[name]}, sessions, dtype=float)
    return ap.MarketData(frames)


def closes(*prices: float, **panels: list[float]) -> ap.MarketData:
    """Return a market without ranges: every bar is its close."""
    whole = market_of([(price,) * 4 for price in prices], **panels)
    return ap.MarketData({n: f for n, f in whole.panels.items() if n in ("close", "split", "volume")})


def trade(
    market: ap.MarketData, rows: dict[int, dict[str, float]], *rules: StopRule, **options: object
) -> ap.BacktestResult:
    weights = pd.DataFrame(rows.values(), [market.sessions[row] for row in rows], dtype=float)
    return ap.backtest_weights(market, weights, capital=1_000, stop_rules=rules, **options)


def exits(result: ap.BacktestResult) -> list[tuple[int, float, str]]:
    """Return session number, price and event kind of each stop of A that filled in its own session."""
    stopped = result.events.loc[result.events["kind"].isin(STOP_KINDS)]
    merged = result.fills.merge(stopped, on=["session", "asset", "quantity"])
    at = result.market.sessions.get_indexer(merged["session"])
    return list(zip(at.tolist(), merged["price"].tolist(), merged["kind"].astype(str).tolist(), strict=True))


FLAT = (10.0, 10.0, 10.0, 10.0)


@pytest.mark.parametrize(
    ("bar", "price"),
    [
        ((9.5, 9.8, 8.8, 9.6), 9.0),  # touched inside the bar
        ((8.5, 8.9, 8.0, 8.2), 8.5),  # gapped through: at the open
        ((9.5, 9.8, 9.1, 9.1), None),  # not touched
    ],
)
@pytest.mark.parametrize("side", [1, -1])
def test_a_fixed_stop_lies_at_the_entry_less_the_loss(bar: tuple[float, ...], price: float | None, side: int) -> None:
    open_, high, low, close = bar
    mirrored = bar if side > 0 else (20 - open_, 20 - low, 20 - high, 20 - close)
    result = trade(market_of([FLAT, FLAT, mirrored, FLAT]), {0: {"A": 0.5 * side}}, FixedStop(0.10))
    assert exits(result) == ([] if price is None else [(2, pytest.approx(10 + side * (price - 10)), "fixed_stop")])
    assert result.quantities["A"].iloc[-1] == (0 if price else 50 * side)


def test_a_rule_acts_from_the_session_after_the_entry_on() -> None:
    """It is decided at a close: the bar that opened the position may go through its stop."""
    market = market_of([FLAT, (10.0, 10.0, 5.0, 9.5), (9.5, 9.6, 9.4, 9.5), (9.5, 9.5, 8.9, 9.2)])
    assert exits(trade(market, {0: {"A": 0.5}}, FixedStop(0.10))) == [(3, 9.0, "fixed_stop")]


def test_a_trailing_stop_hangs_from_the_best_close_not_from_the_best_price() -> None:
    market = market_of([FLAT, FLAT, (10, 20, 10, 12), (12, 12, 10.3, 11), (11, 11, 10.1, 10.5)])
    assert exits(trade(market, {0: {"A": 0.5}}, TrailingStop(0.15))) == [(4, pytest.approx(10.2), "trailing_stop")]


def test_a_trailing_stop_of_a_short_hangs_from_the_lowest_close() -> None:
    market = closes(10, 10, 8, 8.7, 9, 9)
    assert exits(trade(market, {0: {"A": -0.5}}, TrailingStop(0.10))) == [(4, 9.0, "trailing_stop")]


def test_an_atr_stop_hangs_three_ranges_below_the_best_close() -> None:
    """Ranges of 1 until the exit: 14 of them are known at the close of session 14."""
    steady = [(10.0, 10.5, 9.5, 10.0)] * 16
    market = market_of([*steady, (10.0, 12.0, 10.0, 12.0), (12.0, 12.0, 8.7, 9.0), FLAT])
    # at the close of session 16: ATR = (13 x 1 + 2) / 14 and the best close is 12
    expected = 12 - 3 * (15 / 14)
    assert exits(trade(market, {14: {"A": 0.5}}, AtrStop())) == [(17, pytest.approx(expected), "atr_stop")]


def test_there_is_no_atr_stop_before_fourteen_ranges_are_known() -> None:
    fall = [(10.0, 10.5, 9.5, 10.0), *([(10.0 - 0.5 * k,) * 4 for k in range(15)])]
    assert exits(trade(market_of(fall[:15]), {0: {"A": 0.5}}, AtrStop(0.5))) == []
    assert exits(trade(market_of(fall), {0: {"A": 0.5}}, AtrStop(0.5)))[0][0] == 15


@pytest.mark.parametrize(("fill", "price"), [("next_open", 14.5), ("next_close", 14.0), ("same_close", 14.0)])
def test_a_time_stop_orders_at_the_close_and_fills_in_the_next_session(fill: str, price: float) -> None:
    bars = [(10.5 + k, 11.0 + k, 9.0 + k, 10.0 + k) for k in range(7)]
    decided = 1 if fill == "same_close" else 0  # so that all are opened in session 1
    result = trade(market_of(bars), {decided: {"A": 0.5}}, TimeStop(2), fill=fill)
    assert exits(result) == [(4, price, "time_stop")]


def test_a_time_stop_waits_for_a_price_and_stands_through_decisions_that_keep_the_position() -> None:
    market = closes(10, 10, 10, NAN, NAN, NAN, 11, 11)
    result = trade(market, {0: {"A": 0.5}, 3: {"A": NAN, "B": 0.1}}, TimeStop(1))
    assert result.quantities["A"].tolist() == [0, 50, 50, 50, 50, 50, 0, 0]
    ordered = result.events.loc[(result.events["kind"] == "time_stop") & (result.events["asset"] == "A"), "session"]
    assert market.sessions.get_indexer(ordered).tolist() == [3, 4]  # the decision withdrew the first


def test_a_time_stop_takes_the_place_of_an_order_that_would_stay() -> None:
    market = closes(10, 10, 10, 10, 10, 10)
    result = trade(market, {0: {"A": 0.5}, 2: {"A": 0.7}, 4: {"A": 0.2}}, TimeStop(1))
    assert result.quantities["A"].tolist() == [0, 50, 50, 0, 0, 20]
    assert result.events["kind"].tolist() == ["cancelled", "time_stop"]


@pytest.mark.parametrize("target", [0.0, -0.3])
def test_a_time_stop_leaves_an_order_that_leaves(target: float) -> None:
    result = trade(closes(10, 10, 10, 10), {0: {"A": 0.5}, 2: {"A": target}}, TimeStop(1))
    assert result.quantities["A"].iloc[-1] == 100 * target
    assert result.events.empty


def test_a_time_stop_cut_by_the_cap_is_ordered_again_only_when_it_is_not_carried() -> None:
    market = closes(10, 10, 10, 10, 10, 10, volume=[1e9, 1e9, 1e9, 20, 20, 1e9])
    for carry, ordered in ((True, [3]), (False, [3, 4, 5])):
        result = trade(market, {0: {"A": 0.5}}, TimeStop(1), participation=1.0, carry=carry)
        assert result.quantities["A"].tolist() == [0, 50, 50, 30, 10, 0]
        at = result.events.loc[result.events["kind"] == "time_stop", "session"]
        assert market.sessions.get_indexer(at).tolist() == ordered


def test_adding_and_selling_part_leave_the_entry_where_it_was() -> None:
    market = closes(10, 10, 12, 12, 12, 9.5, 9.0, 9)
    result = trade(market, {0: {"A": 0.2}, 1: {"A": 0.6}, 3: {"A": 0.1}}, FixedStop(0.10))
    assert exits(result) == [(6, 9.0, "fixed_stop")]  # from 10, not from 12


def test_turning_a_position_round_and_buying_again_start_anew() -> None:
    market = closes(10, 10, 20, 20, 21.9, 22.0, 22, 22, 19.9, 19.8)
    turned = trade(market, {0: {"A": 0.5}, 2: {"A": -0.5}, 6: {"A": 0.5}}, FixedStop(0.10))
    assert exits(turned) == [(5, 22.0, "fixed_stop"), (9, 19.8, "fixed_stop")]


def test_the_stop_of_a_position_does_not_close_the_one_it_was_turned_into() -> None:
    """Bought at 10 and turned round at the open of a bar that goes through 9: the short has no stop there."""
    market = market_of([FLAT, FLAT, (9.5, 9.6, 8.0, 9.0), (9.0, 9.0, 9.0, 9.0)])
    result = trade(market, {0: {"A": 0.5}, 1: {"A": -0.5}}, FixedStop(0.10))
    assert exits(result) == []
    assert result.quantities["A"].iloc[-1] < 0


def test_a_stopped_asset_stays_out_until_a_decision_gives_it_a_weight() -> None:
    market = closes(10, 10, 8, 10, 10, 10, 10)
    result = trade(market, {0: {"A": 0.5}, 3: {"A": NAN, "B": 0.1}, 5: {"A": 0.5}}, FixedStop(0.10))
    assert (result.quantities["A"] > 0).tolist() == [False, True, False, False, False, False, True]


def test_a_stop_withdraws_what_was_still_to_be_bought() -> None:
    market = market_of([FLAT, FLAT, (10.0, 10.0, 8.5, 9.0), FLAT, FLAT], volume=[1e9, 20, 20, 1e9, 1e9])
    result = trade(market, {0: {"A": 1.0}}, FixedStop(0.10), participation=1.0, carry=True)
    # 20 bought and 80 carried; nothing is left of the volume for the stop, which acts again when it is touched
    assert result.quantities["A"].tolist() == [0, 20, 40, 40, 40]
    assert "cancelled" in result.events["kind"].tolist()


def test_a_stop_cut_by_the_cap_goes_on_while_it_is_touched() -> None:
    market = closes(10, 10, 8, 8, 8, 8, volume=[1e9, 1e9, 30, 30, 1e9, 1e9])
    result = trade(market, {0: {"A": 1.0}}, FixedStop(0.10), participation=1.0)
    assert result.quantities["A"].tolist() == [0, 100, 70, 40, 0, 0]
    assert [kind for _, _, kind in exits(result)] == ["fixed_stop"] * 3


def test_stops_follow_a_split() -> None:
    market = closes(10, 12, 6, 5.2, 5, 5, split=[1, 1, 2, 1, 1, 1])
    assert exits(trade(market, {0: {"A": 0.5}}, FixedStop(0.15))) == [(4, 5.0, "fixed_stop")]  # 12 x 0.85 / 2 = 5.1
    assert exits(trade(market, {0: {"A": 0.5}}, TrailingStop(0.10))) == [(3, 5.2, "trailing_stop")]  # below 5.4


@pytest.mark.parametrize(
    ("rules", "explicit", "kind", "price"),
    [
        ((FixedStop(0.20), TrailingStop(0.10)), NAN, "trailing_stop", 9.0),
        ((FixedStop(0.05), TrailingStop(0.10)), NAN, "fixed_stop", 9.5),
        ((FixedStop(0.05),), 9.7, "stop", 9.7),
        ((FixedStop(0.02),), 9.7, "fixed_stop", 9.8),
        ((), 9.7, "stop", 9.7),
    ],
)
def test_the_tightest_stop_acts_and_is_named(
    rules: tuple[StopRule, ...], explicit: float, kind: str, price: float
) -> None:
    market = market_of([FLAT, FLAT, (9.9, 9.9, 8.0, 8.0)])
    stops = pd.DataFrame({"A": [explicit]}, market.sessions[:1])
    assert exits(trade(market, {0: {"A": 0.5}}, *rules, stops=stops)) == [(2, pytest.approx(price), kind)]


@given(cases(splits=False))
def test_stops_only_ever_reduce_a_position(case: Case) -> None:
    """Every fill of a stop is against the position that it meets, and no larger."""
    result = case.run()
    stopped = result.events.loc[result.events["kind"].isin(STOP_KINDS), ["session", "asset", "quantity"]]
    fills = result.fills.assign(before=0.0)
    fills["before"] = fills.groupby("asset", observed=True)["quantity"].cumsum() - fills["quantity"]
    met = fills.merge(stopped.drop_duplicates(), on=["session", "asset", "quantity"])
    assert (np.sign(met["quantity"]) == -np.sign(met["before"])).all()
    assert (met["quantity"].abs() <= met["before"].abs() * (1.0 + 1e-12)).all()


@pytest.mark.parametrize("bars", [True, False])
def test_the_average_true_range_is_that_of_ta_lib(bars: bool) -> None:
    """On prices restated for all splits, over the traded sessions of each asset, as TA-Lib has neither."""
    for seed in range(5):
        market = random_market(np.random.default_rng(seed), 120, 3, bars=bars)
        ours = average_true_range(tape_of(market))
        shares = market.panel("split").cumprod()
        close, high, low = ((market.panel(name if bars else "close") * shares) for name in ("close", "high", "low"))
        for place, asset in enumerate(market.assets):
            traded = close[asset].notna()
            column = [panel.loc[traded, asset].to_numpy() for panel in (high, low, close)]
            expected = pd.Series(talib.ATR(*column, timeperiod=14), close.index[traded]).reindex(close.index).ffill()
            np.testing.assert_allclose(ours[:, place], expected / shares[asset], rtol=1e-10)


def test_rules_are_named_by_table_parameters_and_events() -> None:
    assert set(STOPS) == set(STOP_KINDS) - {"stop"}
    for name, make in STOPS.items():
        assert make.rule == name
        assert chosen_stops(name) == chosen_stops([name]) == chosen_stops(make()) == (make(),)
    result = trade(closes(10, 10), {0: {"A": 0.5}}, *EVERY_RULE)
    assert result.provenance["parameters"]["stop_rules"] == [repr(rule) for rule in EVERY_RULE]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FixedStop(10), "fixed_stop: loss"),
        (lambda: TrailingStop(0.0), "trailing_stop: loss"),
        (lambda: AtrStop(-1.0), "atr_stop: multiple"),
        (lambda: TimeStop(0), "time_stop: sessions"),
        (lambda: chosen_stops(["trailing"]), "did you mean trailing_stop"),
        (lambda: chosen_stops([0.9]), "a float came"),
    ],
)
def test_a_rule_that_means_nothing_is_refused(make: object, message: str) -> None:
    with pytest.raises(ap.AlphaPulseError, match=message):
        make()
