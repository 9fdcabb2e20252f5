"""VaR and CVaR by every method against scipy, arch, published values, plain loops and large samples of known laws."""

import arch
import numpy as np
import pandas as pd
import pytest
import scipy.stats as ss
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from skfolio.datasets import load_sp500_dataset, load_sp500_index

from alphapulse.core.errors import DataError, ParamsError, RiskError
from alphapulse.risk import filtered, measures
from alphapulse.risk.filtered import fit_garch, variances
from alphapulse.risk.student import MOST_DEGREES, fit_student
from alphapulse.risk.tails import expanded_quantile
from alphapulse.risk.var import METHODS, tail_risk, var_forecasts

LEVELS = (0.9, 0.95, 0.975, 0.99)
QUICK = [name for name in METHODS if name != "filtered_historical"]

# EDHEC convertible arbitrage, January 1997 to April 2005, monthly, in basis points.
EDHEC = (
    "119 123 78 86 156 212 193 134 122 100 0 68 145 146 144 126 56 -6 60 -319 -196 -214 269 113 219 82 136 243 166 102"
    " 101 48 96 45 124 140 227 267 243 223 149 179 93 162 141 52 -81 -2 344 182 162 157 33 12 91 142 78 117 80 -94 148"
    " -49 53 96 33 4 -159 50 146 104 251 157 283 133 89 150 136 -58 -72 -87 171 146 92 54 119 17 61 20 -128 -106 13 40"
    " -17 -44 81 56 -96 -58 -140 -316"
)


def series(values: object, start: str = "2001-01-01") -> pd.Series:
    array = np.asarray(values, dtype=float)
    return pd.Series(array, index=pd.bdate_range(start, periods=len(array)))


@pytest.fixture(scope="module")
def index() -> pd.Series:
    return load_sp500_index().iloc[:, 0].pct_change().iloc[1:]


@pytest.fixture(scope="module")
def stocks() -> pd.DataFrame:
    return load_sp500_dataset().pct_change().iloc[1:]


def test_values_published_with_performance_analytics() -> None:
    """Its test-VaR_archive_baseline.R, rounded there to six decimals."""
    returns = series(np.array(EDHEC.split(), dtype=float) / 1e4)
    assert len(returns) == 100
    assert tail_risk(returns, 0.95, "normal").var == pytest.approx(-0.012133, abs=5e-7)
    assert tail_risk(returns, 0.95, "normal").cvar == pytest.approx(-0.017133, abs=5e-7)
    assert tail_risk(returns, 0.95, "cornish_fisher").var == pytest.approx(-0.014674, abs=5e-7)
    assert tail_risk(returns, 0.95, "historical").var == pytest.approx(-0.014095, abs=5e-7)
    assert tail_risk(returns, 0.95, "historical").cvar == pytest.approx(-0.024080, abs=5e-7)


@pytest.mark.parametrize("level", LEVELS)
def test_historical_is_the_measure_of_the_summary(index: pd.Series, level: float) -> None:
    tail = tail_risk(index, level)
    assert tail.var == measures.value_at_risk(index, level)
    assert tail.cvar == measures.conditional_value_at_risk(index, level)


@pytest.mark.parametrize("level", LEVELS)
def test_normal_equals_the_fitted_law(index: pd.Series, level: float) -> None:
    law = ss.norm(*ss.norm.fit(index))
    tail = tail_risk(index, level, "normal")
    assert tail.var == pytest.approx(law.ppf(1 - level), rel=1e-12)
    assert tail.cvar == pytest.approx(law.expect(lambda x: x, ub=tail.var) / (1 - level), rel=1e-7)


@pytest.mark.parametrize("stock", ["AAPL", "KO", "WMT"])
def test_student_t_equals_the_fit_of_scipy(stocks: pd.DataFrame, stock: str) -> None:
    returns = stocks[stock].iloc[-500:]
    degrees, location, scale = ss.t.fit(returns)
    ours = [float(value[0]) for value in fit_student(returns.to_numpy()[None, :])]
    likelihood = ss.t.logpdf(returns, ours[2], ours[0], ours[1]).sum()
    assert likelihood >= ss.t.logpdf(returns, degrees, location, scale).sum() - 1e-6
    assert ours == pytest.approx([location, scale, degrees], rel=5e-4)
    law = ss.t(ours[2], ours[0], ours[1])
    for level in LEVELS:
        tail = tail_risk(returns, level, "student_t")
        assert tail.var == pytest.approx(law.ppf(1 - level), rel=1e-9)
        mean = quad(lambda x: x * law.pdf(x), -np.inf, tail.var, epsabs=1e-14)[0]
        assert tail.cvar == pytest.approx(mean / (1 - level), rel=1e-6)


