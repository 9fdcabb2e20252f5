"""Measures against empyrical-reloaded and scipy on the sample and on random series, and their laws."""

import empyrical as ep
import numpy as np
import pandas as pd
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from skfolio.datasets import load_sp500_dataset, load_sp500_index

from alphapulse.core.errors import DataError, ParamsError
from alphapulse.risk import measures

EXACT = {"rel": 1e-12, "abs": 1e-12}
RATE = 0.03
RATE_PER_SESSION = 1.03 ** (1 / 252) - 1

ORACLES = {
    "total_return": (measures.total_return, {}, ep.cum_returns_final, {}),
    "annual_return": (measures.annual_return, {}, ep.annual_return, {}),
    "annual_volatility": (measures.annual_volatility, {}, ep.annual_volatility, {}),
    "sharpe": (measures.sharpe, {}, ep.sharpe_ratio, {}),
    "sharpe over a rate": (measures.sharpe, {"risk_free_ann": RATE}, ep.sharpe_ratio, {"risk_free": RATE_PER_SESSION}),
    "downside_risk": (measures.downside_risk, {}, ep.downside_risk, {}),
    "sortino": (measures.sortino, {}, ep.sortino_ratio, {}),
    "sortino over a rate": (
        measures.sortino,
        {"required_ann": RATE},
        ep.sortino_ratio,
        {"required_return": RATE_PER_SESSION},
    ),
    "calmar": (measures.calmar, {}, ep.calmar_ratio, {}),
    "max_drawdown": (measures.max_drawdown, {}, ep.max_drawdown, {}),
    "skew": (measures.skew, {}, scipy.stats.skew, {}),
    "kurtosis": (measures.kurtosis, {}, scipy.stats.kurtosis, {}),
    "value_at_risk": (measures.value_at_risk, {}, ep.value_at_risk, {}),
    "value_at_risk 99": (measures.value_at_risk, {"level": 0.99}, ep.value_at_risk, {"cutoff": 0.01}),
    "conditional": (measures.conditional_value_at_risk, {}, ep.conditional_value_at_risk, {}),
    "conditional 90": (
        measures.conditional_value_at_risk,
        {"level": 0.9},
        ep.conditional_value_at_risk,
        {"cutoff": 0.1},
    ),
    "tail_ratio": (measures.tail_ratio, {}, ep.tail_ratio, {}),
    "omega": (measures.omega, {}, ep.omega_ratio, {}),
    "omega over a rate": (measures.omega, {"required_ann": RATE}, ep.omega_ratio, {"required_return": RATE}),
    "stability": (measures.stability, {}, ep.stability_of_timeseries, {}),
    "hit_rate": (measures.hit_rate, {}, lambda returns: float((returns > 0).mean()), {}),
}


@pytest.fixture(scope="module")
def sample() -> pd.DataFrame:
    prices = load_sp500_dataset().join(load_sp500_index())
    return prices.pct_change().iloc[1:]


@pytest.fixture(scope="module")
def random() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    values = rng.standard_t(3, size=(501, 12)) * np.linspace(0.001, 0.05, 12)
    return pd.DataFrame(values.clip(-0.9), index=pd.bdate_range("2001-01-01", periods=501))


@pytest.mark.parametrize("name", ORACLES)
@pytest.mark.parametrize("source", ["sample", "random"])
def test_every_series_equals_the_oracle(name: str, source: str, request: pytest.FixtureRequest) -> None:
    frame = request.getfixturevalue(source)
    ours, options, oracle, its_options = ORACLES[name]
    measured = ours(frame, **options)
    for column in frame.columns:
        expected = float(oracle(frame[column], **its_options))
        assert measured[column] == pytest.approx(expected, **EXACT), column
        assert ours(frame[column], **options) == pytest.approx(measured[column], rel=1e-14, abs=1e-15)


def test_the_sample_index_reads_as_published_history() -> None:
    index = load_sp500_index().iloc[:, 0].pct_change().iloc[1:]
    assert measures.max_drawdown(index) == pytest.approx(-0.5678, abs=1e-3)  # October 2007 to March 2009
    assert 0.06 < measures.annual_return(index) < 0.09


