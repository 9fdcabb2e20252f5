"""Ports: what the rooms expect of each other. A new part is proven by adding its name to a table."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import pandas as pd

from alphapulse.core.estimates import RiskEstimate
from alphapulse.core.facts import Facts
from alphapulse.core.market import MarketData
from alphapulse.core.panel import Panel
from alphapulse.core.stats import Array
from alphapulse.core.trading import Clamp, Decision


@runtime_checkable
class Agent(Protocol):
    """Turns history into scores. Constructors store parameters only; no I/O, no clock, no state.

    name: key in AGENTS. needs: panels, tables, figures (fundamentals.equity) and
    series (macro.vix) of the market it can use. warmup: leading sessions without a score.
    """

    @property
    def name(self) -> str: ...

    @property
    def needs(self) -> tuple[str, ...]: ...

    @property
    def warmup(self) -> int: ...

    def score(self, market: MarketData) -> Panel:
        """Return scores in [-1, 1], sessions x assets; NaN abstains. Row t uses what was known at the close of t."""
        ...

    def coverage(self, market: MarketData) -> Panel:
        """Return the share of evidence available, sessions x assets, in [0, 1]; 0 abstains."""
        ...


@runtime_checkable
class Allocator(Protocol):
    """One portfolio strategy: risk estimate, scores and current weights to target weights."""

    def allocate(
        self,
        estimate: RiskEstimate,
        scores: "pd.Series[float] | None" = None,
        current: "pd.Series[float] | None" = None,
    ) -> "pd.Series[float]":
        """Return target weights by asset of the estimate, zero where not held.

        scores in [-1, 1] and current weights (fractions of equity) are by asset; NaN is unknown. The note of a
        fallback stands in the result's `attrs["notes"]`, a tuple of text.
        """
        ...


@runtime_checkable
class Limit(Protocol):
    """One risk limit: a small frozen object that returns weights within it and says what it changed."""

    def apply(
        self, weights: "pd.Series[float]", context: "RiskContext"
    ) -> "tuple[pd.Series[float], tuple[Clamp, ...]]":
        """Return the weights after the limit, and a Clamp for each cut; never raises a position nor changes its sign.

        weights: by asset, every one known. Applied twice it changes nothing more.
        """
        ...


class RiskContext(Protocol):
    """What a limit may look at when it judges proposed weights at the close of a session."""

    @property
    def estimate(self) -> RiskEstimate: ...

    @property
    def current(self) -> "pd.Series[float]":
        """Weights held now, by asset."""
        ...

    @property
    def equity(self) -> "pd.Series[float]":
        """Equity by session up to now; the last value is today's."""
        ...

    @property
    def facts(self) -> Facts:
        """What else is known of all assets of the market."""
        ...


@runtime_checkable
class Broker(Protocol):
    """Takes decisions and settles sessions; a recorded market, a paper account and a venue look alike from here."""

    @property
    def equity(self) -> Array:
        """Equity by session settled so far, in cash; the first value is the capital before any trade."""
        ...

    @property
    def weights(self) -> Array:
        """Positions by asset as fractions of equity at the last settled close."""
        ...

    @property
    def waiting(self) -> Array:
        """Weights by asset that open orders still aim at; NaN for no order."""
        ...

    def settle(self, sessions: int) -> None:
        """Go on until so many sessions are settled in all, filling what was placed."""
        ...

    def place(self, decision: Decision) -> None:
        """Replace all waiting orders by the decision's targets, taken at the close of the last settled session."""
        ...
