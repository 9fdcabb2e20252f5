"""The long-only program against a brute-force search over every set of held assets, and against its own conditions."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alphapulse.core.errors import RiskError
from alphapulse.portfolio.active_set import solve_long_only


def problem(seed: int, size: int, rows: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    factor = random.standard_normal((rows, size)) * random.uniform(0.2, 3.0, size) + random.standard_normal((rows, 1))
    return factor.T @ factor / rows + 1e-6 * np.eye(size), random.standard_normal(size)


def brute_force(covariance: np.ndarray, reward: np.ndarray) -> np.ndarray:
    best, lowest = np.zeros(len(reward)), 0.0
    for count in range(1, len(reward) + 1):
        for held in combinations(range(len(reward)), count):
            at = list(held)
            x = np.zeros(len(reward))
            x[at] = np.linalg.solve(covariance[np.ix_(at, at)], reward[at])
            value = 0.5 * x @ covariance @ x - reward @ x
            if (x >= 0.0).all() and value < lowest:
                best, lowest = x, value
    return best


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), size=st.integers(1, 7))
def test_equals_brute_force(seed: int, size: int) -> None:
    covariance, reward = problem(seed, size, 3 * size)
    x, ridged = solve_long_only(covariance, reward)
    assert not ridged
    np.testing.assert_allclose(x, brute_force(covariance, reward), rtol=1e-8, atol=1e-10)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), size=st.integers(1, 60), ones=st.booleans())
def test_meets_the_optimality_conditions(seed: int, size: int, ones: bool) -> None:
    covariance, reward = problem(seed, size, 2 * size + 5)
    reward = np.ones(size) if ones else reward
    x, _ = solve_long_only(covariance, reward)
    price = covariance @ x - reward
    scale = np.abs(reward).max()
    assert (x >= 0.0).all()
    assert price.min() >= -1e-9 * scale
    assert np.abs(price[x > 0.0]).max(initial=0.0) <= 1e-9 * scale


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), guess=st.integers(0, 2**12 - 1))
def test_a_warm_start_changes_nothing(seed: int, guess: int) -> None:
    covariance, reward = problem(seed, 12, 40)
    held = np.array([bool(guess >> at & 1) for at in range(12)])
    cold, _ = solve_long_only(covariance, reward)
    warm, _ = solve_long_only(covariance, reward, held)
    np.testing.assert_allclose(warm, cold, rtol=1e-9, atol=1e-12)


def test_no_reward_above_zero_holds_nothing() -> None:
    covariance, _ = problem(0, 4, 20)
    assert solve_long_only(covariance, np.array([-1.0, 0.0, -2.0, -0.1]))[0].tolist() == [0.0] * 4


def test_twins_are_solved_with_a_ridge() -> None:
    covariance = np.full((3, 3), 0.0004)
    covariance[2] = covariance[:, 2] = 0.0
    covariance[2, 2] = 0.0001
    x, ridged = solve_long_only(covariance, np.ones(3))
    assert ridged
    weights = x / x.sum()
    assert weights[0] == pytest.approx(weights[1])
    assert weights[2] == pytest.approx(0.8, rel=1e-6)


def test_nonsense_is_refused() -> None:
    covariance = np.full((2, 2), np.nan)
    np.fill_diagonal(covariance, 1.0)
    with pytest.raises(RiskError, match="optimality"):
        solve_long_only(covariance, np.ones(2))
