"""Minimum CVaR against PyPortfolioOpt, skfolio, the whole linear program and worked examples; and what it proves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

import alphapulse as ap
from alphapulse.core.errors import Infeasible, ParamsError, RiskError
from alphapulse.core.estimates import RiskEstimate
from alphapulse.core.facts import Facts
from alphapulse.core.stats import session_returns
from alphapulse.portfolio.constraints import Constraints
from alphapulse.portfolio.cvar import MinCVaR, min_cvar
from alphapulse.portfolio.tail_program import TailProgram, solve_tail
from alphapulse.testing import ALLOCATOR_CHECKS, example_estimate, unusable

LEVELS = [0.5, 0.9, 0.95, 0.99]
COSTS = [0.0, 1e-5, 1e-3]


@pytest.fixture(scope="module")
def sample() -> RiskEstimate:
    returns = session_returns(ap.load_market("sample").panel("total_return"))
    return ap.estimate_risk(returns.loc[:"2022-12-28"].iloc[-756:])


def cvar(returns: np.ndarray, level: float) -> float:
    """The definition: the least over v of v + the mean excess over v / (1 - level); some loss is the best v."""
    losses = -returns
    return min(v + np.maximum(losses - v, 0.0).mean() / (1.0 - level) for v in losses)


def asked_of(
    returns: np.ndarray,
    level: float,
    lower: float = 0.0,
    upper: float = 1.0,
    net: float = 1.0,
    current: np.ndarray | None = None,
    cost: float = 0.0,
    rows: np.ndarray | None = None,
    low: np.ndarray | None = None,
    high: np.ndarray | None = None,
) -> TailProgram:
    assets = returns.shape[1]
    rows = np.empty((0, assets)) if rows is None else rows
    low, high = (np.empty(0) if one is None else np.asarray(one) for one in (low, high))
    return TailProgram(
        returns,
        level,
        lower=np.full(assets, lower),
        upper=np.full(assets, upper),
        current=np.zeros(assets) if current is None else current,
        cost=cost,
        rows=np.vstack([np.ones(assets), rows, -rows]),
        low=np.concatenate([[net], low, -high]),
        fixed=np.arange(1 + 2 * len(rows)) == 0,
    )


def least(asked: TailProgram, gross: float | None = None) -> float:
    """The whole linear program in HiGHS. Variables: x, v, the excess over v by session, trade and size by asset."""
    sessions, assets = asked.returns.shape
    each = np.eye(assets)
    x, v = slice(assets), assets
    excess, trade, size = (
        slice(start, start + long)
        for start, long in (
            (assets + 1, sessions),
            (assets + 1 + sessions, assets),
            (assets + 1 + sessions + assets, assets),
        )
    )

    def most(limits: Any, **parts: Any) -> None:
        block = np.zeros((len(limits), size.stop))
        for name, part in parts.items():
            block[:, {"x": x, "v": v, "excess": excess, "trade": trade, "size": size}[name]] = part
        blocks.append(block)
        bounds.append(limits)

    blocks: list[np.ndarray] = []
    bounds: list[Any] = []
    most(np.zeros(sessions), x=-asked.returns, v=-1.0, excess=-np.eye(sessions))
    most(asked.current, x=each, trade=-each)
    most(-asked.current, x=-each, trade=-each)
    most(np.zeros(assets), x=each, size=-each)
    most(np.zeros(assets), x=-each, size=-each)
    most(-asked.low, x=-asked.rows)
    most(asked.low[asked.fixed], x=asked.rows[asked.fixed])
    if gross is not None:
        most([gross], size=1.0)
    cost = np.zeros(size.stop)
    cost[v], cost[excess], cost[trade] = 1.0, 1.0 / ((1.0 - asked.level) * sessions), asked.cost
    found = linprog(
        cost,
        A_ub=np.vstack(blocks),
        b_ub=np.concatenate(bounds),
        bounds=[*zip(asked.lower, asked.upper, strict=True), (None, None), *[(0, None)] * (sessions + 2 * assets)],
        method="highs",
    )
    assert found.status == 0, found.message
    return float(found.fun)


def drawn(seed: int, sessions: int, assets: int, kind: str = "smooth") -> np.ndarray:
    """Returns with a common part; or with ties: few values, twins among the assets, sessions again and again."""
    random = np.random.default_rng(seed)
    returns = random.standard_normal((sessions, assets)) * random.uniform(0.5, 3.0, assets)
    returns += random.standard_normal((sessions, 1)) + 0.1 * random.standard_normal(assets)
    if kind == "rounded":
        returns = np.round(returns)
    if kind == "idle":
        returns[random.random(sessions) < 0.5] = 0.0
    if kind == "twins":
        returns = returns[:, random.integers(0, assets, assets)]
    if kind == "again":
        returns = returns[random.integers(0, sessions, sessions)]
    return 0.01 * returns


def estimated(returns: np.ndarray, sectors: str = "") -> RiskEstimate:
    names = pd.Index([f"A{number:02d}" for number in range(returns.shape[1])])
    window = pd.DataFrame(returns, pd.bdate_range("2001-01-01", periods=len(returns)), names)
    estimate = RiskEstimate(window, window.mean(), window.cov())
    by_asset = pd.Series([sectors[number % len(sectors)] for number in range(len(names))], names) if sectors else None
    return replace(estimate, facts=Facts(sector=by_asset))


def test_the_sample_equals_pyportfolioopt(sample: RiskEstimate) -> None:
    from pypfopt import EfficientCVaR

    returns = sample.window
    ours = MinCVaR().allocate(sample)
    theirs = np.array([*EfficientCVaR(None, returns, beta=0.95).min_cvar().values()])
    assert cvar((returns @ ours).to_numpy(), 0.95) == pytest.approx(cvar((returns @ theirs).to_numpy(), 0.95), rel=1e-6)
    assert cvar((returns @ ours).to_numpy(), 0.95) <= cvar((returns @ theirs).to_numpy(), 0.95) * (1.0 + 1e-9)
    np.testing.assert_allclose(ours, theirs, atol=1e-4)


@pytest.mark.parametrize(("level", "bounds"), [(0.95, (0.0, 1.0)), (0.9, (0.0, 0.1)), (0.95, (-0.1, 0.2))])
def test_the_sample_equals_skfolio(sample: RiskEstimate, level: float, bounds: tuple[float, float]) -> None:
    from skfolio import RiskMeasure
    from skfolio.optimization import MeanRisk

    returns = sample.window.to_numpy()
    theirs = MeanRisk(risk_measure=RiskMeasure.CVAR, cvar_beta=level, min_weights=bounds[0], max_weights=bounds[1]).fit(
        sample.window
    )
    ours = MinCVaR(level, {"lower": bounds[0], "upper": bounds[1]}).allocate(sample).to_numpy()
    assert cvar(returns @ ours, level) == pytest.approx(cvar(returns @ theirs.weights_, level), rel=1e-6)
    assert cvar(returns @ ours, level) <= cvar(returns @ theirs.weights_, level) * (1.0 + 1e-9)


def test_two_assets_that_hedge_each_other() -> None:
    # 0.10 w - 0.05 (1 - w) = 0.02 (1 - w) - 0.04 w, so w = 1/3, where both sessions lose nothing; the others gain.
    returns = np.array([[-0.10, 0.05], [0.04, -0.02], [0.05, 0.05], [0.05, 0.05]])
    found = min_cvar(returns, 0.75)
    np.testing.assert_allclose(found.weights, [1 / 3, 2 / 3], atol=1e-15)
    assert found.objective == pytest.approx(0.0, abs=1e-17)


def test_a_tail_in_parts_is_weighed_in_parts() -> None:
    # of 10 sessions the tail of 15 % is the worst loss and half the next: (0.07 + 0.5 x 0.03) / 1.5
    returns = np.array([[-0.01, -0.03, 0.02, -0.07, 0.0, 0.01, 0.04, -0.02, 0.01, 0.02]]).T
    assert min_cvar(returns, 0.85).objective == pytest.approx(0.085 / 1.5)


@settings(max_examples=120, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    sessions=st.integers(2, 60),
    assets=st.integers(1, 14),
    kind=st.sampled_from(["smooth", "rounded", "idle", "twins", "again"]),
    level=st.sampled_from([0.5, 0.7, 0.9, 0.95]),
    bounds=st.sampled_from([(0.0, 1.0), (0.0, 0.3), (0.02, 0.5), (-0.2, 0.4), (-1.0, 1.0)]),
    cost=st.sampled_from(COSTS),
    count=st.integers(0, 3),
)
def test_equals_the_whole_linear_program(
    seed: int,
    sessions: int,
    assets: int,
    kind: str,
    level: float,
    bounds: tuple[float, float],
    cost: float,
    count: int,
) -> None:
    random = np.random.default_rng(seed)
    inside = random.uniform(*bounds, assets)
    rows = random.integers(-1, 2, (count, assets)).astype(float)
    asked = asked_of(
        drawn(seed, sessions, assets, kind),
        min(level, 1.0 - 1.0 / sessions),
        *bounds,
        net=float(inside.sum()),
        current=random.choice([0.0, 0.1, bounds[0]], assets),
        cost=cost,
        rows=rows,
        low=rows @ inside - random.choice([0.0, 0.1], count),
        high=rows @ inside + random.choice([0.0, 0.2], count),
    )
    found = solve_tail(asked, inside)
    assert found.objective == pytest.approx(least(asked), rel=1e-9, abs=1e-11)
    assert found.objective == pytest.approx(
        cvar(asked.returns @ found.weights, asked.level) + cost * np.abs(found.weights - asked.current).sum()
    )
    assert found.gap <= 1e-9
    assert (found.weights >= bounds[0]).all() and (found.weights <= bounds[1]).all()
    assert (asked.rows @ found.weights >= asked.low - 1e-9).all()
    assert found.weights.sum() == pytest.approx(inside.sum(), abs=1e-9)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    "constraints",
    [
        Constraints(),
        Constraints(upper=0.12),
        Constraints(upper=0.4, sectors={"x": (0.1, 0.2), "y": (0.4, 0.4)}),
        Constraints(upper=0.4, sectors={"x": (0.3, 1.0)}, turnover_bps=30.0),
        Constraints(lower=-0.2, upper=0.3, net=0.5),
        Constraints(lower=-0.2, upper=0.3, net=0.5, gross=0.8, turnover_bps=10.0),
        Constraints(lower=-0.3, upper=0.3, net=0.0, gross=0.4, sectors={"x": (0.1, 0.2)}),
        Constraints(net=0.8, upper=0.2, turnover_bps=500.0),
    ],
    ids=["plain", "cap", "sectors", "sector and cost", "shorts", "gross and cost", "neutral", "dear"],
)
def test_the_allocator_solves_what_was_asked(constraints: Constraints, seed: int) -> None:
    estimate = estimated(drawn(seed, 150, 12), "xyz")
    held = pd.Series(np.random.default_rng(seed).dirichlet(np.ones(12)), estimate.assets)
    held.iloc[2] = np.nan
    weights = MinCVaR(0.9, constraints).allocate(estimate, current=held)
    sectors = estimate.facts.sectors(estimate.assets)
    low, high = np.reshape([*constraints.sectors.values()], (-1, 2)).T
    asked = asked_of(
        estimate.window.to_numpy(),
        0.9,
        constraints.lower,
        constraints.upper,
        constraints.net,
        current=held.fillna(0.0).to_numpy(),
        cost=constraints.turnover_bps * 1e-4 / 21,
        rows=np.reshape([1.0 * (sectors == one) for one in constraints.sectors], (-1, 12)),
        low=low,
        high=high,
    )
    assert asked.objective(weights.to_numpy()) == pytest.approx(least(asked, constraints.gross), rel=1e-9)
    assert (asked.rows @ weights.to_numpy() >= asked.low - 1e-9).all()
    assert weights.sum() == pytest.approx(constraints.net, abs=1e-9)
    assert weights.between(constraints.lower - 1e-12, constraints.upper + 1e-12).all()
    assert constraints.gross is None or weights.abs().sum() <= constraints.gross + 1e-9
    assert weights.attrs["notes"] == ()


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), upper=st.floats(0.15, 1.0), short=st.booleans(), level=st.sampled_from(LEVELS))
def test_no_portfolio_allowed_has_a_lower_cvar(seed: int, upper: float, short: bool, level: float) -> None:
    returns = drawn(seed, 80, 8)
    lower = -upper if short else 0.0
    best = min_cvar(returns, level, lower=lower, upper=upper)
    assert best.weights.sum() == pytest.approx(1.0, abs=1e-9)
    assert (best.weights >= lower - 1e-9).all() and (best.weights <= upper + 1e-9).all()
    assert best.objective == pytest.approx(cvar(returns @ best.weights, level))
    random = np.random.default_rng(seed)
    for step in np.repeat([1.0, 0.1, 1e-3], 30):
        other = best.weights + step * (random.dirichlet(np.full(8, 0.5)) - best.weights)
        giver, taker = random.choice(8, 2, replace=False)
        change = min(step, other[giver] - lower, upper - other[taker])
        other[giver] -= change
        other[taker] += change
        if (other >= lower).all() and (other <= upper).all():
            assert cvar(returns @ other, level) >= best.objective * (1.0 - 1e-12)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), cost=st.sampled_from(COSTS), level=st.sampled_from(LEVELS))
def test_no_prices_prove_more_than_is_true(seed: int, cost: float, level: float) -> None:
    random = np.random.default_rng(seed)
    some = random.dirichlet(np.ones(6))
    pair = np.array([[1.0, 1.0, 0.0, 0.0, 0.0, 0.0]])
    asked = asked_of(
        drawn(seed, 40, 6),
        level,
        current=random.dirichlet(np.ones(6)),
        cost=cost,
        rows=pair,
        low=0.5 * pair @ some,
        high=1.5 * pair @ some,
    )
    prices = np.concatenate([random.dirichlet(np.full(40, 0.1)), 0.01 * random.standard_normal(3)])
    assert asked.bound(prices) <= asked.objective(some) + 1e-15


@pytest.mark.parametrize("check", ALLOCATOR_CHECKS)
def test_the_laws_of_allocators_hold(check: str) -> None:
    ALLOCATOR_CHECKS[check](MinCVaR(), 1e-9)


@pytest.mark.parametrize("check", [name for name in ALLOCATOR_CHECKS if name not in ("one_asset", "return_scale")])
def test_they_hold_with_caps_and_costs(check: str) -> None:
    # except that one asset cannot get more than the cap, and that the cost does not scale with returns
    ALLOCATOR_CHECKS[check](MinCVaR(constraints={"upper": 0.3, "turnover_bps": 10.0}), 1e-9)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), short=st.booleans())
def test_the_weights_held_change_nothing_but_the_time(seed: int, short: bool) -> None:
    estimate = estimated(drawn(seed, 200, 15))
    allocator = MinCVaR(constraints={"lower": -0.3 if short else 0.0, "upper": 0.5})
    held = pd.Series(np.random.default_rng(seed).dirichlet(np.ones(15)), estimate.assets)
    cold = allocator.allocate(estimate)
    for current in (held, cold, 0.0 * held, 5.0 * held):
        np.testing.assert_allclose(allocator.allocate(estimate, current=current), cold, atol=1e-9)


@pytest.mark.parametrize(("sessions", "assets"), [(300, 30), (60, 40)])
def test_from_no_position_every_session_ties(sessions: int, assets: int) -> None:
    # without setting the ties apart the search never leaves the first of these
    returns = drawn(0, sessions, assets)
    wanted = least(asked_of(returns, 0.95, lower=-0.2, upper=0.2, net=0.0))
    found = min_cvar(returns, lower=-0.2, upper=0.2, net=0.0)
    assert found.objective == pytest.approx(wanted, rel=1e-9, abs=1e-15)


def test_net_zero_without_a_gain_in_sight_is_no_position() -> None:
    weights = MinCVaR(constraints={"lower": -0.5, "net": 0.0}).allocate(estimated(drawn(0, 300, 4)))
    assert (weights == 0.0).all()
    assert "no position" in weights.attrs["notes"][0]


def test_the_few_largest_are_solved_again() -> None:
    estimate = estimated(drawn(1, 250, 12))
    few = MinCVaR(constraints={"max_assets": 3}).allocate(estimate)
    kept = MinCVaR().allocate(estimate).nlargest(3).index
    assert set(few.index[few > 0.0]) == set(kept)
    alone = MinCVaR().allocate(estimate.restricted(estimate.assets.isin(kept)))
    np.testing.assert_allclose(few[kept], alone[kept], atol=1e-9)
    assert "held to 3 assets" in few.attrs["notes"][-1]


def test_missing_returns_count_as_the_mean() -> None:
    returns = drawn(2, 100, 5)
    returns[7, 1] = returns[50, 3] = np.nan
    weights = MinCVaR().allocate(estimated(returns))
    filled = np.where(np.isnan(returns), np.nanmean(returns, axis=0), returns)
    np.testing.assert_allclose(weights, min_cvar(filled).weights, atol=1e-12)
    np.testing.assert_array_equal(min_cvar(returns).weights, min_cvar(filled).weights)
    assert weights.attrs["notes"] == ("2 missing returns count as their asset's mean",)


def test_of_few_sessions_the_worst_counts() -> None:
    returns = drawn(4, 12, 3)
    weights = MinCVaR().allocate(estimated(returns))
    assert weights.attrs["notes"] == ("12 sessions at level 0.95: the tail is the worst session alone",)
    worst = -(returns @ weights.to_numpy()).min()
    for other in np.random.default_rng(0).dirichlet(np.ones(3), 500):
        assert -(returns @ other).min() >= worst - 1e-15
    assert MinCVaR(0.5).allocate(estimated(returns)).attrs["notes"] == ()


@pytest.mark.parametrize("sessions", [2, 5, 25])
def test_more_assets_than_sessions(sessions: int) -> None:
    returns = drawn(5, sessions, 40)
    found = min_cvar(returns, 0.9)
    assert found.objective == pytest.approx(least(asked_of(returns, min(0.9, 1.0 - 1.0 / sessions))), rel=1e-9)
    assert found.weights.sum() == pytest.approx(1.0, abs=1e-12)


def test_one_session_takes_its_best_asset() -> None:
    assert min_cvar(np.array([[0.01, 0.03, -0.02]])).weights.tolist() == [0.0, 1.0, 0.0]


def test_twins_share_what_one_of_them_would_get() -> None:
    returns = drawn(6, 200, 5)
    alone = min_cvar(returns)
    doubled = min_cvar(np.hstack([returns, returns]))
    assert doubled.objective == pytest.approx(alone.objective, rel=1e-12)
    np.testing.assert_allclose(doubled.weights[:5] + doubled.weights[5:], alone.weights, atol=1e-9)


def test_one_asset_and_one_that_never_moves() -> None:
    estimate = example_estimate()
    assert MinCVaR().allocate(estimate.restricted(estimate.assets == "A02")).tolist() == [1.0]
    still = estimate.window.copy()
    still["A00"] = 0.0
    weights = MinCVaR().allocate(ap.estimate_risk(still))
    assert weights["A00"] == 0.0 and weights.sum() == pytest.approx(1.0)
    nobody = estimate
    for asset in estimate.assets:
        nobody = unusable(nobody, asset)
    assert MinCVaR().allocate(nobody).attrs["notes"] == ("no usable asset: all in cash",)


@pytest.mark.parametrize(
    ("bounds", "word"),
    [
        ({"upper": 0.01}, r"upper 0.01 x 20 assets = 0.20 is below net 1"),
        ({"lower": 0.1}, r"lower 0.1 x 20 assets = 2.00 is above net 1"),
        ({"lower": 0.0, "net": -0.5}, r"lower 0 x 20 assets = 0.00 is above net -0.5"),
    ],
)
def test_bounds_that_contradict_the_net_are_named(bounds: dict[str, float], word: str) -> None:
    with pytest.raises(Infeasible, match=word):
        min_cvar(drawn(0, 50, 20), **bounds)


@pytest.mark.parametrize("level", [0.0, 1.0, 95, -0.5, "0.95", True, float("nan")])
def test_a_wrong_level_is_refused(level: Any) -> None:
    with pytest.raises(ParamsError, match="level"):
        MinCVaR(level)
    with pytest.raises(ParamsError, match="level"):
        min_cvar(drawn(0, 20, 3), level)


def test_returns_that_are_none_are_refused() -> None:
    returns = drawn(0, 50, 3)
    returns[:, 1] = np.nan
    with pytest.raises(RiskError, match=r"columns \[1\]"):
        min_cvar(returns)
    returns[:, 1] = 0.0
    returns[4, 2] = np.inf
    with pytest.raises(RiskError, match=r"columns \[2\]"):
        min_cvar(returns)
    with pytest.raises(RiskError, match="shape"):
        min_cvar(np.zeros((0, 3)))
    with pytest.raises(RiskError, match="shape"):
        min_cvar(np.zeros(3))
    with pytest.raises(ParamsError, match="upper"):
        min_cvar(drawn(0, 50, 3), upper=float("nan"))


def test_an_answer_that_cannot_be_proven_is_no_answer() -> None:
    asked = asked_of(drawn(0, 100, 4), 0.95)
    with pytest.raises(RiskError, match="no optimum proven"):
        solve_tail(replace(asked, low=np.array([5.0])), np.full(4, 0.25))
    unknown = np.where(asked.returns > 0.03, np.nan, asked.returns)
    with pytest.raises(RiskError, match="no optimum proven"):
        solve_tail(replace(asked, returns=unknown), np.full(4, 0.25))