def test_student_t_with_light_tails_is_the_normal_law() -> None:
    returns = series(0.01 * ss.norm.ppf((np.arange(2000) + 0.5) / 2000))
    assert fit_student(returns.to_numpy()[None, :])[2][0] == pytest.approx(MOST_DEGREES, rel=1e-3)
    ours, oracle = tail_risk(returns, 0.99, "student_t"), tail_risk(returns, 0.99, "normal")
    assert (ours.var, ours.cvar) == pytest.approx((oracle.var, oracle.cvar), rel=3e-3)


@pytest.mark.parametrize("degrees", [4.0, 12.0])
@pytest.mark.parametrize("method", ["historical", "student_t"])
def test_a_large_sample_recovers_student_t(method: str, degrees: float) -> None:
    """Bands of four standard errors: of the sample quantile, and of the mean of the tail beyond it."""
    count, level = 100_000, 0.99
    law = ss.t(degrees)
    sample = law.rvs(count, random_state=np.random.default_rng(7)) * 0.01
    quantile = law.ppf(1 - level)
    mean = quad(lambda x: x * law.pdf(x), -np.inf, quantile)[0] / (1 - level)
    square = quad(lambda x: (x - mean) ** 2 * law.pdf(x), -np.inf, quantile)[0] / (1 - level)
    of_quantile = np.sqrt(level * (1 - level) / count) / law.pdf(quantile)
    of_mean = np.sqrt((square + level * (mean - quantile) ** 2) / (count * (1 - level)))
    tail = tail_risk(series(sample, "1700-01-01"), level, method)
    assert tail.var == pytest.approx(0.01 * quantile, abs=0.04 * of_quantile)
    assert tail.cvar == pytest.approx(0.01 * mean, abs=0.04 * of_mean)


@pytest.mark.parametrize("method", QUICK)
def test_a_large_normal_sample_recovers_the_normal_law(method: str) -> None:
    """Band: 1 %, above four standard errors of the sample quantile, 0.6 % (and of CVaR, 0.7 %)."""
    sample = series(np.random.default_rng(11).normal(0.0, 0.01, 150_000), "1600-01-01")
    law = ss.norm(0.0, 0.01)
    tail = tail_risk(sample, 0.975, method)
    assert tail.var == pytest.approx(law.ppf(0.025), rel=0.01)
    assert tail.cvar == pytest.approx(law.expect(lambda x: x, ub=law.ppf(0.025)) / 0.025, rel=0.01)


def test_cornish_fisher_by_hand() -> None:
    """Favre and Galeano's formula written out: z = -1.6449, skewness -0.5, excess kurtosis 2."""
    z = -1.6448536269514729
    by_hand = z + (z**2 - 1) * -0.5 / 6 + (z**3 - 3 * z) * 2 / 24 - (2 * z**3 - 5 * z) * 0.25 / 36
    quantile, beyond = expanded_quantile(np.array([-0.5]), np.array([2.0]), 0.95)
    assert quantile[0] == pytest.approx(by_hand, rel=1e-14)
    assert by_hand == pytest.approx(-1.7419, abs=5e-5)

    def curve(share: float) -> float:
        return float(expanded_quantile(np.array([-0.5]), np.array([2.0]), 1 - share)[0][0])

    assert beyond[0] == pytest.approx(quad(curve, 0.0, 0.05, limit=200)[0] / 0.05, rel=1e-6)


@pytest.mark.parametrize(
    ("skew", "kurtosis"), [(-1.0, 0.0), (0.0, 80.0), (3.0, 12.0), (-4.0, 30.0), (0.0, -1.2), (-6.2, 87.0)]
)
@pytest.mark.parametrize("level", [0.95, 0.99])
def test_outside_the_domain_quantiles_are_put_in_order(skew: float, kurtosis: float, level: float) -> None:
    """Against the sorted cubic of a million equally likely normal values."""
    z = ss.norm.ppf((np.arange(1_000_000) + 0.5) / 1e6)
    cubic = np.sort(z + (z**2 - 1) * skew / 6 + (z**3 - 3 * z) * kurtosis / 24 - (2 * z**3 - 5 * z) * skew**2 / 36)
    tail = round((1 - level) * 1e6)
    quantile, beyond = expanded_quantile(np.array([skew]), np.array([kurtosis]), level)
    assert quantile[0] == pytest.approx(cubic[tail], rel=1e-4)
    assert beyond[0] == pytest.approx(cubic[:tail].mean(), rel=1e-4)


