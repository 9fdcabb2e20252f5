"""The tree of assets against scipy's on pandas' correlations; figures draw it; names, not columns, break its ties."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.cluster import hierarchy
from scipy.spatial.distance import squareform

import alphapulse as ap
from alphapulse.core.errors import ParamsError, RiskError
from alphapulse.core.estimates import RiskEstimate
from alphapulse.core.stats import session_returns
from alphapulse.portfolio.dendrogram import LINKAGES, cluster_count, clusters
from alphapulse.testing import example_estimate, unusable


@pytest.fixture(scope="module")
def sample() -> RiskEstimate:
    returns = session_returns(ap.load_market("sample").panel("total_return"))
    return ap.estimate_risk(returns.loc[:"2022-12-28"].iloc[-756:], covariance="sample")


def estimate_of(correlation: np.ndarray, names: list[str] | None = None) -> RiskEstimate:
    """Return an estimate of assets with 2 % volatility."""
    names = names or [f"A{number:02d}" for number in range(len(correlation))]
    window = pd.DataFrame(np.zeros((2, len(names))), pd.bdate_range("2020-01-01", periods=2), names)
    return RiskEstimate(window, window.mean(), pd.DataFrame(0.0004 * correlation, names, names))


def distances_of(estimate: RiskEstimate, order: pd.Index) -> np.ndarray:
    """Return distances between the assets of `order`, from pandas."""
    volatility = np.sqrt(np.diag(estimate.covariance))
    correlation = estimate.covariance / np.outer(volatility, volatility)
    return np.sqrt((1.0 - correlation.loc[order, order].to_numpy()).clip(0.0) / 2.0)


@pytest.mark.parametrize("linkage", LINKAGES)
def test_equals_scipy_on_the_returns(sample: RiskEstimate, linkage: str) -> None:
    distances = squareform(np.sqrt((1.0 - sample.window.corr().to_numpy()) / 2.0), checks=False)
    theirs = hierarchy.linkage(distances, linkage)
    tree, assets = clusters(sample, linkage)
    assert assets.tolist() == sample.assets[hierarchy.leaves_list(theirs)].tolist()
    np.testing.assert_allclose(tree[:, 2:], theirs[:, 2:], atol=1e-10)
    heights = pd.DataFrame(squareform(hierarchy.cophenet(tree)), assets, assets).loc[sample.assets, sample.assets]
    np.testing.assert_allclose(heights, squareform(hierarchy.cophenet(theirs)), atol=1e-10)


@pytest.mark.parametrize("leaf_order", [False, True])
@pytest.mark.parametrize("linkage", LINKAGES)
def test_a_figure_draws_it_with_its_labels(sample: RiskEstimate, linkage: str, leaf_order: bool) -> None:
    tree, assets = clusters(sample, linkage, leaf_order)
    assert hierarchy.is_valid_linkage(tree)
    assert hierarchy.dendrogram(tree, labels=assets.tolist(), no_plot=True)["ivl"] == assets.tolist()
    assert sorted(assets) == sample.assets.tolist()


@pytest.mark.parametrize("linkage", LINKAGES)
def test_leaf_order_brings_neighbours_nearer_and_merges_the_same(sample: RiskEstimate, linkage: str) -> None:
    plain, columns = clusters(sample, linkage)
    tree, assets = clusters(sample, linkage, leaf_order=True)
    np.testing.assert_array_equal(tree[:, 2:], plain[:, 2:])
    before, after = (np.diag(distances_of(sample, row), 1).sum() for row in (columns, assets))
    assert after < before


@given(
    seed=st.integers(0, 10_000),
    size=st.integers(2, 12),
    linkage=st.sampled_from(LINKAGES),
    leaf_order=st.booleans(),
)
def test_equal_distances_depend_on_names_alone(seed: int, size: int, linkage: str, leaf_order: bool) -> None:
    random = np.random.default_rng(seed)
    half = np.triu(random.choice([-0.25, 0.0, 0.5, 1.0], (size, size)), 1)
    correlation = half + half.T + np.eye(size)
    estimate = estimate_of(correlation)
    rounding = np.triu(1e-15 * random.standard_normal((size, size)), 1)
    moved = estimate_of(correlation + rounding + rounding.T)
    order = random.permutation(size)
    moved = RiskEstimate(moved.window.iloc[:, order], moved.mean.iloc[order], moved.covariance.iloc[order, order])
    tree, assets = clusters(estimate, linkage, leaf_order)
    again, same = clusters(moved, linkage, leaf_order)
    assert same.tolist() == assets.tolist()
    np.testing.assert_array_equal(again, tree)


def test_twins_are_at_no_distance_and_merge_first() -> None:
    correlation = np.array([[1.0, 0.3, 1.0], [0.3, 1.0, 0.3], [1.0, 0.3, 1.0]])
    tree, assets = clusters(estimate_of(correlation))
    assert assets.tolist() == ["A01", "A00", "A02"]
    np.testing.assert_allclose(tree, [[1, 2, 0.0, 2], [0, 3, np.sqrt(0.35), 3]])


def test_unusable_assets_are_left_out() -> None:
    estimate = example_estimate()
    tree, assets = clusters(unusable(estimate, "A03"))
    rest, others = clusters(estimate.restricted(estimate.assets != "A03"))
    assert assets.tolist() == others.tolist()
    np.testing.assert_array_equal(tree, rest)


def test_one_asset_or_none_has_no_branch() -> None:
    tree, assets = clusters(example_estimate(1))
    assert tree.shape == (0, 4)
    assert assets.tolist() == ["A00"]
    tree, assets = clusters(unusable(example_estimate(1), "A00"))
    assert tree.shape == (0, 4)
    assert len(assets) == 0


def test_nonsense_is_refused() -> None:
    correlation = np.eye(3)
    correlation[0, 1] = correlation[1, 0] = np.nan
    with pytest.raises(RiskError, match="2 entries are not finite"):
        clusters(estimate_of(correlation))
    with pytest.raises(ParamsError, match="did you mean single"):
        clusters(example_estimate(), "singel")


def plain_count(distances: np.ndarray, linkage: str) -> int:
    """Return the number of clusters by the letter: all pairs of all clusters at every cut."""
    size = len(distances)
    tree = hierarchy.linkage(squareform(distances, checks=False), linkage)
    spreads = []
    for count in range(1, min(size, max(8, round(size**0.5))) + 1):
        label = hierarchy.fcluster(tree, count, "maxclust")
        spreads.append(0.0)
        for one in set(label):
            inside = np.flatnonzero(label == one)
            spreads[-1] += sum(distances[i, j] for i, j in combinations(inside, 2)) / len(inside)
    bends = [spreads[k - 1] + spreads[k + 1] - 2 * spreads[k] for k in range(1, len(spreads) - 1)]
    return 2 + int(np.argmax(bends))


@given(seed=st.integers(0, 10_000), size=st.integers(3, 90), linkage=st.sampled_from(LINKAGES))
def test_the_number_of_clusters_equals_a_plain_loop(seed: int, size: int, linkage: str) -> None:
    random = np.random.default_rng(seed)
    returns = random.standard_normal((200, 5)) @ random.standard_normal((5, size)) + random.standard_normal((200, size))
    estimate = estimate_of(np.corrcoef(returns.T).reshape(size, size))
    tree, assets = clusters(estimate, linkage)
    distances = distances_of(estimate, assets)
    assert cluster_count(tree, squareform(distances, checks=False)) == plain_count(distances, linkage)


@pytest.mark.parametrize("sizes", [[10, 10], [3, 5, 4], [8, 10, 12, 14, 16, 20], [45] * 11])
@pytest.mark.parametrize("seed", range(3))
def test_industries_are_counted(sizes: list[int], seed: int) -> None:
    industry = np.repeat(np.arange(len(sizes)), sizes)
    random = np.random.default_rng(seed)
    returns = random.standard_normal((500, len(sizes)))[:, industry] + random.standard_normal((500, 1))
    returns += random.standard_normal(returns.shape)
    estimate = estimate_of(np.corrcoef(returns.T))
    tree, assets = clusters(estimate, "ward")
    assert cluster_count(tree, squareform(distances_of(estimate, assets), checks=False)) == len(sizes)


def test_one_asset_is_one_cluster_and_two_are_two() -> None:
    assert cluster_count(np.empty((0, 4)), np.empty(0)) == 1
    assert cluster_count(np.array([[0.0, 1.0, 0.3, 2.0]]), np.array([0.3])) == 2
