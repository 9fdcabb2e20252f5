"""Constraints hold under every allocator, agree with PyPortfolioOpt where it has them, and relax as documented."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alphapulse.core.errors import MissingField, ParamsError
from alphapulse.core.estimates import RiskEstimate
from alphapulse.core.facts import Facts
from alphapulse.portfolio import ALLOCATORS
from alphapulse.portfolio.constraints import Constraints, constraints_of
from alphapulse.portfolio.mean_variance import MaxSharpe, MeanVariance, MinVariance
from alphapulse.portfolio.simple import EqualWeight
from alphapulse.testing import example_estimate

CONSTRAINED = sorted(name for name in ALLOCATORS if hasattr(ALLOCATORS[name](), "constraints"))
SECTORS = {"x": (0.2, 0.45), "y": (0.0, 0.3)}


def sectored(assets: int = 12, seed: int = 0) -> RiskEstimate:
    estimate = example_estimate(assets, seed=seed)
    names = pd.Series([*"xyz"] * (assets // 3), index=estimate.assets[: 3 * (assets // 3)])
    return replace(estimate, facts=Facts(sector=names.reindex(estimate.assets)))


def scores_of(estimate: RiskEstimate, seed: int = 3) -> pd.Series:
    return pd.Series(np.random.default_rng(seed).uniform(-1, 1, len(estimate.assets)), index=estimate.assets)


def check(weights: pd.Series, estimate: RiskEstimate, constraints: Constraints) -> None:
    assert weights.min() >= constraints.lower - 1e-12 and weights.max() <= constraints.upper + 1e-12
    assert weights.sum() == pytest.approx(constraints.net, abs=1e-9)
    sums = weights.groupby(estimate.facts.sectors(estimate.assets)).sum()
    for name, (low, high) in constraints.sectors.items():
        assert low - 1e-9 <= sums[name] <= high + 1e-9
    if constraints.gross is not None:
        assert weights.abs().sum() <= constraints.gross + 1e-9
    if constraints.max_assets is not None:
        assert (weights != 0.0).sum() <= constraints.max_assets


@pytest.mark.parametrize("name", CONSTRAINED)
@pytest.mark.parametrize(
    "asked",
    [
        {"upper": 0.12},
        {"upper": 0.2, "sectors": SECTORS},
        {"upper": 0.3, "sectors": SECTORS, "turnover_bps": 20.0},
        {"upper": 0.5, "max_assets": 4},
        {"net": 0.6, "upper": 0.1},
        {"lower": -0.2, "upper": 0.2, "net": 0.3, "gross": 0.9},
        {"lower": -0.1, "upper": 0.1, "net": 0.0, "gross": 1.0},
    ],
    ids=["cap", "sectors", "turnover", "few assets", "cash", "long-short", "dollar-neutral"],
)
def test_weights_keep_to_them(name: str, asked: dict[str, Any]) -> None:
    constraints = Constraints(**asked)
    for seed in range(3):
        estimate = sectored(seed=seed)
        held = pd.Series(np.random.default_rng(seed).dirichlet(np.ones(12)), index=estimate.assets)
        weights = ALLOCATORS[name](constraints=constraints).allocate(estimate, scores_of(estimate, seed), held)
        check(weights, estimate, constraints)
        assert not any(note.startswith("infeasible") for note in weights.attrs["notes"])


@pytest.mark.parametrize("target", [None, 0.3, 0.4])
@pytest.mark.parametrize("bounds", [(0.0, 0.15), (-0.1, 0.2)])
def test_bounds_and_sectors_equal_pyportfolioopt(target: float | None, bounds: tuple[float, float]) -> None:
    from pypfopt import EfficientFrontier

    estimate = sectored(seed=2)
    sectors = dict(zip(estimate.assets, estimate.facts.sectors(estimate.assets), strict=True))
    theirs = EfficientFrontier(252 * estimate.mean, 252 * estimate.covariance, weight_bounds=bounds, solver="CLARABEL")
    theirs.add_sector_constraints(sectors, {"x": 0.2, "y": 0.0}, {"x": 0.45, "y": 0.3})
    asked = {"lower": bounds[0], "upper": bounds[1], "sectors": SECTORS}
    if target is None:
        ours = MinVariance(constraints=asked).allocate(estimate)
        wanted = pd.Series(theirs.min_volatility())
    else:
        ours = MaxSharpe(target, asked).allocate(estimate)
        wanted = pd.Series(theirs.efficient_risk(target))
        if not ours.attrs["notes"]:
            assert np.sqrt(252 * ours @ estimate.covariance @ ours) == pytest.approx(target, rel=1e-9)
    np.testing.assert_allclose(ours, wanted, atol=1e-5 if target is None else 2e-4)


@pytest.mark.parametrize("seed", range(5))
def test_max_sharpe_is_the_best_of_the_constrained_frontier(seed: int) -> None:
    estimate = sectored(seed=seed)
    estimate = replace(estimate, mean=estimate.mean - estimate.mean.min())
    asked = {"upper": 0.25, "sectors": SECTORS}
    best = MaxSharpe(constraints=asked).allocate(estimate)
    ratio = float(best @ estimate.mean / np.sqrt(best @ estimate.covariance @ best))
    for aversion in np.geomspace(0.1, 1000, 40):
        other = MeanVariance(float(aversion), asked).allocate(estimate)
        assert other @ estimate.mean / np.sqrt(other @ estimate.covariance @ other) <= ratio + 1e-12


@pytest.mark.parametrize("make", [MinVariance, MaxSharpe, lambda **given: MaxSharpe(0.3, **given)])
def test_the_general_way_and_the_fast_one_agree(make: Any) -> None:
    for seed in range(5):
        estimate = sectored(seed=seed)
        fast = make().allocate(estimate)
        # a sector span that binds nobody sends the same problem to the general solver
        general = make(constraints={"sectors": {"x": (0.0, 1.0)}}).allocate(estimate)
        np.testing.assert_allclose(general, fast, atol=1e-9)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 1000), bps=st.floats(0.0, 200.0), upper=st.floats(0.09, 1.0), short=st.booleans())
def test_costlier_trades_are_fewer(seed: int, bps: float, upper: float, short: bool) -> None:
    estimate = sectored(seed=seed)
    held = pd.Series(np.random.default_rng(seed).dirichlet(np.ones(12)).clip(0, upper), index=estimate.assets)
    held /= max(held.sum(), 1.0)

    def traded(cost: float) -> float:
        asked = {"lower": -upper if short else 0.0, "upper": upper, "turnover_bps": cost}
        weights = MinVariance(asked).allocate(estimate, current=held)
        check(weights, estimate, Constraints(**asked))
        return float((weights - held).abs().sum())

    assert traded(bps) <= traded(0.0) + 1e-9


def test_dear_trading_keeps_a_feasible_book() -> None:
    estimate = sectored()
    held = pd.Series(1.0 / 12, index=estimate.assets)
    for name in ("min_variance", "max_sharpe", "mean_variance", "inverse_volatility"):
        weights = ALLOCATORS[name](constraints={"turnover_bps": 1000.0}).allocate(estimate, current=held)
        np.testing.assert_allclose(weights, held, atol=1e-12)


def test_dollar_neutral_max_sharpe_is_the_unbounded_direction() -> None:
    estimate = sectored()
    weights = MaxSharpe(constraints={"lower": -1.0, "net": 0.0, "gross": 1.0}).allocate(estimate)
    inverse = np.linalg.inv(estimate.covariance.to_numpy())
    ones = np.ones(12)
    free = inverse @ (estimate.mean - (ones @ inverse @ estimate.mean) / (ones @ inverse @ ones))
    np.testing.assert_allclose(weights, free / np.abs(free).sum(), atol=1e-9)


SIGNLESS = ["equal_weight", "inverse_volatility", "risk_parity", "hrp", "herc", "benchmark_mix"]


@pytest.mark.parametrize("net", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("name", SIGNLESS)
def test_nobody_stands_on_the_wrong_side_of_his_score(name: str, net: float) -> None:
    for seed in range(3):
        estimate = sectored(seed=seed)
        scores = scores_of(estimate, seed)
        for asked in (
            {"lower": -0.5, "net": net, "gross": 1.5},
            {"lower": -0.1, "upper": 0.3, "net": net, "gross": 1.2},
        ):
            weights = ALLOCATORS[name](constraints=asked).allocate(estimate, scores)
            assert (weights * np.sign(scores) >= -1e-12).all()
            assert weights.sum() == pytest.approx(net, abs=1e-9)


def test_equal_weights_are_equal_on_each_side() -> None:
    estimate = sectored()
    scores = scores_of(estimate)
    weights = EqualWeight({"lower": -0.5, "net": 0.4, "gross": 1.6}).allocate(estimate, scores)
    np.testing.assert_allclose(weights[scores > 0], 1.0 / (scores > 0).sum(), atol=1e-12)
    np.testing.assert_allclose(weights[scores < 0], -0.6 / (scores < 0).sum(), atol=1e-12)


@pytest.mark.parametrize("name", CONSTRAINED)
@pytest.mark.parametrize(
    ("asked", "note", "net"),
    [
        ({"upper": 0.05}, "net 1 is outside what the bounds of 12 assets allow, 0 to 0.6: 0.6 taken", 0.6),
        (
            {"upper": 0.1, "sectors": {"x": (0.5, 0.9)}},
            "sector x asks for 0.5 to 0.9, its 4 assets allow 0 to 0.4",
            1.0,
        ),
        ({"sectors": {"x": (0, 0.2), "y": (0, 0.2), "z": (0, 0.2)}}, "net 1 is outside .* 0 to 0.6: 0.6 taken", 0.6),
        ({"lower": 0.1}, "floors of weights and sectors sum to 1.2, above the net of 1: lowered", 1.0),
        ({"sectors": {"x": (0.6, 0.7), "y": (0.6, 0.7)}}, "floors of .* sum to 1.2, above the net of 1: lowered", 1.0),
        ({"gross": 0.8}, "gross 0.8 is below the 1 that net, bounds and sectors need", 1.0),
        ({"lower": -0.5, "gross": 1.2, "sectors": {"x": (-0.5, -0.3)}}, "gross 1.2 is below the 1.6 that net", 1.0),
    ],
)
def test_the_infeasible_is_relaxed_and_named(name: str, asked: dict[str, Any], note: str, net: float) -> None:
    estimate = sectored()
    weights = ALLOCATORS[name](constraints=asked).allocate(estimate, scores_of(estimate))
    assert weights.sum() == pytest.approx(net, abs=1e-9)
    assert pd.Series([*weights.attrs["notes"]]).str.contains(note).any(), weights.attrs["notes"]


def test_a_sector_nobody_is_in_is_refused_and_an_empty_one_noted() -> None:
    estimate = sectored()
    with pytest.raises(ParamsError, match="did you mean x"):
        MinVariance({"sectors": {"xx": (0.1, 0.2)}}).allocate(estimate)
    with pytest.raises(MissingField, match="no sectors are known"):
        MinVariance({"sectors": {"x": (0.1, 0.2)}}).allocate(example_estimate())
    rest = estimate.restricted(estimate.facts.sectors(estimate.assets) != "x")
    weights = MinVariance({"sectors": {"x": (0.1, 0.2)}}).allocate(rest)
    assert weights.attrs["notes"] == ("sector x is bounded, and no usable asset is in it",)


@pytest.mark.parametrize("name", CONSTRAINED)
def test_the_assets_kept_can_meet_the_constraints(name: str) -> None:
    estimate = sectored()
    for sectors in ({"z": (0.2, 1.0)}, {"x": (0.0, 0.5)}, {"x": (0.1, 0.4), "y": (0.0, 0.6)}):
        constraints = Constraints(max_assets=2, sectors=sectors)
        weights = ALLOCATORS[name](constraints=constraints).allocate(estimate, scores_of(estimate))
        check(weights, estimate, constraints)
        assert not any(note.startswith("infeasible") for note in weights.attrs["notes"]), weights.attrs["notes"]


def test_of_equal_weights_the_better_scored_stay() -> None:
    estimate = sectored()
    scores = pd.Series(np.linspace(0.1, 0.9, 12), index=estimate.assets)
    best = EqualWeight({"max_assets": 2}).allocate(estimate, scores)
    assert best[best > 0].index.tolist() == [*estimate.assets[-2:]]
    order = estimate.assets[::-1]
    moved = RiskEstimate(estimate.window[order], estimate.mean[order], estimate.covariance.loc[order, order])
    first = EqualWeight({"max_assets": 2}).allocate(moved)
    assert sorted(first[first > 0].index) == [*estimate.assets[:2]], "without scores by name, whatever the order"


@pytest.mark.parametrize("name", CONSTRAINED)
def test_bounds_that_leave_nothing_give_cash(name: str) -> None:
    weights = ALLOCATORS[name](constraints={"upper": 0.0}).allocate(sectored())
    assert (weights == 0.0).all() and weights.attrs["notes"]


@pytest.mark.parametrize("name", CONSTRAINED)
def test_dollar_neutral_without_two_sides_says_so(name: str) -> None:
    weights = ALLOCATORS[name](constraints={"lower": -0.5, "net": 0.0, "gross": 1.0}).allocate(sectored())
    assert weights.sum() == pytest.approx(0.0, abs=1e-12)
    assert (weights != 0.0).any() or weights.attrs["notes"], "an empty book without a word"


def test_dollar_neutral_where_a_sector_needs_more_gross() -> None:
    estimate = sectored()
    weights = MaxSharpe(constraints={"lower": -1.0, "net": 0.0, "sectors": {"x": (0.8, 1.5)}}).allocate(estimate)
    assert weights.sum() == pytest.approx(0.0, abs=1e-9)
    assert weights[estimate.facts.sectors(estimate.assets) == "x"].sum() >= 0.8 - 1e-9
    assert any("make the gross" in note for note in weights.attrs["notes"])


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 5000), scale=st.sampled_from([1.0, 1e2, 1e4]))
def test_badly_conditioned_programs_keep_to_their_rows(seed: int, scale: float) -> None:
    estimate = sectored(seed=seed)
    spread = np.geomspace(1.0, scale, 12)
    wild = replace(
        estimate,
        covariance=estimate.covariance * np.outer(spread, spread),
        mean=estimate.mean * np.random.default_rng(seed).permutation(spread) ** 2,
    )
    constraints = Constraints(
        lower=-0.3, upper=0.6, gross=2.0, sectors={"x": (0.3, 0.3), "y": (0.3, 0.3), "z": (0.4, 0.4)}
    )
    check(MaxSharpe(constraints=constraints).allocate(wild), wild, constraints)


@pytest.mark.parametrize(
    ("asked", "word"),
    [
        ({"uper": 0.1}, "did you mean upper"),
        ({"lower": 0.3, "upper": 0.1}, "lower bound first"),
        ({"sectors": {"x": 0.2}}, "lowest and a highest sum"),
        ({"sectors": ["x"]}, "a mapping"),
        ({"sectors": {"x": (0.4, 0.2)}}, "lower bound first"),
        ({"upper": float("nan")}, "a number"),
        ({"max_assets": 0}, "whole number"),
        ({"max_assets": 5, "upper": 0.1}, "max_assets x upper"),
        ({"turnover_bps": -1.0}, "a number from 0"),
        (0.1, "a mapping"),
    ],
)
def test_wrong_ones_are_refused(asked: Any, word: str) -> None:
    with pytest.raises(ParamsError, match=word):
        constraints_of(asked)