@given(skew=st.floats(-6.0, 6.0), kurtosis=st.floats(-1.5, 60.0))
def test_a_higher_level_is_never_a_smaller_loss(skew: float, kurtosis: float) -> None:
    found = [expanded_quantile(np.array([skew]), np.array([kurtosis]), level) for level in (0.9, 0.95, 0.99, 0.999)]
    quantiles = [float(quantile[0]) for quantile, _ in found]
    means = [float(beyond[0]) for _, beyond in found]
    assert (np.diff(quantiles) <= 1e-9).all()
    assert (np.diff(means) <= 1e-9).all()
    assert all(mean <= quantile + 1e-9 for mean, quantile in zip(means, quantiles, strict=True))


@given(
    values=st.lists(st.floats(-0.2, 0.2), min_size=60, max_size=90),
    scale=st.floats(0.1, 3.0),
    shift=st.floats(-0.05, 0.05),
    method=st.sampled_from(QUICK),
)
def test_laws(values: list[float], scale: float, shift: float, method: str) -> None:
    """CVaR is no better than VaR; both follow a change of unit and of mean."""
    returns = series(values)
    if returns.round(4).value_counts().max() > 20:
        return
    tail, moved = tail_risk(returns, 0.95, method), tail_risk(returns * scale + shift, 0.95, method)
    assert tail.cvar <= tail.var + 1e-12
    for plain, changed in ((tail.var, moved.var), (tail.cvar, moved.cvar)):
        assert changed == pytest.approx(plain * scale + shift, rel=1e-3, abs=1e-3 * scale * returns.std())


@pytest.mark.parametrize("start", [0, 3500, 7000])
def test_garch_is_that_of_arch(index: pd.Series, start: int) -> None:
    returns = index.to_numpy()[start : start + 504]
    garch = fit_garch(returns)
    oracle = arch.arch_model(100.0 * returns, rescale=False).fit(disp="off", backcast=1e4 * returns.var())
    ours = variances(garch, returns)
    likelihood = ss.norm.logpdf(100.0 * (returns - garch.mean), scale=100.0 * np.sqrt(ours[:-1])).sum()
    assert likelihood >= oracle.loglikelihood - 1e-3
    volatility = oracle.conditional_volatility / 100.0
    np.testing.assert_allclose(np.sqrt(ours[:-1]), volatility, rtol=5e-3)
    assert ours[-1] == pytest.approx(oracle.forecast(horizon=1).variance.iloc[-1, 0] / 1e4, rel=1e-2)


def test_filtered_historical_is_the_bootstrap_forecast_of_arch(index: pd.Series) -> None:
    """arch draws the next surprise from the standardised residuals 100,000 times.

    Bands: four standard errors of the drawing, and for VaR, which we interpolate, one observation of the sample.
    """
    returns = index.iloc[-1000:]
    model = arch.arch_model(100.0 * returns.to_numpy(), rescale=False)
    fitted = model.fit(disp="off", backcast=1e4 * returns.to_numpy().var())
    rng = np.random.RandomState(3)
    forecast = fitted.forecast(horizon=1, method="bootstrap", simulations=100_000, random_state=rng, reindex=False)
    simulated = np.sort(np.ravel(forecast.simulations.values)) / 100.0
    for level in (0.95, 0.99):
        tail = tail_risk(returns, level, "filtered_historical")
        below = simulated[simulated < tail.var]
        drawn = np.sqrt(level * (1 - level) / 100_000)
        assert len(below) / 100_000 == pytest.approx(1 - level, abs=4 * drawn + 1 / len(returns))
        assert tail.cvar == pytest.approx(below.mean(), abs=4 * below.std() / np.sqrt(len(below)))


def test_filtered_historical_follows_the_storm(index: pd.Series) -> None:
    calm, storm = index.loc[:"2008-08-29"], index.loc[:"2008-10-31"]
    before, after = (tail_risk(part, 0.99, "filtered_historical").var for part in (calm, storm))
    assert after < 2.5 * before < 0.0
    plain = [tail_risk(part, 0.99).var for part in (calm, storm)]
    assert plain[1] == pytest.approx(plain[0], rel=0.2)


