"""Measure agents: what their scores said about later returns, before any portfolio is built on them.

1. `_measure`: every agent, and the manager that combines them, scores the market; only members count, and each score
   panel is compared with the returns that followed (`score_measures`)
2. `_evidence`: the same for each piece of evidence an agent declares
3. `_leave_one_out`: the manager is measured again without each agent: what that agent adds

Ranks are compared with sums of session returns (`summed_levels`): ranks of compounded returns reward low volatility
where nothing can be earned, with a t of 3 and more on 30 years of noise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from alphapulse.agents.answers import coverage_of, scores_of
from alphapulse.agents.evidence import EvidenceAgent, evidence_panels, market_returns
from alphapulse.agents.information import information_coefficients
from alphapulse.agents.manager import AgentManager, AnyAgent, agent_of
from alphapulse.agents.voices import reduced_flag
from alphapulse.backtest.card import Scorecard
from alphapulse.backtest.score_measures import (
    correlations,
    measured,
    quantile_row,
    speaking,
    summed_levels,
    turnover_row,
)
from alphapulse.core.checks import check_count
from alphapulse.core.errors import DataError, ParamsError
from alphapulse.core.market import MarketData
from alphapulse.core.panel import Panel
from alphapulse.core.ports import Agent

HORIZONS = (1, 2, 3, 5, 10, 21, 42, 60)
EVIDENCE = ("kind", "needs", "window", "weight", "available", "mean", "t", "source")


def scorecard(
    market: MarketData,
    agent: AnyAgent,
    *,
    horizon: int = 21,
    horizons: Sequence[int] = HORIZONS,
    quantiles: int = 5,
    name: str | None = None,
    progress: bool = False,
) -> Scorecard:
    """Measure an agent, or an AgentManager and each of its agents, on `market`.

    agent: an agent, its class or a name of AGENTS. horizon: sessions of return the tables compare with; horizons: those
    of the decay. quantiles: groups the scored assets are split into. name: title, the agent's name by default.
    progress: show a bar over the agents. Raises ParamsError for counts below 1 (quantiles 2), DataError when no return
    of `horizon` sessions lies in the market.
    """
    spans = _checked(market, horizon, horizons, quantiles)
    agent = agent_of(agent)
    speakers = _speakers(agent)
    scores: dict[str, Panel] = {}
    parts: dict[str, dict[str, Any]] = {}
    steps = len(speakers) + (len(speakers) - 1 if len(speakers) > 2 else 0)
    with tqdm(total=steps, desc="agents", unit="", disable=not progress, mininterval=1.0) as bar:
        for key, speaker in speakers.items():
            scores[key] = scores_of(speaker, market)
            parts[key] = _measure(market, speaker, scores[key], horizon, spans, quantiles)
            bar.update()
        coefficients = pd.DataFrame({key: part["coefficients"] for key, part in parts.items()})
        left_out = _leave_one_out(market, agent, coefficients, horizon, bar)
    rows = {table: {key: part[table] for key, part in parts.items()} for table in next(iter(parts.values()))}
    return Scorecard(
        market=market,
        parameters={"agent": repr(agent), "horizon": horizon, "horizons": list(spans), "quantiles": quantiles},
        name=name or agent.name,
        information=_by_agent(rows["information"]),
        coefficients=coefficients,
        by_year=_by_year(coefficients),
        decay=pd.concat(rows["decay"], names=["agent", "horizon"]),
        quantiles=_by_agent(rows["quantiles"]),
        turnover=_by_agent(rows["turnover"]),
        coverage=_by_agent(rows["coverage"]),
        speaking=pd.DataFrame({key: part["through_time"]["speaks"] for key, part in parts.items()}),
        depth=pd.DataFrame({key: part["through_time"]["coverage"] for key, part in parts.items()}),
        evidence=_stacked(rows["evidence"]),
        correlation=correlations(scores).rename_axis(index="agent"),
        leave_one_out=left_out,
        **_vote(market, agent),
        remarks=reduced_flag(agent, market),
    )


def _checked(market: MarketData, horizon: int, horizons: Sequence[int], quantiles: int) -> tuple[int, ...]:
    check_count("scorecard: horizon", horizon)
    check_count("scorecard: quantiles", quantiles, least=2)
    spans = tuple(sorted({check_count("scorecard: horizons", span) for span in horizons}))
    if not spans:
        raise ParamsError(
            "scorecard: no horizons came", "at least one number of sessions", f"leave them out: {HORIZONS}"
        )
    if horizon >= len(market.sessions):
        raise DataError(
            f"scorecard: market {market.name} has {len(market.sessions)} sessions, the horizon is {horizon}",
            "a market longer than the horizon",
            "load a longer market or shorten the horizon",
        )
    return spans


def _speakers(agent: Agent) -> dict[str, Agent]:
    if not isinstance(agent, AgentManager):
        return {agent.name: agent}
    if agent.name in agent.agents:
        raise ParamsError(
            f"scorecard: an agent is called {agent.name!r}, as the manager is",
            "agents with names of their own",
            "hand the manager a mapping with another name",
        )
    return {**agent.agents, agent.name: agent}


def _measure(
    market: MarketData, agent: Agent, score: Panel, horizon: int, spans: Sequence[int], quantiles: int
) -> dict[str, Any]:
    levels, compounded = summed_levels(market_returns(market)), market.panel("total_return")
    by_span = {span: information_coefficients(score, levels, span) for span in {1, horizon, *spans}}
    delayed = information_coefficients(score.shift(1), levels, horizon)
    coefficients = by_span[horizon]
    through_time = speaking(score, coverage_of(agent, market), market.members)
    evidence = _evidence(market, agent, horizon)
    scored = through_time["scored"]
    return {
        "information": {
            **measured(coefficients, horizon),
            "positive": float((coefficients.dropna() > 0.0).mean()),
            "one_session": float(by_span[1].mean()),
            "delayed": float(delayed.mean()),
            "compounded": float(information_coefficients(score, compounded, horizon).mean()),
        },
        "coefficients": coefficients,
        "decay": pd.DataFrame({span: measured(by_span[span], span) for span in spans}).T,
        "quantiles": quantile_row(score, compounded, horizon, quantiles),
        "turnover": turnover_row(score),
        "coverage": {
            "speaks": float(scored.sum() / max(through_time["members"].sum(), 1)),
            "coverage": float((through_time["coverage"] * scored).sum() / scored.sum()) if scored.any() else np.nan,
            "first_session": scored.index[scored > 0].min(),
            "kinds": ", ".join(dict.fromkeys(evidence.loc[evidence["available"] > 0.0, "kind"])),
        },
        "through_time": through_time,
        "evidence": evidence,
    }


def _evidence(market: MarketData, agent: Agent, horizon: int) -> pd.DataFrame:
    """Return one row a piece of evidence; none for an agent that declares no evidence."""
    levels = summed_levels(market_returns(market))
    members = max(int(market.members.to_numpy().sum()), 1)
    rows = {}
    for piece, panel in evidence_panels(agent, market) if isinstance(agent, EvidenceAgent) else ():
        known = int(panel.notna().to_numpy().sum())
        ic = measured(information_coefficients(panel, levels, horizon), horizon)
        rows[piece.name] = {
            "kind": piece.kind,
            "needs": ", ".join(piece.needs),
            "window": piece.window,
            "weight": piece.weight,
            "available": known / members,
            "mean": ic["mean"],
            "t": ic["t"],
            "source": piece.source,
        }
    return pd.DataFrame(list(rows.values()), index=list(rows), columns=list(EVIDENCE))


def _leave_one_out(
    market: MarketData, agent: Agent, coefficients: pd.DataFrame, horizon: int, bar: "tqdm[Any]"
) -> pd.DataFrame:
    """Return what each agent adds: the manager's IC minus that of a manager without it, where both have one."""
    rows = {}
    levels = summed_levels(market_returns(market))
    for left, manager in _without_each(market, agent):
        without = information_coefficients(manager.score(market), levels, horizon)
        both = pd.DataFrame({"whole": coefficients[agent.name], "without": without}).dropna()
        difference = measured(both["whole"] - both["without"], horizon)
        rows[left] = {
            "whole": float(both["whole"].mean()),
            "without": float(both["without"].mean()),
            "difference": difference.pop("mean"),
            **difference,
        }
        bar.update()
    columns = ["whole", "without", "difference", "standard_error", "t", "sessions"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("agent")


def _without_each(market: MarketData, agent: Agent) -> Iterator[tuple[str, AgentManager]]:
    """Yield managers without one agent each, one at a time: what a manager remembers goes with it.

    The others keep what they were believed, divided by what is left; an agent beside which nobody is heard stays.
    """
    if not isinstance(agent, AgentManager) or len(agent.agents) < 2:
        return
    believed = agent.weights(market)
    for left in agent.agents:
        rest = believed.drop(columns=left)
        total = rest.sum(axis=1)
        if (total > 0.0).all():
            others = {key: other for key, other in agent.agents.items() if key != left}
            yield left, AgentManager(others, _Believed(rest.div(total, axis=0)))


@dataclass(frozen=True, eq=False)
class _Believed:
    """The weights of a manager that were dealt out before, sessions x agents."""

    dealt: pd.DataFrame

    def weights(self, scores: Mapping[str, Panel], market: MarketData) -> pd.DataFrame:
        return self.dealt


def _vote(market: MarketData, agent: Agent) -> dict[str, pd.DataFrame]:
    """Return how a manager dealt out its vote, by session; empty tables for a single agent."""
    if isinstance(agent, AgentManager):
        return {"shares": agent.shares(market), "diagnostics": agent.diagnostics(market)}
    return dict.fromkeys(("shares", "diagnostics"), pd.DataFrame(index=market.sessions))


def _stacked(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return tables of evidence below each other; an empty one has no types, and would take those of the others."""
    held = {key: table for key, table in tables.items() if len(table)} or dict(tables)
    return pd.concat(held, names=["agent", "evidence"])


def _by_agent(rows: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame.from_dict(dict(rows), orient="index").rename_axis("agent")


def _by_year(coefficients: pd.DataFrame) -> pd.DataFrame:
    table: pd.DataFrame = coefficients.groupby(pd.DatetimeIndex(coefficients.index).year).mean().T
    return table.set_axis(table.columns.astype(str), axis=1).rename_axis(index="agent", columns="year")
