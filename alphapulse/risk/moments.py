"""Moments: sums of products of returns over any window of a panel, added up from parts that many windows share.

1. The panel's rows are cut into blocks, a block into pieces, at fixed row numbers from the panel's first row.
2. `_suffix` sums the last pieces of a block, `_prefix` the first ones; each sum is the one before and one piece more. A
   window a block long is a suffix, the next block's prefix and the few rows that fill no piece.
3. Nothing is ever subtracted, so that a wild session has no part in the windows it is not in. Which parts are added in
   which order depends on the row numbers alone: a panel that ends earlier gives the same sums to the last bit.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy.linalg.blas import dsyr, dsyrk

from alphapulse.core.checks import check_count
from alphapulse.core.errors import DataError
from alphapulse.core.panel import Panel
from alphapulse.core.stats import Array

MOST_PIECES = 36  # a piece of the default lookback of 756 sessions is a month
STACK_BYTES = 96_000_000
LEAST_SHARE = 0.5  # of the panel's assets; a window of fewer is summed faster alone


class Moments:
    """Sums of products over the windows of one panel, for `estimate_risk`; computed when asked for.

    returns: sessions x assets, NaN unknown, never altered while this lives. lookback: sessions of most windows that
    will be asked for; other windows are left to the caller unless they happen to be made of the same parts. Keeps at
    most 96 MB of sums, or three matrices of the panel's assets if that is more. One thread at a time.

    500 assets, windows of 756 sessions, each 21 sessions after the last: 0.8 ms a window where summing it alone takes
    4 ms; the first window takes 15 ms.
    """

    def __init__(self, returns: Panel, lookback: int) -> None:
        check_count("lookback", lookback)
        self.returns = returns
        self.lookback = lookback
        self._values: Array = returns.to_numpy(dtype=np.float64)
        pieces = STACK_BYTES // max(8 * returns.shape[1] ** 2, 1) - 2
        self._rows = -(-lookback // max(min(pieces, MOST_PIECES, lookback), 1))
        self._pieces = -(-lookback // self._rows)
        self._suffixed = (-1, 0)
        self._prefixed = (-1, 0)

    def products(self, window: Panel, assets: npt.NDArray[np.intp], mean: Array) -> Array | None:
        """Return the sums of products about `mean`, assets x assets; None where summing the window alone is faster.

        window: consecutive rows of the panel, any of its columns. assets: which columns of the window; mean: of each.
        NaN stands at every asset with an unknown return in the window. What an asset's mean square exceeds its variance
        by is lost in precision. DataError when the window is not of this panel.
        """
        first, columns = self._place(window)
        columns = columns[assets]
        if len(columns) < LEAST_SHARE * self._values.shape[1] or (np.diff(columns) < 1).any():
            return None
        last = first + len(window)
        start, stop = -(-first // self._rows), last // self._rows
        block = -(-start // self._pieces)
        edge = block * self._pieces
        if not edge <= stop <= edge + self._pieces:
            return None
        upper = self._suffix(block - 1, edge - start) + self._prefix(block, stop - edge)
        if len(columns) < len(upper):
            upper = upper.take(columns, axis=0).take(columns, axis=1)
        _add(upper, self._values[first : start * self._rows, columns])
        _add(upper, self._values[stop * self._rows : last, columns])
        dsyr(-float(len(window)), mean, a=upper.T, lower=1, overwrite_a=1)
        upper.flat[:: len(upper) + 1] /= 2.0
        products: Array = upper + upper.T
        return products

    @cached_property
    def _sums(self) -> Array:
        """Upper triangles of the sums of so many last pieces of one block, by number; the last one is the prefix."""
        assets = self._values.shape[1]
        return np.zeros((self._pieces + 2, assets, assets))

    def _suffix(self, block: int, count: int) -> Array:
        """Return the sum of the last `count` pieces of a block; sums of fewer are kept for the windows to come."""
        held, done = self._suffixed
        done = done if held == block else 0
        for number in range(done + 1, count + 1):
            self._sums[number] = self._sums[number - 1]
            self._add_piece(self._sums[number], (block + 1) * self._pieces - number)
        self._suffixed = (block, max(done, count))
        suffix: Array = self._sums[count]
        return suffix

    def _prefix(self, block: int, count: int) -> Array:
        """Return the sum of the first `count` pieces of a block; it grows with the windows to come."""
        held, done = self._prefixed
        prefix: Array = self._sums[-1]
        if held != block or done > count:
            done = 0
            prefix[:] = 0.0
        for number in range(done, count):
            self._add_piece(prefix, block * self._pieces + number)
        self._prefixed = (block, count)
        return prefix

    def _add_piece(self, upper: Array, piece: int) -> None:
        _add(upper, self._values[piece * self._rows : (piece + 1) * self._rows])

    def _place(self, window: Panel) -> tuple[int, npt.NDArray[np.intp]]:
        panel = self.returns
        same = window.columns.equals(panel.columns)
        columns = np.arange(panel.shape[1]) if same else panel.columns.get_indexer(window.columns)
        first = int(panel.index.get_indexer(window.index[:1])[0])
        rows = panel.index[first : first + len(window)]
        if first < 0 or (columns < 0).any() or not rows.equals(window.index):
            raise DataError(
                f"moments: a window of {len(window)} sessions x {window.shape[1]} assets that is not of their panel",
                f"consecutive sessions and assets of a panel of {panel.shape[0]} x {panel.shape[1]}",
                "build Moments from the panel that the windows are cut from",
            )
        last = window.to_numpy(dtype=np.float64)[-1]
        if not np.array_equal(last, self._values[first + len(window) - 1, columns], equal_nan=True):
            raise DataError(
                f"moments: returns of {window.index[-1]} that are not those of their panel",
                "a window cut from the panel and not altered",
                "build Moments anew from the panel after altering it",
            )
        return first, columns


def _add(upper: Array, rows: Array) -> None:
    """Add the sums of products of `rows` to the upper triangle, in place: half the work of the whole matrix."""
    if len(rows):
        dsyrk(1.0, rows.T, beta=1.0, c=upper.T, lower=1, overwrite_c=1)
