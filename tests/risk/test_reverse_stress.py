"""Reverse stress: it loses what was asked, nothing nearer does, and its probabilities are scipy's."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.optimize
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from alphapulse.core.errors import ParamsError, RiskError
from alphapulse.risk.covariance import estimate_risk
from alphapulse.risk.reverse_stress import reverse_stress

ASSETS = ["A", "B", "C", "D"]


def window(seed: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    values = 0.01 * (random.standard_normal((300, 1)) + random.standard_normal((300, 4))) * np.arange(1, 5)
    return pd.DataFrame(values, pd.bdate_range("2020-01-01", periods=300), ASSETS)


def test_worked_by_hand() -> None:
    # one asset of volatility 2 %, all of the book: a loss of 6 % is three deviations
    returns = window()[["A"]]
    returns *= 0.02 / returns["A"].std()
    found = reverse_stress(pd.Series({"A": 1.0}), estimate_risk(returns, "sample"), 0.06)
    assert found.scenario.loc["A"].tolist() == pytest.approx([1.0, -0.06, -0.06, -3.0])
    assert found.distance == pytest.approx(3.0)
    assert found.probability == pytest.approx(0.00135, abs=1e-6)
    assert found.farther == pytest.approx(0.0027, abs=1e-6)
    in_nine = reverse_stress(pd.Series({"A": 1.0}), estimate_risk(returns, "sample"), 0.06, horizon=9)
    assert in_nine.distance == pytest.approx(1.0)
    assert in_nine.scenario["return"]["A"] == pytest.approx(-0.06)


@given(
    weights=st.lists(st.floats(-1.0, 1.0), min_size=4, max_size=4).filter(lambda book: np.abs(book).max() > 0.01),
    loss=st.floats(1e-3, 0.5),
    seed=st.integers(0, 50),
    other=st.lists(st.floats(-1.0, 1.0), min_size=4, max_size=4),
)
def test_it_loses_exactly_that_and_nothing_nearer_does(
    weights: list[float], loss: float, seed: int, other: list[float]
) -> None:
    estimate = estimate_risk(window(seed))
    book = pd.Series(weights, ASSETS)
    found = reverse_stress(book, estimate, loss)
    moves = found.scenario["return"].to_numpy()
    assert book @ moves == pytest.approx(-loss, rel=1e-9)
    assert found.scenario["contribution"].sum() == pytest.approx(-loss, rel=1e-9)
    inverse = np.linalg.inv(estimate.covariance)
    assert np.sqrt(moves @ inverse @ moves) == pytest.approx(found.distance, rel=1e-6)
    rival = moves + np.array(other)
    lost = -float(book @ rival)
    if lost > 1e-6:
        rival *= loss / lost
        assert np.sqrt(rival @ inverse @ rival) >= found.distance * (1.0 - 1e-9)


def test_a_general_optimiser_finds_the_same_scenario() -> None:
    estimate = estimate_risk(window())
    book = pd.Series([0.5, -0.4, 0.3, 0.2], ASSETS)
    found = reverse_stress(book, estimate, 0.1)
    root = np.linalg.cholesky(estimate.covariance)
    solved = scipy.optimize.minimize(
        lambda z: z @ z,
        np.ones(4),
        constraints={"type": "eq", "fun": lambda z: book.to_numpy() @ (root @ z) + 0.1},
        options={"ftol": 1e-15, "maxiter": 500},
    )
    np.testing.assert_allclose(found.scenario["return"], root @ solved.x, atol=1e-6)
    assert found.probability == pytest.approx(scipy.stats.norm.cdf(-np.sqrt(solved.fun)), rel=1e-4)
    assert found.farther == pytest.approx(scipy.stats.chi2.sf(solved.fun, 4), rel=1e-4)


def test_positions_without_an_estimate_are_unknown_and_named() -> None:
    estimate = estimate_risk(window())
    found = reverse_stress(pd.Series({"A": 0.6, "Z": 0.4}), estimate, 0.05)
    assert found.scenario.loc["Z", ["return", "contribution", "deviations"]].isna().all()
    assert found.scenario["contribution"].sum() == pytest.approx(-0.05)
    assert found.notes == ("no risk estimate: Z (40.0% of the gross weight)",)


def test_what_cannot_lose_is_refused() -> None:
    estimate = estimate_risk(window())
    for book in (pd.Series({"A": 0.0}), pd.Series({"Z": 1.0})):
        with pytest.raises(RiskError, match="no position"):
            reverse_stress(book, estimate, 0.05)
    with pytest.raises(ParamsError, match=r"0\.10"):
        reverse_stress(pd.Series({"A": 1.0}), estimate, -0.05)
