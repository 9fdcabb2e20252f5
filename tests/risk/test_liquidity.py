"""Liquidity: textbook examples, a plain loop over the sessions of a sale, and positions that cannot be sold."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from alphapulse.core.errors import DataError, MissingField, ParamsError
from alphapulse.core.estimates import RiskEstimate
from alphapulse.core.facts import Facts
from alphapulse.risk.liquidity import days_to_liquidate, liquidity_var

ASSETS = ["A", "B", "C"]
CORRELATION = np.array([[1.0, 0.5, 0.2], [0.5, 1.0, 0.3], [0.2, 0.3, 1.0]])


def market(traded: list[float], volatility: tuple[float, ...] = (0.01, 0.02, 0.03)) -> RiskEstimate:
    assets = ASSETS[: len(traded)]
    count = len(assets)
    deviation = np.array(volatility[:count])
    covariance = np.outer(deviation, deviation) * CORRELATION[:count, :count]
    return RiskEstimate(
        pd.DataFrame(columns=assets),
        pd.Series(0.0, assets),
        pd.DataFrame(covariance, assets, assets),
        facts=Facts(traded_value=pd.Series(traded, assets)),
    )


def test_a_position_sold_in_five_days() -> None:
    # FRM part 2 question 511.3 after Malz (2011), chapter 12: $1 million at 34 % a year of 250 days, 99 %, five days
    estimate = market([2_000_000.0], volatility=(0.34 / math.sqrt(250.0),))
    table = liquidity_var(pd.Series({"A": 1.0}), estimate, 1_000_000.0, 0.99, spread_bps=0.0)
    assert table["days"]["A"] == pytest.approx(5.0)
    assert table["var"]["A"] * 1e6 == pytest.approx(-50_024.0, abs=5.0)
    assert table["horizon_var"]["A"] * 1e6 == pytest.approx(-50_024.0 * math.sqrt(6 * 11 / 30), abs=8.0)


def test_half_the_spread_is_paid() -> None:
    # Dowd (2005), chapter 14, as in the FRM notes: price 100, volatility 2 % a day, spread 1 %, 95 %: 3.80 at 1.65
    table = liquidity_var(pd.Series({"A": 1.0}), market([1e12], (0.02,)), 100.0, spread_bps=100.0)
    assert table["total"]["A"] * 100.0 == pytest.approx(-3.79, abs=0.01)
    assert table["spread_cost"]["A"] == pytest.approx(-0.005)


@given(
    weights=st.lists(st.floats(-1.0, 1.0), min_size=3, max_size=3),
    days=st.lists(st.floats(0.05, 30.0), min_size=3, max_size=3),
)
def test_the_horizon_equals_a_loop_over_sessions(weights: list[float], days: list[float]) -> None:
    weights = [weight if abs(weight) > 1e-3 else 0.0 for weight in weights]
    traded = [max(abs(weight), 1e-3) * 1e6 / (0.2 * day) for weight, day in zip(weights, days, strict=True)]
    estimate = market(traded)
    book = pd.Series(weights, ASSETS)
    table = liquidity_var(book, estimate, 1e6, 0.99, spread_bps=10.0, participation=0.2)
    np.testing.assert_allclose(table["days"], np.where(book != 0.0, days, 0.0), rtol=1e-9)
    variance, left, sold = 0.0, np.array(weights), 0
    while np.abs(left).max() > 0.0:
        variance += float(left @ estimate.covariance @ left)
        sold += 1
        left = np.array([w * max(1.0 - sold / day, 0.0) for w, day in zip(weights, days, strict=True)])
    quantile = scipy.stats.norm.ppf(0.01)
    assert table["horizon_var"].sum() == pytest.approx(quantile * math.sqrt(variance), rel=1e-8, abs=1e-12)
    single = math.sqrt(float(book @ estimate.covariance @ book))
    assert table["var"].sum() == pytest.approx(quantile * single, rel=1e-9, abs=1e-12)
    assert table["spread_cost"].sum() == pytest.approx(-np.abs(weights).sum() * 0.0005, abs=1e-15)
    assert table["total"].sum() == pytest.approx((table["horizon_var"] + table["spread_cost"]).sum(), abs=1e-15)


def test_within_a_session_nothing_is_added_and_a_larger_book_takes_longer() -> None:
    book = pd.Series({"A": 0.5, "B": -0.3, "C": 0.2})
    estimate = market([1e9, 1e9, 1e9])
    small = liquidity_var(book, estimate, 1e6, spread_bps=0.0)
    np.testing.assert_allclose(small["horizon_var"], small["var"], rtol=1e-12)
    assert (small["days"] < 1.0).all()
    totals = [liquidity_var(book, estimate, equity, spread_bps=0.0)["total"].sum() for equity in (1e8, 1e9, 1e10, 1e11)]
    assert np.all(np.diff(totals) < 0.0)


def test_what_cannot_be_sold_is_flagged() -> None:
    book = pd.Series({"A": 0.5, "B": 0.3, "C": 0.1, "Z": 0.1})
    estimate = market([1e9, 0.0, math.nan])
    table = liquidity_var(book, estimate, 1e6, spread_bps=10.0)
    assert table["days"].tolist() == [pytest.approx(0.005), math.inf, math.inf, math.inf]
    assert table.loc[["B", "C", "Z"], ["horizon_var", "total"]].isna().all(axis=None)
    assert table["var"].notna().tolist() == [True, True, True, False]
    alone = liquidity_var(book[["A"]], estimate, 1e6, spread_bps=10.0)
    assert table["total"].sum() == pytest.approx(alone["total"].sum())
    assert table.attrs["notes"] == (
        "no risk estimate: Z (10.0% of the gross weight)",
        "cannot be sold, or nobody knows what is traded: B, C, Z (50.0% of the gross weight)",
    )


def test_days_without_a_position_are_none() -> None:
    days = days_to_liquidate(pd.Series({"A": 0.0, "B": -0.5}), pd.Series({"B": 1e6}), 1e6, participation=0.05)
    assert days.to_dict() == {"A": 0.0, "B": 10.0}


def test_spreads_by_asset() -> None:
    book = pd.Series({"A": 0.5, "B": -0.5})
    table = liquidity_var(book, market([1e9, 1e9]), 1e6, spread_bps=pd.Series({"A": 20.0}))
    assert table["spread_cost"]["A"] == pytest.approx(-0.0005)
    assert table.loc["B", ["spread_cost", "total"]].isna().all()
    assert table["horizon_var"].notna().all()
    assert table.attrs["notes"] == ("no spread: B (50.0% of the gross weight)",)


def test_bad_input_is_refused() -> None:
    book, estimate = pd.Series({"A": 1.0}), market([1e9])
    with pytest.raises(MissingField, match="traded value"):
        liquidity_var(book, replace(estimate, facts=Facts()), 1e6, spread_bps=0.0)
    for options, words in [
        ({"spread_bps": -1.0}, "spread_bps"),
        ({"spread_bps": pd.Series({"A": -1.0})}, "-1 for A"),
        ({"spread_bps": 1.0, "participation": 10}, "participation"),
        ({"spread_bps": 1.0, "level": 99}, r"0\.95"),
        ({"spread_bps": 1.0, "equity": 0.0}, "equity"),
    ]:
        with pytest.raises(ParamsError, match=words):
            liquidity_var(book, estimate, **({"equity": 1e6} | options))
    with pytest.raises(DataError, match="nan for A"):
        liquidity_var(book * math.nan, estimate, 1e6, spread_bps=0.0)
