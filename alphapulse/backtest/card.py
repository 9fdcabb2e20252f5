"""Scorecard: what agents' scores were worth, as tables by agent. Data; figures are elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from html import escape
from typing import Any

import pandas as pd

from alphapulse.backtest.provenance import provenance
from alphapulse.backtest.score_flags import score_flags
from alphapulse.core.market import MarketData


@dataclass(frozen=True, eq=False, repr=False)
class Scorecard:
    """What agents' scores were worth on one market; tables by agent, the manager last. Data; figures are elsewhere.

    An information coefficient (IC) is the rank correlation across members between scores at a close and the sum of the
    total returns of the sessions after it. `mean`, `standard_error`, `t` and `sessions` are over sessions, with errors
    that allow for overlap (`score_measures.measured`). NaN is unknown.

    information: by agent at `horizon`: mean, standard_error, t, sessions, positive (share of sessions with an IC
        above 0), one_session (mean IC over one session), delayed (mean IC when the return starts one session later,
        as fills do), compounded (mean IC with compounded returns, whose ranks favour low volatility on noise).
    coefficients: IC at `horizon`, sessions (at which it was known) x agents. by_year: its mean, agents x years.
    decay: by agent and horizon: mean, standard_error, t, sessions.
    quantiles: by agent: mean return over `horizon` sessions of each score quantile (q1 lowest) in excess of
        `average`, the mean return of all scored; spread (top minus bottom) with standard_error, t, sessions.
    turnover: by agent: turnover per session (1 sells everything), autocorrelation_1 and _21 of the ranks.
    coverage: by agent: speaks (share of member-sessions with a score), coverage (mean share of its evidence where it
        speaks), first_session, kinds (what it spoke from). speaking and depth: the two shares, sessions x agents.
    evidence: by agent and piece: kind, needs, window, weight, available (share of member-sessions), mean (its IC at
        `horizon`, turned so that above 0 is right), t, source.
    correlation: mean rank correlation between scores, agents x agents.
    leave_one_out: by agent: mean IC of the manager (whole) and of the manager without it (without), over sessions where
        both are known; difference (what the agent adds), standard_error, t, sessions.
    shares, diagnostics: of the manager by session (see AgentManager); empty for a single agent. remarks: flags of
        agents left without their inputs.
    """

    market: MarketData
    parameters: Mapping[str, Any]
    name: str
    information: pd.DataFrame
    coefficients: pd.DataFrame
    by_year: pd.DataFrame
    decay: pd.DataFrame
    quantiles: pd.DataFrame
    turnover: pd.DataFrame
    coverage: pd.DataFrame
    speaking: pd.DataFrame
    depth: pd.DataFrame
    evidence: pd.DataFrame
    correlation: pd.DataFrame
    leave_one_out: pd.DataFrame
    shares: pd.DataFrame
    diagnostics: pd.DataFrame
    remarks: tuple[str, ...] = ()

    @property
    def agents(self) -> tuple[str, ...]:
        """Names of the agents measured, the manager last."""
        return tuple(str(name) for name in self.information.index)

    @property
    def horizon(self) -> int:
        """Sessions over which returns are compared, where a table has no horizons of its own."""
        return int(self.parameters["horizon"])

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """Every table by its name."""
        held = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: table for name, table in held.items() if isinstance(table, pd.DataFrame)}

    @cached_property
    def flags(self) -> tuple[str, ...]:
        """What a reader must know, shown wherever the scorecard is."""
        return (*score_flags(self.market, self.horizon, self.decay, self.coverage), *self.remarks)

    @cached_property
    def provenance(self) -> dict[str, Any]:
        """Parameters, data fingerprint, code and package versions, and flags: all that is needed to run it again."""
        return provenance(self.name, self.market, self.parameters, self.flags)

    def summary(self) -> "pd.Series[Any]":
        """Return the headline measures of the manager (of the agent, when there is one alone), by label."""
        last = self.agents[-1]
        information, quantiles = self.information.loc[last].to_dict(), self.quantiles.loc[last].to_dict()
        coverage = self.coverage.loc[last].to_dict()
        return pd.Series(
            {
                "agents": max(len(self.agents) - 1, 1),
                "horizon": self.horizon,
                "ic": information["mean"],
                "ic_t": information["t"],
                "ic_positive": information["positive"],
                "ic_one_session": information["one_session"],
                "ic_delayed": information["delayed"],
                "ic_sessions": int(information["sessions"]),
                "spread": quantiles["spread"],
                "spread_t": quantiles["t"],
                "score_turnover": self.turnover.loc[last].to_dict()["turnover"],
                "speaks": coverage["speaks"],
                "coverage": coverage["coverage"],
            },
            dtype="object",
        )

    def __repr__(self) -> str:
        head = self.summary()
        return (
            f"Scorecard({self.name}: {', '.join(self.agents)}; {self.agents[-1]} IC {head['ic']:.3f} "
            f"(t {head['ic_t']:.1f}) over {self.horizon} sessions"
            + (f"; {'; '.join(self.flags)}" if self.flags else "")
            + ")"
        )

    def _repr_html_(self) -> str:
        flags = "".join(f"<li>{escape(flag)}</li>" for flag in self.flags)
        shown = self.information.rename(index=escape).to_html(float_format="{:.3f}".format, escape=False, border=0)
        return (
            f"<div><strong>{escape(self.name)}</strong>"
            + (f"<ul>{flags}</ul>" if flags else "")
            + f"<p>Information coefficients over {self.horizon} sessions</p>{shown}</div>"
        )