def test_filtered_forecasts_equal_a_plain_loop(index: pd.Series) -> None:
    window, level = 250, 0.95
    returns = index.iloc[-300:]
    values = returns.to_numpy()
    forecasts = var_forecasts(returns, level, "filtered_historical", window)
    for t in range(window, len(values)):
        fitted_at = window + (t - window) // 21 * 21
        garch = fit_garch(values[fitted_at - window : fitted_at])
        variance, surprises = garch.omega + (garch.alpha + garch.beta) * garch.start, []
        for value in values[fitted_at - window : t]:
            surprise = value - garch.mean
            surprises.append(surprise / np.sqrt(variance))
            variance = garch.omega + garch.alpha * surprise**2 + garch.beta * variance
        known = np.sort(surprises[-window:])
        expected_var = garch.mean + np.sqrt(variance) * np.quantile(known, 1 - level)
        expected_cvar = garch.mean + np.sqrt(variance) * known[: int((window - 1) * 0.05) + 1].mean()
        assert forecasts.iloc[t].tolist() == pytest.approx([expected_var, expected_cvar], rel=1e-9)


def test_a_fit_that_fails_leaves_the_one_before(index: pd.Series, monkeypatch: pytest.MonkeyPatch) -> None:
    returns = index.iloc[-300:]
    first = fit_garch(returns.to_numpy()[:250])
    calls = []

    def failing(values: np.ndarray) -> filtered.Garch:
        calls.append(len(values))
        if len(calls) > 1:
            raise RiskError("no", "no", "no")
        return first

    monkeypatch.setattr(filtered, "fit_garch", failing)
    forecasts = var_forecasts(returns, 0.95, "filtered_historical", 250)
    assert len(calls) == 3
    assert forecasts["var"].iloc[250:].notna().all()
    variance = variances(first, returns.to_numpy()[42:292])
    surprises = (returns.to_numpy()[42:292] - first.mean) / np.sqrt(variance[:-1])
    expected = first.mean + np.sqrt(variance[-1]) * np.quantile(surprises, 0.05)
    assert forecasts["var"].iloc[292] == pytest.approx(expected, rel=1e-9)


def test_an_optimiser_that_gives_up_is_an_error(index: pd.Series, monkeypatch: pytest.MonkeyPatch) -> None:
    class GivenUp:
        convergence_flag = 9

    monkeypatch.setattr("arch.univariate.base.ARCHModel.fit", lambda *_, **__: GivenUp())
    with pytest.raises(RiskError, match="without converging"):
        tail_risk(index.iloc[:504], 0.95, "filtered_historical")


