"""The simulated market: calibrated, seeded, fair where it must be fair, and with the alpha it says it has."""

import os
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

from alphapulse.core.errors import ParamsError
from alphapulse.core.market import MarketData
from alphapulse.data import load_market
from alphapulse.data.simulated.calibration import DRIFT_ANN, SAMPLE_MOMENTS, moments
from alphapulse.data.simulated.prices import simulate_bars

# Relative tolerance of the mean over eight markets of the sample's size; log volatility is so persistent that even
# 33 years of one market estimate its moments roughly, as they do the sample's own.
TOLERANCE = {
    "volatility": 0.12,
    "volatility_spread": 0.20,
    "correlation": 0.10,
    "excess_kurtosis": 0.35,
    "clustering_1": 0.20,
    "clustering_20": 0.25,
    "clustering_100": 0.45,
    "dispersion": 0.15,
    "market_volatility": 0.15,
    "market_clustering_20": 0.30,
}


def z_score(values: list[float]) -> float:
    """Return the mean in units of its standard error."""
    return float(np.mean(values) / np.std(values, ddof=1) * np.sqrt(len(values)))


@pytest.fixture(scope="module")
def sample_returns() -> pd.DataFrame:
    return load_market().panel("close").pct_change().iloc[1:]


@pytest.fixture(scope="module")
def markets() -> list[MarketData]:
    """The placebo's markets: 20 assets, 2,520 sessions, driftless."""
    return [load_market("simulated", n_assets=20, n_sessions=2520, seed=seed, drift_ann=0.0) for seed in range(100)]


@pytest.mark.parametrize("name", list(SAMPLE_MOMENTS))
def test_the_stored_moments_are_the_samples(name: str, sample_returns: pd.DataFrame) -> None:
    assert SAMPLE_MOMENTS[name] == pytest.approx(moments(sample_returns)[name], rel=0.01)


def test_the_stored_drift_is_the_index_mean_return() -> None:
    index = load_market().benchmark
    assert pytest.approx(index.pct_change().mean() * 252, rel=0.01) == DRIFT_ANN


def test_moments_agree_with_pandas(sample_returns: pd.DataFrame) -> None:
    ours = moments(sample_returns)
    pairs = sample_returns.corr().to_numpy()[np.triu_indices(20, 1)]
    assert ours["correlation"] == pytest.approx(pairs.mean(), abs=1e-12)
    assert ours["excess_kurtosis"] == pytest.approx(sample_returns.kurt().median(), rel=0.01)
    lagged = [sample_returns[a].abs().autocorr(20) for a in sample_returns]
    assert ours["clustering_20"] == pytest.approx(np.median(lagged), rel=0.02)
    assert ours["dispersion"] == pytest.approx(sample_returns.std(axis=1).mean(), abs=1e-12)


def test_simulated_moments_agree_with_the_sample() -> None:
    found = pd.DataFrame(
        [
            moments(pd.DataFrame(simulate_bars(20, 8313, seed, drift_ann=DRIFT_ANN, alpha=0.0).growth - 1.0))
            for seed in range(8)
        ]
    ).mean()
    for name, tolerance in TOLERANCE.items():
        assert found[name] == pytest.approx(SAMPLE_MOMENTS[name], rel=tolerance), name


def test_driftless_nights_and_days_have_no_mean_return(markets: list[MarketData]) -> None:
    legs: dict[str, list[float]] = {"close to close": [], "night": [], "day": []}
    for market in markets:
        opening, close = market.panel("open").to_numpy(), market.panel("close").to_numpy()
        legs["close to close"].append((close[1:] / close[:-1] - 1.0).mean())
        legs["night"].append((opening[1:] / close[:-1] - 1.0).mean())
        legs["day"].append((close / opening - 1.0).mean())
    for name, means in legs.items():
        assert abs(z_score(means)) < 3.3, name
        assert np.std(means) < 4e-4, name


def test_driftless_returns_do_not_depend_on_the_past(markets: list[MarketData]) -> None:
    gains: dict[str, list[float]] = {"follow a day": [], "follow a night": [], "follow a year": []}
    for market in markets:
        opening, close = market.panel("open").to_numpy(), market.panel("close").to_numpy()
        gains["follow a day"].append((np.sign(close / opening - 1.0)[:-1] * (opening[1:] / close[:-1] - 1.0)).mean())
        gains["follow a night"].append((np.sign(opening[1:] / close[:-1] - 1.0) * (close / opening - 1.0)[1:]).mean())
        trend = np.sign(close[252:-1] / close[:-253] - 1.0)
        gains["follow a year"].append((trend * (close[253:] / close[252:-1] - 1.0)).mean())
    for name, means in gains.items():
        assert abs(z_score(means)) < 3.3, name


