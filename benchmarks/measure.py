"""Measure one contestant, each in a process of its own: `python -m benchmarks.measure ROW CONTESTANT [--quick]`.

Linear algebra runs on one thread. Inputs are built before the clock starts. The first call is timed apart: it loads
compiled code. CPU time is that of the process and of those it started, so that it does not count what other
programs on the machine took. Peak memory is that of the whole process while the work ran, inputs included. A function
returned by the work is called when all that is done: what it computes is kept and not timed.
"""

from __future__ import annotations

import gc
import importlib.util
import json
import os
import resource
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from benchmarks.rows import ROWS, Contestant
from benchmarks.trading import RUNS

BUDGET_S = 20.0
THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
OURS = "ours"


@dataclass(frozen=True)
class Measured:
    """Seconds of the first call (0: nothing is compiled) and of each run; peak MB; what the work returned.

    returned: a number, objectives by case (NaN: none found), or None for anything else.
    """

    first_s: float
    wall_s: list[float]
    cpu_s: list[float]
    peak_mb: float
    returned: float | dict[str, float] | None

    @property
    def wall(self) -> float:
        return median(self.wall_s)

    @property
    def cpu(self) -> float:
        return median(self.cpu_s)


def contestant(row: str, name: str) -> Contestant:
    return ROWS[row].ours if name == OURS else ROWS[row].peers[name]


def measured(row: str, name: str, quick: bool) -> Measured | None:
    """Return what a new process measured; None when the package is not installed."""
    if importlib.util.find_spec(contestant(row, name).package) is None:
        return None
    command = [sys.executable, "-m", "benchmarks.measure", row, name, *(["--quick"] if quick else [])]
    done = subprocess.run(
        command,
        env=os.environ | dict.fromkeys(THREADS, "1"),
        cwd=Path(__file__).resolve().parent.parent,
        stdout=subprocess.PIPE,
        check=True,
    )
    return Measured(**json.loads(done.stdout.splitlines()[-1]))


def measure(entry: Contestant, quick: bool) -> dict[str, Any]:
    """Run the work here until there are RUNS times or BUDGET_S is spent, and return the fields of Measured."""
    work = entry.prepare(quick)
    first = 0.0
    wall: list[float] = []
    cpu: list[float] = []
    _forget_peak()
    if entry.compiled:
        started = perf_counter()
        work()
        first = perf_counter() - started
    while not wall or (len(wall) < RUNS and sum(wall) < BUDGET_S):
        gc.collect()
        started, spent = perf_counter(), _cpu()
        returned = work()
        wall.append((perf_counter() - started) / entry.share)
        cpu.append((_cpu() - spent) / entry.share)
    figures = {"first_s": first, "wall_s": wall, "cpu_s": cpu, "peak_mb": _peak_mb()}
    found = returned() if callable(returned) else returned
    return figures | {"returned": found if isinstance(found, float | dict) else None}


def _cpu() -> float:
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def _forget_peak() -> None:
    if sys.platform == "linux":
        Path("/proc/self/clear_refs").write_text("5")


def _peak_mb() -> float:
    """Return the largest resident set of this process (on Linux since _forget_peak) or of one it started."""
    unit = 1e6 if sys.platform == "darwin" else 1e3
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
    if sys.platform == "linux":
        status = Path("/proc/self/status").read_text()
        own = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) * 1.024e-3
    return max(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / unit)


if __name__ == "__main__":
    row, name, *options = sys.argv[1:]
    print(json.dumps(measure(contestant(row, name), "--quick" in options)))
