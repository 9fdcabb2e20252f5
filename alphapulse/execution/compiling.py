"""How loops are compiled: cached beside their source, with and without a fixed order of addition."""

from __future__ import annotations

from typing import Any

from numba import njit


def compiled(function: Any) -> Any:
    """Compile, dividing by zero as numpy does; sums are taken in the order they are written."""
    return njit(cache=True, error_model="numpy")(function)


def reassociating(function: Any) -> Any:
    """Compile so that sums may be taken in vector lanes: another order of addition, the same one every time."""
    return njit(cache=True, error_model="numpy", fastmath={"reassoc", "nsz"})(function)


def inlined(function: Any) -> Any:
    """Compile into each caller: handing over the tuples of arrays costs more than a quiet session does."""
    return njit(cache=True, error_model="numpy", inline="always")(function)
