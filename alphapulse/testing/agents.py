"""Laws of agents: prefix, poison, asset order, price scale, missing data, range, same answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd

from alphapulse.core.alter import POISONS, poisoned, renamed, rescaled
from alphapulse.core.market import MarketData
from alphapulse.core.panel import Panel
from alphapulse.core.ports import Agent
from alphapulse.testing.examples import example_market

RELATIVE = 1e-12
CUTS = (0.1, 0.33, 0.64, 0.641, 0.642, 0.87, 0.97)  # shares of the market's sessions


def check_agent(agent: Agent, market: MarketData | None = None, *, price_scale: bool = True) -> None:
    """Run every check of AGENT_CHECKS; AssertionError at the first law broken.

    market: by default `example_market()`; pass one that holds the tables your agent needs. price_scale: False for an
    agent whose evidence rightly depends on the price level, such as one that reads fundamentals per share.
    """
    market = example_market() if market is None else market
    for name, check in AGENT_CHECKS.items():
        if price_scale or name != "price_scale":
            check(agent, market)


def _prefix(agent: Agent, market: MarketData) -> None:
    for session in _cut_sessions(market):
        past = market.until(session)
        _same(agent.score(past), agent.score(market).loc[:session], f"prefix law, score cut at {session.date()}")
        _same(agent.coverage(past), agent.coverage(market).loc[:session], f"prefix law, coverage at {session.date()}")


def _poison(agent: Agent, market: MarketData) -> None:
    for session in _cut_sessions(market):
        for how in POISONS:
            changed = agent.score(poisoned(market, session, how)).loc[:session]
            _same(changed, agent.score(market).loc[:session], f"prefix law, {how} after {session.date()}")


def _asset_order(agent: Agent, market: MarketData) -> None:
    names = market.assets
    new = dict(zip(names, names[np.random.default_rng(2).permutation(len(names))], strict=True))
    back = {label: old for old, label in new.items()}
    moved = agent.score(renamed(market, new)).rename(columns=back)[names]
    _same(moved, agent.score(market), "asset order")


def _price_scale(agent: Agent, market: MarketData) -> None:
    factor = np.ldexp(np.ones(len(market.assets)), np.random.default_rng(3).integers(-4, 5, len(market.assets)))
    _same(agent.score(rescaled(market, factor)), agent.score(market), "price scale by asset")


def _missing_stays(agent: Agent, market: MarketData) -> None:
    gone = market.assets[-1]
    start = market.sessions[len(market.sessions) // 2]
    panels = {name: frame.copy() for name, frame in market.panels.items()}
    for frame in panels.values():
        frame.loc[start:, gone] = np.nan
    holed = replace(market, panels=panels)
    score, whole = agent.score(holed), agent.score(market)
    assert score.loc[start:, gone].isna().all(), f"missing: {gone} is scored without prices after {start.date()}"
    others = market.assets.drop(gone)
    _same(agent.coverage(holed)[others], agent.coverage(market)[others], f"missing {gone} changes the coverage")
    assert score[others].notna().equals(whole[others].notna()), f"missing: NaN of {gone} spreads to other assets"


def _shape_and_range(agent: Agent, market: MarketData) -> None:
    score, coverage = agent.score(market), agent.coverage(market)
    for name, frame in (("score", score), ("coverage", coverage)):
        assert frame.index.equals(market.sessions), f"{name}: its sessions are not the market's"
        assert frame.columns.equals(market.assets), f"{name}: its assets are not the market's"
        assert all(dtype == np.float64 for dtype in frame.dtypes), f"{name}: not all columns are float64"
    assert not (score.abs() > 1.0 + RELATIVE).to_numpy().any(), "score: outside [-1, 1]"
    assert coverage.notna().to_numpy().all(), "coverage: NaN; say 0 to abstain"
    assert ((coverage >= 0.0) & (coverage <= 1.0)).to_numpy().all(), "coverage: outside [0, 1]"
    assert (score.notna() == (coverage > 0.0)).to_numpy().all(), "score is NaN exactly where coverage is 0: broken"
    assert score.where(~market.members).isna().to_numpy().all(), "score: an asset outside the index or unpriced"
    assert score.iloc[: agent.warmup].isna().to_numpy().all(), f"score: a value in the warm-up of {agent.warmup}"
    assert score.notna().to_numpy().any(), "score: the agent never speaks on this market; pass one that it can use"


def _same_answer(agent: Agent, market: MarketData) -> None:
    before = {name: frame.to_numpy().copy() for name, frame in market.panels.items()}
    tables = {name: table.copy() for name, table in market.tables.items()}
    first, kept = agent.score(market), agent.score(market)
    first[:] = 0.5
    assert agent.score(market).equals(kept), "same answer: altering one answer alters the next"
    assert agent.score(replace(market)).equals(kept), "same answer: an equal market is scored otherwise"
    for name, values in before.items():
        assert np.array_equal(values, market.panels[name].to_numpy(), equal_nan=True), f"input: {name} was altered"
    for name, table in tables.items():
        assert table.equals(market.tables[name]), f"input: the table {name} was altered"


AGENT_CHECKS: dict[str, Callable[[Agent, MarketData], None]] = {
    "shape_and_range": _shape_and_range,
    "same_answer": _same_answer,
    "prefix": _prefix,
    "poison": _poison,
    "asset_order": _asset_order,
    "price_scale": _price_scale,
    "missing_stays": _missing_stays,
}


def _cut_sessions(market: MarketData) -> list[pd.Timestamp]:
    """Irregular sessions, three of them in a row, and three at which a price returns: backward fills show there."""
    priced = market.panel("close").notna().to_numpy()
    returning = np.flatnonzero((priced[1:] & ~priced[:-1]).any(axis=1)) + 1
    chosen = {int(share * (len(priced) - 1)) for share in CUTS} | set(returning[:: max(1, len(returning) // 3)][:3])
    return [market.sessions[at] for at in sorted(chosen)]


def _same(got: Panel, wanted: Panel, law: str) -> None:
    left, right = got.to_numpy(), wanted.to_numpy()
    close = np.isclose(left, right, rtol=RELATIVE, atol=RELATIVE, equal_nan=True)
    if not close.all():
        row, column = np.argwhere(~close)[0]
        raise AssertionError(
            f"{law}: {got.columns[column]} on {got.index[row].date()} is {left[row, column]!r}, "
            f"was {right[row, column]!r} ({int((~close).sum())} cells differ)"
        )
