"""The compiled walk through filings in the order they became known, see `filings`.

States of a figure after each filing: NOW (newest quarter), BEFORE (the quarter before), YEAR (sum of the newest four),
NOW_AGO and YEAR_AGO (the same a year before), NOW_TWO_AGO (two years before).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from alphapulse.agents.compiling import compiled
from alphapulse.core.figures import QUARTER_DAYS
from alphapulse.core.stats import Array

Rows = npt.NDArray[np.int64]

# A company that has filed nothing new for a year of sessions is unknown again.
EXPIRES = 252
SAME_PERIOD = 10
YEAR_DAYS, YEAR_SLACK = 365, 20
NOW, BEFORE, YEAR, NOW_AGO, YEAR_AGO, NOW_TWO_AGO = range(6)
STATES = 6
# Shares that change by more than this factor between two filings are believed once a second filing agrees.
JUMP, AGREES = 2.0, 1.25


@compiled
def as_known(order: Rows, since: Rows, column: Rows, period: Rows, values: Array) -> tuple[Array, Rows]:
    count, width = values.shape
    states = np.full((count, width, STATES), np.nan)
    expires = np.zeros(count, dtype=np.int64)
    ends = np.empty(count, dtype=np.int64)  # of the company at hand, sorted
    book = np.empty((count, width))
    known = 0
    newest_since = 0
    for place in range(count):
        filing = order[place]
        if place == 0 or column[filing] != column[order[place - 1]]:
            known = 0
        at = known
        while at > 0 and ends[at - 1] > period[filing] - SAME_PERIOD:
            at -= 1
        same = at < known and ends[at] <= period[filing] + SAME_PERIOD
        if not same:
            for later in range(known, at, -1):
                ends[later] = ends[later - 1]
                book[later] = book[later - 1]
            ends[at] = period[filing]
            book[at] = np.nan
            known += 1
            if at == known - 1:
                newest_since = since[filing]
        for figure in range(width):
            if not np.isnan(values[filing, figure]):
                book[at, figure] = values[filing, figure]
        expires[filing] = newest_since + EXPIRES
        for figure in range(width):
            _state(ends, book, known, figure, states[filing, figure])
    return states, expires


@compiled
def _state(ends: Rows, book: Array, known: int, figure: int, out: Array) -> None:
    """Write the states of one figure; the quarter before serves where the newest one does not state it."""
    at = known - 1
    if np.isnan(book[at, figure]):
        at = _quarter_before(ends, at)
        if at < 0 or np.isnan(book[at, figure]):
            return
    out[NOW] = book[at, figure]
    before = _quarter_before(ends, at)
    if before >= 0:
        out[BEFORE] = book[before, figure]
    out[YEAR] = _four_quarters(ends, book, at, figure)
    ago = _years_before(ends, at, 1)
    if ago >= 0:
        out[NOW_AGO] = book[ago, figure]
        out[YEAR_AGO] = _four_quarters(ends, book, ago, figure)
    long_ago = _years_before(ends, at, 2)
    if long_ago >= 0:
        out[NOW_TWO_AGO] = book[long_ago, figure]


@compiled
def _four_quarters(ends: Rows, book: Array, at: int, figure: int) -> float:
    """Return the sum of the figure over the four quarters that end with the one at `at`, NaN unless all are known."""
    total: float = book[at, figure]
    for _ in range(3):
        at = _quarter_before(ends, at)
        if at < 0:
            return np.nan
        total += book[at, figure]
    return total


@compiled
def _years_before(ends: Rows, at: int, years: int) -> int:
    """Return the position of the period that ends so many years before the one at `at`, -1 where it is not known."""
    for earlier in range(at - 1, -1, -1):
        apart = ends[at] - ends[earlier] - years * YEAR_DAYS
        if apart > YEAR_SLACK:
            return -1
        if apart >= -YEAR_SLACK:
            return earlier
    return -1


@compiled
def _quarter_before(ends: Rows, at: int) -> int:
    """Return the position of the period one quarter before the one at `at`, -1 where it is not known."""
    for earlier in range(at - 1, -1, -1):
        days = ends[at] - ends[earlier]
        if days > QUARTER_DAYS[1]:
            return -1
        if days >= QUARTER_DAYS[0]:
            return earlier
    return -1


@compiled
def spread(row: Rows, column: Rows, expires: Rows, values: Array, out: Array) -> None:
    rows, width = out.shape
    current = np.full(width, np.nan)
    until = np.zeros(width, dtype=np.int64)
    following = 0
    for session in range(rows):
        while following < len(row) and row[following] == session:
            current[column[following]] = values[following]
            until[column[following]] = expires[following]
            following += 1
        for asset in range(width):
            out[session, asset] = current[asset] if session < until[asset] else np.nan


@compiled
def steady(order: Rows, column: Rows, shares: Array) -> Array:
    """Return the share counts that can be believed, NaN for the others.

    A count that jumps against the last one believed is a fault of the filing more often than an issue of shares: it is
    unknown until the next filing agrees with it, and the count of the quarter before serves meanwhile. The first count
    of a company is believed.
    """
    out = np.full(len(shares), np.nan)
    believed = np.nan
    doubted = np.nan
    for place in range(len(order)):
        filing = order[place]
        if place == 0 or column[filing] != column[order[place - 1]]:
            believed = np.nan
            doubted = np.nan
        count = shares[filing]
        if np.isnan(count):
            continue
        jumped = not np.isnan(believed) and not believed / JUMP <= count <= believed * JUMP
        if jumped and not doubted / AGREES <= count <= doubted * AGREES:
            doubted = count
            continue
        out[filing] = count
        believed = count
        doubted = np.nan
    return out
