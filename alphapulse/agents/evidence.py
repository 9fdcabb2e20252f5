"""One shape for every agent: a list of declared evidence, ranked across the session's members and averaged.

1. `Evidence.compute` turns the market into a panel, sessions x assets, NaN where it cannot say.
2. `_vote` keeps the session's members, turns the panel by `direction` and ranks it across assets (`centred_ranks`).
3. `_vote` takes the weighted mean over the evidence that is available; the available share of the declared weight is
   the coverage, and where it is 0 the score is NaN.

Adding a piece of evidence is one function and one line in the agent's `evidence`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import wraps
from types import MappingProxyType
from typing import Any, ClassVar, TypeVar, TypeVarTuple, Unpack
from weakref import WeakKeyDictionary

import numpy as np
import pandas as pd

from alphapulse.core.checks import check_choice, check_count, check_number
from alphapulse.core.errors import ParamsError
from alphapulse.core.market import MarketData
from alphapulse.core.panel import Panel
from alphapulse.core.stats import centred_ranks, session_returns

Owners = TypeVarTuple("Owners")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Evidence:
    """One declared piece of evidence.

    compute: function of the market and the window, returns a panel of sessions x assets in any unit (NaN unknown),
    whose row t reads rows up to t only. window: sessions needed before the first value. direction: 1 if high values
    speak for an asset, -1 if low ones do. weight: share of the vote, relative to the agent's other evidence.
    source: where the literature documents it. needs: panels and tables without which it stays silent.
    """

    name: str
    compute: Callable[[MarketData, int], Panel]
    window: int
    direction: int
    weight: float
    source: str
    needs: tuple[str, ...] = ("total_return",)


def once(function: Callable[[Unpack[Owners]], Result]) -> Callable[[Unpack[Owners]], Result]:
    """Compute once for the same owners (immutable, compared by identity); forget when any of them is gone.

    The result is shared between callers, who must not alter it.
    """
    memory: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()

    @wraps(function)
    def remembered(*owners: *Owners) -> Result:
        chain: tuple[Any, ...] = owners
        held, last = memory, chain[-1]
        for owner in chain[:-1]:
            held = held.setdefault(owner, WeakKeyDictionary())
        if last not in held:
            held[last] = function(*owners)
        result: Result = held[last]
        return result

    return remembered


@once
def market_returns(market: MarketData) -> Panel:
    """Return simple total returns per session, sessions x assets, computed once a market."""
    return session_returns(market.panel("total_return"))


class EvidenceAgent:
    """An agent made of declared evidence; a subclass gives `name` and `evidence`.

    weights: weight by evidence name, replacing the declared ones; evidence left out is not used. windows: window in
    sessions by evidence name. ParamsError on unknown names, negative weights and windows below 1.

    Missing evidence (a panel the market lacks, too short a history) lowers the coverage and never counts as 0.
    """

    name: str
    evidence: ClassVar[tuple[Evidence, ...]]

    def __init__(self, weights: Mapping[str, float] | None = None, **windows: int) -> None:
        names = [piece.name for piece in self.evidence]
        for given in (*(weights or {}), *windows):
            check_choice(f"{self.name} evidence", given, names)
        for key, value in (weights or {}).items():
            check_number(f"{self.name} weights: {key}", value)
        for key, value in windows.items():
            check_count(f"{self.name} window: {key}", value)
        if weights is not None and not sum(weights.values()) > 0.0:
            raise ParamsError(
                f"{self.name} weights = {dict(weights)}", "at least one weight above zero", "weigh some evidence"
            )
        self._weights = None if weights is None else MappingProxyType(dict(weights))
        self._windows = MappingProxyType(dict(windows))

    @property
    def chosen(self) -> tuple[Evidence, ...]:
        """The evidence in use, with the weights and windows of this agent."""
        weights = {piece.name: piece.weight for piece in self.evidence} if self._weights is None else self._weights
        return tuple(
            replace(piece, weight=weights[piece.name], window=self._windows.get(piece.name, piece.window))
            for piece in self.evidence
            if weights.get(piece.name, 0.0) > 0.0
        )

    @property
    def needs(self) -> tuple[str, ...]:
        return tuple(sorted({name for piece in self.chosen for name in piece.needs}))

    @property
    def warmup(self) -> int:
        """Leading sessions without any evidence, hence without a score; coverage grows as longer windows fill."""
        return min(piece.window for piece in self.chosen)

    def score(self, market: MarketData) -> Panel:
        """Return scores in [-1, 1], sessions x assets; NaN where no evidence is available or the asset is no member."""
        return _vote(self, market)[0].copy()

    def coverage(self, market: MarketData) -> Panel:
        """Return the available share of the declared weight, sessions x assets, in [0, 1]; 0 abstains."""
        return _vote(self, market)[1].copy()

    def __repr__(self) -> str:
        given = [] if self._weights is None else [f"weights={dict(self._weights)}"]
        given += [f"{name}={window}" for name, window in self._windows.items()]
        return f"{type(self).__name__}({', '.join(given)})"


@once
def _vote(agent: EvidenceAgent, market: MarketData) -> tuple[Panel, Panel]:
    members = market.members.to_numpy()
    total = np.zeros(members.shape)
    available = np.zeros(members.shape)
    for piece in agent.chosen:
        if not all(name in market for name in piece.needs):
            continue
        raw = piece.compute(market, piece.window).to_numpy()
        known = members & np.isfinite(raw)
        seen = np.where(known, raw, np.nan)
        rank = centred_ranks(pd.DataFrame(seen, market.sessions, market.assets, copy=False)).to_numpy()
        np.add(total, piece.direction * piece.weight * rank, out=total, where=known)
        np.add(available, piece.weight, out=available, where=known)
    declared = sum(piece.weight for piece in agent.chosen)
    score = np.full(members.shape, np.nan)
    np.divide(total, available, out=score, where=available > 0.0)
    coverage = np.minimum(available / declared, 1.0)
    return (
        pd.DataFrame(score, market.sessions, market.assets, copy=False),
        pd.DataFrame(coverage, market.sessions, market.assets, copy=False),
    )
