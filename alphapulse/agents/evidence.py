"""One shape for every agent: a list of declared evidence, compared across the session's members and averaged.

1. `Evidence.compute` turns the market into a panel, sessions x assets, NaN where it cannot say.
2. `scales.add_votes` keeps the session's members and compares them, all together or within their sectors.
3. `_vote` takes the weighted mean over the evidence that is available; the available share of the declared weight is
   the coverage, and where it is 0 the score is NaN.

Adding a piece of evidence is one function and one line in the agent's `evidence`. What several pieces read (returns,
market values, filings) is computed once a market (`core.memory.once`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pandas as pd

from alphapulse.agents.scales import SCALES, Codes, add_votes
from alphapulse.core.checks import check_choice, check_count, check_number
from alphapulse.core.errors import ParamsError
from alphapulse.core.market import TABLES, MarketData
from alphapulse.core.memory import once
from alphapulse.core.panel import Panel
from alphapulse.core.stats import Array, session_returns


@dataclass(frozen=True)
class Evidence:
    """One declared piece of evidence.

    compute: function of the market and the window, returns a panel of sessions x assets in any unit (NaN unknown),
    whose row t reads rows up to t only. window: sessions needed before the first value, 0 for facts that bring their
    own past (filings, headlines). direction: 1 if high values
    speak for an asset, -1 if low ones do. weight: share of the vote, relative to the agent's other evidence.
    source: where the literature documents it. needs: what the market must have, else the piece stays silent: panels
    (close), tables (news), figures of filings (fundamentals.equity) and series (macro.vix). peers: compared within
    the sector instead of with all members. scale: how it is compared, a name of `scales.SCALES`. least: the shortest
    window with which it still says what it is declared to say.
    """

    name: str
    compute: Callable[[MarketData, int], Panel]
    window: int
    direction: int
    weight: float
    source: str
    needs: tuple[str, ...] = ("total_return",)
    peers: bool = False
    scale: str = "rank"
    least: int = 1

    @property
    def kind(self) -> str:
        """What it rests on: fundamentals, news or macro where it reads such a table, else prices (volume included)."""
        read = {name.partition(".")[0] for name in self.needs}
        return next((table for table in TABLES if table in read), "prices")


@once
def market_returns(market: MarketData) -> Panel:
    """Return simple total returns per session, sessions x assets, computed once a market."""
    return session_returns(market.panel("total_return"))


class EvidenceAgent:
    """An agent made of declared evidence; a subclass gives `name` and `evidence`.

    weights: weight by evidence name, replacing the declared ones; evidence left out is not used. scale: compares all
    evidence by this name of SCALES instead of the declared ones. peers: compares all evidence within sectors (True)
    or with all members (False) instead of as declared. windows: window in sessions by evidence name. ParamsError on
    unknown names, negative weights and windows below 1.

    Missing evidence (a panel the market lacks, too short a history) lowers the coverage and never counts as 0.
    """

    name: str
    evidence: ClassVar[tuple[Evidence, ...]]

    def __init__(
        self,
        weights: Mapping[str, float] | None = None,
        *,
        scale: str | None = None,
        peers: bool | None = None,
        **windows: int,
    ) -> None:
        if weights is not None and not isinstance(weights, Mapping):
            raise ParamsError(f"{self.name} weights = {weights!r}", "weights by evidence", "write {momentum: 1.0}")
        names = [piece.name for piece in self.evidence]
        for given in (*(weights or {}), *windows):
            check_choice(f"{self.name} evidence", given, names)
        for key, value in (weights or {}).items():
            check_number(f"{self.name} weights: {key}", value)
        own = {piece.name: piece.window for piece in self.evidence}
        least = {piece.name: piece.least for piece in self.evidence}
        for key, value in windows.items():
            check_count(f"{self.name} window: {key}", value, least=least[key])
            if own[key] == 0:
                raise ParamsError(
                    f"{self.name} window: {key} = {value}",
                    f"windows of {', '.join(name for name, window in own.items() if window) or 'no evidence'}",
                    f"leave it out: {key} reads facts that bring their own past",
                )
        if weights is not None and not sum(weights.values()) > 0.0:
            raise ParamsError(
                f"{self.name} weights = {dict(weights)}", "at least one weight above zero", "weigh some evidence"
            )
        if scale is not None:
            check_choice(f"{self.name} scale", scale, SCALES)
        if peers is not None and not isinstance(peers, bool):
            raise ParamsError(f"{self.name} peers = {peers!r}", "true or false", "say whether sectors are the peers")
        self._weights = None if weights is None else dict(weights)
        self._windows = dict(windows)
        self._compared = {key: value for key, value in (("scale", scale), ("peers", peers)) if value is not None}

    @property
    def chosen(self) -> tuple[Evidence, ...]:
        """The evidence in use, with the weights, windows and comparison of this agent."""
        weights = {piece.name: piece.weight for piece in self.evidence} if self._weights is None else self._weights
        return tuple(
            replace(
                piece,
                weight=weights[piece.name],
                window=self._windows.get(piece.name, piece.window),
                scale=str(self._compared.get("scale", piece.scale)),
                peers=bool(self._compared.get("peers", piece.peers)),
            )
            for piece in self.evidence
            if weights.get(piece.name, 0.0) > 0.0
        )

    @property
    def needs(self) -> tuple[str, ...]:
        return tuple(sorted({name for piece in self.chosen for name in piece.needs}))

    @property
    def warmup(self) -> int:
        """Leading sessions without any evidence, hence without a score; coverage grows as longer windows fill."""
        return max(min(piece.window for piece in self.chosen) - 1, 0)

    def score(self, market: MarketData) -> Panel:
        """Return scores in [-1, 1], sessions x assets; NaN where no evidence is available or the asset is no member."""
        return _vote(self, market)[0].copy()

    def coverage(self, market: MarketData) -> Panel:
        """Return the available share of the declared weight, sessions x assets, in [0, 1]; 0 abstains."""
        return _vote(self, market)[1].copy()

    def adjusted(self, score: Array, market: MarketData) -> Array:
        """Return the score (sessions x assets, NaN abstains) after what the agent makes of it as a whole: nothing."""
        return score

    def __repr__(self) -> str:
        given = [] if self._weights is None else [f"weights={dict(self._weights)}"]
        given += [f"{name}={value!r}" for name, value in (*self._compared.items(), *self._windows.items())]
        return f"{type(self).__name__}({', '.join(given)})"


def available_evidence(agent: EvidenceAgent, market: MarketData) -> tuple[Evidence, ...]:
    """Return the evidence of `agent` whose every need this market has."""
    return tuple(piece for piece in agent.chosen if all(name in market for name in piece.needs))


def evidence_panels(agent: EvidenceAgent, market: MarketData) -> Iterator[tuple[Evidence, Panel]]:
    """Yield each piece of evidence in use with its vote, sessions x assets in [-1, 1], high values speaking for it.

    NaN where it says nothing: unknown, not a member, or a need that the market lacks.
    """
    for piece in agent.chosen:
        total = np.zeros((len(market.sessions), len(market.assets)))
        available = np.zeros(total.shape)
        if all(name in market for name in piece.needs):
            _add(replace(piece, weight=1.0), market, total, available)
        yield piece, pd.DataFrame(np.where(available > 0.0, total, np.nan), market.sessions, market.assets, copy=False)


@once
def _vote(agent: EvidenceAgent, market: MarketData) -> tuple[Panel, Panel]:
    total = np.zeros((len(market.sessions), len(market.assets)))
    available = np.zeros(total.shape)
    for piece in available_evidence(agent, market):
        _add(piece, market, total, available)
    declared = sum(piece.weight for piece in agent.chosen)
    with np.errstate(invalid="ignore"):
        total /= available  # 0 / 0 abstains: NaN
    available /= declared
    np.minimum(available, 1.0, out=available)
    return (
        pd.DataFrame(agent.adjusted(total, market), market.sessions, market.assets, copy=False),
        pd.DataFrame(available, market.sessions, market.assets, copy=False),
    )


def _add(piece: Evidence, market: MarketData, total: Array, available: Array) -> None:
    raw = piece.compute(market, piece.window).to_numpy()
    groups = sector_codes(market) if piece.peers else np.zeros(len(market.assets), dtype=np.int64)
    add_votes(raw, market.members.to_numpy(), piece.weight, piece.direction, piece.scale, groups, total, available)


def sector_codes(market: MarketData) -> Codes:
    """Return the number of each asset's sector, by asset; one group where the market knows no sectors."""
    if market.sectors is None:
        return np.zeros(len(market.assets), dtype=np.int64)
    codes, _ = pd.factorize(market.sectors.reindex(market.assets), sort=True, use_na_sentinel=False)
    return np.asarray(codes, dtype=np.int64)
