"""Shocks: planted slopes give their losses, covariances follow their formulas, and what is unknown says so."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from alphapulse.core.errors import MissingField, ParamsError
from alphapulse.core.estimates import RiskEstimate
from alphapulse.core.facts import Facts
from alphapulse.risk.covariance import estimate_risk
from alphapulse.risk.stress import SHOCKS, Shock, shocked_returns, stress_table

ASSETS = ["A", "B", "C", "D"]
MARKET_BETA, RATE_BETA = np.array([0.5, 1.0, 1.5, 2.0]), np.array([-4.0, 0.0, 2.0, -1.0])


def market(noise: float = 0.002, together: float = 0.0) -> tuple[RiskEstimate, pd.DataFrame]:
    """Return an estimate of assets with planted slopes, and the changes of the rate they answer to."""
    random = np.random.default_rng(3)
    dates = pd.bdate_range("2020-01-01", periods=500)
    index = 0.01 * random.standard_normal(500)
    rates = 0.0005 * random.standard_normal(500) + together * index
    values = np.outer(index, MARKET_BETA) + np.outer(rates, RATE_BETA) + noise * random.standard_normal((500, 4))
    facts = Facts(benchmark=pd.Series(index, dates))
    return replace(estimate_risk(pd.DataFrame(values, dates, ASSETS)), facts=facts), pd.DataFrame(
        {"rates": rates}, dates
    )


def series(*values: float) -> pd.Series:
    return pd.Series(values, ASSETS[: len(values)])


def test_each_asset_falls_by_its_beta() -> None:
    estimate, factors = market(noise=1e-7)
    book = series(0.4, 0.3, 0.2, -0.1)
    table = stress_table(book, estimate, factors=factors)
    # rates and market are independent, so each slope is close to the planted one
    assert table["return"]["market_down_10"] == pytest.approx(-0.10 * (book @ MARKET_BETA), rel=0.02)
    assert table["return"]["market_down_20"] == pytest.approx(2.0 * table["return"]["market_down_10"])
    assert table["return"]["market_up_10"] == pytest.approx(-table["return"]["market_down_10"])
    assert (table["covered"] == 1.0).all()
    both = shocked_returns(estimate, Shock({"market": -0.2, "rates": 0.01}), factors)
    np.testing.assert_allclose(both, -0.2 * MARKET_BETA + 0.01 * RATE_BETA, rtol=1e-3)


def test_one_shocked_factor_takes_the_others_along() -> None:
    estimate, factors = market(noise=1e-7, together=0.05)
    rate = 0.01 * shocked_returns(estimate, Shock({"rates": 1.0}), factors)
    joined = np.cov(factors["rates"], estimate.facts.benchmark)  # type: ignore[arg-type]
    dragged = RATE_BETA + MARKET_BETA * joined[0, 1] / joined[0, 0]
    np.testing.assert_allclose(rate, 0.01 * dragged, rtol=1e-3)
    held_still = shocked_returns(estimate, Shock({"rates": 0.01, "market": 0.0}), factors)
    np.testing.assert_allclose(held_still, 0.01 * RATE_BETA, rtol=1e-3, atol=1e-6)


def test_volatility_and_var_after_the_shock() -> None:
    estimate, factors = market()
    book = series(0.4, 0.3, 0.2, 0.1)
    table = stress_table(book, estimate, factors=factors, level=0.99)
    calm = float(np.sqrt(book @ estimate.covariance @ book))
    assert table["volatility_ann"]["none"] == pytest.approx(calm * 252**0.5)
    assert table["volatility_ann"]["volatility_doubled"] == pytest.approx(2.0 * calm * 252**0.5)
    assert table["volatility_ann"]["market_down_10"] == pytest.approx(calm * 252**0.5)
    np.testing.assert_allclose(
        table["var"], scipy.stats.norm.ppf(0.01) * table["volatility_ann"] / 252**0.5, rtol=1e-12
    )
    assert table["return"][["none", "volatility_doubled", "correlation_to_one"]].tolist() == [0.0, 0.0, 0.0]
    crash = SHOCKS["crash"]
    assert table["return"]["crash"] == pytest.approx(table["return"]["market_down_20"])
    assert table["volatility_ann"]["crash"] == pytest.approx(
        252**0.5 * np.sqrt(book @ crash.covariance(estimate.covariance.to_numpy()) @ book)
    )


@given(
    weights=st.lists(st.floats(0.0, 1.0), min_size=4, max_size=4),
    volatility=st.floats(0.1, 5.0),
    share=st.floats(0.0, 1.0),
)
def test_correlations_move_towards_one(weights: list[float], volatility: float, share: float) -> None:
    estimate, _ = market()
    book = series(*weights)
    deviation = estimate.volatility
    table = stress_table(
        book, estimate, {"one": Shock(correlation=1.0), "part": Shock(volatility=volatility, correlation=share)}
    )
    # long only, perfectly correlated: volatilities add up
    assert table["volatility_ann"]["one"] == pytest.approx(252**0.5 * float(book @ deviation), rel=1e-9, abs=1e-12)
    shocked = Shock(volatility=volatility, correlation=share).covariance(estimate.covariance.to_numpy())
    correlation = estimate.covariance.to_numpy() / np.outer(deviation, deviation)
    wanted = (1.0 - share) * correlation + share
    np.testing.assert_allclose(shocked, wanted * np.outer(deviation, deviation) * volatility**2, rtol=1e-9)
    assert np.linalg.eigvalsh(shocked).min() > -1e-12 * np.trace(shocked)


def test_a_factor_nobody_gave_is_unknown() -> None:
    estimate, _ = market()
    table = stress_table(series(0.5, 0.5), estimate)
    assert np.isnan(table["return"]["rates_up_100bps"])
    assert table["covered"]["rates_up_100bps"] == 0.0
    assert "rates_up_100bps: no series of rates" in table.attrs["notes"]
    blind = stress_table(series(0.5, 0.5), replace(estimate, facts=Facts()))
    assert np.isnan(blind["return"]["market_down_10"])
    assert blind["volatility_ann"].notna().all()
    with pytest.raises(MissingField, match=r"rates(.|\n)*market"):
        shocked_returns(estimate, SHOCKS["rates_up_100bps"])


def test_positions_without_slope_or_estimate_are_left_out_and_named() -> None:
    estimate, _ = market()
    window = estimate.window.copy()
    window.loc[window.index[:460], "D"] = np.nan  # 40 sessions: too few for a slope, enough here for an estimate
    short = replace(estimate_risk(window, min_observed=0.05), facts=estimate.facts)
    book = pd.Series({"A": 0.4, "B": 0.2, "D": 0.2, "Z": -0.2})
    table = stress_table(book, short)
    assert table["covered"]["market_down_10"] == pytest.approx(0.6)
    assert table["covered"]["volatility_doubled"] == pytest.approx(0.8)
    assert table["return"]["market_down_10"] == pytest.approx(
        stress_table(book[["A", "B"]], estimate)["return"]["market_down_10"]
    )
    assert table.attrs["notes"][0] == "no risk estimate: Z (20.0% of the gross weight)"
    assert any("no slope: D" in note for note in table.attrs["notes"])
    strict = replace(estimate_risk(window.fillna(estimate.window.iloc[:400])), facts=estimate.facts)
    assert not strict.usable[3]  # 460 of 500 sessions would do, 440 do not: a slope, but no estimate
    assert stress_table(book, strict)["covered"]["market_down_10"] == pytest.approx(0.6)
    assert stress_table(book, strict)["return"]["market_down_10"] == pytest.approx(table["return"]["market_down_10"])
    unknown = stress_table(pd.Series({"Z": 1.0}), estimate)
    assert unknown[["return", "volatility_ann", "var"]].isna().all(axis=None)
    cash = stress_table(series(0.0, 0.0), estimate, {"market_down_10": SHOCKS["market_down_10"]})
    assert cash[["return", "volatility_ann", "var", "covered"]].iloc[0].tolist() == [0.0, 0.0, 0.0, 1.0]


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (lambda: Shock({"market": -10.0}), "ten per cent"),
        (lambda: Shock({"rates": float("nan")}), "rates = nan"),
        (lambda: Shock(volatility=0.0), "volatility"),
        (lambda: Shock(correlation=1.5), "correlation"),
        (lambda: stress_table(series(1.0), market()[0], level=95), r"0\.95"),
        (lambda: stress_table(series(1.0), market()[0], level=1.0), "no bound"),
    ],
)
def test_wrong_shocks_are_refused(made: object, words: str) -> None:
    with pytest.raises(ParamsError, match=words):
        made()  # type: ignore[operator]
