"""Hierarchical weights against PyPortfolioOpt, skfolio and a plain recursion; degenerate cases have one outcome."""

from __future__ import annotations

from importlib.metadata import version

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.cluster import hierarchy
from scipy.spatial.distance import squareform

import alphapulse as ap
from alphapulse.core.errors import ParamsError
from alphapulse.core.estimates import RiskEstimate
from alphapulse.core.stats import session_returns
from alphapulse.portfolio.dendrogram import LINKAGES, cluster_count, clusters
from alphapulse.portfolio.hierarchical import HierarchicalEqualRisk, HierarchicalRiskParity
from alphapulse.testing import ALLOCATOR_CHECKS, example_estimate, unusable

SCIPY = tuple(int(part) for part in version("scipy").split(".")[:2])
ALL = [
    HierarchicalRiskParity(),
    HierarchicalRiskParity(leaf_order=True),
    HierarchicalRiskParity("ward"),
    HierarchicalEqualRisk(),
    HierarchicalEqualRisk("single"),
    HierarchicalEqualRisk(n_clusters=1),
    HierarchicalEqualRisk(n_clusters=3),
]


@pytest.fixture(scope="module")
def sample() -> RiskEstimate:
    returns = session_returns(ap.load_market("sample").panel("total_return"))
    return ap.estimate_risk(returns.loc[:"2022-12-28"].iloc[-756:], covariance="sample")


def estimate_of(covariance: np.ndarray, names: list[str] | None = None) -> RiskEstimate:
    names = names or [f"A{number:02d}" for number in range(len(covariance))]
    window = pd.DataFrame(np.zeros((2, len(names))), pd.bdate_range("2020-01-01", periods=2), names)
    return RiskEstimate(window, window.mean(), pd.DataFrame(covariance, names, names))


def inverse_variance(covariance: np.ndarray) -> np.ndarray:
    inverse = 1.0 / np.diag(covariance)
    return inverse / inverse.sum()


@pytest.mark.parametrize("allocator", ALL, ids=repr)
@pytest.mark.parametrize("check", ALLOCATOR_CHECKS)
def test_the_laws_hold(allocator: HierarchicalRiskParity | HierarchicalEqualRisk, check: str) -> None:
    ALLOCATOR_CHECKS[check](allocator, 1e-9)


@pytest.mark.skipif(SCIPY >= (1, 18), reason="PyPortfolioOpt's HRP raises on SciPy 1.18 and later")
@pytest.mark.parametrize("linkage", LINKAGES)
def test_hrp_equals_pyportfolioopt(sample: RiskEstimate, linkage: str) -> None:
    from pypfopt import HRPOpt

    theirs = pd.Series(HRPOpt(returns=sample.window).optimize(linkage))
    np.testing.assert_allclose(HierarchicalRiskParity(linkage).allocate(sample), theirs, atol=1e-9, rtol=0)


def clustering(linkage: str, count: int | None = None):
    from skfolio.cluster import HierarchicalClustering, LinkageMethod

    return HierarchicalClustering(linkage_method=LinkageMethod(linkage), max_clusters=count)


@pytest.mark.parametrize("linkage", LINKAGES)
def test_hrp_with_leaf_order_equals_skfolio(sample: RiskEstimate, linkage: str) -> None:
    from skfolio.optimization import HierarchicalRiskParity as Theirs
    from skfolio.seriation import HierarchicalSeriation

    seriation = HierarchicalSeriation(hierarchical_clustering_estimator=clustering(linkage))
    theirs = Theirs(seriation_estimator=seriation).fit(sample.window).weights_
    ours = HierarchicalRiskParity(linkage, leaf_order=True).allocate(sample)
    np.testing.assert_allclose(ours, theirs, atol=1e-9, rtol=0)
    assert np.abs(HierarchicalRiskParity(linkage).allocate(sample) - theirs).max() > 0.01


