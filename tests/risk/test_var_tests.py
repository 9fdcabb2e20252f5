"""VaR and CVaR backtests against published worked examples, their own laws and simulated forecasters."""

import numpy as np
import pandas as pd
import pytest
import scipy.stats as ss
from hypothesis import given
from hypothesis import strategies as st

from alphapulse.core.errors import DataError, ParamsError, RiskError
from alphapulse.risk.shortfall_tests import acerbi_szekely
from alphapulse.risk.tails import mean_below
from alphapulse.risk.var_tests import (
    backtest_summary,
    christoffersen_conditional,
    christoffersen_independence,
    kupiec,
    traffic_light,
)


def counted(count: int, sessions: int) -> np.ndarray:
    return np.arange(sessions) < count


def chained(together: int, alone: int, calm: int) -> np.ndarray:
    """Return exceptions in which `together` follow an exception and `alone` follow none, then calm sessions."""
    parts = [[True] * (together + 1)] + [[False, True]] * (alone - 1)
    hits = [False, *(hit for part in parts for hit in part), False]
    return np.array(hits + [False] * (calm - hits.count(False)))


@pytest.mark.parametrize(
    ("count", "sessions", "level", "statistic", "p_value"),
    [
        (57, 1043, 0.95, 0.46147, 0.49694),  # MATLAB Risk Management Toolbox, varbacktest/pof, Normal95
        (17, 1043, 0.99, 3.5118, 0.060933),  # the same, Normal99
        (6, 252, 0.99, 3.498, None),  # Jorion, Value at Risk, 3rd edition, chapter 6, question 10 (cut, not rounded)
        (20, 252, 0.95, 3.91, None),  # Jorion, chapter 6, J.P. Morgan's exceptions of 1998
    ],
)
def test_kupiec_as_published(count: int, sessions: int, level: float, statistic: float, p_value: float | None) -> None:
    test = kupiec(counted(count, sessions), level)
    assert test.statistic == pytest.approx(statistic, rel=8e-4)
    if p_value is not None:
        assert test.p_value == pytest.approx(p_value, rel=2e-5)
    assert (test.exceptions, test.sessions) == (count, sessions)
    assert test.expected == pytest.approx(sessions * (1 - level))


@pytest.mark.parametrize(
    ("sessions", "level", "fewest", "most"),
    [
        *((255, 0.99, 1, 6), (510, 0.99, 2, 10), (1000, 0.99, 5, 16)),
        *((255, 0.95, 7, 20), (510, 0.95, 17, 35), (1000, 0.95, 38, 64)),
    ],
)
def test_kupiec_accepts_the_published_numbers_of_exceptions(
    sessions: int, level: float, fewest: int, most: int
) -> None:
    """Kupiec (1995), and Jorion's table 6-2: at a test level of 95 %, N < 7, 1 < N < 11, 4 < N < 17 and so on.

    For 255 sessions at 99 % the table prints no lower bound; the statistic of N = 0 is 5.13, above the 3.84 accepted.
    """
    accepted = [n for n in range(100) if kupiec(counted(n, sessions), level).p_value > 0.05]
    assert accepted == list(range(fewest, most + 1))


def test_christoffersen_as_published_by_matlab() -> None:
    """varbacktest/cc on Normal95: N00 932, N10 53, N01 53, N11 4 of 1043 sessions."""
    hits = chained(together=4, alone=53, calm=1043 - 57)
    assert (len(hits), hits.sum(), (hits[1:] & hits[:-1]).sum()) == (1043, 57, 4)
    independence, both = christoffersen_independence(hits), christoffersen_conditional(hits)
    assert (independence.statistic, independence.p_value) == pytest.approx((0.25866, 0.61104), rel=2e-5)
    assert (both.statistic, both.p_value) == pytest.approx((0.72013, 0.69763), rel=2e-5)


def test_christoffersen_as_published_by_jorion() -> None:
    """Chapter 6, question 10: 6 exceptions, 4 after another; T00 244, T01 2, T10 2, T11 4 give 25.837."""
    hits = chained(together=4, alone=2, calm=253 - 6)
    before, after = hits[:-1], hits[1:]
    assert ((~before & ~after).sum(), (before & after).sum(), before.sum(), after.sum()) == (244, 4, 6, 6)
    assert christoffersen_independence(hits, 0.99).statistic == pytest.approx(25.837, abs=5e-4)