@pytest.mark.parametrize("method", METHODS)
def test_each_forecast_is_that_of_its_window(index: pd.Series, method: str) -> None:
    returns = index.iloc[-700:]
    forecasts = var_forecasts(returns, 0.975, method, window=400)
    assert forecasts.index.equals(returns.index)
    assert forecasts.iloc[:400].isna().all(axis=None)
    assert forecasts.iloc[400:].notna().all(axis=None)
    for t in (400, 421, 400 + 21 * 14):
        tail = tail_risk(returns.iloc[t - 400 : t], 0.975, method)
        assert forecasts.iloc[t].tolist() == pytest.approx([tail.var, tail.cvar], rel=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_what_comes_later_changes_no_forecast(index: pd.Series, method: str) -> None:
    returns = index.iloc[-450:]
    full = var_forecasts(returns, 0.95, method, window=300)
    for end in (301, 322, 390):
        cut = var_forecasts(returns.iloc[:end], 0.95, method, window=300)
        pd.testing.assert_frame_equal(cut, full.iloc[:end], rtol=1e-12)
        poisoned = returns.copy()
        poisoned.iloc[end - 1 :] *= -20.0  # the forecast of a session does not see the session itself
        pd.testing.assert_frame_equal(
            var_forecasts(poisoned, 0.95, method, window=300).iloc[:end], full.iloc[:end], rtol=1e-12
        )


@pytest.mark.parametrize("method", ["historical", "student_t", "cornish_fisher"])
def test_out_of_sample_exceptions_are_as_many_as_promised(method: str) -> None:
    """Independent Student-t returns; band: four standard errors of the count and half a point for the window's own."""
    returns = series(0.01 * np.random.default_rng(5).standard_t(5, 3500))
    hits = (returns < var_forecasts(returns, 0.95, method)["var"]).iloc[504:]
    assert hits.mean() == pytest.approx(0.05, abs=4 * np.sqrt(0.05 * 0.95 / len(hits)) + 0.005)


@pytest.mark.parametrize("method", ["normal", "student_t", "cornish_fisher"])
def test_windows_that_never_vary_have_no_forecast(index: pd.Series, method: str) -> None:
    returns = index.iloc[-400:].copy()
    returns.iloc[100:250] = 0.0001
    forecasts = var_forecasts(returns, 0.95, method, window=100)
    assert forecasts.iloc[200:251].isna().all(axis=None)
    assert forecasts.iloc[100:120].notna().all(axis=None)
    assert forecasts.iloc[-10:].notna().all(axis=None)


@pytest.mark.parametrize("method", [name for name in METHODS if name != "historical"])
def test_returns_that_never_vary_have_no_law(method: str) -> None:
    with pytest.raises(RiskError, match="historical"):
        tail_risk(series(np.full(600, 0.0001)), 0.95, method)
    assert tail_risk(series(np.full(600, 0.0001))).var == pytest.approx(0.0001)


def test_half_the_returns_equal_has_no_student_t(index: pd.Series) -> None:
    returns = index.iloc[:600].copy()
    returns.iloc[::2] = 0.0
    with pytest.raises(RiskError, match="50% of which are equal"):
        tail_risk(returns, 0.95, "student_t")
    returns.iloc[::2] = index.iloc[:600:2].where(np.arange(300) % 5 > 0, 0.0)
    assert tail_risk(returns, 0.95, "student_t").var < 0.0


@pytest.mark.parametrize(
    ("method", "level", "needed"),
    [
        *(("historical", 0.95, 20), ("historical", 0.99, 100), ("normal", 0.9, 20), ("student_t", 0.95, 60)),
        *(("cornish_fisher", 0.95, 60), ("cornish_fisher", 0.99, 100), ("filtered_historical", 0.95, 250)),
    ],
)
def test_too_short_a_series_is_told_what_is_needed(index: pd.Series, method: str, level: float, needed: int) -> None:
    assert tail_risk(index.iloc[:needed], level, method).var < 0.0
    with pytest.raises(RiskError, match=f"at least {needed} sessions"):
        tail_risk(index.iloc[: needed - 1], level, method)
    with pytest.raises(ParamsError, match=f"at least {needed} sessions"):
        var_forecasts(index.iloc[:1000], level, method, window=needed - 1)


def test_forecasts_need_more_than_a_window(index: pd.Series) -> None:
    with pytest.raises(RiskError, match="more than the window of 504"):
        var_forecasts(index.iloc[:504])
    assert len(var_forecasts(index.iloc[:505])) == 505


@pytest.mark.parametrize("level", [0.05, 0.0, 1.0, 95, -0.95, float("nan"), "0.95", True])
def test_a_level_is_a_high_probability(index: pd.Series, level: float) -> None:
    with pytest.raises(ParamsError, match=r"0\.95"):
        tail_risk(index, level)
    with pytest.raises(ParamsError, match="level"):
        var_forecasts(index, level)


@pytest.mark.parametrize("method", METHODS)
def test_prices_and_per_cent_are_not_returns(index: pd.Series, method: str) -> None:
    for wrong in (100.0 * (1.0 + index).cumprod(), 100.0 * index):
        with pytest.raises(DataError, match="pct_change"):
            tail_risk(wrong, 0.95, method)


def test_what_is_no_return_series_is_refused(index: pd.Series) -> None:
    holed = index.copy()
    holed.iloc[5] = np.nan
    with pytest.raises(DataError, match=str(index.index[5].date())):
        tail_risk(holed)
    for wrong in (index.to_frame(), index.to_numpy(), None):
        with pytest.raises(DataError, match="a Series of simple returns"):
            tail_risk(wrong)  # type: ignore[arg-type]
    with pytest.raises(ParamsError, match="did you mean student_t"):
        tail_risk(index, 0.95, "studentt")
    with pytest.raises(ParamsError, match="window"):
        var_forecasts(index, window=504.0)  # type: ignore[arg-type]


@pytest.mark.parametrize("method", METHODS)
def test_the_input_is_untouched(index: pd.Series, method: str) -> None:
    returns = index.iloc[:400].copy()
    before = returns.copy(deep=True)
    var_forecasts(returns, 0.95, method, window=300)
    pd.testing.assert_series_equal(returns, before)
