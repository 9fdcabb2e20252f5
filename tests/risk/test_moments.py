"""Sums shared by windows: equal to summing each alone, to the last bit whatever was asked before or comes after."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphapulse.core.errors import DataError, ParamsError
from alphapulse.risk.covariance import COVARIANCES, estimate_risk
from alphapulse.risk.moments import Moments


def panel(sessions: int = 600, assets: int = 8, seed: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    values = 0.01 * (random.standard_normal((sessions, 1)) + random.standard_normal((sessions, assets))) + 0.0005
    return pd.DataFrame(
        values, pd.bdate_range("2010-01-04", periods=sessions), [f"A{number:03d}" for number in range(assets)]
    )


def assert_agree(window: pd.DataFrame, moments: Moments, covariance: str = "ledoit_wolf") -> None:
    """Check the estimate with shared sums against the one without, at 1e-12 of the assets' variances."""
    shared = estimate_risk(window, covariance, min_observed=0.25, moments=moments)
    alone = estimate_risk(window, covariance, min_observed=0.25)
    scale = np.outer(alone.volatility, alone.volatility)
    np.testing.assert_allclose(shared.covariance / scale, alone.covariance / scale, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(shared.mean, alone.mean)
    assert shared.notes == alone.notes


@pytest.mark.parametrize("covariance", COVARIANCES)
@pytest.mark.parametrize("lookback", [60, 126, 252])
def test_every_window_agrees_with_its_own_sum(covariance: str, lookback: int) -> None:
    returns = panel()
    moments = Moments(returns, lookback)
    for row in range(lookback, 600, 37):
        assert_agree(returns.iloc[row - lookback : row], moments, covariance)


def test_sums_are_shared_for_windows_of_the_lookback_and_unknown_at_gaps() -> None:
    returns = panel()
    returns.iloc[150, 2] = np.nan
    moments = Moments(returns, 126)
    served = 0
    for row in range(126, 600):
        window = returns.iloc[row - 126 : row, [0, 2, 3, 5, 7]]
        products = moments.products(window, np.array([0, 1, 3, 4]), window.mean().to_numpy()[[0, 1, 3, 4]])
        if products is None:
            continue
        served += 1
        values = (window - window.mean()).to_numpy()[:, [0, 1, 3, 4]]
        wanted = values.T @ values
        np.testing.assert_allclose(products, wanted, rtol=1e-12, atol=1e-12 * np.nanmax(wanted))
        assert np.array_equal(products, products.T, equal_nan=True)
        assert np.isnan(products[1]).all() == (150 < row <= 276)
    assert served > 0.9 * 474
    assert moments.products(returns.iloc[:126, [1]], np.array([0]), np.zeros(1)) is None


@given(seed=st.integers(0, 1000), lookback=st.integers(1, 200), assets=st.integers(1, 6), data=st.data())
def test_any_window_with_any_columns_in_any_order_agrees(
    seed: int, lookback: int, assets: int, data: st.DataObject
) -> None:
    returns = panel(300, assets, seed)
    returns = returns.mask(np.random.default_rng(seed).random(returns.shape) < data.draw(st.sampled_from([0.0, 0.002])))
    moments = Moments(returns, lookback)
    for _ in range(5):
        first = data.draw(st.integers(0, 290))
        last = data.draw(st.integers(first + 2, 300))
        columns = data.draw(st.lists(st.integers(0, assets - 1), min_size=1, unique=True))
        assert_agree(returns.iloc[first:last, columns], moments, "sample")


def test_a_replay_session_by_session_gets_the_same_numbers_to_the_last_bit() -> None:
    returns = panel(900, 30)
    whole = Moments(returns, 252)
    for row in range(252, 900, 21):
        seen = returns.iloc[:row]
        studied = estimate_risk(returns.iloc[row - 252 : row], moments=whole)
        replayed = estimate_risk(seen.iloc[-252:], moments=Moments(seen, 252))
        assert studied.covariance.equals(replayed.covariance)


def test_what_was_asked_before_does_not_matter() -> None:
    returns = panel(900, 10)
    moments = Moments(returns, 252)
    windows = [returns.iloc[row : row + 252] for row in (640, 0, 300, 321, 310, 600, 0, 640)]
    windows += [returns.iloc[:251], returns.iloc[:253], returns.iloc[252:503], returns.iloc[252:504]]
    asked = [estimate_risk(window, moments=moments).covariance for window in windows]
    alone = [estimate_risk(window, moments=Moments(returns, 252)).covariance for window in windows]
    for one, two in zip(asked, alone, strict=True):
        assert one.equals(two)


def test_a_wild_session_has_no_part_in_the_windows_after_it() -> None:
    wild = panel()
    wild.iloc[100] = 1e12
    quiet = panel()
    moments, alike = Moments(wild, 126), Moments(quiet, 126)
    for row in range(101, 470, 21):
        given_ = estimate_risk(wild.iloc[row : row + 126], moments=moments).covariance
        assert given_.equals(estimate_risk(quiet.iloc[row : row + 126], moments=alike).covariance)


@pytest.mark.parametrize("spread", [1.0, 1e-2, 1e-4, 1e-6])
def test_an_asset_that_hardly_varies_about_its_mean_keeps_its_digits(spread: float) -> None:
    returns = panel()
    returns["A003"] = 0.2 + spread * returns["A003"]
    moments = Moments(returns, 126)
    for row in range(126, 600, 21):
        assert_agree(returns.iloc[row - 126 : row], moments, "sample")


def test_assets_with_gaps_are_summed_alone_and_the_others_shared() -> None:
    returns = panel(600, 20)
    returns.iloc[:250, 3] = np.nan
    returns.iloc[[260, 300, 350], 11] = np.nan
    moments = Moments(returns, 126)
    for row in range(126, 600, 21):
        assert_agree(returns.iloc[row - 126 : row], moments)


def test_memory_is_bounded() -> None:
    returns = panel(2000, 500)
    moments = Moments(returns, 756)
    tracemalloc.start()
    for row in range(756, 2000, 63):
        assert moments.products(returns.iloc[row - 756 : row], np.arange(500), np.zeros(500)) is not None
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 120e6


def test_a_window_of_another_panel_is_refused() -> None:
    returns = panel()
    moments = Moments(returns, 126)
    later = returns.set_axis(returns.index + pd.Timedelta(weeks=200))
    for window in (later.iloc[-126:], returns.rename(columns={"A001": "B"}).iloc[:126], returns.iloc[:252:2]):
        with pytest.raises(DataError, match="not of their panel"):
            estimate_risk(window, moments=moments)
    with pytest.raises(DataError, match="not those of their panel"):
        estimate_risk(returns.iloc[:126] * 2.0, moments=moments)


def test_a_lookback_of_no_sessions_is_refused() -> None:
    with pytest.raises(ParamsError, match="lookback"):
        Moments(panel(), 0)
