"""Exposures against statsmodels, a plain Newey-West loop and scikit-learn; shares that sum, faults that teach."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skfolio.datasets import load_sp500_dataset, load_sp500_index
from sklearn.decomposition import PCA

from alphapulse.core.errors import DataError, MissingField, RiskError
from alphapulse.core.facts import Facts
from alphapulse.risk import relative
from alphapulse.risk.covariance import estimate_risk
from alphapulse.risk.exposures import asset_slopes, beta_contributions, factor_exposures, principal_factors


@pytest.fixture(scope="module")
def stocks() -> pd.DataFrame:
    return load_sp500_dataset().pct_change().iloc[-1000:]


@pytest.fixture(scope="module")
def factors(stocks: pd.DataFrame) -> pd.DataFrame:
    market = load_sp500_index().iloc[:, 0].pct_change().loc[stocks.index]
    oil = stocks[["CVX", "XOM"]].mean(axis=1) - market
    return pd.DataFrame({"market": market, "oil": oil * 100.0})  # in per cent: units need not be alike


@pytest.mark.parametrize("lags", [0, 3, None])
def test_equal_to_statsmodels(stocks: pd.DataFrame, factors: pd.DataFrame, lags: int | None) -> None:
    statsmodels = pytest.importorskip("statsmodels.api")
    ours = factor_exposures(stocks["JPM"], factors, lags=lags)
    assert ours.attrs == {"sessions": 1000, "lags": 6 if lags is None else lags}
    fit = statsmodels.OLS(stocks["JPM"], statsmodels.add_constant(factors)).fit(
        cov_type="HAC", cov_kwds={"maxlags": ours.attrs["lags"]}
    )
    names = ["market", "oil"]
    np.testing.assert_allclose(ours["coefficient"][names], fit.params[names], rtol=1e-9)
    np.testing.assert_allclose(ours["t"][["alpha_ann", *names]], fit.tvalues, rtol=1e-9)
    assert ours["coefficient"]["alpha_ann"] == pytest.approx((1.0 + fit.params["const"]) ** 252 - 1.0, rel=1e-9)
    assert ours["variance_share"][names].sum() == pytest.approx(fit.rsquared, rel=1e-9)
    assert ours["variance_share"]["residual"] == pytest.approx(1.0 - fit.rsquared, rel=1e-9)


def test_standard_errors_equal_the_formula_written_out(stocks: pd.DataFrame, factors: pd.DataFrame) -> None:
    x = np.column_stack([np.ones(200), factors.iloc[:200]])
    y = stocks["GE"].iloc[:200].to_numpy()
    coefficients = np.linalg.solve(x.T @ x, x.T @ y)
    residual = y - x @ coefficients
    middle = np.zeros((3, 3))
    for t in range(200):
        for s in range(200):
            if abs(t - s) <= 4:
                middle += (1 - abs(t - s) / 5) * residual[t] * residual[s] * np.outer(x[t], x[s])
    inverse = np.linalg.inv(x.T @ x)
    wanted = coefficients / np.sqrt(np.diag(inverse @ middle @ inverse))
    ours = factor_exposures(stocks["GE"].iloc[:200], factors, lags=4)
    np.testing.assert_allclose(ours["t"].iloc[:3], wanted, rtol=1e-9)


def test_one_factor_is_the_alpha_and_beta_of_the_summary(stocks: pd.DataFrame, factors: pd.DataFrame) -> None:
    ours = factor_exposures(stocks["AAPL"], factors[["market"]])["coefficient"]
    assert ours["market"] == pytest.approx(relative.beta(stocks["AAPL"], factors["market"]), rel=1e-9)
    assert ours["alpha_ann"] == pytest.approx(relative.alpha(stocks["AAPL"], factors["market"]), rel=1e-9)


@given(
    slopes=st.lists(st.floats(-3.0, 3.0), min_size=3, max_size=3),
    unit=st.floats(1e-3, 1e3),
    seed=st.integers(0, 1000),
)
def test_planted_slopes_come_back_and_units_do_not_matter(slopes: list[float], unit: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    dates = pd.bdate_range("2020-01-01", periods=150)
    planted = pd.DataFrame(0.01 * random.standard_normal((150, 3)), dates, ["x", "y", "z"])
    noise = 1e-3 * random.standard_normal(150)
    returns = planted @ np.array(slopes) + noise
    ours = factor_exposures(returns, planted)
    np.testing.assert_allclose(ours["coefficient"][["x", "y", "z"]], slopes, atol=0.06)
    assert ours["variance_share"].sum() == pytest.approx(1.0)
    other = factor_exposures(returns, planted.assign(y=planted["y"] * unit))
    assert other["coefficient"]["y"] * unit == pytest.approx(ours["coefficient"]["y"], rel=1e-7, abs=1e-10)
    np.testing.assert_allclose(other["t"].dropna(), ours["t"].dropna(), rtol=1e-6, atol=1e-8)


def test_a_return_without_dispersion_has_no_shares(stocks: pd.DataFrame, factors: pd.DataFrame) -> None:
    ours = factor_exposures(stocks["GE"] * 0.0 + 0.001, factors)
    assert ours["variance_share"].isna().all()
    assert ours["coefficient"]["market"] == pytest.approx(0.0, abs=1e-12)


def test_factors_that_cannot_be_told_apart_are_refused(stocks: pd.DataFrame, factors: pd.DataFrame) -> None:
    mixed = factors.assign(both=factors["market"] + 2.0 * factors["oil"])
    with pytest.raises(RiskError, match="market, oil, both are mixes"):
        factor_exposures(stocks["GE"], mixed)
    with pytest.raises(RiskError, match="flat never varies"):
        factor_exposures(stocks["GE"], factors.assign(flat=0.1))
    with pytest.raises(RiskError, match="4 sessions for 3 factors"):
        factor_exposures(stocks["GE"].iloc[:4], factors.assign(gold=stocks["KO"]))


def test_factors_must_cover_the_returns(stocks: pd.DataFrame, factors: pd.DataFrame) -> None:
    with pytest.raises(DataError, match=rf"nothing on {stocks.index[0].date()} \(10 of 1000"):
        factor_exposures(stocks["GE"], factors.iloc[10:])
    holed = factors.copy()
    holed.iloc[20, 1] = np.nan
    with pytest.raises(DataError, match=rf"nan on {stocks.index[20].date()} in oil"):
        factor_exposures(stocks["GE"], holed)
    with pytest.raises(DataError, match="a Series came"):
        factor_exposures(stocks["GE"], factors["market"])  # type: ignore[arg-type]


def test_slopes_of_each_asset_use_the_sessions_it_has(stocks: pd.DataFrame, factors: pd.DataFrame) -> None:
    window = stocks.copy()
    window.iloc[:900, 0] = np.nan  # 100 sessions left
    window.iloc[:940, 1] = np.nan  # 60 sessions left: too few
    window.iloc[[3, 5], 2] = np.nan
    holed = factors.copy()
    holed.iloc[7, 0] = np.nan
    slopes = asset_slopes(window, holed)
    assert slopes.iloc[1].isna().all()
    for at in (0, 2, 3):
        known = window.iloc[:, at].notna() & holed.notna().all(axis=1)
        alone = factor_exposures(window.iloc[:, at][known], holed[known])["coefficient"]
        np.testing.assert_allclose(slopes.iloc[at], alone[["market", "oil"]], rtol=1e-9)
    assert asset_slopes(window.iloc[:50], factors).isna().all(axis=None)
    assert asset_slopes(window * np.nan, factors).isna().all(axis=None)
    # a factor that never moved on the sessions an asset has tells nothing about it
    quiet = factors.assign(oil=factors["oil"].where(factors.index < window.index[900], 0.0))
    assert asset_slopes(window, quiet).isna().all(axis=1).tolist()[:3] == [True, True, False]


def test_the_beta_of_a_book_is_the_sum_of_its_positions(stocks: pd.DataFrame, factors: pd.DataFrame) -> None:
    weights = pd.Series({"AAPL": 0.5, "KO": -0.2, "XOM": 0.4})
    estimate = replace(estimate_risk(stocks), facts=Facts(benchmark=factors["market"]))
    table = beta_contributions(weights, estimate)
    book = stocks[weights.index] @ weights
    assert table["contribution"].sum() == pytest.approx(relative.beta(book, factors["market"]), rel=1e-9)
    assert table["beta"]["KO"] == pytest.approx(relative.beta(stocks["KO"], factors["market"]), rel=1e-9)
    unknown = beta_contributions(pd.Series({"AAPL": 0.5, "ZZZ": 0.5}), estimate)
    assert unknown.loc["ZZZ", ["beta", "contribution"]].isna().all()
    assert unknown.attrs["notes"] == ("no beta: ZZZ (50.0% of the gross weight)",)
    with pytest.raises(MissingField, match="benchmark"):
        beta_contributions(weights, estimate_risk(stocks))


def test_principal_factors_are_the_principal_components(stocks: pd.DataFrame) -> None:
    factors = principal_factors(stocks, 3)
    standard = (stocks - stocks.mean()) / stocks.std()
    theirs = PCA(3).fit_transform(standard)
    for ours, oracle in zip(factors.to_numpy().T, theirs.T, strict=True):
        assert abs(np.corrcoef(ours, oracle)[0, 1]) == pytest.approx(1.0, abs=1e-9)
    np.testing.assert_allclose(factors.corr(), np.eye(3), atol=1e-9)
    assert np.corrcoef(factors["pc_1"], stocks.mean(axis=1))[0, 1] > 0.9  # the market, the right way up
    # gross weight 1: with assets of one volatility and one factor the portfolio is the mean
    alike = pd.DataFrame(np.outer(stocks["KO"], np.ones(4)), stocks.index, list("abcd")) + 1e-9 * stocks.iloc[
        :, :4
    ].set_axis(list("abcd"), axis=1)
    np.testing.assert_allclose(principal_factors(alike, 1)["pc_1"], alike.mean(axis=1), rtol=1e-5, atol=1e-9)


def test_principal_factors_leave_out_incomplete_assets(stocks: pd.DataFrame) -> None:
    holed = stocks.iloc[:, :3].copy()
    holed.iloc[4, 1] = np.nan
    factors = principal_factors(holed, 2)
    pd.testing.assert_frame_equal(factors, principal_factors(holed.iloc[:, [0, 2]], 2))
    assert factors.attrs["notes"] == ("1 assets without complete returns left out",)
    with pytest.raises(RiskError, match="2 assets with complete returns"):
        principal_factors(holed, 3)
    with pytest.raises(RiskError, match="0 assets"):
        principal_factors(stocks.iloc[:1], 1)
