"""Where a market is cut: irregular sessions, and those between which leaks hide.

A row u that reads a later row v is seen only by a cut from u to the session before v. So, beside seeded sessions:

1. `before_events` lists the sessions just before most of it happens, by kind: there a backward fill, a value known too
   early or today's list of assets shows.
2. `_informed` picks few of them that together stand before every kind a few times.
3. `_calendar` adds a run of sessions in a row across a month's end, and one inside a month: there a value of the whole
   month, or of its first or last session, shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from alphapulse.core.market import MarketData

Rows = npt.NDArray[np.intp]

EACH_KIND, EACH_KIND_SMALL = 3, 5
MOST_INFORMED, MOST_INFORMED_SMALL = 12, 20
SMALL = 300_000  # cells of a panel: events are rare there, and cuts cheap
BUSIEST = 12  # sessions of a kind kept at least
BUSY = 0.9  # quantile of events a session: where many happen, one that matters to the object is likelier
SCATTERED = 4
FEWEST_SESSIONS = 4


def cut_rows(market: MarketData, seed: int, least: int, *, quick: bool = False) -> Rows:
    """Return the rows at which to cut, sorted, from the tenth part of the market (or `least`) to the last but one.

    About 20 of them, 28 on a small market, with `quick` about 8.
    """
    last = len(market.sessions) - 2
    if last < FEWEST_SESSIONS:
        return np.arange(max(last + 1, 0))
    low = min(max(least, (last + 1) // 10), last - 1)
    random = np.random.default_rng([seed, 17])
    events = {kind: rows[(rows >= low) & (rows <= last)] for kind, rows in before_events(market).items()}
    small = market.panel("close").size <= SMALL
    each, most = (EACH_KIND_SMALL, MOST_INFORMED_SMALL) if small else (EACH_KIND, MOST_INFORMED)
    chosen = [last, *_informed(events, len(market.sessions), random, each, most // (3 if quick else 1))]
    if not quick:
        # One session in each equal stretch, so that no part of the history goes unseen.
        edges = np.linspace(low, last, SCATTERED + 1).astype(np.intp)
        chosen += [int(random.integers(a, max(b, a + 1))) for a, b in pairwise(edges)]
    calendar = _calendar(market.sessions, low, last, random)
    chosen += calendar[1:4:2] if quick else calendar
    return np.unique(np.asarray(chosen, dtype=np.intp))


def before_events(market: MarketData) -> dict[str, Rows]:
    """Return the rows just before a busy session of each kind of event; kinds that never happen are left out."""
    close = market.panel("close")
    priced = close.notna().to_numpy()
    ever = np.maximum.accumulate(priced, axis=0)
    still = np.maximum.accumulate(priced[::-1], axis=0)[::-1]
    found: dict[str, Rows] = {
        "price returns": _busy(priced[1:] & ~priced[:-1] & ever[:-1]),
        "listing": _busy(ever[1:] & ~ever[:-1]),
        "delisting": _busy(still[:-1] & ~still[1:]),
    }
    for name, nothing in (("split", 1.0), ("dividend", 0.0)):
        if name in market.panels:
            values = market.panels[name].to_numpy()[1:]
            found[name] = _busy(~np.isnan(values) & (values != nothing))
    if market.membership is not None:
        member = market.membership.to_numpy()
        found["membership"] = _busy(member[1:] != member[:-1])
    found |= _before_facts(market.tables, market.sessions)
    return {kind: rows for kind, rows in found.items() if len(rows)}


def _before_facts(tables: Mapping[str, pd.DataFrame], sessions: pd.DatetimeIndex) -> dict[str, Rows]:
    found = {}
    for name, table in tables.items():
        parts = {name: table}
        if name == "fundamentals":
            again = table.duplicated(["asset", "period_end"], keep="first")
            parts = {"first filing": table.loc[~again], "restatement": table.loc[again]}
        for kind, rows in parts.items():
            at = sessions.get_indexer(pd.Index(rows["session"]))
            found[kind] = _busy(np.bincount(at[at >= 0], minlength=len(sessions))[1:, None])
    return found


def _busy(events: npt.NDArray[Any]) -> Rows:
    """Return the rows with events, from the second session on x assets, of which there are many."""
    count = events.sum(axis=1)
    happening = count[count > 0]
    if len(happening) <= BUSIEST:
        return np.flatnonzero(count)
    return np.flatnonzero(count >= np.quantile(happening, min(BUSY, 1.0 - BUSIEST / len(happening))))


def _informed(
    events: Mapping[str, Rows], sessions: int, random: np.random.Generator, each: int, most: int
) -> list[int]:
    """Pick rows one by one, each before as many kinds still wanted as possible, ties by lot."""
    before = np.zeros((len(events), sessions), dtype=bool)
    for number, rows in enumerate(events.values()):
        before[number, rows] = True
    wanted = np.where(before.any(axis=1), each, 0)
    lot = random.random(sessions)
    chosen: list[int] = []
    while (wanted > 0).any() and len(chosen) < most:
        # Rare kinds weigh more: a session before a restatement is harder to find than one before a dividend.
        use = ((wanted > 0) / np.maximum(before.sum(axis=1), 1)) @ before
        best = int(np.argmax(use + lot * 1e-9)) if use.max() > 0.0 else -1
        if best < 0:
            break
        chosen.append(best)
        wanted = np.maximum(wanted - before[:, best], 0)
        before[:, best] = False
    return chosen


def _calendar(sessions: pd.DatetimeIndex, low: int, last: int, random: np.random.Generator) -> list[int]:
    """Return four rows in a row around a month's end (its last but one to the second of the next) and a row inside."""
    month = sessions.to_numpy().astype("datetime64[M]")
    turns = np.flatnonzero(month[1:] != month[:-1])
    turns = turns[(turns - 1 >= low) & (turns + 2 <= last)]
    if not len(turns):
        start = int(random.integers(low, max(last - 2, low + 1)))
        return [row for row in range(start, start + 4) if row <= last]
    turn = int(turns[random.integers(len(turns))])
    inside = int(turns[random.integers(len(turns))]) + 10
    return [turn - 1, turn, turn + 1, turn + 2, min(inside, last)]
