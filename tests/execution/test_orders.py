"""What becomes of single orders: caps, carrying, waiting, missing cash, stops, delistings, splits, dividends."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import alphapulse as ap

NAN = np.nan


def market_of(close: dict[str, list[float]], **panels: dict[str, list[float]]) -> ap.MarketData:
    """Return a market of a few sessions; panels that are not given are absent, assets not given are neutral."""
    sessions = pd.bdate_range("2020-01-06", periods=len(next(iter(close.values()))))
    frame = pd.DataFrame(close, sessions, dtype=float)
    neutral = {"split": 1.0, "dividend": 0.0, "delisting": NAN}
    made = {"close": frame}
    for name, columns in panels.items():
        made[name] = pd.DataFrame(columns, sessions, dtype=float).reindex(columns=frame.columns)
        if name in neutral:
            made[name] = made[name].fillna(neutral[name])
    return ap.MarketData(made)


def weights_of(market: ap.MarketData, rows: dict[int, dict[str, float]]) -> pd.DataFrame:
    return pd.DataFrame(rows.values(), [market.sessions[row] for row in rows], dtype=float)


def kinds(result: ap.BacktestResult) -> list[str]:
    return list(result.events["kind"])


def test_a_capped_order_is_cancelled_at_the_end_of_its_session() -> None:
    market = market_of({"A": [10, 10, 10, 10]}, volume={"A": [100, 100, 100, 100]})
    result = ap.backtest_weights(market, weights_of(market, {0: {"A": 1.0}}), participation=0.1, capital=1_000)
    assert result.quantities["A"].tolist() == [0, 10, 10, 10]
    assert kinds(result) == ["capped", "cancelled"]
    assert result.events["quantity"].tolist() == [90, 90]


def test_a_carried_order_goes_on_until_it_is_filled() -> None:
    market = market_of({"A": [10, 10, 10, 10, 10]}, volume={"A": [100, 400, 0, NAN, 100]})
    result = ap.backtest_weights(
        market, weights_of(market, {0: {"A": 1.0}}), participation=0.1, carry=True, capital=1_000
    )
    assert result.quantities["A"].tolist() == [0, 40, 40, 100, 100]  # an unknown volume does not cap
    assert kinds(result) == ["capped", "capped"]


def test_an_order_without_a_price_waits_until_it_trades() -> None:
    market = market_of({"A": [10, NAN, NAN, 20, 20]})
    result = ap.backtest_weights(market, weights_of(market, {0: {"A": 0.5}}), capital=1_000)
    assert result.quantities["A"].tolist() == [0, 0, 0, 25, 25]
    assert kinds(result) == ["waiting"]


def test_a_later_decision_replaces_a_waiting_order() -> None:
    market = market_of({"A": [10, NAN, NAN, 20, 20], "B": [5, 5, 5, 5, 5]})
    result = ap.backtest_weights(market, weights_of(market, {0: {"A": 0.5}, 1: {"B": 1.0}}), capital=1_000)
    assert result.quantities["A"].tolist() == [0] * 5
    assert result.quantities["B"].tolist() == [0, 0, 200, 200, 200]
    assert kinds(result) == ["waiting", "replaced"]


def test_buys_wait_for_the_cash_of_a_sale_that_cannot_trade() -> None:
    market = market_of({"A": [10, 10, NAN, 10, 10], "B": [5, 5, 5, 5, 5]})
    weights = weights_of(market, {0: {"A": 1.0, "B": 0.0}, 1: {"A": 0.0, "B": 1.0}})
    result = ap.backtest_weights(market, weights, capital=1_000)
    assert result.quantities["A"].tolist() == [0, 100, 100, 0, 0]
    assert result.quantities["B"].tolist() == [0, 0, 0, 200, 200]
    assert (result.cash >= 0).all()
    levered = ap.backtest_weights(market, weights, capital=1_000, leverage=True)
    assert levered.cash.tolist() == [1_000, 0, -1_000, 0, 0]


def test_a_kept_position_is_not_bought_around_on_credit() -> None:
    market = market_of({"A": [10, 10, 10], "B": [5, 5, 5]})
    weights = weights_of(market, {0: {"A": 0.8, "B": 0.0}, 1: {"A": NAN, "B": 0.9}})
    result = ap.backtest_weights(market, weights, capital=1_000)
    assert result.quantities["A"].tolist() == [0, 80, 80]
    assert result.quantities["B"].iloc[-1] == pytest.approx(200 / 5)
    assert result.cash.iloc[-1] == pytest.approx(0, abs=1e-6)
    assert kinds(result) == ["unfunded", "cancelled"]


@pytest.mark.parametrize(
    ("bar", "fill"),
    [
        ({"open": 9.5, "high": 9.8, "low": 8.8, "close": 9.6}, 9.0),  # touched inside the bar
        ({"open": 8.5, "high": 8.9, "low": 8.0, "close": 8.2}, 8.5),  # gapped through: at the open
        ({"open": 9.5, "high": 9.8, "low": 9.0, "close": 9.1}, 9.0),  # touched exactly
        ({"open": 9.5, "high": 9.8, "low": 9.1, "close": 9.1}, None),  # not touched
    ],
)
def test_a_stop_fills_inside_the_bar_or_at_the_open(bar: dict[str, float], fill: float | None) -> None:
    bars = {name: {"A": [10.0, 10.0, value, 10.0]} for name, value in bar.items()}
    market = market_of(bars.pop("close"), **bars)
    weights = weights_of(market, {0: {"A": 1.0}})
    stops = pd.DataFrame({"A": [9.0]}, weights.index)
    result = ap.backtest_weights(market, weights, stops=stops, capital=1_000)
    sold = result.fills.loc[result.fills["quantity"] < 0]
    assert sold["price"].tolist() == ([] if fill is None else [fill])
    assert result.quantities["A"].iloc[-1] == (100 if fill is None else 0)
    assert kinds(result) == ([] if fill is None else ["stop"])


def test_a_stop_of_a_short_position_buys_it_back() -> None:
    market = market_of(
        {"A": [10, 10, 10.5, 10]}, open={"A": [10, 10, 10, 10]}, high={"A": [10, 10, 11.5, 10]}, low={"A": [10] * 4}
    )
    weights = weights_of(market, {0: {"A": -1.0}})
    result = ap.backtest_weights(market, weights, stops=pd.DataFrame({"A": [11.0]}, weights.index), capital=1_000)
    assert result.fills["quantity"].tolist() == [-100, 100]
    assert result.fills["price"].tolist() == [10, 11]
    assert result.equity.iloc[-1] == pytest.approx(900)


def test_a_stop_moves_with_a_split() -> None:
    flat = {"A": [10, 10, 5, 5, 5]}
    market = market_of(flat, open=flat, high=flat, low={"A": [10, 10, 4.6, 4.4, 5]}, split={"A": [1, 1, 2, 1, 1]})
    weights = weights_of(market, {0: {"A": 1.0}})
    result = ap.backtest_weights(market, weights, stops=pd.DataFrame({"A": [9.0]}, weights.index), capital=1_000)
    assert result.quantities["A"].tolist() == [0, 100, 200, 0, 0]
    assert result.fills["price"].tolist() == [10, 4.5]


def test_without_a_range_a_stop_is_judged_and_filled_at_the_close() -> None:
    market = market_of({"A": [10, 10, 8, 10]})
    weights = weights_of(market, {0: {"A": 1.0}})
    result = ap.backtest_weights(market, weights, stops=pd.DataFrame({"A": [9.0]}, weights.index), capital=1_000)
    assert result.fills["price"].tolist() == [10, 8]


def test_a_delisting_pays_cash_and_cancels_what_waits() -> None:
    market = market_of({"A": [10, 10, NAN, NAN], "B": [5, 5, 5, 5]}, delisting={"A": [NAN, NAN, 7.0, NAN]})
    weights = weights_of(market, {0: {"A": 1.0}, 1: {"A": 0.5}})
    result = ap.backtest_weights(market, weights, capital=1_000)
    assert result.quantities["A"].tolist() == [0, 100, 0, 0]
    assert result.cash.tolist() == [1_000, 0, 700, 700]
    assert kinds(result) == ["delisting", "cancelled"]


def test_the_end_of_a_file_is_not_a_delisting() -> None:
    market = market_of({"A": [10, 12, NAN, NAN], "B": [5, 5, 5, 5]})
    result = ap.backtest_weights(market, weights_of(market, {0: {"A": 1.0}}), capital=1_000)
    assert result.quantities["A"].iloc[-1] > 0
    assert result.equity.tolist() == [1_000, 1_000, 1_000, 1_000]


def test_splits_and_dividends_on_the_same_day_pay_per_new_share() -> None:
    market = market_of({"A": [10, 10, 4.5, 4.5]}, split={"A": [1, 1, 2, 1]}, dividend={"A": [0, 0, 0.5, 0]})
    result = ap.backtest_weights(market, weights_of(market, {0: {"A": 1.0}}), capital=1_000)
    assert result.quantities["A"].tolist() == [0, 100, 200, 200]
    assert result.cash.tolist() == [1_000, 0, 100, 100]
    assert result.equity.tolist() == [1_000] * 4
    assert market.panel("total_return")["A"].tolist() == [1.0, 1.0, 1.0, 1.0]


def test_a_short_pays_the_dividend_and_the_borrow() -> None:
    market = market_of({"A": [10, 10, 9, 9]}, dividend={"A": [0, 0, 1, 0]})
    result = ap.backtest_weights(
        market, weights_of(market, {0: {"A": -1.0}}), capital=1_000, costs=ap.Costs(borrow_bps_ann=252)
    )
    assert result.flows["dividends"].tolist() == [0, 0, -100, 0]
    assert result.flows["borrow"].tolist() == pytest.approx([0, 0, 1_000 * 1e-4, 900 * 1e-4])


def test_cash_earns_interest_from_the_second_session_on() -> None:
    market = market_of({"A": [10, 10, 10]})
    weights = weights_of(market, {0: {"A": 0.0}})
    result = ap.backtest_weights(market, weights, capital=1_000, costs=ap.Costs(cash_rate_ann=0.252))
    assert result.equity.tolist() == pytest.approx([1_000, 1_001, 1_002.001])


def test_impact_follows_the_square_root_law() -> None:
    random = np.random.default_rng(5)
    count = 40
    close = 10 * np.cumprod(1 + 0.02 * random.standard_normal(count))
    market = market_of({"A": list(close)}, volume={"A": [1e5] * count})
    row = 30
    weights = weights_of(market, {row: {"A": 0.5}})
    result = ap.backtest_weights(market, weights, capital=1e6, costs=ap.Costs(impact=0.8))
    fill = result.fills.iloc[0]
    known = pd.Series(close).pct_change()[row - 20 : row + 1]  # the 21 sessions before the fill
    expected = 0.8 * known.std() * np.sqrt(fill["quantity"] / 1e5) * fill["quantity"] * fill["price"]
    assert fill["cost"] == pytest.approx(expected, rel=1e-10)


def test_closes_only_are_flagged_and_fill_at_the_next_close() -> None:
    market = market_of({"A": [10, 20, 40]})
    result = ap.backtest_weights(market, weights_of(market, {0: {"A": 1.0}}))
    assert result.fills["price"].tolist() == [20]
    assert any("next close" in flag for flag in result.flags)


def test_filling_at_the_deciding_close_says_so() -> None:
    market = market_of({"A": [10, 20, 40]})
    result = ap.backtest_weights(market, weights_of(market, {0: {"A": 1.0}}), fill="same_close")
    assert result.fills["price"].tolist() == [10]
    assert any("comparison only" in flag for flag in result.flags)
    assert "comparison only" in result._repr_html_()


def test_equity_starts_with_the_capital_even_when_it_trades_at_once() -> None:
    market = market_of({"A": [10, 10]})
    costs = ap.Costs(commission_bps=100)
    result = ap.backtest_weights(
        market, weights_of(market, {0: {"A": 1.0}}), fill="same_close", costs=costs, capital=1_000
    )
    assert result.equity.iloc[0] == 1_000
    assert result.returns.iloc[0] == pytest.approx(-1 / 101)  # what the first trade cost is in the first return


@pytest.mark.parametrize("seed", range(40))
def test_a_sale_carried_across_a_split_leaves_nothing(seed: int) -> None:
    """The shares and the waiting sale must split alike, or a rounding of them stays in the book, or goes short."""
    random = np.random.default_rng(seed)
    prices = {"A": list(random.uniform(5, 20, 8)), "B": [5.0] * 8}
    ratio = float(random.choice([3.0, 0.1, 1.5, 7.0]))
    market = market_of(
        prices, split={"A": [1, 1, 1, 1, ratio, 1, 1, 1]}, volume={"A": [1e9] * 3 + [7.3, 11.7] + [1e9] * 3}
    )
    weights = weights_of(market, {0: {"A": float(random.uniform(0.5, 1.0))}, 2: {"A": 0.0}})
    result = ap.backtest_weights(market, weights, participation=0.5, carry=True, capital=1_000)
    assert "split" in kinds(result)
    assert result.quantities["A"].iloc[-1] == 0.0


def test_decisions_do_not_follow_what_happens_to_the_callers_frame() -> None:
    market = market_of({"A": [10, 10], "B": [5, 5]})
    values = np.array([[0.5, 0.5]])
    weights = pd.DataFrame(values, market.sessions[:1], ["A", "B"], copy=False)
    result = ap.backtest_weights(market, weights)
    values[:] = 9.0
    assert result.decisions.targets.to_numpy().tolist() == [[0.5, 0.5]]


def impact_paid(volume: list[float], split: list[float] | None = None, row: int = 40) -> float:
    """Return what a purchase of half the equity at `row` costs when only impact is charged."""
    count = len(volume)
    ratio = np.cumprod(split or [1.0] * count)
    close = 100 * np.cumprod(1 + 0.01 * np.tile([1.0, -1.0], count)[:count]) / ratio
    market = market_of({"A": list(close)}, volume={"A": volume}, split={"A": split or [1.0] * count})
    result = ap.backtest_weights(
        market, weights_of(market, {row - 1: {"A": 0.5}}), capital=1e6, costs=ap.Costs(impact=1.0)
    )
    return float(result.fills["cost"].iloc[0])


def test_a_gap_in_the_volume_does_not_make_impact_free() -> None:
    usual = impact_paid([1e6] * 60)
    assert usual > 100
    assert impact_paid([NAN if row == 35 else 1e6 for row in range(60)]) == pytest.approx(usual)
    assert impact_paid([0.0 if row > 15 else 1e6 for row in range(60)]) > usual


@pytest.mark.parametrize("ratio", [20.0, 0.1])
@pytest.mark.parametrize("row", [39, 40, 41, 50])
def test_a_split_changes_no_impact(ratio: float, row: int) -> None:
    split = [ratio if day == 40 else 1.0 for day in range(60)]
    volume = [1e6 * (ratio if day >= 40 else 1.0) for day in range(60)]
    assert impact_paid(volume, split, row) == pytest.approx(impact_paid([1e6] * 60, row=row), rel=1e-9)


def test_a_stop_looks_at_the_close_where_the_range_is_unknown() -> None:
    market = market_of(
        {"A": [10, 10, 8, 8]}, open={"A": [10, 10, NAN, 8]}, high={"A": [10, 10, NAN, 8]}, low={"A": [10, 10, NAN, 8]}
    )
    weights = weights_of(market, {0: {"A": 1.0}})
    result = ap.backtest_weights(market, weights, stops=pd.DataFrame({"A": [9.0]}, weights.index), capital=1_000)
    assert result.fills["price"].tolist() == [10, 8]


def test_a_ruined_account_trades_no_more_and_says_so() -> None:
    market = market_of({"A": [100, 100, 400, 400, 400], "B": [10] * 5})
    weights = weights_of(market, {0: {"A": -1.0}, 2: {"A": 0.0, "B": 0.5}})
    result = ap.backtest_weights(market, weights, capital=1_000)
    assert result.equity.iloc[-1] == -2_000
    assert len(result.fills) == 1
    assert any("equity is not above zero from 2020-01-08 on" in flag for flag in result.flags)
