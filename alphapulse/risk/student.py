"""Student's t fitted to many series at once: location, scale and degrees of freedom of greatest likelihood.

1. For given degrees of freedom `_located` finds location and scale by reweighting: far returns count less. Dividing by
   the sum of the weights instead of the number of sessions is the faster form (Kent, Tyler and Vardi 1994).
2. `_fitted` compares the likelihoods so reached on a grid of degrees of freedom and narrows the best stretch by golden
   section. The grid matters: the likelihood may have more than one hill.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

from alphapulse.core.stats import Array

LEAST_DEGREES, MOST_DEGREES = 1.05, 1000.0  # below 1 there is no mean; above 1000 the law is normal to four digits
GRID = np.geomspace(LEAST_DEGREES, MOST_DEGREES, 9)
GOLDEN = (math.sqrt(5.0) - 1.0) / 2.0
PRECISION = 1e-4  # of the logarithm of the degrees, whose own standard error is about 0.3 over two years
COARSE, FINE = 1e-6, 1e-10  # of location and scale, in scales: the likelihood is flat at its maximum
MOST_ROUNDS = 500
PER_LOGARITHM = 8  # factors multiplied before a logarithm is taken


def _compiled(function: Any) -> Any:
    return njit(cache=True, error_model="numpy")(function)


def fit_student(values: Array) -> tuple[Array, Array, Array]:
    """Return location, scale and degrees of freedom of Student's t by maximum likelihood, one value a series.

    values: finite, series x sessions. NaN where the likelihood has no maximum with a mean: half or more of the returns
    of a series are equal, or its tails are as heavy as at LEAST_DEGREES. MOST_DEGREES stands for the normal law.
    504 sessions take 0.2 ms a series. Source: Lange, Little and Taylor (1989); scipy.stats.t.fit maximises the same.
    """
    location, scale, degrees = _fit_rows(np.ascontiguousarray(values), GRID)
    return location, scale, degrees


@_compiled
def _fit_rows(values: Array, grid: Array) -> Array:
    out = np.full((3, len(values)), np.nan)
    for k in range(len(values)):
        if not _half_equal(values[k]):
            out[:, k] = _fitted(values[k], grid)
    return out


@_compiled
def _half_equal(row: Array) -> bool:
    """Return whether half the returns are equal: sorted, they stand together."""
    ordered = np.sort(row)
    half = (len(row) + 1) // 2
    return bool(np.any(ordered[: len(row) - half + 1] == ordered[half - 1 :]))


@_compiled
def _fitted(row: Array, grid: Array) -> tuple[float, float, float]:
    ordered = np.sort(row)
    location = ordered[len(row) // 2]
    scale = max(ordered[(3 * len(row)) // 4] - ordered[len(row) // 4], 0.1 * np.std(row))
    best, at = -np.inf, 0
    for k in range(len(grid)):
        found, location, scale = _best_given(row, grid[k], location, scale)
        if found > best:
            best, at = found, k
    if at == 0:
        return np.nan, np.nan, np.nan
    low, high = math.log(grid[at - 1]), math.log(grid[min(at + 1, len(grid) - 1)])
    inner, outer = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
    at_inner, location, scale = _best_given(row, math.exp(inner), location, scale)
    at_outer, location, scale = _best_given(row, math.exp(outer), location, scale)
    while high - low > PRECISION:
        if at_inner > at_outer:
            high, outer, at_outer = outer, inner, at_inner
            inner = high - GOLDEN * (high - low)
            at_inner, location, scale = _best_given(row, math.exp(inner), location, scale)
        else:
            low, inner, at_inner = inner, outer, at_outer
            outer = low + GOLDEN * (high - low)
            at_outer, location, scale = _best_given(row, math.exp(outer), location, scale)
    degrees = math.exp((low + high) / 2.0)
    location, scale = _located(row, degrees, location, scale, FINE)
    return location, scale, degrees


@_compiled
def _best_given(row: Array, degrees: float, location: float, scale: float) -> tuple[float, float, float]:
    location, scale = _located(row, degrees, location, scale, COARSE)
    return _likelihood(row, degrees, location, scale), location, scale


@_compiled
def _located(row: Array, degrees: float, location: float, scale: float, tolerance: float) -> tuple[float, float]:
    for _ in range(MOST_ROUNDS):
        weights = first = second = 0.0
        share = 1.0 / (degrees * scale * scale)
        for value in row:
            offset = value - location
            weight = 1.0 / (1.0 + offset * offset * share)
            weights += weight
            first += weight * offset
            second += weight * offset * offset
        step = first / weights
        spread = math.sqrt((second - step * first) / weights)
        moved = max(abs(step), abs(spread - scale))
        location += step
        scale = spread
        if moved <= tolerance * scale:
            break
    return location, scale


@_compiled
def _likelihood(row: Array, degrees: float, location: float, scale: float) -> float:
    total, product = 0.0, 1.0
    share = 1.0 / (degrees * scale * scale)
    for k in range(len(row)):
        offset = row[k] - location
        product *= 1.0 + offset * offset * share
        if k % PER_LOGARITHM == PER_LOGARITHM - 1:
            total += math.log(product)
            product = 1.0
    total += math.log(product)
    constant = math.lgamma((degrees + 1.0) / 2.0) - math.lgamma(degrees / 2.0) - 0.5 * math.log(degrees * math.pi)
    return len(row) * (constant - math.log(scale)) - (degrees + 1.0) / 2.0 * total
