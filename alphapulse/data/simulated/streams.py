"""Random streams: one independent generator a component, so asking for news never changes a price."""

from __future__ import annotations

import numpy as np

from alphapulse.core.stats import Array

COMPONENTS = (
    "traits",
    "crisis",
    "stress",
    "market tails",
    "sector tails",
    "own volatility",
    "own tails",
    "market night",
    "market day",
    "sector night",
    "sector day",
    "own night",
    "own day",
    "high",
    "low",
    "volume",
    "actions",
    "fundamentals",
    "news",
    "macro",
)


def stream(seed: int, component: str) -> np.random.Generator:
    """Return the generator of `component` (one of COMPONENTS, whose order is part of every market's identity)."""
    child = np.random.SeedSequence(seed, spawn_key=(COMPONENTS.index(component),))
    return np.random.Generator(np.random.PCG64(child))


def persistent(rng: np.random.Generator, shape: tuple[int, ...], persistence: float, deviation: float) -> Array:
    """Return a stationary AR(1) along the first axis with zero mean and standard deviation `deviation`."""
    path = rng.standard_normal(shape)
    path *= deviation
    path[1:] *= np.sqrt(1.0 - persistence**2)
    for row in range(1, shape[0]):
        path[row] += persistence * path[row - 1]
    return path


def tail_scale(rng: np.random.Generator, shape: tuple[int, ...], freedom: float) -> Array:
    """Return scales that make normal shocks Student's t with `freedom` degrees of freedom and unit variance."""
    scale = rng.chisquare(freedom, shape)
    np.divide(freedom - 2.0, scale, out=scale)
    return np.sqrt(scale, out=scale)