def test_stops_and_limits_inside_the_bar_are_fair(markets: list[MarketData]) -> None:
    """Whoever leaves at a level the bar touched neither gains nor loses against staying to the close."""
    after_stop, after_limit = [], []
    for market in markets:
        opening, close = market.panel("open").to_numpy(), market.panel("close").to_numpy()
        stopped = market.panel("low").to_numpy() <= 0.98 * opening
        reached = market.panel("high").to_numpy() >= 1.02 * opening
        after_stop.append((close[stopped] / (0.98 * opening[stopped]) - 1.0).mean())
        after_limit.append((close[reached] / (1.02 * opening[reached]) - 1.0).mean())
    assert abs(z_score(after_stop)) < 3.3
    assert abs(z_score(after_limit)) < 3.3
    assert np.std(after_stop) < 2e-3


def test_bars_hold_together_and_prices_are_ordinary(markets: list[MarketData]) -> None:
    for market in markets[:5]:
        opening, high, low, close = (market.panel(name).to_numpy() for name in ("open", "high", "low", "close"))
        assert (low > 0.0).all()
        assert (low <= np.minimum(opening, close)).all()
        assert (high >= np.maximum(opening, close)).all()
        assert (market.panel("volume").to_numpy() > 0.0).all()
        assert market.quality.loc[market.quality["action"].isin(["repaired", "dropped"])].empty


def test_volume_rises_with_the_size_of_the_return_and_persists(markets: list[MarketData]) -> None:
    volume = np.log(markets[0].panel("volume"))
    size = markets[0].panel("close").pct_change().abs()
    assert volume.corrwith(size).median() > 0.3
    assert volume.apply(lambda column: column.autocorr(1)).median() > 0.3


def test_drift_is_what_was_asked_for() -> None:
    yearly = []
    for seed in range(40):
        bars = simulate_bars(20, 2520, seed, drift_ann=0.50, alpha=0.0)
        still = simulate_bars(20, 2520, seed, drift_ann=0.0, alpha=0.0)
        yearly.append(float((bars.growth - still.growth).mean()) * 252)
    assert np.mean(yearly) == pytest.approx(0.50, rel=0.002)


def information_coefficient(market: MarketData) -> float:
    """Mean correlation across assets between momentum 12-1 at a close and the next return, in own volatilities."""
    log_price = np.log(market.panel("close"))
    momentum = log_price.shift(21) - log_price.shift(252)
    returns = market.panel("close").pct_change()
    ahead = (returns / returns.std()).shift(-1)
    return float(momentum.corrwith(ahead, axis=1).mean())


def test_the_planted_alpha_is_recovered_at_its_strength() -> None:
    planted = load_market("simulated", n_assets=200, n_sessions=2520, alpha=0.05, drift_ann=0.0)
    nothing = load_market("simulated", n_assets=200, n_sessions=2520, drift_ann=0.0)
    assert information_coefficient(planted) == pytest.approx(0.05, rel=0.2)
    assert abs(information_coefficient(nothing)) < 0.007
    assert any("momentum 12-1" in flag and "0.05" in flag for flag in planted.flags)
    early = planted.panel("close").iloc[:253]
    pd.testing.assert_frame_equal(early, nothing.panel("close").iloc[:253])


def test_the_same_seed_gives_the_same_bits_in_another_process() -> None:
    options = {"n_assets": 30, "n_sessions": 600, "seed": 7, "alpha": 0.02}
    options |= {"actions": True, "fundamentals": True, "news": True, "macro": True}
    code = f"from alphapulse.data import load_market; print(load_market('simulated', **{options!r}).fingerprint)"
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            check=True,
            capture_output=True,
            text=True,
            env=os.environ | {"PYTHONHASHSEED": hashing, "OMP_NUM_THREADS": threads},
        ).stdout.strip()
        for hashing, threads in (("1", "1"), ("2", "2"))
    }
    assert found == {load_market("simulated", **options).fingerprint}
    other = load_market("simulated", **(options | {"seed": 8}))
    assert other.fingerprint not in found


