"""Bootstrap: how far each headline measure could have been off, had the same series been drawn again.

1. `block_length` measures how long returns, and their squares, remember.
2. `_redrawn` writes new histories out of random blocks of sessions, the benchmark's beside the returns'.
3. The formulas of the measures, which take many series at once, run over them; quantiles of the results are the bands.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd

from alphapulse.core.checks import check_count, check_number
from alphapulse.core.stats import Array
from alphapulse.risk.headline import BESIDE_BENCHMARK, HEADLINE, measure_table
from alphapulse.risk.sample import Sample, check_benchmark, check_returns

LEAST_SESSIONS = 30  # before a history says anything about how it could have been otherwise
CHUNK = 2_000_000  # returns redrawn at once, to bound the memory


def bootstrap_bands(
    returns: "pd.Series[float]",
    benchmark: "pd.Series[float] | None" = None,
    *,
    draws: int = 1000,
    confidence: float = 0.95,
    block: float | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """Return confidence bands of the headline measures, one measure a row, columns value, low and high.

    returns: simple, per session, none unknown. With a benchmark's returns over at least the same sessions, the
    measures beside it follow; both are redrawn together. draws: histories redrawn. confidence: probability of the
    band, between its equal tails. block: mean length of a block, `block_length` unless given. seed: of the draws.

    Bands are percentiles of the measure over redrawn histories (Politis and Romano 1994). They hold what chance could
    do to this history, not what a changed market could, and nothing that lasts longer than a block: bands of
    max_drawdown, calmar and stability are of histories without longer trends. Fewer than 30 sessions have no bands
    (NaN). A measure undefined in some draws has the band of the others. `attrs` hold block, draws, seed and notes.
    1,000 draws of 8,000 sessions take a few seconds.
    """
    check_count("draws", draws, least=20)
    check_number("confidence", confidence, most=1.0, above=True, next_step="write 95 per cent as 0.95")
    values = check_returns(returns)[0]
    beside = None if benchmark is None else check_benchmark(benchmark, returns.index)
    table = measure_table(returns.to_frame("value"), benchmark).assign(low=np.nan, high=np.nan)
    if len(values) < LEAST_SESSIONS:
        table.attrs["notes"] = (f"no bands: {len(values)} sessions, at least {LEAST_SESSIONS} are needed",)
        return table
    length = block_length(returns) if block is None else check_number("block", block, least=1.0, most=len(values))
    both = values[None, :] if beside is None else np.stack([values, beside])
    measured = np.concatenate([_measured(histories) for histories in _redrawn(both, draws, length, seed)], axis=1)
    tails = [(1.0 - confidence) / 2.0, (1.0 + confidence) / 2.0]
    undefined = np.isnan(measured).sum(axis=1)
    some = undefined < draws
    table.loc[some, ["low", "high"]] = np.nanquantile(measured[some], tails, axis=1).T
    notes = [
        f"{name}: undefined in {count} of {draws} draws"
        for name, count in zip(table.index, undefined, strict=True)
        if count
    ]
    table.attrs.update(block=length, draws=draws, seed=seed, notes=tuple(notes))
    return table


def block_length(returns: "pd.Series[float]") -> float:
    """Return the mean block length, in sessions, that suits the series: the longer of those for returns and squares.

    Half of the measures are of the size of returns, which is remembered much longer than their sign. At least 1; 1 for
    a series that never varies. Source: Politis and White (2004), corrected by Patton, Politis and White (2009).
    """
    from arch.bootstrap import optimal_block_length  # costs a second and a half to import

    values = check_returns(returns)[0]
    if len(values) < LEAST_SESSIONS or np.ptp(values) == 0.0:
        return 1.0
    lengths = optimal_block_length(np.column_stack([values, values**2]))["stationary"].to_numpy()
    return float(np.fmax(1.0, np.nanmax(lengths)))


def _redrawn(series: Array, draws: int, length: float, seed: int) -> Iterator[Array]:
    """Yield new histories of all series together, series x draws x sessions, a chunk of draws at a time."""
    random = np.random.default_rng(seed)
    sessions = series.shape[1]
    at_once = max(1, CHUNK // sessions)
    for first in range(0, draws, at_once):
        shape = (min(at_once, draws - first), sessions)
        yield series[:, stationary_sessions(random, shape, length)]


def stationary_sessions(random: np.random.Generator, shape: tuple[int, int], length: float) -> npt.NDArray[np.int64]:
    """Return the sessions of which new histories are made, draws x sessions, by the stationary bootstrap.

    Each session is followed by the next one, the last by the first, or with probability 1 / length by any other.
    """
    place = np.arange(shape[1])
    starts = random.integers(shape[1], size=shape)
    begins = random.random(shape) < 1.0 / length
    begun = np.maximum.accumulate(np.where(begins, place, 0), axis=1)
    return (np.take_along_axis(starts, begun, axis=1) + place - begun) % shape[1]


def _measured(histories: Array) -> Array:
    """Return the measures of each history, measures x draws."""
    sample = Sample(np.ascontiguousarray(histories[0]))
    rows = [formula(sample) for formula in HEADLINE.values()]
    if len(histories) > 1:
        pairs = [(Sample(own[None, :]), beside) for own, beside in zip(*histories, strict=True)]
        rows += [np.array([formula(*pair)[0] for pair in pairs]) for formula in BESIDE_BENCHMARK.values()]
    return np.array(rows)
