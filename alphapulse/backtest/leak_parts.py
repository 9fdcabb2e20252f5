"""The leak check of allocators and limits: parts that answer one session at a time.

Such a part is handed the past alone, so it can look ahead only by remembering: what it was asked before, or data it
was given when it was built.

1. `_questions` prepares what a decision at each of a few sessions would ask, from the market known up to it.
2. The part answers them in order, then again in a seeded other order: the same answers (kind "state").
3. It answers them prepared from the market cut at that session (kind "cut").
4. It answers with the assets in another order (a note).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from alphapulse.agents.evidence import market_returns
from alphapulse.backtest.leak_compare import PREFIX_TOLERANCE, difference, earliest
from alphapulse.backtest.leak_cuts import cut_rows
from alphapulse.backtest.leak_report import LEAK, NOTE, LeakReport
from alphapulse.core.errors import DataError, ParamsError
from alphapulse.core.estimates import RiskEstimate
from alphapulse.core.market import MarketData
from alphapulse.cycle import Context
from alphapulse.facts import market_facts
from alphapulse.risk.covariance import estimate_risk

LOOKBACK = 252  # sessions of returns in an estimate, or half of a shorter market
FEWEST_RETURNS = 20
ASSET_ORDER_TOLERANCE = 1e-6  # solvers stop within their own tolerance
GROSS = 1.5  # of the weights proposed to limits, so that they have something to cut


@dataclass(frozen=True, eq=False)
class Question:
    """What a decision at the close of `session` asks: an estimate, scores, proposed and held weights, the equity."""

    session: pd.Timestamp
    estimate: RiskEstimate
    scores: "pd.Series[float]"
    proposed: "pd.Series[float]"
    current: "pd.Series[float]"
    equity: "pd.Series[float]"


Answer = Callable[[Question], "pd.Series[float]"]


def check_part(target: Any, name: str, market: MarketData, *, seed: int, quick: bool, progress: bool) -> LeakReport:
    """Return the report on an allocator (`allocate`) or a limit (`apply`); DataError on a market too short to ask."""
    if hasattr(target, "allocate"):

        def answer(asked: Question) -> "pd.Series[float]":
            weights: "pd.Series[float]" = target.allocate(asked.estimate, asked.scores, asked.current)
            return weights
    else:

        def answer(asked: Question) -> "pd.Series[float]":
            weights, clamps = target.apply(
                asked.proposed, Context(asked.estimate, asked.current, asked.equity, asked.estimate.facts)
            )
            if not isinstance(clamps, tuple):
                raise ParamsError(
                    f"leak check of {name}: apply returned {type(clamps).__name__} beside the weights",
                    "weights and a tuple of clamps",
                    "see alphapulse.core.ports.Limit",
                )
            limited: "pd.Series[float]" = weights
            return limited

    lookback = min(LOOKBACK, len(market.sessions) // 2)
    if lookback < FEWEST_RETURNS:
        raise DataError(
            f"leak check of {name}: market {market.name} has {len(market.sessions)} sessions",
            f"at least {2 * FEWEST_RETURNS} sessions",
            "pass a longer market",
        )
    rows = cut_rows(market, seed, lookback, quick=quick)
    asked = [question(market, int(row), lookback, seed) for row in rows]
    answers = _answered(answer, tqdm(asked, desc=name, disable=not progress, mininterval=1.0), market)
    # From the last session back, so that every answer comes after those of later sessions.
    again = _answered(answer, asked[::-1], market)
    cut = _answered(
        answer,
        [question(market.until(market.sessions[row]), int(row), lookback, seed) for row in rows],
        market,
    )
    moved = _answered(answer, [_shuffled(one, seed) for one in asked], market)
    remembers = difference("state", again, answers, severity=LEAK, part="weights")
    found = [
        remembers,
        # with a memory the answer to a cut market differs too, whatever was known
        None if remembers else difference("cut", answers, cut, tolerance=PREFIX_TOLERANCE, part="weights"),
        difference("asset order", moved, answers, tolerance=ASSET_ORDER_TOLERANCE, severity=NOTE, part="weights"),
    ]
    return LeakReport(
        name=name,
        market=market.name,
        findings=earliest(found),
        cuts=tuple(market.sessions[rows]),
        evaluations=4 * len(rows),
        sessions=len(market.sessions),
        flags=market.flags,
    )


def question(market: MarketData, row: int, lookback: int, seed: int) -> Question:
    """Return what a decision at the close of the session at `row` asks; scores and weights are seeded by the row."""
    returns = market_returns(market)
    members = market.members.iloc[row].to_numpy()
    window = returns.iloc[row + 1 - lookback : row + 1, np.flatnonzero(members)]
    assets = window.columns
    random = np.random.default_rng([seed, row])
    scores, proposed, current = random.uniform(-1.0, 1.0, (3, len(market.assets)))[:, members]
    proposed, current = (np.abs(weights) / max(np.abs(weights).sum(), 1e-12) for weights in (proposed**3, current))
    # Twice the mean return, so that limits on drawdowns have some to see.
    equity = (1.0 + 2.0 * returns.iloc[: row + 1].mean(axis=1).fillna(0.0)).cumprod()
    return Question(
        session=market.sessions[row],
        estimate=estimate_risk(window, facts=market_facts(market, row)),
        scores=pd.Series(scores, index=assets),
        proposed=pd.Series(GROSS * proposed, index=assets),
        current=pd.Series(current, index=assets),
        equity=equity,
    )


def _answered(answer: Answer, asked: Iterable[Question], market: MarketData) -> pd.DataFrame:
    """Return the answers, sessions x assets of the market in their order, NaN for assets not asked about."""
    rows = {one.session: answer(one) for one in asked}
    table = pd.DataFrame.from_dict(rows, orient="index").reindex(columns=market.assets).sort_index()
    return table.astype(np.float64)


def _shuffled(asked: Question, seed: int) -> Question:
    estimate = asked.estimate
    order = estimate.assets[np.random.default_rng([seed, 5]).permutation(len(estimate.assets))]
    return Question(
        session=asked.session,
        estimate=replace(estimate.ordered(order), facts=estimate.facts.on(order)),
        scores=asked.scores[order],
        proposed=asked.proposed[order],
        current=asked.current[order],
        equity=asked.equity,
    )