@pytest.mark.parametrize("count", [1, 2, 5, 20])
@pytest.mark.parametrize("linkage", LINKAGES)
def test_herc_equals_skfolio(sample: RiskEstimate, linkage: str, count: int) -> None:
    from skfolio.optimization import HierarchicalEqualRiskContribution

    theirs = HierarchicalEqualRiskContribution(hierarchical_clustering_estimator=clustering(linkage, count))
    ours = HierarchicalEqualRisk(linkage, count).allocate(sample)
    np.testing.assert_allclose(ours, theirs.fit(sample.window).weights_, atol=1e-9, rtol=0)


def halved(covariance: pd.DataFrame, row: list[str]) -> dict[str, float]:
    """Return the weights of recursive bisection as the paper words it."""
    if len(row) == 1:
        return {row[0]: 1.0}
    halves = row[: len(row) // 2], row[len(row) // 2 :]
    risk = []
    for half in halves:
        part = covariance.loc[half, half].to_numpy()
        risk.append(inverse_variance(part) @ part @ inverse_variance(part))
    shares = 1.0 - risk[0] / sum(risk), risk[0] / sum(risk)
    parts = zip(halves, shares, strict=True)
    return {name: share * w for half, share in parts for name, w in halved(covariance, half).items()}


@given(
    seed=st.integers(0, 10_000), size=st.integers(2, 40), linkage=st.sampled_from(LINKAGES), leaf_order=st.booleans()
)
def test_hrp_equals_a_plain_recursion(seed: int, size: int, linkage: str, leaf_order: bool) -> None:
    random = np.random.default_rng(seed)
    factors = random.standard_normal((120, 3)) @ random.standard_normal((3, size))
    returns = (factors + random.standard_normal((120, size))) * random.uniform(0.005, 0.05, size)
    estimate = estimate_of(np.cov(returns.T))
    distances = squareform(np.sqrt((1.0 - np.corrcoef(returns.T)) / 2.0), checks=False)
    tree = hierarchy.linkage(distances, linkage, optimal_ordering=leaf_order)
    row = estimate.assets[hierarchy.leaves_list(tree)].tolist()
    ours = HierarchicalRiskParity(linkage, leaf_order).allocate(estimate)
    np.testing.assert_allclose(ours, pd.Series(halved(estimate.covariance, row))[ours.index], rtol=1e-9)


@pytest.mark.parametrize("leaf_order", [False, True])
@pytest.mark.parametrize("size", range(1, 34))
def test_equal_uncorrelated_assets_get_equal_hrp_weights(size: int, leaf_order: bool) -> None:
    """Of n such assets the variance is v / n, so a split in sizes l and r gives l / (l + r) to the left, odd or not."""
    weights = HierarchicalRiskParity(leaf_order=leaf_order).allocate(estimate_of(0.0004 * np.eye(size)))
    np.testing.assert_allclose(weights, 1.0 / size, rtol=1e-12)


@pytest.mark.parametrize("size", [2, 3, 7])
def test_uncorrelated_assets_get_inverse_variance_from_hrp(size: int) -> None:
    covariance = np.diag(np.linspace(0.0001, 0.0009, size))
    weights = HierarchicalRiskParity().allocate(estimate_of(covariance))
    np.testing.assert_allclose(weights, inverse_variance(covariance), rtol=1e-12)


@pytest.mark.parametrize("correlation", [-0.999, -0.5, 0.0, 0.9])
@pytest.mark.parametrize("allocator", ALL, ids=repr)
def test_two_assets_get_inverse_variance(
    allocator: HierarchicalRiskParity | HierarchicalEqualRisk, correlation: float
) -> None:
    cross = correlation * 0.01 * 0.02
    weights = allocator.allocate(estimate_of(np.array([[0.0001, cross], [cross, 0.0004]])))
    np.testing.assert_allclose(weights, [0.8, 0.2], rtol=1e-12)


@pytest.mark.parametrize("allocator", [HierarchicalRiskParity(), HierarchicalEqualRisk(n_clusters=2)], ids=repr)
def test_twins_count_as_one(allocator: HierarchicalRiskParity | HierarchicalEqualRisk) -> None:
    covariance = 0.0004 * np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 1.0]])
    weights = allocator.allocate(estimate_of(covariance))
    np.testing.assert_allclose(weights, [0.25, 0.5, 0.25], rtol=1e-12)
    assert weights.attrs["notes"] == ()