def test_no_exceptions() -> None:
    """-2 log(0.95^100) = 10.2587."""
    hits = np.zeros(100, dtype=bool)
    assert kupiec(hits).statistic == pytest.approx(-200 * np.log(0.95), rel=1e-12)
    for test in (christoffersen_independence(hits), christoffersen_conditional(hits)):
        assert np.isnan(test.statistic)
        assert np.isnan(test.p_value)


def test_nothing_but_exceptions() -> None:
    """-2 log(0.05^100) = 599.15."""
    hits = np.ones(100, dtype=bool)
    assert kupiec(hits).statistic == pytest.approx(-200 * np.log(0.05), rel=1e-12)
    assert kupiec(hits).p_value < 1e-100
    assert np.isnan(christoffersen_independence(hits).statistic)


def test_exceptions_that_never_follow_each_other() -> None:
    """T00 79, T01 10, T10 10, T11 0: -2 log L0 + 2 log L1 with 0 log 0 = 0, written out."""
    hits = np.tile(np.arange(10) == 5, 10)
    before, after = hits[:-1], hits[1:]
    assert ((~before & ~after).sum(), (~before & after).sum(), (before & after).sum()) == (79, 10, 0)
    apart = 79 * np.log(79 / 89) + 10 * np.log(10 / 89)
    together = 89 * np.log(89 / 99) + 10 * np.log(10 / 99)
    assert christoffersen_independence(hits).statistic == pytest.approx(2 * (apart - together), rel=1e-12)


def test_an_exception_in_the_last_session_alone_says_nothing_of_independence() -> None:
    assert np.isnan(christoffersen_independence(counted(1, 100)[::-1]).statistic)


@given(hits=st.lists(st.booleans(), min_size=2, max_size=80), level=st.sampled_from([0.9, 0.95, 0.99]))
def test_laws_of_the_likelihood_ratios(hits: list[bool], level: float) -> None:
    count, independence, both = (
        test(hits, level) for test in (kupiec, christoffersen_independence, christoffersen_conditional)
    )
    assert count.statistic >= 0.0
    assert count.statistic == kupiec(hits[::-1], level).statistic
    if np.isnan(independence.statistic):
        assert np.isnan(both.statistic)
    else:
        assert independence.statistic >= 0.0
        assert both.statistic == pytest.approx(count.statistic + independence.statistic, abs=1e-12)
        assert both.p_value == pytest.approx(ss.chi2.sf(both.statistic, 2), rel=1e-9)
    assert count.p_value == pytest.approx(ss.chi2.sf(count.statistic, 1), rel=1e-9)


BASEL = [8.11, 28.58, 54.32, 75.81, 89.22, 95.88, 98.63, 99.60, 99.89, 99.97, 99.99]  # Basel Committee 1996, table 2


@pytest.mark.parametrize("count", range(11))
def test_the_basel_table(count: int) -> None:
    light = traffic_light(counted(count, 250))
    assert 100 * light.probability == pytest.approx(BASEL[count], abs=0.005)
    assert light.zone == ("green" if count <= 4 else "yellow" if count <= 9 else "red")
    assert light.expected == pytest.approx(2.5)


@pytest.mark.parametrize("level", [0.95, 0.975, 0.99])
@pytest.mark.parametrize("sessions", [250, 500, 1000])
def test_zones_by_binomial_probability(sessions: int, level: float) -> None:
    zones = [traffic_light(counted(n, sessions), level).zone for n in range(150)]
    first = [zones.index(zone) for zone in ("green", "yellow", "red")]
    assert zones == sorted(zones, key=["green", "yellow", "red"].index)
    law = ss.binom(sessions, 1 - level)
    assert first[1] == int(law.ppf(0.95))
    assert first[2] == int(law.ppf(0.9999))


