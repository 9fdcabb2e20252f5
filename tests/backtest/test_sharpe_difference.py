"""The error of a difference of Sharpe ratios, against the formulas of the literature and what chance does."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from alphapulse.backtest.sharpe_difference import sharpe_differences

YEAR = np.sqrt(252.0)


def drawn(seed: int, sessions: int = 2_000, correlation: float = 0.9) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    mixed = np.linalg.cholesky([[1.0, correlation], [correlation, 1.0]])
    returns = 0.0004 + 0.01 * rng.standard_normal((sessions, 2)) @ mixed.T
    return pd.DataFrame(returns, pd.bdate_range("1700-01-03", periods=sessions), ["base", "other"])


def test_it_is_memmels_error_on_normal_returns() -> None:
    """Memmel (2003), equation 5; 200,000 sessions, so that the sample is close to its law."""
    returns = drawn(0, sessions=200_000)
    first, second = (returns.mean() / returns.std()).to_numpy()
    rho = returns.corr().iloc[0, 1]
    variance = 2.0 * (1.0 - rho) + (first**2 + second**2 - 2.0 * first * second * rho**2) / 2.0
    row = sharpe_differences(returns, "base").loc["other"]
    assert row["standard_error"] == pytest.approx(YEAR * np.sqrt(variance / len(returns)), rel=0.01)
    assert row["difference"] == pytest.approx(YEAR * (second - first), rel=1e-9)
    assert row["t"] == pytest.approx(row["difference"] / row["standard_error"])


def test_it_is_the_delta_method_of_ledoit_and_wolf_with_hac_moments() -> None:
    """Ledoit and Wolf (2008), section 3.1: gradient of the four moments, their long-run covariance lag by lag."""
    rng = np.random.default_rng(1)
    returns = drawn(1) * (1.0 + 0.8 * np.sin(np.arange(2_000) / 50.0))[:, None] + 0.002 * rng.standard_t(3, (2_000, 1))
    values = returns.to_numpy()
    count = len(values)
    moments = np.column_stack([values, values**2])
    apart = moments - moments.mean(axis=0)
    lags = int(4 * (count / 100) ** (2 / 9))
    psi = apart.T @ apart
    for lag in range(1, lags + 1):
        cross = apart[lag:].T @ apart[:-lag]
        psi += (1 - lag / (lags + 1)) * (cross + cross.T)
    (a, b, c, d) = moments.mean(axis=0)
    gradient = np.array(
        [c / (c - a**2) ** 1.5, -d / (d - b**2) ** 1.5, -a / (c - a**2) ** 1.5 / 2, b / (d - b**2) ** 1.5 / 2]
    )
    expected = YEAR * np.sqrt(gradient @ psi @ gradient) / count
    assert sharpe_differences(returns, "base").loc["other", "standard_error"] == pytest.approx(expected, rel=1e-9)


def test_equal_sharpe_ratios_pass_two_errors_about_as_often_as_chance_has_it() -> None:
    t = np.array([sharpe_differences(drawn(seed, 750), "base").loc["other", "t"] for seed in range(400)])
    assert np.mean(np.abs(t) > 2.0) == pytest.approx(0.0455, abs=3.0 * np.sqrt(0.0455 * 0.9545 / 400))
    assert abs(t.mean()) < 0.2


def test_the_base_and_its_twin_have_no_t() -> None:
    returns = drawn(2).assign(twin=lambda frame: frame["base"], cash=0.0)
    table = sharpe_differences(returns, "base")
    assert table.loc["base", ["difference", "standard_error"]].tolist() == [0.0, 0.0]
    assert table.loc["twin", ["difference", "standard_error"]].tolist() == [0.0, 0.0]
    assert table["t"].isna().to_dict() == {"base": True, "other": False, "twin": True, "cash": True}
    assert table.loc["cash"].isna().all()
    assert sharpe_differences(returns, "cash").isna().all(axis=None)