def test_herc_counts_the_clusters_itself(sample: RiskEstimate) -> None:
    tree, assets = clusters(sample, "ward")
    correlation = sample.window.corr().loc[assets, assets].to_numpy()
    count = cluster_count(tree, squareform(np.sqrt((1.0 - correlation) / 2.0), checks=False))
    assert 1 < count < 8
    weights = HierarchicalEqualRisk(n_clusters=count).allocate(sample)
    np.testing.assert_array_equal(HierarchicalEqualRisk().allocate(sample), weights)


def test_one_cluster_is_inverse_variance_and_one_an_asset_splits_every_branch(sample: RiskEstimate) -> None:
    alone = HierarchicalEqualRisk(n_clusters=1).allocate(sample)
    np.testing.assert_allclose(alone, inverse_variance(sample.covariance.to_numpy()), rtol=1e-12)
    most = HierarchicalEqualRisk(n_clusters=20).allocate(sample)
    np.testing.assert_array_equal(HierarchicalEqualRisk(n_clusters=500).allocate(sample), most)


def test_a_half_without_risk_takes_nearly_all_and_is_noted() -> None:
    factors = np.array([[-1.0, 0.0, 1.0], [1.0, 0.0, -1.0], [1.0, 1.0, 0.0], [0.0, 1.0, 0.0]])
    weights = HierarchicalRiskParity().allocate(estimate_of(0.0002 * factors @ factors.T))
    np.testing.assert_allclose(weights, [0.5, 0.5, 0.0, 0.0], atol=1e-11)
    assert "hedges itself" in weights.attrs["notes"][0]


def test_a_cluster_without_risk_takes_nearly_all_and_is_noted() -> None:
    """Three assets whose sum never moves, and three that are far from them."""
    turn = 2.0 * np.pi * np.arange(3) / 3.0
    circle = np.column_stack([np.cos(turn), np.sin(turn)])
    block = np.block([[circle @ circle.T, np.full((3, 3), -0.9)], [np.full((3, 3), -0.9), np.full((3, 3), 1.0)]])
    weights = HierarchicalEqualRisk(n_clusters=2).allocate(estimate_of(0.0004 * block))
    np.testing.assert_allclose(weights, [1 / 3] * 3 + [0.0] * 3, atol=1e-11)
    assert "hedges itself" in weights.attrs["notes"][0]


@given(seed=st.integers(0, 10_000), size=st.integers(1, 12), gone=st.sets(st.integers(0, 11), max_size=4))
def test_renaming_in_the_same_order_changes_nothing(seed: int, size: int, gone: set[int]) -> None:
    estimate = example_estimate(size, seed=seed)
    for number in gone & set(range(size)):
        estimate = unusable(estimate, estimate.assets[number])
    names = [f"Z{number:02d}" for number in range(size)]
    renamed = RiskEstimate(
        estimate.window.set_axis(names, axis=1),
        estimate.mean.set_axis(names),
        estimate.covariance.set_axis(names).set_axis(names, axis=1),
    )
    for allocator in ALL[:4]:
        weights = allocator.allocate(renamed)
        np.testing.assert_array_equal(weights, allocator.allocate(estimate))
        assert weights.sum() == pytest.approx(1.0 if estimate.usable.any() else 0.0, abs=1e-12)


@pytest.mark.parametrize(
    ("allocator", "option", "value"),
    [
        (HierarchicalRiskParity, "linkage", "centroid"),
        (HierarchicalRiskParity, "leaf_order", "yes"),
        (HierarchicalRiskParity, "leaf_order", 1),
        (HierarchicalEqualRisk, "linkage", None),
        (HierarchicalEqualRisk, "n_clusters", 0),
        (HierarchicalEqualRisk, "n_clusters", 2.0),
        (HierarchicalEqualRisk, "n_clusters", True),
    ],
)
def test_wrong_options_are_refused(allocator: type, option: str, value: object) -> None:
    with pytest.raises(ParamsError, match=option):
        allocator(**{option: value})
