"""How the manager weighs its agents. A new weighting is one frozen class and one line in WEIGHTINGS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pandas as pd

from alphapulse.agents.evidence import market_returns
from alphapulse.agents.information import signal_returns
from alphapulse.agents.weighting.stacking import Stacked
from alphapulse.agents.weighting.trailing import Regime, TrailingIC
from alphapulse.agents.weighting.votes import Weighting, held
from alphapulse.core.checks import check_choice, check_count, check_number
from alphapulse.core.errors import ParamsError
from alphapulse.core.market import MarketData
from alphapulse.core.panel import Panel
from alphapulse.core.stats import Array

LEAST_RETURNS = 63  # sessions before the company an agent keeps is known


@dataclass(frozen=True)
class Equal:
    """Gives every agent the same weight; hard to beat where skill is hard to measure (Timmermann 2006)."""

    def weights(self, scores: Mapping[str, Panel], market: MarketData) -> pd.DataFrame:
        """Return the weight of each agent, sessions x agents (see `votes.Weighting`)."""
        return pd.DataFrame(1.0 / len(scores), index=market.sessions, columns=list(scores))


@dataclass(frozen=True)
class Fixed:
    """Gives the agents votes chosen beforehand.

    votes: by agent, in any unit, from 0 on (0 is not heard); they are divided by their sum.
    """

    votes: Mapping[str, float]

    def __post_init__(self) -> None:
        if not isinstance(self.votes, Mapping):
            raise ParamsError(
                f"weighting fixed: votes = {self.votes!r}", "votes by agent", "write {technical: 2, value: 1}"
            )
        object.__setattr__(self, "votes", dict(self.votes))
        total = sum(check_number(f"weighting fixed: votes: {name}", vote) for name, vote in self.votes.items())
        if not total > 0.0:
            raise ParamsError(f"weighting fixed: votes = {dict(self.votes)}", "one above 0", "give somebody a vote")

    def weights(self, scores: Mapping[str, Panel], market: MarketData) -> pd.DataFrame:
        """Return the weight of each agent, sessions x agents (see `votes.Weighting`)."""
        votes = np.array([float(self.votes[name]) for name in scores])
        return pd.DataFrame(
            np.tile(votes / votes.sum(), (len(market.sessions), 1)), index=market.sessions, columns=list(scores)
        )


@dataclass(frozen=True)
class CorrelationAware:
    """Gives agents that say the same one vote between them, whatever their skill.

    Weights are those of least variance among agents' signal returns in units of their own volatility: C^-1 1, cut at
    0, with C the correlation of `information.signal_returns` over `window` sessions, shrunk by `shrink` towards no
    correlation. every: sessions between judgements. An agent with fewer than LEAST_RETURNS keeps its equal share.

    Bates and Granger 1969, Operational Research Quarterly 20; Ledoit and Wolf 2004 on shrinking towards the identity.
    """

    window: int = 756
    every: int = 21
    shrink: float = 0.3

    def __post_init__(self) -> None:
        check_count("weighting correlation_aware: window", self.window, least=LEAST_RETURNS)
        check_count("weighting correlation_aware: every", self.every)
        check_number("weighting correlation_aware: shrink", self.shrink, most=1.0, above=True)

    def weights(self, scores: Mapping[str, Panel], market: MarketData) -> pd.DataFrame:
        """Return the weight of each agent, sessions x agents (see `votes.Weighting`)."""
        returns = market_returns(market)
        earned = np.column_stack([signal_returns(score, returns) for score in scores.values()])
        return held(
            scores, market, self.every, lambda row: self._strengths(earned[max(row + 1 - self.window, 0) : row + 1])
        )

    def _strengths(self, earned: Array) -> Array:
        known = ~np.isnan(earned)
        count = known.sum(axis=0)
        judged = count >= LEAST_RETURNS
        mean = np.where(known, earned, 0.0).sum(axis=0) / np.maximum(count, 1)
        apart = np.where(known & judged, earned - mean, 0.0)  # zero where unknown: C stays a correlation matrix
        length = np.sqrt((apart**2).sum(axis=0))
        unit = np.divide(apart, length, out=np.zeros_like(apart), where=length > 0.0)
        correlation = (1.0 - self.shrink) * (unit.T @ unit)
        np.fill_diagonal(correlation, 1.0)
        strengths = np.linalg.solve(correlation, judged.astype(np.float64))
        return np.where(judged, strengths, np.nan)


WEIGHTINGS: dict[str, type[Weighting]] = {
    "equal": Equal,
    "fixed": Fixed,
    "trailing_ic": TrailingIC,
    "correlation_aware": CorrelationAware,
    "stacked": Stacked,
    "regime": Regime,
}


def build_weighting(
    weighting: str | Weighting, options: Mapping[str, Any] | None, agents: Mapping[str, Any]
) -> Weighting:
    """Return the weighting for these agents; a name takes its options. ParamsError names what does not fit."""
    if isinstance(weighting, str):
        kind: Any = WEIGHTINGS[check_choice("manager weighting", weighting, WEIGHTINGS)]
        known = [field.name for field in fields(kind)]
        for name in options or {}:
            if not known:
                raise ParamsError(f"weighting {weighting}: options {sorted(options or {})}", "none", "leave them out")
            check_choice(f"weighting {weighting} option", name, known)
        if kind is Fixed and not options:
            raise ParamsError(
                "weighting fixed: no votes came",
                "votes by agent",
                "write {votes: {technical: 2, ...}} (agents.options)",
            )
        weighting = kind(**(options or {}))
    elif options:
        raise ParamsError(
            f"manager: options {sorted(options)} beside {weighting!r}",
            "options with the name of a weighting",
            "put them into the weighting",
        )
    if not isinstance(weighting, Weighting):
        raise ParamsError(
            f"manager weighting = {weighting!r}",
            f"a name ({', '.join(WEIGHTINGS)}) or an object with weights(scores, market)",
            "choose a name",
        )
    if isinstance(weighting, Fixed) and set(weighting.votes) != set(agents):
        raise ParamsError(
            f"weighting fixed: votes for {sorted(weighting.votes)}, agents {sorted(agents)}",
            "one vote for each agent",
            "give a vote of 0 to an agent that is only watched",
        )
    return weighting