def test_asking_for_more_changes_no_price() -> None:
    options = {"n_assets": 12, "n_sessions": 400, "seed": 3}
    plain = load_market("simulated", **options)
    full = load_market("simulated", **options, fundamentals=True, news=True, macro=True)
    for name in plain.panels:
        pd.testing.assert_frame_equal(plain.panel(name), full.panel(name), check_exact=True)
    assert not plain.tables
    assert set(full.tables) == {"fundamentals", "news", "macro"}


@pytest.mark.parametrize("alpha", [0.0, 0.03])
def test_fewer_sessions_are_the_first_rows_of_more(alpha: float) -> None:
    options = {"n_assets": 15, "seed": 2, "alpha": alpha}
    long = load_market("simulated", n_sessions=700, **options)
    short = load_market("simulated", n_sessions=523, **options)
    cut = load_market("simulated", n_sessions=700, end=str(short.sessions[-1].date()), **options)
    for name in short.panels:
        pd.testing.assert_frame_equal(short.panel(name), long.panel(name).iloc[:523], check_exact=True)
    assert cut.fingerprint == short.fingerprint == long.until(short.sessions[-1]).fingerprint


def test_some_assets_of_a_market_are_those_of_the_whole() -> None:
    whole = load_market("simulated", n_assets=30, n_sessions=300, actions=True, news=True)
    part = load_market("simulated", n_assets=30, n_sessions=300, actions=True, news=True, assets=["S020", "S004"])
    assert list(part.assets) == ["S004", "S020"]
    pd.testing.assert_frame_equal(part.panel("close"), whole.panel("close")[["S004", "S020"]])
    assert set(part.table("news")["asset"]) <= {"S004", "S020"}
    pd.testing.assert_series_equal(part.benchmark, whole.benchmark)


def test_the_benchmark_is_the_mean_return_of_the_assets() -> None:
    market = load_market("simulated", n_assets=25, n_sessions=300)
    expected = market.panel("close").pct_change().mean(axis=1)
    pd.testing.assert_series_equal(market.benchmark.pct_change().iloc[1:], expected.iloc[1:], rtol=1e-10)


def test_flags_say_that_it_is_simulated_and_what_was_planted() -> None:
    plain = load_market("simulated", n_assets=2, n_sessions=10, seed=4, drift_ann=0.0)
    assert plain.flags[0] == "simulated data (seed 4)"
    assert "driftless" in plain.flags
    assert not any("planted" in flag for flag in plain.flags)
    assert any("8.8% a year" in flag for flag in load_market("simulated", n_assets=2, n_sessions=10).flags)


@pytest.mark.parametrize("n_assets", [1, 3])
@pytest.mark.parametrize("n_sessions", [1, 2, 70])
def test_tiny_markets_load_with_everything(n_assets: int, n_sessions: int) -> None:
    market = load_market(
        "simulated",
        n_assets=n_assets,
        n_sessions=n_sessions,
        actions=True,
        fundamentals=True,
        news=True,
        macro=True,
    )
    assert market.panel("close").shape == (n_sessions, n_assets)
    assert market.benchmark.notna().all()


@pytest.mark.parametrize(
    "options",
    [
        {"n_assets": 0},
        {"n_assets": 2.5},
        {"n_assets": True},
        {"n_sessions": 0},
        {"n_sessions": 100_000},
        {"seed": -1},
        {"seed": "a"},
        {"alpha": float("nan")},
        {"alpha": 2.0},
        {"alpha": "0.1"},
        {"alpha": 0.1, "n_assets": 1},
        {"drift_ann": float("inf")},
        {"start": "1899-01-01"},
        {"asets": ["S000"]},
        {"assets": ["S999"]},
    ],
)
def test_wrong_options_are_refused(options: dict) -> None:
    with pytest.raises(ParamsError):
        load_market("simulated", **({"n_assets": 5, "n_sessions": 20} | options))


def cpu_seconds(**options: object) -> float:
    begin = time.process_time()
    load_market("simulated", **options)
    return time.process_time() - begin


def test_a_placebo_market_loads_in_a_tenth_of_a_second(markets: list[MarketData]) -> None:
    assert markets
    assert min(cpu_seconds(n_assets=20, n_sessions=2520, seed=seed, drift_ann=0.0) for seed in range(5)) < 0.1


def test_thirty_years_of_500_assets_load_in_five_seconds() -> None:
    assert cpu_seconds(n_assets=500, n_sessions=7560) < 5.0
