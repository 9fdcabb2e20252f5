"""Covariances shrunk to a multiple of the identity, by an intensity that the window itself tells.

With gaps, the intensity is that of the window whose missing returns count as the mean, each asset brought back to its
own variance; it is applied to the covariance that minds the gaps.
"""

from __future__ import annotations

import numpy as np

from alphapulse.core.stats import Array
from alphapulse.risk.deviations import Deviations
from alphapulse.risk.repair import Estimated


def ledoit_wolf(window: Deviations) -> Estimated:
    """Return the covariance shrunk to a multiple of the identity (Ledoit and Wolf 2004, equations 14 and lemma 3.5).

    The sum over all pairs of squared products is the squared norm of each session's row, so only one matrix product
    is needed.
    """
    sessions, assets = window.values.shape
    covariance = window.covariance()
    average = float(np.trace(covariance)) / assets
    squared = _squared(window, covariance)
    spread = window.norms()
    noise = (float(spread @ spread) / sessions - squared) / (assets * sessions)
    distance = (squared - assets * average**2) / assets
    shrinkage = min(noise, distance) / distance if distance > 0.0 else 0.0
    return _shrunk(covariance, shrinkage, average, window.notes)


def oas(window: Deviations) -> Estimated:
    """Return the oracle approximating shrinkage (Chen, Wiesel, Eldar and Hero 2010, equation 23).

    As scikit-learn does, without the terms 2 / assets of that equation, which matter to a handful of assets only.
    """
    sessions, assets = window.values.shape
    covariance = window.covariance()
    average = float(np.trace(covariance)) / assets
    squared = _squared(window, covariance) / assets**2
    room = (sessions + 1.0) * (squared - average**2 / assets)
    shrinkage = min((squared + average**2) / room, 1.0) if room > 0.0 else 1.0
    return _shrunk(covariance, shrinkage, average, window.notes)


def _squared(window: Deviations, covariance: Array) -> float:
    filled = window.filled() if window.gaps else covariance
    return float(np.einsum("ij,ij->", filled, filled))


def _shrunk(covariance: Array, shrinkage: float, average: float, notes: tuple[str, ...]) -> Estimated:
    covariance *= 1.0 - shrinkage
    covariance.flat[:: len(covariance) + 1] += shrinkage * average
    return Estimated(covariance, notes, shrinkage * average)
