"""Evidence made comparable across the assets of a session: the one pass that turns raw panels into votes.

Per session (`_vote_rows`):

1. keep the members whose raw value is known
2. sort them, starting from the order of the session before: most evidence moves slowly (`_sort`)
3. deal the sorted values to their groups, the sectors or one group of all; groups too small join all
4. turn each group's values into numbers in [-1, 1] by one of SCALES
5. add direction x weight x number to the total, and the weight to what is available

No sum runs across assets, so the order of assets changes nothing.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from alphapulse.agents.compiling import compiled, in_threads
from alphapulse.core.stats import Array

Mask = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.int64]

# How raw values become numbers in [-1, 1]:
# rank    centred rank, evenly spaced: lowest -1 + 1/n, highest 1 - 1/n, ties share their mean
# zscore  distance from the median in robust standard deviations, winsorised at 3, divided by 3
# margin  the value itself in robust standard deviations, winsorised at 3, divided by 3: its sign stays
# given   the value itself, cut at -1 and 1: evidence that says how strongly it means it
SCALES = {"rank": 0, "zscore": 1, "margin": 2, "given": 3}
LEAST_PEERS = 5  # a smaller group is compared with everyone: alone in a sector, nobody is average
WINSOR = 3.0
MAD_TO_DEVIATION = 1.4826  # median absolute deviation of a normal distribution to its standard deviation
MEAN_TO_DEVIATION = 1.2533  # the same for the mean absolute deviation, used where half of all values are equal
MOVES_AT_MOST = 12  # a value; beyond, sorting anew is faster than mending the last order


def add_votes(
    raw: Array, members: Mask, weight: float, direction: int, scale: str, groups: Codes, total: Array, available: Array
) -> None:
    """Add the votes of one piece of evidence to `total` and its weight to `available`, in place.

    raw: sessions x assets, NaN unknown. members: True by session and asset that is compared. groups: number of the
    group each asset is compared within, from 0 on, by asset. scale: a name of SCALES.
    """
    count = int(groups.max()) + 1 if len(groups) else 1

    def work(start: int, stop: int) -> None:
        rows = slice(start, stop)
        _vote_rows(
            raw[rows],
            members[rows],
            weight,
            float(direction),
            SCALES[scale],
            groups,
            count,
            total[rows],
            available[rows],
        )

    in_threads(work, *raw.shape)


@compiled
def _vote_rows(
    raw: Array,
    members: Mask,
    weight: float,
    direction: float,
    scale: int,
    groups: Codes,
    count: int,
    total: Array,
    available: Array,
) -> None:
    rows, width = raw.shape
    order = np.arange(width)
    key = np.empty(width)
    bucket = np.empty((count, width), dtype=np.int64)
    filled = np.empty(count, dtype=np.int64)
    values = np.empty(width)
    scaled = np.empty(width)
    for row in range(rows):
        known = 0
        for asset in range(width):
            value = raw[row, asset]
            if members[row, asset] and np.isfinite(value):
                key[asset] = value
                known += 1
            else:
                key[asset] = np.inf  # sorts last
        _sort(order, key)
        filled[:] = 0
        for place in range(known):
            asset = order[place]
            group = groups[asset]
            bucket[group, filled[group]] = asset
            filled[group] += 1
        for group in range(count):
            size = filled[group]
            if size >= LEAST_PEERS or count == 1:
                _compare(bucket[group], size, key, scale, values, scaled)
                for place in range(size):
                    total[row, bucket[group, place]] += direction * weight * scaled[place]
        if count > 1 and filled.min() < LEAST_PEERS:
            _compare(order, known, key, scale, values, scaled)
            for place in range(known):
                if filled[groups[order[place]]] < LEAST_PEERS:
                    total[row, order[place]] += direction * weight * scaled[place]
        for place in range(known):
            available[row, order[place]] += weight


@compiled
def _compare(assets: Codes, size: int, key: Array, scale: int, values: Array, scaled: Array) -> None:
    """Write the comparison of the first `size` of `assets`, which are sorted by key, to `scaled`."""
    for place in range(size):
        values[place] = key[assets[place]]
    if scale == 0:
        _ranks(values, size, scaled)
    elif scale == 3:
        for place in range(size):
            scaled[place] = min(max(values[place], -1.0), 1.0)
    else:
        _distances(values, size, scale == 1, scaled)


@compiled
def _sort(order: Codes, key: Array) -> None:
    """Sort `order` by `key`: mend the order it has by insertion, or sort anew when that takes too many moves."""
    budget = MOVES_AT_MOST * len(order)
    for place in range(1, len(order)):
        moved = order[place]
        value = key[moved]
        at = place
        while at > 0 and key[order[at - 1]] > value:
            order[at] = order[at - 1]
            at -= 1
        order[at] = moved
        budget -= place - at
        if budget < 0:
            order[:] = np.argsort(key)
            return


@compiled
def _ranks(values: Array, size: int, out: Array) -> None:
    first = 0
    while first < size:
        last = first
        while last + 1 < size and values[last + 1] == values[first]:
            last += 1
        shared = (first + last + 1.0) / size - 1.0
        for place in range(first, last + 1):
            out[place] = shared
        first = last + 1


@compiled
def _distances(values: Array, size: int, centred: bool, out: Array) -> None:
    median = 0.5 * (values[(size - 1) // 2] + values[size // 2])
    deviation = MAD_TO_DEVIATION * _median_distance(values, size, median)
    if deviation == 0.0:
        for place in range(size):
            deviation += abs(values[place] - median)
        deviation *= MEAN_TO_DEVIATION / size
    for place in range(size):
        value = values[place] - median if centred else values[place]
        distance = value / deviation if deviation > 0.0 else WINSOR * np.sign(value)  # a common margin is no doubt
        out[place] = min(max(distance, -WINSOR), WINSOR) / WINSOR


@compiled
def _median_distance(values: Array, size: int, centre: float) -> float:
    """Return the median of |value - centre| over sorted values, by walking inwards from both ends."""
    low, high = 0, size - 1
    upper: float = 0.0
    lower: float = 0.0
    # after k steps the k farthest values are behind; the median distance is what comes at the middle
    for step in range(size // 2 + 1):
        left, right = centre - values[low], values[high] - centre
        upper = lower
        if left > right:
            lower = left
            low += 1
        else:
            lower = right
            high -= 1
        if step == (size - 1) // 2 and size % 2 == 1:
            return lower
    middle: float = 0.5 * (upper + lower)
    return middle
