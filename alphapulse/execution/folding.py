"""Compiled passes over what was traded and over tables of weights."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from alphapulse.core.stats import Array
from alphapulse.core.trading import EVENT_KINDS
from alphapulse.execution.compiling import compiled, reassociating
from alphapulse.execution.tape import Tape

SPLIT, DELISTING = EVENT_KINDS.index("split"), EVENT_KINDS.index("delisting")

Ints = npt.NDArray[np.int64]


@reassociating
def gross_by_row(table: Array) -> Array:
    """Return the sum of absolute values of each row, NaN counting as nothing."""
    out = np.empty(table.shape[0])
    for row in range(table.shape[0]):
        gross = 0.0
        for i in range(table.shape[1]):
            size = abs(table[row, i])
            gross += 0.0 if np.isnan(size) else size
        out[row] = gross
    return out


@compiled
def fold(
    fill_start: Ints,
    fill_asset: npt.NDArray[np.int32],
    fill_quantity: Array,
    fill_price: Array,
    event_start: Ints,
    event_asset: npt.NDArray[np.int32],
    event_kind: npt.NDArray[np.int8],
    event_quantity: Array,
    tape: Tape,
    quantity: Array,
    value: Array,
) -> None:
    """Fold fills and events into end-of-session quantities and position values, both sessions x assets (written)."""
    sessions, n = quantity.shape
    held, mark = np.zeros(n), np.full(n, np.nan)
    for s in range(sessions):
        for k in range(tape.action_start[s], tape.action_start[s + 1]):
            mark[tape.action_asset[k]] /= tape.action_split[k]
        for k in range(event_start[s], event_start[s + 1]):
            kind = event_kind[k]
            if kind == SPLIT:
                held[event_asset[k]] += event_quantity[k]
            elif kind == DELISTING:
                held[event_asset[k]] = 0.0
        for k in range(fill_start[s], fill_start[s + 1]):
            held[fill_asset[k]] += fill_quantity[k]
            mark[fill_asset[k]] = fill_price[k]
        for i in range(n):
            quantity[s, i] = held[i]
            if held[i] != 0.0:
                if not np.isnan(tape.close[s, i]):
                    mark[i] = tape.close[s, i]
                value[s, i] = held[i] * mark[i]
            else:
                value[s, i] = 0.0
