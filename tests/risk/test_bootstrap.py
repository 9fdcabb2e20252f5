"""Bootstrap bands: arch as oracle, a plain loop over histories, and coverage of a Sharpe ratio that is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from arch.bootstrap import StationaryBootstrap, optimal_block_length
from skfolio.datasets import load_sp500_dataset, load_sp500_index

from alphapulse.core.errors import DataError, ParamsError
from alphapulse.risk import bootstrap, measures, relative
from alphapulse.risk.bootstrap import block_length, bootstrap_bands, stationary_sessions
from alphapulse.risk.headline import BESIDE_BENCHMARK, HEADLINE, measure_table

YEAR_ROOT = 252**0.5


@pytest.fixture(scope="module")
def stock() -> pd.Series:
    return load_sp500_dataset()["JPM"].pct_change().iloc[-1000:]


@pytest.fixture(scope="module")
def index() -> pd.Series:
    return load_sp500_index().iloc[:, 0].pct_change().iloc[-1500:]


def dated(values: np.ndarray) -> pd.Series:
    return pd.Series(values, pd.bdate_range("2010-01-01", periods=len(values)))


def test_bands_equal_a_plain_loop_over_histories(stock: pd.Series, index: pd.Series) -> None:
    table = bootstrap_bands(stock, index, draws=50, confidence=0.8, block=20.0, seed=5)
    drawn = stationary_sessions(np.random.default_rng(5), (50, len(stock)), 20.0)
    beside = index.loc[stock.index].to_numpy()
    loop: dict[str, list[float]] = {name: [] for name in table.index}
    for sessions in drawn:
        own, its = dated(stock.to_numpy()[sessions]), dated(beside[sessions])
        for name, value in measure_table(own.to_frame("own"), its)["own"].items():
            loop[str(name)].append(value)
    for name, values in loop.items():
        assert table["low"][name] == pytest.approx(np.quantile(values, 0.1), rel=1e-9), name
        assert table["high"][name] == pytest.approx(np.quantile(values, 0.9), rel=1e-9), name
    assert list(table.index) == [*HEADLINE, *BESIDE_BENCHMARK]
    assert table["value"]["sharpe"] == measures.sharpe(stock)
    assert table["value"]["beta"] == pytest.approx(relative.beta(stock, index), rel=1e-12)
    assert (table["low"] <= table["high"]).all()
    assert table.attrs == {"block": 20.0, "draws": 50, "seed": 5, "notes": ()}


def test_equal_to_arch_within_the_error_of_the_draws(stock: pd.Series, index: pd.Series) -> None:
    draws, beside = 2000, index.loc[stock.index]
    ours = bootstrap_bands(stock, index, draws=draws, block=20.0)

    def sharpe_and_beta(own: np.ndarray, its: np.ndarray) -> np.ndarray:
        slope = np.cov(own, its)[0, 1] / its.var(ddof=1)
        return np.array([own.mean() / own.std(ddof=1) * YEAR_ROOT, slope])

    theirs = StationaryBootstrap(20, stock.to_numpy(), beside.to_numpy(), seed=1)
    band = theirs.conf_int(sharpe_and_beta, reps=draws, method="percentile", size=0.95)
    for at, name in enumerate(("sharpe", "beta")):
        spread = (band[1, at] - band[0, at]) / (2 * 1.96)
        error = spread * np.sqrt(0.025 * 0.975 / draws) / scipy.stats.norm.pdf(1.96)  # of a quantile of the draws
        for side, wanted in (("low", band[0, at]), ("high", band[1, at])):
            assert ours[side][name] == pytest.approx(wanted, abs=4.0 * 2**0.5 * error), (name, side)


def covered(persistence: float, block: float | None, runs: int) -> float:
    """Return how often the 90 % band holds the true Sharpe ratio of an AR(1) process."""
    mean, hits = 0.05, 0
    for seed in range(runs):
        noise = np.random.default_rng(seed).standard_normal(300)
        for t in range(1, 300):
            noise[t] += persistence * noise[t - 1]
        returns = dated(0.01 * (mean + noise * (1.0 - persistence**2) ** 0.5))
        band = bootstrap_bands(returns, draws=200, confidence=0.9, block=block, seed=seed).loc["sharpe"]
        hits += band["low"] <= mean * YEAR_ROOT <= band["high"]
    return hits / runs


def test_the_true_sharpe_lies_in_the_band_as_often_as_it_says() -> None:
    low, high = scipy.stats.binom.ppf([0.0005, 0.9995], 200, 0.9) / 200
    assert low <= covered(0.0, None, runs=200) <= high


def test_blocks_hold_the_dependence_that_single_sessions_lose() -> None:
    # bands of independent sessions are too narrow by sqrt(1.5 / 0.5): they cover 0.66
    assert covered(0.5, 1.0, runs=80) < 0.76 < covered(0.5, None, runs=80)


def test_blocks_are_stationary() -> None:
    drawn = stationary_sessions(np.random.default_rng(0), (400, 500), 10.0)
    follows = (drawn[:, 1:] == (drawn[:, :-1] + 1) % 500).mean()
    assert follows == pytest.approx(0.9 + 0.1 / 500, abs=0.003)
    counts = np.bincount(drawn.ravel(), minlength=500)
    assert counts.std() / counts.mean() < 0.25  # every session as often, the first and last included
    alone = stationary_sessions(np.random.default_rng(0), (400, 500), 1.0)
    assert (alone[:, 1:] == (alone[:, :-1] + 1) % 500).mean() < 0.01


def test_the_block_is_the_longer_of_returns_and_squares(stock: pd.Series) -> None:
    own, squares = (float(optimal_block_length(part)["stationary"].iloc[0]) for part in (stock, stock**2))
    assert block_length(stock) == pytest.approx(max(own, squares, 1.0))
    assert block_length(stock) > 5.0  # volatility clusters
    assert block_length(stock * 0.0) == 1.0


def test_the_same_seed_gives_the_same_bands(stock: pd.Series, monkeypatch: pytest.MonkeyPatch) -> None:
    first = bootstrap_bands(stock, draws=40)
    pd.testing.assert_frame_equal(first, bootstrap_bands(stock, draws=40))
    assert not first["low"].equals(bootstrap_bands(stock, draws=40, seed=1)["low"])
    monkeypatch.setattr(bootstrap, "CHUNK", 7 * len(stock))
    chunked = bootstrap_bands(stock, draws=40)
    assert chunked[["low", "high"]].notna().all(axis=None)
    assert chunked["low"]["sharpe"] == pytest.approx(first["low"]["sharpe"], abs=0.3)


def test_few_sessions_have_no_bands(stock: pd.Series) -> None:
    table = bootstrap_bands(stock.iloc[:29])
    assert table["value"]["sharpe"] == measures.sharpe(stock.iloc[:29])
    assert table[["low", "high"]].isna().all(axis=None)
    assert table.attrs["notes"] == ("no bands: 29 sessions, at least 30 are needed",)


def test_draws_without_the_measure_are_counted() -> None:
    values = np.full(60, 0.01)
    values[10] = -0.02  # a draw without this session has no loss, so no Calmar ratio
    table = bootstrap_bands(dated(values), draws=200, block=1.0)
    assert np.isfinite(table["low"]["calmar"])
    note = next(note for note in table.attrs["notes"] if note.startswith("calmar"))
    missed = int(note.split(" in ")[1].split()[0]) / 200
    assert missed == pytest.approx((59 / 60) ** 60, abs=4 * (0.37 * 0.63 / 200) ** 0.5)
    flat = bootstrap_bands(dated(np.full(60, 0.01)), draws=20)
    assert np.isnan(flat["low"]["sharpe"])
    assert flat.loc["annual_return", ["low", "high"]].tolist() == pytest.approx([1.01**252 - 1.0] * 2)


@pytest.mark.parametrize("options", [{"draws": 5}, {"confidence": 95}, {"block": 0.5}, {"block": 5000.0}])
def test_wrong_parameters_are_refused(stock: pd.Series, options: dict[str, float]) -> None:
    with pytest.raises(ParamsError, match=next(iter(options))):
        bootstrap_bands(stock, **options)  # type: ignore[arg-type]


def test_holes_are_refused(stock: pd.Series) -> None:
    with pytest.raises(DataError, match="nan on"):
        bootstrap_bands(stock.where(stock.index != stock.index[3]))
