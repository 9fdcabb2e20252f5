"""Every allocator of the table keeps every law; allocators that break one are caught."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from alphapulse.core.estimates import RiskEstimate
from alphapulse.core.ports import Allocator
from alphapulse.portfolio import ALLOCATORS
from alphapulse.portfolio.mean_variance import MaxSharpe
from alphapulse.testing import ALLOCATOR_CHECKS, check_allocator


@pytest.mark.parametrize("check", ALLOCATOR_CHECKS)
@pytest.mark.parametrize("name", ALLOCATORS)
def test_the_law_holds(name: str, check: str) -> None:
    ALLOCATOR_CHECKS[check](ALLOCATORS[name](), 1e-9)


@pytest.mark.parametrize("name", ALLOCATORS)
def test_satisfies_the_port(name: str) -> None:
    assert isinstance(ALLOCATORS[name](), Allocator)


@pytest.mark.parametrize("check", [name for name in ALLOCATOR_CHECKS if name != "return_scale"])
def test_target_volatility_keeps_the_laws(check: str) -> None:
    ALLOCATOR_CHECKS[check](MaxSharpe(target_volatility_ann=0.35), 1e-9)


class Broken:
    """Equal weights, altered by `spoil`."""

    def __init__(self, spoil: str) -> None:
        self.spoil = spoil

    def allocate(
        self, estimate: RiskEstimate, scores: pd.Series | None = None, current: pd.Series | None = None
    ) -> pd.Series:
        weights = pd.Series(1.0 / len(estimate.assets), index=estimate.assets)
        if self.spoil == "sum":
            weights *= 0.99
        if self.spoil == "short":
            weights.iloc[0] -= 1.0
            weights.iloc[-1] += 1.0
        if self.spoil == "position":
            weights = pd.Series(np.arange(1.0, len(weights) + 1.0), index=weights.index)
            weights /= weights.sum()
        if self.spoil == "input":
            estimate.covariance.iloc[0, 0] *= 2.0
        return weights


@pytest.mark.parametrize(
    ("spoil", "check"),
    [
        ("sum", "long_only"),
        ("short", "long_only"),
        ("none", "unusable_gets_nothing"),
        ("none", "nothing_usable"),
        ("position", "asset_order"),
        ("input", "same_answer"),
    ],
)
def test_a_broken_allocator_is_caught(spoil: str, check: str) -> None:
    with pytest.raises(AssertionError):
        ALLOCATOR_CHECKS[check](Broken(spoil), 1e-9)


def test_check_allocator_runs_them_all() -> None:
    check_allocator(ALLOCATORS["min_variance"]())
    with pytest.raises(AssertionError, match="sum to"):
        check_allocator(Broken("sum"))
