"""How facts are read at the close of a session: from its row, or from the last few rows, and from nothing later."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from alphapulse.agents.filings import market_value
from alphapulse.agents.information import period_returns, rank_correlations
from alphapulse.core.facts import HORIZON, PRIOR_SKILL, Facts
from alphapulse.core.market import MarketData
from alphapulse.core.panel import Panel
from alphapulse.core.ports import Agent
from alphapulse.core.stats import Array

VOLUME_SESSIONS = 21
RANGE_SESSIONS = 14
PRIOR_PERIODS = 12  # how many periods of evidence the prior weighs as much as


@dataclass(frozen=True, eq=False)
class Background:
    """What facts of a whole market are computed in one go: panels by name, returns of the index, skill, by session."""

    market: MarketData
    panels: Mapping[str, Panel]
    index: "pd.Series[float] | None"
    skill: "pd.Series[float] | None" = None


def _market_value(market: MarketData, agent: Agent) -> Panel:
    return market_value(market)


def _coverage(market: MarketData, agent: Agent) -> Panel:
    return agent.coverage(market)


# Facts that cost more than a look at a few rows are computed for those who say they need them.
COMPUTED: Mapping[str, Callable[[MarketData, Agent], Panel]] = {"market_value": _market_value, "coverage": _coverage}
SKILL = "skill"


def background(market: MarketData, agent: Agent, scores: Panel, returns: Panel, needs: frozenset[str]) -> Background:
    """Compute the facts in `needs` (of COMPUTED and SKILL) for all sessions of a market.

    scores: combined, returns: per session, both sessions x assets. A market without filings has no market values.
    """
    asked = {name for name in needs if name in COMPUTED and (name != "market_value" or "fundamentals" in market)}
    return Background(
        market,
        {name: COMPUTED[name](market, agent) for name in sorted(asked)},
        index_returns(market),
        trailing_skill(scores, returns) if SKILL in needs else None,
    )


def facts_at(known: Background, row: int) -> Facts:
    """Return the facts of all assets at the close of the session at `row`."""
    facts = _seen(known.market, known.index, row)
    by_asset: dict[str, Any] = {name: panel.iloc[row] for name, panel in known.panels.items()}
    return replace(facts, **by_asset, skill=None if known.skill is None else float(known.skill.iloc[row]))


def market_facts(market: MarketData, row: int) -> Facts:
    """Return what a market tells of its assets at the close of the session at `row`."""
    return _seen(market, index_returns(market), row)


def index_returns(market: MarketData) -> "pd.Series[float] | None":
    """Return the returns of the market's index by session, None without one."""
    return None if market.benchmark is None else market.benchmark.pct_change(fill_method=None)


def _seen(market: MarketData, index: "pd.Series[float] | None", row: int) -> Facts:
    close = market.panel("close").iloc[row]
    return Facts(
        sector=market.sectors,
        price=close,
        traded_value=_traded_value(market, row),
        true_range=_true_range(market, row),
        tradable=close.notna(),
        benchmark=None if index is None else index.iloc[: row + 1],
        horizon=HORIZON,
    )


def trailing_skill(scores: Panel, returns: Panel) -> "pd.Series[float]":
    """Return the information coefficient that scores are credited with, by session.

    The mean rank correlation of the scores with the return of the HORIZON sessions after them, over periods that have
    ended, drawn towards PRIOR_SKILL as if that had been seen in PRIOR_PERIODS of them, and never below 0: a score that
    has been wrong is not turned round. Sums of returns serve as returns, see `period_returns`.
    """
    earned = period_returns(returns, HORIZON)
    seen = scores.to_numpy()[::HORIZON][: len(earned) - 1]
    found = rank_correlations(np.ascontiguousarray(seen), earned[1:])
    told = ~np.isnan(found)
    total, count = np.cumsum(np.where(told, found, 0.0)), np.cumsum(told)
    credited = (total + PRIOR_PERIODS * PRIOR_SKILL) / (count + PRIOR_PERIODS)
    by_period = np.maximum(np.concatenate([[PRIOR_SKILL], credited]), 0.0)
    ended = np.minimum(np.arange(len(scores)) // HORIZON, len(by_period) - 1)
    return pd.Series(by_period[ended], index=scores.index)


def _traded_value(market: MarketData, row: int) -> "pd.Series[float] | None":
    if "volume" not in market:
        return None
    rows = slice(max(row + 1 - VOLUME_SESSIONS, 0), row + 1)
    value = market.panel("volume").to_numpy()[rows] * market.panel("close").to_numpy()[rows]
    return pd.Series(_mean(value), index=market.assets)


def _true_range(market: MarketData, row: int) -> "pd.Series[float]":
    """Return the plain mean of the true ranges (Wilder 1978) of the last sessions that traded, NaN without one.

    Where there is no bar the range is the change of the close. In today's shares: a split moves the price without
    anybody having traded. A stop's range is Wilder's own average instead, see `execution.stops`.
    """
    rows = slice(max(row - RANGE_SESSIONS, 0), row + 1)
    shares = np.ones((1, 1))
    if "split" in market:
        shares = np.cumprod(np.nan_to_num(market.panel("split").to_numpy()[rows], nan=1.0), axis=0)

    def today(name: str) -> Array:
        prices: Array = market.panel(name).to_numpy()[rows] * shares / shares[-1]
        return prices

    close = today("close")
    before, after = close[:-1], close[1:]
    span = np.abs(after - before)
    if "high" in market and "low" in market:
        high, low = today("high")[1:], today("low")[1:]
        barred = np.fmax(high, before) - np.fmin(low, before)
        span = np.where(np.isnan(high) | np.isnan(low) | np.isnan(after), span, barred)
    return pd.Series(_mean(span), index=market.assets)


def _mean(values: Array) -> Array:
    """Return the mean of the known values of each column, NaN without one."""
    known = ~np.isnan(values)
    count = known.sum(axis=0)
    mean: Array = np.divide(
        np.where(known, values, 0.0).sum(axis=0), count, out=np.full(values.shape[1], np.nan), where=count > 0
    )
    return mean
