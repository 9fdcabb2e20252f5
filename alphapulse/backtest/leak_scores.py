"""The leak check of whatever has `score(market)`: the prefix law, and what informs beside it.

1. Score half of the market, before the object has seen more; then the whole.
2. Score it cut at each row of `cut_rows`, and soon after the first score, where a filled warm-up shows; every row up to
   the cut must be the same (kind "cut").
3. Score it with the sessions after some cuts unknown, noise, or ten times themselves, and without the assets that were
   not listed yet.
4. Ask for the half again, and one copy twice: an object that answers the same question in two ways is told so (kind
   "state"), and if nothing but its memory speaks, what was compared before means nothing.
5. Ask what informs: other asset names, other price units, a later start, a delayed score (`leak_notes`).

Every question goes to a copy of the object as it was handed over, so that one that fits itself to the first market it
sees is fitted anew. Altered markets come without quality report, origin and flags: those tell of the whole file.
"""

from __future__ import annotations

from copy import copy, deepcopy
from dataclasses import replace
from types import MappingProxyType
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import pandas as pd
from tqdm import tqdm

from alphapulse.backtest.leak_compare import difference, earliest, usual_size
from alphapulse.backtest.leak_cuts import Rows, cut_rows
from alphapulse.backtest.leak_notes import asset_order, delayed, price_scale, warmup_drift
from alphapulse.backtest.leak_report import LEAK, NOTE, Finding, LeakReport
from alphapulse.core.alter import POISONS, listed, poisoned
from alphapulse.core.errors import DataError
from alphapulse.core.market import MarketData
from alphapulse.core.panel import Panel

POISONED_SESSIONS = 63  # altered sessions left after the cut: what lies further away the plain cut has shown
AFTER_FIRST = (1, 4, 20)  # sessions after the first score
SHORT = 63  # sessions up to which an object may find a market too short in its own words
PARTS = ("score", "coverage")

Found = list[Finding | None]


class Asked:
    """An object with `score`, asked about markets; counts how often."""

    def __init__(self, target: Any) -> None:
        self.target = target
        self.parts = [part for part in PARTS if callable(getattr(target, part, None))]
        self.count = 0

    def answers(self, market: MarketData) -> dict[str, Panel]:
        """Return score, and coverage where there is one, as float panels on the market's axes."""
        self.count += 1
        target, sight = _pristine(self.target), _sight(market)
        return {part: _on_axes(getattr(target, part)(sight), part, market) for part in self.parts}

    def score(self, market: MarketData) -> Panel:
        """Return the score alone."""
        return self.answers(market)["score"]

    def twice(self, market: MarketData) -> tuple[dict[str, Panel], dict[str, Panel]]:
        """Return the answers of one copy that is asked the same question twice."""
        self.count += 2
        target = _pristine(self.target)
        first, second = (
            {part: _on_axes(getattr(target, part)(_sight(market)), part, market) for part in self.parts}
            for _ in range(2)
        )
        return first, second