def test_equal_returns_have_no_ratio() -> None:
    flat = pd.Series(0.0001, index=pd.bdate_range("2020-01-01", periods=300))
    assert measures.annual_volatility(flat) == 0.0
    for ratio in (measures.sharpe, measures.sortino, measures.calmar, measures.omega, measures.skew, measures.kurtosis):
        assert np.isnan(ratio(flat))


def test_losing_everything() -> None:
    lost = pd.Series([0.1, -1.0, 0.2], index=pd.bdate_range("2020-01-01", periods=3))
    assert measures.total_return(lost) == -1.0
    assert measures.annual_return(lost) == -1.0
    assert measures.max_drawdown(lost) == -1.0
    assert np.isnan(measures.stability(lost))
    assert np.isnan(measures.annual_return(lost - 0.5))


def test_no_sessions_and_one_session() -> None:
    none = pd.Series([], index=pd.DatetimeIndex([]), dtype=float)
    one = pd.Series([0.01], index=pd.bdate_range("2020-01-01", periods=1))
    for ours, *_ in ORACLES.values():
        assert np.isnan(ours(none))
    assert measures.total_return(one) == pytest.approx(0.01)
    for ratio in (measures.sharpe, measures.annual_volatility, measures.sortino, measures.omega):
        assert np.isnan(ratio(one))


def test_an_unknown_return_is_refused_with_its_date_and_series(random: pd.DataFrame) -> None:
    holed = random.rename(columns=lambda k: f"S{k:02d}")
    holed.iloc[7, 3] = np.nan
    holed.iloc[9, 1] = np.inf
    with pytest.raises(DataError, match=rf"nan on {holed.index[7].date()} in S03 \(2 such values\)"):
        measures.sharpe(holed)
    with pytest.raises(DataError, match="inf on"):
        measures.sharpe(holed["S01"])


@pytest.mark.parametrize(
    "returns",
    [
        [0.1, 0.2],
        pd.Series([0.1, 0.2]),
        pd.Series([0.1, 0.2], index=pd.DatetimeIndex(["2020-01-02", "2020-01-01"])),
        pd.Series([0.1, 0.2], index=pd.DatetimeIndex(["2020-01-01", "2020-01-01"])),
        pd.Series(["a", "b"], index=pd.bdate_range("2020-01-01", periods=2)),
    ],
    ids=["list", "no dates", "unsorted", "twice", "text"],
)
def test_what_is_no_return_series_is_refused(returns: object) -> None:
    with pytest.raises(DataError):
        measures.sharpe(returns)  # type: ignore[call-overload]


@pytest.mark.parametrize("level", [0.0, 95, -0.1, float("nan")])
def test_a_level_is_a_probability(level: float, random: pd.DataFrame) -> None:
    with pytest.raises(ParamsError, match=r"0\.95"):
        measures.value_at_risk(random, level)


@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(st.floats(-0.5, 0.5, allow_subnormal=False), min_size=3, max_size=60),
    scale=st.floats(0.1, 1.9),
)
def test_laws(values: list[float], scale: float) -> None:
    returns = pd.Series(values, index=pd.bdate_range("2020-01-01", periods=len(values)))
    assert -1.0 <= measures.max_drawdown(returns) <= 0.0
    assert measures.max_drawdown(returns) <= min(measures.total_return(returns), 0.0) + 1e-12
    worst, var, cvar = returns.min(), measures.value_at_risk(returns), measures.conditional_value_at_risk(returns)
    assert worst - 1e-15 <= cvar <= var + 1e-15
    assert 0.0 <= measures.hit_rate(returns) <= 1.0
    sharpe = measures.sharpe(returns)
    if abs(returns.std()) > 1e-6:
        assert measures.sharpe(returns * scale) == pytest.approx(sharpe, rel=1e-9, abs=1e-9)
        assert measures.sharpe(-returns) == pytest.approx(-sharpe, rel=1e-9, abs=1e-9)


def test_the_input_is_untouched_and_layout_does_not_matter(random: pd.DataFrame) -> None:
    before = random.copy(deep=True)
    by_rows = pd.DataFrame(np.ascontiguousarray(random.to_numpy()), index=random.index, copy=False)
    for ours, options, *_ in ORACLES.values():
        pd.testing.assert_series_equal(ours(random, **options), ours(by_rows, **options), rtol=1e-14)
    pd.testing.assert_frame_equal(random, before)
