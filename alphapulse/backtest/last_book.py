"""The last book: what a run held at its last close with positions, and how risky its assets were by then."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from alphapulse.backtest.result import BacktestResult
from alphapulse.core.estimates import RiskEstimate
from alphapulse.core.facts import Facts
from alphapulse.core.panel import Panel
from alphapulse.core.stats import session_returns
from alphapulse.facts import market_facts
from alphapulse.risk.covariance import estimate_risk

LOOKBACK, COVARIANCE = 756, "ledoit_wolf"  # of a result whose parameters name none


@dataclass(frozen=True, eq=False)
class LastBook:
    """What a run held at one close and what was known there.

    session: of the close. weights: by asset held, fractions of equity. equity: currency. estimate: of the members and
    the assets held, over the strategy's lookback. past: returns of all assets up to the close, sessions x assets.
    """

    session: pd.Timestamp
    weights: "pd.Series[float]"
    equity: float
    estimate: RiskEstimate
    past: Panel

    @cached_property
    def complete(self) -> "pd.Series[float]":
        """Weights of the assets held whose return is known on every session of the estimate's window."""
        known = self.estimate.window[self.weights.index].notna().all()
        return self.weights[known & (len(self.estimate.window) > 0)]

    @cached_property
    def returns(self) -> "pd.Series[float]":
        """What the weights in `complete` would have returned on each session of the window; empty without any."""
        window = self.estimate.window[self.complete.index]
        return (window @ self.complete if len(self.complete) else window.sum(axis=1).iloc[:0]).rename("book")

    @property
    def benchmark(self) -> "pd.Series[float] | None":
        """The benchmark's returns up to the close, None where there is none or one is unknown."""
        known = self.estimate.facts.benchmark
        return None if known is None or known.iloc[1:].isna().any() else known.iloc[1:]


def last_book(result: BacktestResult) -> LastBook | None:
    """Return the book of the last close at which `result` held anything; None where it never did.

    The estimate is made as the strategy makes it, from its lookback and its covariance (756 sessions of Ledoit-Wolf
    where the parameters name none), with the session of the book as the last one known.
    """
    held = (result.quantities.to_numpy() != 0.0).any(axis=1) & (result.equity.to_numpy() > 0.0)
    if not held.any():
        return None
    market, row = result.market, int(np.flatnonzero(held)[-1])
    weights = result.weights.iloc[row]
    weights = weights[weights != 0.0]
    lookback = int(result.parameters.get("portfolio", {}).get("lookback", LOOKBACK))
    covariance = str(result.parameters.get("estimates", {}).get("covariance", COVARIANCE))
    past = session_returns(market.panel("total_return").iloc[: row + 1]).iloc[1:]
    known = market.members.iloc[row].to_numpy() | market.assets.isin(weights.index)
    window = past.loc[:, market.assets[known]].iloc[-lookback:]
    facts = _with_moving_benchmark(market_facts(market, row), window.index)
    return LastBook(
        session=market.sessions[row],
        weights=weights,
        equity=float(result.equity.iloc[row]),
        estimate=estimate_risk(window, covariance, facts=facts),
        past=past,
    )


def _with_moving_benchmark(facts: Facts, sessions: pd.Index) -> Facts:
    """Return the facts without a benchmark that says nothing over `sessions`: nothing can be measured against it."""
    if facts.benchmark is None:
        return facts
    known = facts.benchmark.reindex(sessions).dropna()
    return facts if known.min() < known.max() else replace(facts, benchmark=None)
