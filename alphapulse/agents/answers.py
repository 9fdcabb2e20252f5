"""What an agent answers, checked before it counts: anybody's agent may vote, so nothing is taken on trust."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from alphapulse.core.errors import DataError
from alphapulse.core.market import MarketData
from alphapulse.core.panel import Panel
from alphapulse.core.ports import Agent

ROUNDING = 1e-9  # by which a score or a coverage may pass its limit


def scores_of(agent: Agent, market: MarketData) -> Panel:
    """Return the agent's scores on the market's own axes, sessions x assets in [-1, 1]; NaN for non-members.

    Rows and columns are matched by label; those the agent leaves out abstain. Raises DataError naming agent, session
    and asset for anything else than a DataFrame on these axes, and for scores outside [-1, 1].
    """
    score = _on_axes(agent, "score", agent.score(market), market)
    _check_range(agent, "score", score, -1.0)
    stray = ~market.members.to_numpy() & ~np.isnan(score.to_numpy())
    return score.where(market.members) if stray.any() else score


def coverage_of(agent: Agent, market: MarketData) -> Panel:
    """Return the agent's coverage on the market's own axes, sessions x assets in [0, 1]; left out is 0.

    Raises DataError as `scores_of`, and for NaN: an agent without evidence says 0.
    """
    given = agent.coverage(market)
    coverage = _on_axes(agent, "coverage", given, market)
    kept = market.sessions.isin(given.index)[:, None] & market.assets.isin(given.columns)
    if not kept.all():
        coverage = coverage.where(kept, 0.0)
    unknown = np.isnan(coverage.to_numpy())
    if unknown.any():
        raise _fault(agent, "coverage", coverage, unknown, "numbers from 0 to 1, without NaN", "say 0 to abstain")
    _check_range(agent, "coverage", coverage, 0.0)
    return coverage


def _on_axes(agent: Agent, part: str, answer: Any, market: MarketData) -> Panel:
    if not isinstance(answer, pd.DataFrame) or not _labelled(answer, market):
        shown = f"of {answer.shape[0]} x {answer.shape[1]}" if isinstance(answer, pd.DataFrame) else f"{answer!r:.60}"
        raise DataError(
            f"agent {agent.name}: {part}(market) returned {type(answer).__name__} {shown}",
            "a DataFrame of sessions x assets, each label of the market's once",
            "return pandas.DataFrame(values, index=market.sessions, columns=market.assets)",
        )
    if not (answer.index.equals(market.sessions) and answer.columns.equals(market.assets)):
        answer = answer.reindex(index=market.sessions, columns=market.assets)
    try:
        panel: Panel = answer.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"agent {agent.name}: {part}(market) holds what is no number ({error})",
            "numbers, NaN where unknown",
            "convert the columns to float",
        ) from error
    return panel


def _labelled(answer: pd.DataFrame, market: MarketData) -> bool:
    """Return whether rows and columns are labelled as the market's, at least some of them."""
    known = answer.index.isin(market.sessions).any() and answer.columns.isin(market.assets).any()
    return bool(known and answer.index.is_unique and answer.columns.is_unique)


def _check_range(agent: Agent, part: str, panel: Panel, least: float) -> None:
    values = panel.to_numpy()
    outside = (values > 1.0 + ROUNDING) | (values < least - ROUNDING)
    if outside.any():
        raise _fault(agent, part, panel, outside, f"numbers from {least:g} to 1", "scale it, or rank across assets")


def _fault(agent: Agent, part: str, panel: Panel, wrong: Any, accepted: str, step: str) -> DataError:
    row, column = np.argwhere(wrong)[0]
    return DataError(
        f"agent {agent.name}: {part} {panel.to_numpy()[row, column]} on {pd.Timestamp(panel.index[row]).date()} for "
        f"{panel.columns[column]} ({int(wrong.sum())} cells)",
        accepted,
        step,
    )
