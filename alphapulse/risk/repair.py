"""Positive definiteness: verified by Cholesky, restored by lifting eigenvalues, and noted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alphapulse.core.stats import Array

EIGENVALUE_FLOOR = 1e-8  # of the mean eigenvalue of the correlation matrix, which is 1
PIVOT_FLOOR = 1e-10  # share of an asset's variance that the others must leave unexplained


@dataclass(frozen=True, eq=False)
class Estimated:
    """A covariance as its estimator gives it, assets x assets, symmetric; and notes.

    least: what its smallest eigenvalue is known to reach but for rounding, 0 where the estimator cannot tell.
    """

    covariance: Array
    notes: tuple[str, ...] = ()
    least: float = 0.0


def positive_definite(estimated: Estimated) -> tuple[Array, tuple[str, ...]]:
    """Return the covariance, positive definite, and the notes with one more if it had to be repaired.

    A repair lifts eigenvalues of the correlation matrix to 1e-8 and leaves the variances as they are (Rousseeuw and
    Molenberghs 1993, eigenvalue method).
    """
    covariance = estimated.covariance
    if estimated.least > PIVOT_FLOOR * float(np.trace(covariance)) or factored(covariance) is not None:
        return covariance, estimated.notes
    deviation = np.sqrt(np.diag(covariance))
    scale = np.outer(deviation, deviation)
    correlation = covariance / scale
    eigenvalues, vectors = np.linalg.eigh((correlation + correlation.T) / 2.0)
    lifted = int((eigenvalues < EIGENVALUE_FLOOR).sum())
    repaired = (vectors * np.maximum(eigenvalues, EIGENVALUE_FLOOR)) @ vectors.T
    unit = np.sqrt(np.diag(repaired))
    repaired *= scale / np.outer(unit, unit)
    size = len(covariance)
    note = f"covariance is close to singular: {lifted} of {size} eigenvalues lifted to {EIGENVALUE_FLOOR:g}"
    return (repaired + repaired.T) / 2.0, (*estimated.notes, note)


def factored(matrix: Array) -> Array | None:
    """Return the lower Cholesky factor of a symmetric matrix, None if the matrix is not positive definite enough."""
    try:
        factor = np.asarray(np.linalg.cholesky(matrix), dtype=np.float64)
    except np.linalg.LinAlgError:
        return None
    least = float((np.diag(factor) ** 2 / np.diag(matrix)).min())
    return factor if least > PIVOT_FLOOR else None