def check_scores(
    target: Any, name: str, market: MarketData, *, seed: int, quick: bool, thorough: bool, progress: bool
) -> LeakReport:
    """Return the report on an object with `score(market)`; see the module for what is asked."""
    asked = Asked(target)
    half = _until(market, (len(market.sessions) - 1) // 2)
    unspoilt = _tried(asked, half)
    whole = asked.answers(market)
    score = whole["score"]
    known = np.flatnonzero(score.notna().any(axis=1).to_numpy())
    first = int(known[0]) if len(known) else 0
    rows = _rows(market, seed, first, quick=quick, thorough=thorough)
    found: Found = []
    for row in tqdm(rows, desc=name, unit="cut", disable=not progress, mininterval=1.0):
        found += _compared(asked, _until(market, int(row)), whole, market.sessions[row], "cut")
    for row in _poisoned_rows(rows, quick):
        near = market.until(market.sessions[min(row + POISONED_SESSIONS, len(market.sessions) - 1)])
        for how in POISONS:
            found += _compared(asked, poisoned(near, market.sessions[row], how), whole, market.sessions[row], how)
    for row in _unlisted_rows(market, rows):
        found += _compared(asked, listed(market, market.sessions[row]), whole, market.sessions[row], "unlisted")
    found = _remembered(asked, half, unspoilt, market, whole, found)
    if not len(known):
        found.append(Finding("silent", NOTE, remark="pass a market that the object can use"))
    found += [asset_order(asked.score, market, score, seed), price_scale(target, asked.score, market, score, seed)]
    drift, drifting = warmup_drift(target, asked.score, market, score)
    delay, fading = delayed(market, score)
    return LeakReport(
        name=name,
        market=market.name,
        findings=earliest([*found, drifting, fading]),
        cuts=tuple(market.sessions[rows]),
        evaluations=asked.count,
        sessions=len(market.sessions),
        warmup=drift,
        delay=delay,
        flags=market.flags,
    )


def _rows(market: MarketData, seed: int, first: int, *, quick: bool, thorough: bool) -> Rows:
    """Return the rows to cut at: all from the first score on if thorough, else `cut_rows` and a few early ones."""
    last = len(market.sessions) - 1
    if thorough:
        return np.arange(first, max(last, 1), dtype=np.intp)
    early = [row for row in (first + later for later in AFTER_FIRST) if row < last]
    return np.union1d(cut_rows(market, seed, first, quick=quick), np.asarray(early, dtype=np.intp))


def _unlisted_rows(market: MarketData, rows: Rows) -> Rows:
    """Return up to two of the rows at which some asset is still to be listed."""
    priced = market.panel("close").notna().to_numpy()
    arrives = np.where(priced.any(axis=0), priced.argmax(axis=0), len(priced))
    waiting = rows[[bool((arrives > row).any() and (arrives <= row).any()) for row in rows]] if len(rows) else rows
    return np.unique(waiting[[0, len(waiting) // 2]]) if len(waiting) else waiting


def _remembered(
    asked: Asked,
    half: MarketData,
    unspoilt: dict[str, Panel] | None,
    market: MarketData,
    whole: dict[str, Panel],
    found: Found,
) -> Found:
    """Return the findings, with what shows that the object remembers what it was asked before."""
    leaking = any(finding is not None and finding.severity == LEAK for finding in found)
    again = _differences("state", whole, asked.answers(market), market.sessions[-1]) if leaking else []
    if any(again):  # by lot or by memory: no comparison of other markets means anything
        return again
    end = half.sessions[-1]
    later = None if unspoilt is None else asked.answers(half)
    spoilt = _differences("state", unspoilt, later, end) if unspoilt is not None and later is not None else []
    twice = _differences("state", *asked.twice(half), end) if unspoilt is not None else []
    return [*found, *spoilt, *twice]


def _tried(asked: Asked, market: MarketData) -> dict[str, Panel] | None:
    """Return the answers about a market, None where it is too short for the object."""
    try:
        return asked.answers(market)
    except (DataError, ValueError, IndexError):  # whatever it is, the cuts will tell
        return None


def _poisoned_rows(rows: Rows, quick: bool) -> Rows:
    """Return two of the rows (one if quick) from the earlier half, where a market is cheap to alter."""
    return np.unique(rows[[len(rows) // 2] if quick else [len(rows) // 4, len(rows) // 2]]) if len(rows) else rows


def _compared(asked: Asked, altered: MarketData, whole: dict[str, Panel], session: pd.Timestamp, kind: str) -> Found:
    try:
        answers = asked.answers(_nameless(altered))
    except DataError as error:  # too short for the object, which is no leak
        return [Finding("not compared", NOTE, cut=session, remark=error.came)]
    except (ValueError, IndexError) as error:
        if len(altered.sessions) > SHORT:
            raise
        return [Finding("not compared", NOTE, cut=session, remark=f"{type(error).__name__}: {error}")]
    return _differences(kind, whole, answers, session)


def _differences(kind: str, whole: dict[str, Panel], answers: dict[str, Panel], session: pd.Timestamp) -> Found:
    found: Found = []
    severity = NOTE if kind == "unlisted" else LEAK  # a place among assets to come need not tell of them
    for part, answer in answers.items():
        got, wanted = whole[part].loc[:session, answer.columns], answer.loc[:session]
        # Exact equality is the usual case and cheap to see; the size of a usual value is not.
        if not np.array_equal(got.to_numpy(), wanted.to_numpy(), equal_nan=True):
            # A transform of the whole series rounds by its loudest part, and noise is louder than a market.
            usual = max(usual_size(whole[part]), usual_size(answer.loc[answer.index > session]))
            found.append(difference(kind, got, wanted, part=part, cut=session, usual=usual, severity=severity))
    return found


def _pristine(target: Any) -> Any:
    try:
        return deepcopy(target)
    except TypeError:  # it holds what cannot be copied
        return target


def _sight(market: MarketData) -> MarketData:
    """Return another object with the same data in shallow copies.

    What the target remembers by market goes with it, and a target that writes into its input writes into copies.
    """
    sight = copy(market)
    for group in ("panels", "tables"):
        frames = {name: frame.copy(deep=False) for name, frame in getattr(market, group).items()}
        object.__setattr__(sight, group, MappingProxyType(frames))
    for name in ("benchmark", "membership", "sectors"):
        held = getattr(market, name)
        object.__setattr__(sight, name, None if held is None else held.copy(deep=False))
    vars(sight).pop("members", None)  # made anew from the copies
    return sight


def _nameless(market: MarketData) -> MarketData:
    """Return the market without what tells of its file as a whole, and how to load it again."""
    return replace(market, quality=None, origin={}, flags=())


def _on_axes(answer: Any, part: str, market: MarketData) -> Panel:
    if not isinstance(answer, pd.DataFrame) or not answer.index.isin(market.sessions).any():
        shown = f"an index of {answer.index.dtype}" if isinstance(answer, pd.DataFrame) else type(answer).__name__
        raise DataError(
            f"leak check: {part}(market) returned {shown}",
            "a DataFrame of sessions x assets, on the sessions of the market it was given",
            "return pandas.DataFrame(values, index=market.sessions, columns=market.assets)",
        )
    if not (answer.index.equals(market.sessions) and answer.columns.equals(market.assets)):
        answer = answer.reindex(index=market.sessions, columns=market.assets)
    panel: Panel = answer.astype(np.float64)
    return panel


# The cut markets share their panels with the whole one, so that keeping them for the next object costs little.
_CUT: WeakKeyDictionary[MarketData, dict[int, MarketData]] = WeakKeyDictionary()


def _until(market: MarketData, row: int) -> MarketData:
    kept = _CUT.setdefault(market, {})
    if row not in kept:
        kept[row] = market.until(market.sessions[row])
    return kept[row]