def constant(depths: np.ndarray, degrees: float, level: float) -> tuple[pd.Series, pd.DataFrame]:
    """Return returns that are `depths` times CVaR and forecasts that are those of Student's t in every session."""
    sessions = pd.bdate_range("2000-01-03", periods=len(depths))
    quantile = ss.t.ppf(1 - level, degrees)
    cvar = float(mean_below(degrees, quantile, 1 - level))
    forecasts = pd.DataFrame({"var": 0.01 * quantile, "cvar": 0.01 * cvar}, index=sessions)
    return pd.Series(0.01 * cvar * depths, index=sessions), forecasts


def p_of_z2(z2: float, sessions: int, level: float, degrees: float, **options: int) -> float:
    """Return the p-value of a given Z2: as many exceptions as needed, each 1.1 times as deep as CVaR."""
    total = (1 - z2) * sessions * (1 - level)
    count = round(total / 1.1)
    returns, forecasts = constant(counted(count, sessions) * total / count, degrees, level)
    test = acerbi_szekely(returns, forecasts, level, degrees=degrees, **options)
    assert test.z2 == pytest.approx(z2, abs=1e-9)
    return test.z2_p_value


@pytest.mark.parametrize(
    ("degrees", "critical", "significance"),
    [(3.0, -0.82, 0.05), (100.0, -0.70, 0.05), (1e6, -0.70, 0.05), (100.0, -1.8, 1e-4), (1e6, -1.8, 1e-4)],
)
def test_critical_values_published_by_acerbi_and_szekely(degrees: float, critical: float, significance: float) -> None:
    """CVaR at 97.5 %, 250 sessions; the two digits printed leave 5 % and 30 % of the significance open.

    Drawing leaves another 1 % (50,000 draws) and 16 % (400,000 draws) as a standard error; twice that is allowed.
    """
    draws, band = (50_000, 0.07) if significance == 0.05 else (400_000, 0.6)
    assert p_of_z2(critical, 250, 0.975, degrees, draws=draws) == pytest.approx(significance, rel=band)


def test_critical_value_published_by_matlab() -> None:
    """esbacktest/unconditionalT: t with 3 degrees of freedom, 1966 sessions at 97.5 %, critical at 1 %: -0.42986.

    Standard error of 20,000 draws 0.0007, of MATLAB's own table about as much.
    """
    assert p_of_z2(-0.42986, 1966, 0.975, 3.0, draws=20_000) == pytest.approx(0.01, abs=0.003)


def test_statistics_by_hand() -> None:
    """100 sessions at 95 %, 5 expected; 4 exceptions of 1.5, 1.5, 2 and 1 times CVaR: Z1 = 1 - 6/4, Z2 = 1 - 6/5."""
    depths = np.zeros(100)
    depths[[10, 11, 50, 99]] = [1.5, 1.5, 2.0, 1.0]
    test = acerbi_szekely(*constant(depths, 5.0, 0.95))
    assert (test.z1, test.z2) == pytest.approx((-0.5, -0.2))
    assert (test.exceptions, test.expected, test.sessions) == (4, pytest.approx(5.0), 100)


def test_no_exceptions_leave_z1_unknown() -> None:
    test = acerbi_szekely(*constant(np.zeros(100), 5.0, 0.95))
    assert np.isnan(test.z1)
    assert np.isnan(test.z1_p_value)
    assert (test.z2, test.z2_p_value) == (1.0, 1.0)


@pytest.mark.parametrize("true", [4.0, 1e6])
def test_p_values_of_right_forecasts_are_uniform(true: float) -> None:
    """300 histories of 500 sessions with volatility that changes; share below 0.1: band of four standard errors."""
    level, rng = 0.975, np.random.default_rng(3)
    quantile = ss.t.ppf(1 - level, true)
    cvar = float(mean_below(true, quantile, 1 - level))
    sessions = pd.bdate_range("2000-01-03", periods=500)
    found = []
    for _ in range(300):
        volatility = 0.01 * np.exp(rng.normal(0.0, 0.5, 500))
        forecasts = pd.DataFrame({"var": volatility * quantile, "cvar": volatility * cvar}, index=sessions)
        returns = pd.Series(volatility * rng.standard_t(true, 500), index=sessions)
        test = acerbi_szekely(returns, forecasts, level, degrees=true, draws=500)
        found.append((test.z1_p_value, test.z2_p_value))
    below = (np.array(found) < 0.1).mean(axis=0)
    assert below == pytest.approx([0.1, 0.1], abs=4 * np.sqrt(0.1 * 0.9 / 300))


