"""Contributions: a case worked by hand, skfolio as oracle, slopes by small steps, and sums that are exact."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skfolio import Portfolio, RiskMeasure

from alphapulse.core.errors import DataError, ParamsError
from alphapulse.core.estimates import RiskEstimate
from alphapulse.risk import measures
from alphapulse.risk.contributions import risk_contributions, tail_contributions
from alphapulse.risk.covariance import estimate_risk

ASSETS = ["A", "B", "C", "D", "E"]
SECTORS = pd.Series({"A": "tech", "B": "tech", "C": "banks", "D": "banks"})


def returns(sessions: int = 1000, seed: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    values = 0.01 * (random.standard_t(4, (sessions, 1)) + random.standard_t(4, (sessions, 5))) * np.arange(1, 6) / 3
    return pd.DataFrame(values, pd.bdate_range("2020-01-01", periods=sessions), ASSETS)


def series(*values: float) -> pd.Series:
    return pd.Series(values, ASSETS[: len(values)])


def given_covariance(matrix: list[list[float]]) -> RiskEstimate:
    assets = ASSETS[: len(matrix)]
    mean = pd.Series(0.0, assets)
    return RiskEstimate(pd.DataFrame(columns=assets), mean, pd.DataFrame(matrix, assets, assets))


def test_worked_by_hand() -> None:
    # volatilities 0.2 and 0.3, correlation 0.5: variance 0.36 x 0.04 + 2 x 0.24 x 0.03 + 0.16 x 0.09 = 0.0432
    table = risk_contributions(series(0.6, 0.4), given_covariance([[0.04, 0.03], [0.03, 0.09]]))
    volatility = 0.0432**0.5
    assert table["marginal"].tolist() == pytest.approx([0.036 / volatility, 0.054 / volatility])
    assert table["component"].tolist() == pytest.approx([volatility / 2, volatility / 2])
    assert table["share"].tolist() == pytest.approx([0.5, 0.5])
    assert table["incremental"].tolist() == pytest.approx([volatility - 0.12, volatility - 0.12])
    assert table.attrs["notes"] == ()


def test_volatility_and_cvar_equal_skfolio() -> None:
    window = returns()
    weights = series(0.5, 0.4, -0.3, 0.2, 0.2)
    theirs = Portfolio(X=window, weights=weights.to_numpy())
    ours = risk_contributions(weights, estimate_risk(window, "sample"))
    np.testing.assert_allclose(ours["component"], theirs.contribution(RiskMeasure.STANDARD_DEVIATION), rtol=1e-4)
    # 5 % of 1,000 sessions is a whole number, where their CVaR and ours are the same
    tail = tail_contributions(weights, window)
    np.testing.assert_allclose(-tail["cvar_component"], theirs.contribution(RiskMeasure.CVAR), rtol=1e-4)


def test_marginals_are_slopes() -> None:
    window = returns()
    estimate = estimate_risk(window)
    weights = series(0.5, 0.4, -0.3, 0.2, 0.0)
    step = 1e-6
    risk, tail = risk_contributions(weights, estimate), tail_contributions(weights, window, 0.99)
    for asset in ASSETS:
        up, down = weights.copy(), weights.copy()
        up[asset] += step
        down[asset] -= step
        for value, slope in [
            (lambda book: (book @ estimate.covariance @ book) ** 0.5, risk["marginal"]),
            (lambda book: measures.value_at_risk(window @ book, 0.99), tail["var_marginal"]),
            (lambda book: measures.conditional_value_at_risk(window @ book, 0.99), tail["cvar_marginal"]),
        ]:
            assert slope[asset] == pytest.approx((value(up) - value(down)) / (2 * step), rel=1e-6), asset


books = st.lists(st.floats(-1.0, 1.0).map(lambda weight: round(weight, 3)), min_size=5, max_size=5)


@given(weights=books, seed=st.integers(0, 20), scale=st.floats(0.1, 3.0))
def test_components_sum_to_the_risk_and_scale_with_the_book(weights: list[float], seed: int, scale: float) -> None:
    book = series(*weights)
    window = returns(120, seed)
    estimate = estimate_risk(window)
    volatility = float(np.sqrt(book @ estimate.covariance @ book))
    table = risk_contributions(book, estimate)
    assert table["component"].sum() == pytest.approx(volatility, rel=1e-12, abs=1e-15)
    larger = risk_contributions(book * scale, estimate)
    np.testing.assert_allclose(larger["component"], table["component"] * scale, rtol=1e-9, atol=1e-15)
    tail = tail_contributions(book, window, 0.9)
    total = window @ book
    assert tail["var_component"].sum() == pytest.approx(measures.value_at_risk(total, 0.9), rel=1e-9, abs=1e-14)
    assert tail["cvar_component"].sum() == pytest.approx(
        measures.conditional_value_at_risk(total, 0.9), rel=1e-9, abs=1e-14
    )
    if volatility > 0.0:
        assert table["share"].sum() == pytest.approx(1.0, rel=1e-12)
        np.testing.assert_allclose(larger["marginal"], table["marginal"], rtol=1e-9)
        for asset in ASSETS:
            without = book.where(book.index != asset, 0.0)
            rest = float(np.sqrt(max(without @ estimate.covariance @ without, 0.0)))
            assert table["incremental"][asset] == pytest.approx(volatility - rest, abs=1e-12)


def test_a_hedge_takes_risk_away() -> None:
    window = returns()
    table = risk_contributions(series(0.0, 0.0, 0.0, 0.6, -0.2), estimate_risk(window))
    assert table["component"]["E"] < 0.0 < table["component"]["D"]
    assert table["incremental"]["E"] < 0.0
    assert table["share"].sum() == pytest.approx(1.0)


def test_by_sector() -> None:
    window = returns()
    estimate = estimate_risk(window)
    book = series(0.5, 0.4, -0.3, 0.2, 0.1)
    alone, groups = risk_contributions(book, estimate), risk_contributions(book, estimate, by=SECTORS)
    assert groups.index.tolist() == ["banks", "tech", "unknown"]
    for column in ("weight", "component", "share"):
        assert groups[column]["tech"] == pytest.approx(alone[column][["A", "B"]].sum())
        assert groups[column]["unknown"] == pytest.approx(alone[column]["E"])
    assert groups["incremental"]["unknown"] == pytest.approx(alone["incremental"]["E"])
    without = series(0.0, 0.0, -0.3, 0.2, 0.1)
    rest = float(np.sqrt(without @ estimate.covariance @ without))
    assert groups["incremental"]["tech"] == pytest.approx(alone["component"].sum() - rest)
    tail = tail_contributions(book, window, by=SECTORS)
    assert tail["cvar_component"].sum() == pytest.approx(measures.conditional_value_at_risk(window @ book))
    assert not {"marginal", "var_marginal", "cvar_marginal"} & {*groups, *tail}


def test_unknown_assets_are_unknown_and_named() -> None:
    window = returns()
    window.loc[window.index[:500], "B"] = np.nan
    book = pd.Series({"A": 0.3, "B": 0.2, "C": 0.3, "Z": 0.2})
    table = risk_contributions(book, estimate_risk(window))
    figures = ["marginal", "component", "share", "incremental"]
    assert table.loc[["B", "Z"], figures].isna().all(axis=None)
    assert table.loc[["A", "C"], figures].notna().all(axis=None)
    assert table.attrs["notes"] == ("no risk estimate: B, Z (40.0% of the gross weight)",)
    rest = risk_contributions(book[["A", "C"]], estimate_risk(window))
    pd.testing.assert_frame_equal(table.loc[["A", "C"], figures], rest[figures])
    groups = risk_contributions(book, estimate_risk(window), by=SECTORS)
    assert np.isnan(groups["component"]["unknown"])
    assert np.isnan(groups["incremental"]["unknown"])
    assert groups["component"].sum() == pytest.approx(rest["component"].sum())
    tail = tail_contributions(book, window)
    assert tail.loc[["B", "Z"]].drop(columns="weight").isna().all(axis=None)
    assert tail["cvar_component"].sum() == pytest.approx(
        measures.conditional_value_at_risk(window[["A", "C"]] @ book[["A", "C"]])
    )
    assert tail.attrs["notes"] == ("returns not complete: B, Z (40.0% of the gross weight)",)


def test_nothing_known_is_unknown_and_cash_has_no_risk() -> None:
    estimate = estimate_risk(returns(100))
    unknown = risk_contributions(pd.Series({"Y": 0.5, "Z": 0.5}), estimate)
    assert unknown.drop(columns="weight").isna().all(axis=None)
    assert tail_contributions(series(0.5, 0.5), returns().iloc[:0]).drop(columns="weight").isna().all(axis=None)
    cash = risk_contributions(series(0.0, 0.0), estimate)
    assert (cash["component"] == 0.0).all()
    assert cash[["marginal", "share"]].isna().all(axis=None)


def test_bad_input_is_refused() -> None:
    estimate = estimate_risk(returns(100))
    with pytest.raises(DataError, match="nan for B"):
        risk_contributions(series(0.5, np.nan), estimate)
    with pytest.raises(DataError, match="A comes twice"):
        risk_contributions(pd.Series([0.5, 0.5], ["A", "A"]), estimate)
    with pytest.raises(DataError, match="a dict came"):
        risk_contributions({"A": 1.0}, estimate)  # type: ignore[arg-type]
    with pytest.raises(ParamsError, match=r"0\.95"):
        tail_contributions(series(1.0), returns(), 95)
