"""Two answers to one question: the first place where they differ, and by how much."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pandas as pd

from alphapulse.backtest.leak_report import LEAK, Finding
from alphapulse.core.stats import Array

PREFIX_TOLERANCE = 1e-12  # of the prefix law
ORDER_TOLERANCE = 1e-9  # of what may sum in another order


def difference(
    kind: str,
    got: pd.DataFrame,
    wanted: pd.DataFrame,
    *,
    tolerance: float = PREFIX_TOLERANCE,
    severity: str = LEAK,
    part: str = "score",
    cut: pd.Timestamp | None = None,
    usual: float | None = None,
) -> Finding | None:
    """Return the first cell (by session) in which two panels on the same axes differ, None when they agree.

    Cells agree when both are NaN, or within `tolerance` of the larger or, if that is more, of `usual` (the usual size
    of a value, by default that of `wanted`): a value near zero that is the difference of larger ones cannot be exact
    beyond them.
    """
    left, right = got.to_numpy(dtype=np.float64), wanted.to_numpy(dtype=np.float64)
    differs = _differing(left, right, tolerance, usual)
    if differs is None:
        return None
    row, column = np.argwhere(differs)[0]
    value, truth = float(left[row, column]), float(right[row, column])
    return Finding(
        kind=kind,
        severity=severity,
        part=part,
        session=got.index[row],
        asset=str(got.columns[column]),
        got=value,
        wanted=truth,
        size=relative_size(value, truth),
        cells=int(differs.sum()),
        cut=cut,
    )


def relative_size(value: float, truth: float) -> float:
    """Return the difference relative to the larger of two numbers, 1 where only one of them is a finite number."""
    if not (np.isfinite(value) and np.isfinite(truth)):
        return 1.0
    largest = max(abs(value), abs(truth))
    return abs(value - truth) / largest if largest > 0.0 else 0.0


def earliest(findings: Iterable[Finding | None]) -> tuple[Finding, ...]:
    """Return one finding a kind and part: the one of the earliest session, with the most cells any of them had."""
    kept: dict[tuple[str, str], Finding] = {}
    for finding in findings:
        if finding is None:
            continue
        key = finding.kind, finding.part
        first = kept.get(key)
        if first is None:
            kept[key] = finding
            continue
        sooner = finding.session is not None and (first.session is None or finding.session < first.session)
        kept[key] = replace(finding if sooner else first, cells=max(first.cells, finding.cells))
    return tuple(kept.values())


def usual_size(panel: pd.DataFrame) -> float:
    """Return the median absolute value of the known cells, 0 without any."""
    values = panel.to_numpy(dtype=np.float64)
    known = np.abs(values[np.isfinite(values)])
    return float(np.median(known)) if known.size else 0.0


def _differing(left: Array, right: Array, tolerance: float, usual: float | None) -> np.ndarray | None:
    """Return True by cell that differs, None when no cell does."""
    unequal = ~((left == right) | (np.isnan(left) & np.isnan(right)))
    if not unequal.any():
        return None
    usual = usual_size(pd.DataFrame(right, copy=False)) if usual is None else usual
    with np.errstate(invalid="ignore"):
        gap = np.abs(left - right)
        close = gap <= tolerance * np.maximum(np.maximum(np.abs(left), np.abs(right)), usual)
    differs: np.ndarray = unequal & ~(close & np.isfinite(gap))
    return differs if differs.any() else None
