"""Laws of allocators: long-only and fully invested, nothing unusable, asset order, scale, same answer."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from alphapulse.core.estimates import RiskEstimate
from alphapulse.core.ports import Allocator
from alphapulse.testing.examples import example_estimate, unusable


def check_allocator(allocator: Allocator, *, tolerance: float = 1e-9) -> None:
    """Run every check of ALLOCATOR_CHECKS with weights compared at `tolerance`; AssertionError at the first."""
    for check in ALLOCATOR_CHECKS.values():
        check(allocator, tolerance)


def _long_only(allocator: Allocator, tolerance: float) -> None:
    for seed in range(5):
        estimate = example_estimate(seed=seed)
        weights = allocator.allocate(estimate)
        assert weights.index.equals(estimate.assets), "weights: their assets are not the estimate's"
        assert weights.notna().all(), "weights: NaN"
        assert (weights >= 0.0).all(), "weights: negative"
        assert abs(weights.sum() - 1.0) <= tolerance, f"weights: sum to {weights.sum()}"
        assert isinstance(weights.attrs.get("notes", ()), tuple), "weights: attrs['notes'] is not a tuple"


def _unusable_gets_nothing(allocator: Allocator, tolerance: float) -> None:
    estimate = example_estimate()
    holed = unusable(estimate, "A03")
    weights = allocator.allocate(holed)
    rest = allocator.allocate(estimate.restricted(estimate.assets != "A03"))
    assert weights["A03"] == 0.0, f"weights: an unusable asset gets {weights['A03']}"
    assert np.abs(weights[rest.index] - rest).max() <= tolerance, "weights: an unusable asset changes the others"
    constant = estimate.covariance.copy()
    constant.loc["A03"] = 0.0
    constant["A03"] = 0.0
    weights = allocator.allocate(RiskEstimate(estimate.window, estimate.mean, constant))
    assert weights["A03"] == 0.0, f"weights: an asset without variance gets {weights['A03']}"


def _nothing_usable(allocator: Allocator, tolerance: float) -> None:
    estimate = example_estimate(2)
    for asset in estimate.assets:
        estimate = unusable(estimate, asset)
    weights = allocator.allocate(estimate)
    assert (weights == 0.0).all(), "weights: not all in cash without a usable asset"
    assert weights.attrs.get("notes"), "weights: all in cash without a note"


def _one_asset(allocator: Allocator, tolerance: float) -> None:
    assert allocator.allocate(example_estimate(1)).tolist() == [1.0], "weights: a single asset does not get 1"


def _allocator_order(allocator: Allocator, tolerance: float) -> None:
    estimate = example_estimate()
    names = estimate.assets
    order = names[np.random.default_rng(4).permutation(len(names))]
    moved = estimate.ordered(order)
    gap = np.abs(allocator.allocate(moved)[names] - allocator.allocate(estimate)).max()
    assert gap <= tolerance, f"weights: asset order changes them by {gap:g}"


def _return_scale(allocator: Allocator, tolerance: float) -> None:
    gap = np.abs(allocator.allocate(example_estimate(scale=7.0)) - allocator.allocate(example_estimate())).max()
    assert gap <= tolerance, f"weights: seven times the returns changes them by {gap:g}"


def _allocator_same_answer(allocator: Allocator, tolerance: float) -> None:
    estimate = example_estimate()
    before = RiskEstimate(estimate.window.copy(), estimate.mean.copy(), estimate.covariance.copy())
    first = allocator.allocate(estimate)
    assert allocator.allocate(estimate).equals(first), "weights: asked twice, answered otherwise"
    assert estimate.window.equals(before.window), "input: the window was altered"
    assert estimate.mean.equals(before.mean), "input: the mean was altered"
    assert estimate.covariance.equals(before.covariance), "input: the covariance was altered"


ALLOCATOR_CHECKS: dict[str, Callable[[Allocator, float], None]] = {
    "long_only": _long_only,
    "unusable_gets_nothing": _unusable_gets_nothing,
    "nothing_usable": _nothing_usable,
    "one_asset": _one_asset,
    "asset_order": _allocator_order,
    "return_scale": _return_scale,
    "same_answer": _allocator_same_answer,
}
