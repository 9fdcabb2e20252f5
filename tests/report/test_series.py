"""The numbers behind the figures, against plain loops."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from alphapulse.backtest.result import BacktestResult
from alphapulse.core.errors import DataError
from alphapulse.core.market import MarketData
from alphapulse.core.trading import Decisions
from alphapulse.report import series


def test_everything_counts_from_the_first_decision(result: BacktestResult) -> None:
    first = result.decisions.targets.index[0]
    live = series.live_sessions(result)
    assert live[0] == first
    assert live[-1] == result.equity.index[-1]
    growth = series.growth(result)
    assert list(growth.columns) == ["equal weight", "S&P 500"]
    assert (growth.iloc[0] == 1.0).all()
    assert growth.iloc[-1, 0] == pytest.approx(result.equity.iloc[-1] / result.equity[first])
    assert result.summary()["total_return"] == pytest.approx(growth.iloc[-1, 0] - 1.0, rel=1e-12)
    pd.testing.assert_series_equal(
        series.live_returns(result).iloc[:, 0], result.live_returns, check_names=False, rtol=1e-9
    )


@pytest.mark.parametrize("frequency", ["M", "Y"])
def test_calendar_returns_compound_to_the_whole(result: BacktestResult, frequency: str) -> None:
    periods = series.calendar_returns(result, frequency)
    growth = series.growth(result)
    np.testing.assert_allclose((1.0 + periods).prod(), growth.iloc[-1], rtol=1e-12)
    one = periods.index[3 if frequency == "M" else 2]
    days = result.live_returns[
        (result.live_returns.index >= one.start_time) & (result.live_returns.index <= one.end_time)
    ]
    assert periods.loc[one, "equal weight"] == pytest.approx((1.0 + days).prod() - 1.0, rel=1e-10)


def test_turnover_adds_up_to_the_summary(result: BacktestResult) -> None:
    months = series.monthly_turnover(result)
    years = len(result.live_returns) / 252
    assert months.sum() / years == pytest.approx(result.summary()["turnover_ann"], rel=1e-9)
    bought = sum(
        abs(fill.quantity) * fill.price / result.equity[fill.session] / 2
        for fill in result.fills.itertuples()
        if fill.session.to_period("M") == months.index[5]
    )
    assert months.iloc[5] == pytest.approx(bought, rel=1e-12)


def test_costs_add_up_to_the_summary(result: BacktestResult) -> None:
    years = len(result.live_returns) / 252
    assert series.cost_drag(result)["trading"].iloc[-1] / years == pytest.approx(
        result.summary()["costs_ann"], rel=1e-3
    )


def test_exposure_of_a_long_short_book(hedged: BacktestResult) -> None:
    exposure = series.exposure(hedged)
    assert exposure["gross"].iloc[2] == pytest.approx(1.0, abs=0.05)
    assert abs(exposure["net"].iloc[2]) < 0.05


def test_weekly_weights_show_the_largest_and_add_up(result: BacktestResult) -> None:
    weekly = series.weekly_weights(result, top=5)
    assert weekly.shape[1] == 6
    assert weekly.columns[-1] == "others"
    np.testing.assert_allclose(weekly.sum(axis=1), result.weights.loc[weekly.index].sum(axis=1), rtol=1e-12)
    assert weekly.index[-1] == result.equity.index[-1]
    assert weekly.index.to_period("W").is_unique
    mean = weekly.drop(columns="others").abs().mean()
    assert mean.is_monotonic_decreasing or np.ptp(mean) < 1e-3
    assert "others" not in series.weekly_weights(result, top=20)


def test_an_index_with_gaps_is_counted_and_left_out(
    make: Callable[..., BacktestResult], make_market: Callable[..., MarketData]
) -> None:
    market = make_market()
    holed = market.benchmark.copy()
    holed.iloc[[400, 500]] = np.nan
    result = make(replace(market, benchmark=holed))
    assert series.index_gaps(result) == 2
    assert list(series.growth(result).columns) == ["equal weight"]


def test_a_result_that_decided_nothing_says_so(result: BacktestResult) -> None:
    idle = replace(result, decisions=Decisions(result.decisions.targets.iloc[:0]))
    with pytest.raises(DataError, match="first decision"):
        series.growth(idle)
    late = replace(result, decisions=Decisions(pd.DataFrame(0.05, index=result.equity.index[-1:], columns=["AAPL"])))
    with pytest.raises(DataError, match="first decision"):
        series.growth(late)
