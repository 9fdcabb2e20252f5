"""The quadratic solver against an interior-point solver, and against its own optimality conditions."""

from __future__ import annotations

import cvxpy as cp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alphapulse.core.errors import RiskError
from alphapulse.portfolio.quadratic import Program, solve


def program(seed: int, size: int, groups: int, lower: float, upper: float, cost: float, toll: float) -> Program:
    """Return a random program in which equal weights are feasible; kinks at random holdings and at zero."""
    random = np.random.default_rng(seed)
    common = random.normal(size=(3 * size, 3)) @ random.normal(size=(3, size)) * 0.01
    covariance = np.cov((common + random.normal(size=(3 * size, size)) * 0.015).T)
    member = np.arange(size) % max(groups, 1)
    rows = np.array([np.ones(size), *(member == number for number in range(groups))], dtype=np.float64)
    held = random.dirichlet(np.ones(size)) * (random.uniform(size=size) < 0.5)
    span = 0.6 / max(groups, 1)
    return Program(
        covariance=covariance,
        lower=np.full(size, lower),
        upper=np.full(size, upper),
        rows=rows,
        low=np.concatenate([[1.0], np.full(groups, span)]),
        high=np.concatenate([[1.0], np.full(groups, 1.2 / max(groups, 1))]),
        kinks=np.array([held, np.zeros(size)]),
        prices=np.array([np.full(size, cost), np.full(size, toll)]),
    )


def cost_of(made: Program, reward: np.ndarray, x: np.ndarray) -> float:
    return float(x @ made.covariance @ x / 2 - reward @ x + (made.prices * np.abs(x - made.kinks)).sum())


def even(size: int, groups: int = 0) -> np.ndarray:
    """Return equal weights, the same sum for each group."""
    member = np.arange(size) % max(groups, 1)
    return 1.0 / (np.bincount(member)[member] * max(groups, 1))


CASES = [
    (20, 0, 0.0, 1.0, 0.0, 0.0),
    (20, 4, 0.0, 0.15, 0.0, 0.0),
    (20, 4, -0.2, 0.3, 2e-5, 0.0),
    (40, 5, 0.0, 0.1, 2e-5, 0.0),
    (40, 5, -0.1, 0.1, 2e-5, 5e-5),
    (60, 0, -1.0, 1.0, 0.0, 1e-4),
]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("seed", range(3))
def test_no_worse_than_an_interior_point_solver(case: tuple, seed: int) -> None:
    made = program(seed, *case)
    reward = np.random.default_rng(seed + 99).normal(size=case[0]) * 5e-5
    ours = solve(made, reward, even(case[0]))
    x = cp.Variable(case[0])
    price = sum(made.prices[k] @ cp.abs(x - made.kinks[k]) for k in range(2))
    bounds = [x >= made.lower, x <= made.upper, made.rows @ x >= made.low, made.rows @ x <= made.high]
    asked = cp.Problem(cp.Minimize(cp.quad_form(x, cp.psd_wrap(made.covariance)) / 2 - reward @ x + price), bounds)
    asked.solve(solver="CLARABEL", tol_gap_abs=1e-12, tol_gap_rel=1e-12, tol_feas=1e-12)
    np.testing.assert_allclose(ours, x.value, atol=1e-5)
    best = cost_of(made, reward, x.value)
    assert cost_of(made, reward, ours) <= best + 1e-9 * abs(best)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    size=st.integers(4, 25),
    groups=st.integers(0, 3),
    short=st.booleans(),
    cost=st.sampled_from([0.0, 1e-5, 1e-3]),
)
def test_feasible_and_better_than_every_neighbour(seed: int, size: int, groups: int, short: bool, cost: float) -> None:
    made = program(seed, size, groups, -0.5 if short else 0.0, 0.9, cost, cost / 2)
    random = np.random.default_rng(seed)
    reward = random.normal(size=size) * 1e-4
    x = solve(made, reward, even(size, groups))
    assert (x >= made.lower).all() and (x <= made.upper).all(), "bounds are met exactly"
    sums = made.rows @ x
    assert (sums >= made.low - 1e-12).all() and (sums <= made.high + 1e-12).all()
    value = cost_of(made, reward, x)
    for _ in range(40):  # the program is convex: a feasible point anywhere else may not cost less
        other = solve(made, random.normal(size=size) * 10.0 ** random.uniform(-6, -2), even(size, groups))
        for share in (1.0, 1e-3):
            assert cost_of(made, reward, x + share * (other - x)) >= value - 1e-13


@pytest.mark.parametrize("case", CASES)
def test_the_start_does_not_matter(case: tuple) -> None:
    made = program(7, *case)
    reward = np.random.default_rng(5).normal(size=case[0]) * 5e-5
    first = solve(made, reward, even(case[0]))
    elsewhere = solve(made, -3.0 * reward, even(case[0]))
    np.testing.assert_allclose(solve(made, reward, elsewhere), first, atol=1e-11)
    np.testing.assert_allclose(solve(made, reward, first), first, atol=1e-13)


def test_a_price_above_every_gain_keeps_what_is_held() -> None:
    held = np.array([0.5, 0.3, 0.2, 0.0])
    made = program(1, 4, 0, 0.0, 1.0, 1.0, 0.0)._replace(kinks=np.array([held]), prices=np.ones((1, 4)))
    np.testing.assert_array_equal(solve(made, np.zeros(4), held), held)


def test_a_covariance_without_a_factor_is_refused() -> None:
    made = program(1, 4, 0, 0.0, 1.0, 0.0, 0.0)
    with pytest.raises(RiskError, match="4 assets"):
        solve(made._replace(covariance=-np.eye(4)), np.zeros(4), even(4))
    with pytest.raises(RiskError):
        solve(made, np.array([np.nan, 0.0, 0.0, 0.0]), even(4))
