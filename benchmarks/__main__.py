"""Measure the rows asked for (all without a name) beside their peers and print one table."""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks.measure import BUDGET_S, OURS, Measured, measured
from benchmarks.rows import ROWS, Contestant, Row
from benchmarks.trading import RUNS

PACKAGES = (
    *("alphapulse", "numpy", "pandas", "scipy", "numba", "vectorbt", "bt", "TA-Lib", "ta", "pyportfolioopt", "skfolio"),
    *("riskfolio-lib", "piqp", "cvxpy", "empyrical-reloaded", "quantstats"),
)
HEAD = ("work", "ours s", "first call s", "peak MB", "target", "peer", "peer s", "peer MB", "peer / ours", "gap")
GAP = """gap: the largest (ours - theirs) / |theirs| of the objectives of all problems that both solved, each judged by
the same function of the same inputs, lower is better. Below zero ours is the better answer to every one: the peer's
solver stops at its own tolerance. HRP minimises nothing: its gap is that of the variances, zero where weights agree, as
they do unless leaves are ordered (skfolio)."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="row", help=f"of {', '.join(ROWS)}")
    parser.add_argument("--quick", action="store_true", help="small sizes: shows that it runs, not how fast it is")
    parser.add_argument("--json", type=Path, metavar="PATH", help="also write every time measured")
    asked = parser.parse_args()
    if unknown := [row for row in asked.rows if row not in ROWS]:
        parser.error(f"no row {unknown[0]!r}; there are {', '.join(ROWS)}")
    print(_header(asked.quick), end="\n\n")
    print("| " + " | ".join(HEAD) + " |\n|" + "---|" * len(HEAD), flush=True)
    kept: dict[str, Any] = {}
    for key in asked.rows or ROWS:
        row = ROWS[key]
        ours = measured(key, OURS, asked.quick)
        assert ours is not None
        kept[key] = {OURS: asdict(ours)}
        lines = []
        for name, peer in row.peers.items():
            other = measured(key, name, asked.quick)
            kept[key][name] = asdict(other) if other else None
            lines.append(_peer_cells(name, peer, other, ours))
        for number, cells in enumerate(lines or [("none", "", "", "", "")]):
            left = _our_cells(row, ours, asked.quick) if number == 0 else ("",) * 5
            print("| " + " | ".join((*left, *cells)) + " |", flush=True)
    if any(isinstance(figures["returned"], dict) for row in kept.values() for figures in row.values() if figures):
        print(f"\n{GAP}")
    if asked.json:
        asked.json.write_text(json.dumps({"about": _header(asked.quick), "rows": kept}, indent=1), encoding="utf-8")


def _header(quick: bool) -> str:
    packages = ", ".join(f"{name} {_version(name)}" for name in PACKAGES)
    lines = (
        f"python {platform.python_version()}, {packages}; {os.cpu_count()} cores, linear algebra on one thread.",
        f"Medians of up to {RUNS} runs in {BUDGET_S:.0f} s on the same simulated inputs, each in a process of its own;",
        "the first call, which loads compiled code, stands apart. s: wall time, and CPU time where a busy machine kept",
        "it apart by more than a tenth; ratios are of CPU times. MB: peak of the whole process, inputs included.",
        *(["QUICK: sizes are cut, targets do not apply."] if quick else []),
    )
    return "\n".join(lines)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"


def _our_cells(row: Row, ours: Measured, quick: bool) -> tuple[str, ...]:
    target = [] if row.target_s is None or quick else [_verdict("s", ours.wall, row.target_s)]
    target += [] if row.target_mb is None or quick else [_verdict("MB", ours.peak_mb, row.target_mb)]
    return row.work, _seconds(ours), f"{ours.first_s:.3g}", f"{ours.peak_mb:.0f}", ", ".join(target) or "none"


def _seconds(figures: Measured) -> str:
    apart = figures.wall > 1.1 * figures.cpu
    return f"{figures.wall:.3g}" + (f" (CPU {figures.cpu:.3g})" if apart else "")


def _verdict(unit: str, value: float, most: float) -> str:
    return f"{most:g} {unit} {'met' if value <= most else 'MISSED'}"


def _peer_cells(name: str, peer: Contestant, other: Measured | None, ours: Measured) -> tuple[str, ...]:
    if other is None:
        return name, "not installed: pip install 'alphapulse[bench]'", "", "", ""
    part = "" if peer.share == 1.0 else f" (1/{1 / peer.share:.0f} of the {peer.of}, scaled)"
    times = f"{other.cpu / ours.cpu:,.0f}"
    return name, _seconds(other) + part, f"{other.peak_mb:.0f}", times, _gap(other.returned, ours.returned)


def _gap(theirs: object, ours: object) -> str:
    if not isinstance(theirs, dict) or not isinstance(ours, dict):
        return ""
    gaps = [(ours[case] - value) / abs(value) for case, value in theirs.items() if not math.isnan(value)]
    failed = len(theirs) - len(gaps)
    largest = f"{max(gaps):.0e}" if gaps else "none"
    return largest + (f", failed {failed} of {len(theirs)}" if failed else "")


if __name__ == "__main__":
    main()
