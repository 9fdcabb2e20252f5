"""Unequal histories: the correlation of two assets from the sessions that both know.

1. `_moves` compares each pair's correlation over its common sessions with the one over the window whose gaps count as
   the mean. The second is understated, but all of them together are positive semidefinite; the first need not be.
2. `_drawn` is how far the first must be drawn towards the second, so that no portfolio of standardised assets has less
   than half the variance that the filled window gives it.
3. Correlations between two complete assets are the same in both, so that gaps of one asset never alter the others.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg import solve_triangular

from alphapulse.core.stats import Array
from alphapulse.risk.repair import factored

LEAST_COMMON = 0.1  # share of the window's sessions below which a pair's own correlation is mostly noise
LEAST_VARIANCE = 0.5  # of the filled window's, for any portfolio


@dataclass(frozen=True, eq=False)
class Gaps:
    """Where returns are missing. columns: assets with a gap; known: sessions x columns, True where known."""

    columns: npt.NDArray[np.intp]
    known: npt.NDArray[np.bool_]

    def __bool__(self) -> bool:
        return self.columns.size > 0


def joined(products: Array, values: Array, gaps: Gaps) -> tuple[Array, tuple[str, ...]]:
    """Return the products with the correlations of assets with gaps minded, positive semidefinite, and notes.

    values: sessions x assets, deviations from the asset's mean, 0 where missing. products: their sums. Diagonals stay.
    A correlation is taken about each asset's own mean over the sessions known to both; with fewer of these than a tenth
    of the window it stays as in the filled window, zero if there are none. Drawing correlations towards a positive
    definite target keeps the diagonal and the complete assets' block (Higham, Strabic and Sego 2016); the target is
    the filled window's.
    """
    root = np.sqrt(np.diag(products))
    filled = products / np.outer(root, root)
    moves, strangers = _moves(products, values, gaps, filled[gaps.columns])
    drawn = _drawn(filled, moves, gaps.columns)
    rows = (filled[gaps.columns] + (1.0 - drawn) * moves) * np.outer(root[gaps.columns], root)
    rows[np.arange(len(rows)), gaps.columns] = np.diag(products)[gaps.columns]
    joint = products.copy()
    joint[gaps.columns] = rows
    joint[:, gaps.columns] = rows.T
    notes = []
    if strangers:
        notes.append(f"{strangers} pairs of assets share fewer than {LEAST_COMMON:.0%} of the sessions")
    if drawn > 0.0:
        most = drawn * float(np.abs(moves).max())
        notes.append(
            f"correlations of {len(gaps.columns)} assets with gaps drawn {drawn:.0%} of the way to those of the filled "
            f"window, by {most:.3f} at most"
        )
    return joint, tuple(notes)


def _moves(products: Array, values: Array, gaps: Gaps, filled: Array) -> tuple[Array, int]:
    columns, known = gaps.columns, gaps.known.astype(np.float64)
    own = np.repeat(np.diag(products)[columns, None], values.shape[1], axis=1)
    own[:, columns] = (values[:, columns] ** 2).T @ known
    theirs = known.T @ values**2
    common = np.repeat(known.sum(axis=0)[:, None], values.shape[1], axis=1)
    common[:, columns] = known.T @ known
    square = own * theirs
    strange = (common < max(2.0, LEAST_COMMON * len(values))) | ~(square > 0.0)
    pairwise = products[columns] / np.sqrt(np.where(strange, 1.0, square))
    moves = np.where(strange, 0.0, pairwise - filled)
    block = moves[:, columns]
    moves[:, columns] = (block + block.T) / 2.0
    twice = int(np.count_nonzero(strange[:, columns]))
    return moves, int(np.count_nonzero(strange)) - twice // 2


def _drawn(filled: Array, moves: Array, columns: npt.NDArray[np.intp]) -> float:
    """Return the least share a for which filled + (1 - a) moves has at least LEAST_VARIANCE of filled everywhere.

    With e the smallest eigenvalue of the moves relative to `filled`, that is 1 + (1 - a) e >= LEAST_VARIANCE. The moves
    are F P' + P F' with unit columns P of the assets with gaps, so that e is found among twice as many dimensions.
    """
    factor = factored(filled)
    if factor is None:
        return 1.0
    count, assets = moves.shape
    halves = moves.T.copy()
    halves[columns] /= 2.0
    units = np.zeros((assets, count))
    units[columns, np.arange(count)] = 1.0
    both = solve_triangular(factor, np.hstack([units, halves]), lower=True, check_finite=False)
    _, small = np.linalg.qr(both)
    product = small[:, :count] @ small[:, count:].T
    least = float(np.linalg.eigvalsh(product + product.T)[0])
    return 0.0 if least >= LEAST_VARIANCE - 1.0 else 1.0 - (LEAST_VARIANCE - 1.0) / least