def test_understated_tails_are_found() -> None:
    """Student-t returns with 3 degrees of freedom, forecast by the normal law of their own deviation."""
    level, rng = 0.975, np.random.default_rng(8)
    sessions = pd.bdate_range("2000-01-03", periods=2000)
    returns = pd.Series(0.01 * rng.standard_t(3, 2000), index=sessions)
    deviation, quantile = 0.01 * np.sqrt(3.0), ss.norm.ppf(1 - level)
    cvar = -ss.norm.pdf(quantile) / (1 - level)
    forecasts = pd.DataFrame({"var": deviation * quantile, "cvar": deviation * cvar}, index=sessions)
    test = acerbi_szekely(returns, forecasts, level)
    assert test.z1 < -0.1
    assert test.z1_p_value < 0.01
    assert kupiec(returns < forecasts["var"], level).p_value > 0.05  # the number of exceptions looks right


def test_the_seed_decides() -> None:
    depths = np.where(counted(8, 100), 1.3, 0.0)
    once, again, other = (acerbi_szekely(*constant(depths, 5.0, 0.95), seed=seed) for seed in (4, 4, 5))
    assert once == again
    assert once.z2 == other.z2
    assert once.z2_p_value == pytest.approx(other.z2_p_value, abs=0.02)


def test_the_summary_holds_each_test() -> None:
    rng = np.random.default_rng(1)
    depths = np.where(rng.random(600) < 0.06, rng.uniform(0.9, 1.4, 600), -0.3)
    returns, forecasts = constant(depths, 5.0, 0.95)
    forecasts.iloc[:100] = np.nan
    summary = backtest_summary(returns, forecasts)
    hits = (returns < forecasts["var"]).iloc[100:]
    assert summary["sessions"] == 500
    assert summary["exceptions"] == hits.sum()
    assert summary["expected"] == pytest.approx(25.0)
    assert summary["kupiec"] == kupiec(hits).statistic
    assert summary["independence_p_value"] == christoffersen_independence(hits).p_value
    assert summary["conditional"] == christoffersen_conditional(hits).statistic
    assert summary["zone"] == traffic_light(hits, 0.95).zone
    shortfall = acerbi_szekely(returns, forecasts)
    assert (summary["z1"], summary["z2_p_value"]) == (shortfall.z1, shortfall.z2_p_value)


def test_bad_exceptions() -> None:
    for wrong in ([], [0.1, -0.2], [[True, False]], "TF", pd.Series([True, None])):
        for test in (kupiec, christoffersen_independence, christoffersen_conditional, traffic_light):
            with pytest.raises(DataError, match="one truth value a session"):
                test(wrong)
    for level in (0.05, 1.0, 95, float("nan")):
        with pytest.raises(ParamsError, match=r"0\.95"):
            kupiec([True, False], level)


def test_bad_forecasts() -> None:
    returns, forecasts = constant(np.where(counted(8, 100), 1.3, 0.0), 5.0, 0.95)
    with pytest.raises(DataError, match="a loss is negative"):
        acerbi_szekely(returns, -forecasts)
    with pytest.raises(DataError, match="not above var"):
        acerbi_szekely(returns, forecasts.rename(columns={"var": "cvar", "cvar": "var"}))
    with pytest.raises(DataError, match="the same sessions"):
        acerbi_szekely(returns, forecasts.iloc[1:])
    with pytest.raises(DataError, match="columns var and cvar"):
        acerbi_szekely(returns, forecasts["var"])  # type: ignore[arg-type]
    with pytest.raises(RiskError, match="at least 20"):
        acerbi_szekely(returns, forecasts.iloc[:19].reindex(forecasts.index))
    for options in ({"degrees": 1.0}, {"draws": 5}, {"level": 0.05}):
        with pytest.raises(ParamsError, match=next(iter(options))):
            acerbi_szekely(returns, forecasts, **options)  # type: ignore[arg-type]
