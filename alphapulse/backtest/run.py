"""Trade a strategy through recorded history."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from alphapulse.agents.voices import voice_flags
from alphapulse.backtest.flags import bar_flags
from alphapulse.backtest.result import BacktestResult
from alphapulse.core.errors import DataError, ParamsError
from alphapulse.core.estimates import RiskEstimate
from alphapulse.core.market import MarketData
from alphapulse.core.trading import CLAMP_COLUMNS, Decision, Decisions
from alphapulse.cycle import COMBINED, Study, due, step, study
from alphapulse.execution.simulated import SimulatedBroker
from alphapulse.portfolio.calendar import calendar_words
from alphapulse.strategy import Strategy


def backtest(
    market: MarketData, strategy: Strategy, *, progress: bool = False, studied: Study | None = None
) -> BacktestResult:
    """Trade `strategy` through `market`: decide at the close, fill at the next open at the earliest.

    progress: show a bar over the decisions. studied: what `cycle.study` made of this strategy, or of another one with
    the same agent, needs and lookback, so that runs that differ in other parts share it. Raises DataError when the
    market is too short for a first decision, or has nothing that any agent could score.
    """
    rows = np.flatnonzero(due(strategy, market.sessions))
    if not len(rows):
        raise DataError(
            f"market {market.name}: {len(market.sessions)} sessions, and no decision falls due",
            f"more than the lookback of {strategy.portfolio.lookback} sessions and the agents' warm-up of "
            f"{strategy.agent.warmup}, with a {calendar_words(strategy.portfolio.rebalance)} rebalance after them",
            "load a longer market or shorten portfolio.lookback",
        )
    studied = study(strategy, market) if studied is None else _checked(studied, strategy, market)
    if studied.scores[COMBINED].isna().all(axis=None):
        raise DataError(
            f"market {market.name}: {strategy.agent.name} scores no asset at any session; it needs "
            f"{', '.join(strategy.agent.needs)}, the market has {', '.join([*market.panels, *market.tables])}",
            "a market with the inputs, and the length, of some evidence",
            "load a longer market or one with more tables, or name other agents",
        )
    broker = SimulatedBroker(market, strategy.execution, strategy.risk.stops)
    # The matrices of one decision are small: threads would wait for each other longer than they work.
    with threadpool_limits(limits=1, user_api="blas"):
        made = _decided(strategy, studied, rows, broker, progress)
    broker.settle(len(market.sessions))
    return BacktestResult(
        market=market,
        record=broker.record(),
        decisions=tabulated(made, market.assets),
        parameters=strategy.described(),
        name=strategy.name,
        remarks=(*voice_flags(strategy.agent, market), *bar_flags(strategy, market)),
    )


def _checked(studied: Study, strategy: Strategy, market: MarketData) -> Study:
    missing = strategy.needs - studied.needs
    if studied.known.market is market and studied.agent is strategy.agent and not missing:
        return studied
    came = f"facts {', '.join(sorted(missing))} missing" if missing else "of another market or agent"
    raise ParamsError(
        f"studied: {came}",
        "what cycle.study made of this very market and agent, with all facts that the strategy needs",
        "study again, or leave it out",
    )


def _decided(
    strategy: Strategy, studied: Study, rows: npt.NDArray[np.intp], broker: SimulatedBroker, progress: bool
) -> list[Decision]:
    """Return the decisions at `rows`, and where risk is checked daily what the sessions between them cut."""
    daily = strategy.risk.check == "daily"
    turns = np.arange(rows[0], len(studied.returns)) if daily else rows
    due_at = set(rows.tolist())
    made: list[Decision] = []
    estimate: RiskEstimate | None = None
    for row in tqdm(turns.tolist(), desc="decisions", unit="", disable=not progress, mininterval=1.0):
        decision, estimate = step(strategy, studied, row, broker, None if row in due_at else estimate)
        made += [] if decision is None else [decision]
    return made


def tabulated(made: Sequence[Decision], assets: pd.Index) -> Decisions:
    """Return decisions as tables on one asset axis."""
    sessions = pd.DatetimeIndex([decision.session for decision in made])

    def stacked(rows: "list[pd.Series[float]]") -> pd.DataFrame:
        return pd.DataFrame(np.array([row.to_numpy() for row in rows]), index=sessions, columns=assets)

    clamps = [
        (decision.session, clamp.rule, clamp.asset, clamp.before, clamp.after, clamp.reason)
        for decision in made
        for clamp in decision.clamps
    ]
    notes = [(decision.session, note) for decision in made for note in decision.notes]
    return Decisions(
        targets=stacked([decision.targets for decision in made]),
        scores={name: stacked([decision.scores[name] for decision in made]) for name in made[0].scores},
        clamps=pd.DataFrame(clamps, columns=list(CLAMP_COLUMNS)),
        notes=pd.DataFrame(notes, columns=["session", "note"]),
    )
