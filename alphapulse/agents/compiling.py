"""How the agents' loops are compiled and shared among threads."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numba

CELLS_A_THREAD = 100_000


def compiled(function: Any) -> Any:
    """Compile without holding the interpreter, dividing by zero as numpy does.

    The cache watches the file of the compiled function alone: after a change of these options remove the `*.nbi` files,
    and let no compiled function call one of another module.
    """
    return numba.njit(cache=True, nogil=True, error_model="numpy")(function)


def in_threads(work: Callable[[int, int], None], length: int, cells: int) -> None:
    """Call `work(start, stop)` on contiguous parts of range(length), a thread each, and wait for all.

    cells: how many numbers one step of the range stands for; a part with fewer than CELLS_A_THREAD is not worth a
    thread. Plain threads over compiled code, not numba's own pool: that one dies when the process forks or when two
    threads use it. How the range is cut must not change the answer.
    """
    threads: int = numba.config.NUMBA_NUM_THREADS  # type: ignore[attr-defined]
    parts = max(min(threads, length * cells // CELLS_A_THREAD), 1)
    edges = [length * part // parts for part in range(parts + 1)]
    if parts == 1:
        work(0, length)
        return
    with ThreadPoolExecutor(parts) as pool:
        for done in [pool.submit(work, *edge) for edge in pairwise(edges)]:
            done.result()
