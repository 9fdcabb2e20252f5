"""Allocators side by side: the same scores, calendar, limits and costs, walked forward once for each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from inspect import signature
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from alphapulse.backtest.last_decision import LastDecision, last_decision
from alphapulse.backtest.promises import promises
from alphapulse.backtest.provenance import provenance
from alphapulse.backtest.result import BacktestResult
from alphapulse.backtest.run import backtest
from alphapulse.backtest.sharpe_difference import sharpe_differences
from alphapulse.core.checks import check_choice
from alphapulse.core.errors import ParamsError
from alphapulse.core.estimates import RiskEstimate
from alphapulse.core.market import MarketData
from alphapulse.core.ports import Allocator
from alphapulse.core.units import SESSIONS_PER_YEAR
from alphapulse.cycle import due, study
from alphapulse.facts import index_returns
from alphapulse.portfolio import ALLOCATORS
from alphapulse.portfolio.simple import EqualWeight
from alphapulse.risk.headline import measure_table
from alphapulse.strategy import Strategy

INDEX = "index"
MEASURES = ("annual_return", "annual_volatility", "sharpe", "max_drawdown", "cvar_95", "hit_rate")
OWN = (
    *("annual_return", "annual_volatility", "sharpe", "max_drawdown", "cvar_95"),
    *("turnover_ann", "costs_ann", "sessions", "decisions"),
)
CLEAR = 2.0  # standard errors beyond which a difference is told


@dataclass(frozen=True, eq=False, repr=False)
class Shootout:
    """The walk-forward runs of one strategy under several allocators.

    strategy: as given; its own allocator is the one under study. allocators, results: by name, in the order they ran.
    last: what the allocators made of the last estimate.
    """

    strategy: Strategy
    allocators: Mapping[str, Allocator]
    results: Mapping[str, BacktestResult]
    last: LastDecision

    @property
    def name(self) -> str:
        """The name of the strategy."""
        return self.strategy.name

    @property
    def first(self) -> BacktestResult:
        """The run of the first allocator, whose market and decision sessions all share."""
        return next(iter(self.results.values()))

    @property
    def market(self) -> MarketData:
        """The market that all traded."""
        return self.first.market

    @property
    def own(self) -> str:
        """The name of the strategy's own allocator, or of the first one where it did not run."""
        same = [name for name, allocator in self.allocators.items() if allocator == self.strategy.portfolio.allocator]
        return same[0] if same else next(iter(self.results))

    @property
    def naive(self) -> str | None:
        """The name of the allocator that holds 1/N, None where none ran."""
        return next((name for name, allocator in self.allocators.items() if isinstance(allocator, EqualWeight)), None)

    @property
    def estimate(self) -> RiskEstimate:
        """What the strategy's estimators believed at the last decision of the assets handed to the allocators."""
        return self.last.estimate

    @cached_property
    def flags(self) -> tuple[str, ...]:
        """Known biases of the market and of any run."""
        return tuple(dict.fromkeys(flag for result in self.results.values() for flag in result.flags))

    @cached_property
    def provenance(self) -> dict[str, Any]:
        """Parameters of the strategy and of every allocator, data fingerprint and versions."""
        allocators = {name: repr(allocator) for name, allocator in self.allocators.items()}
        return provenance(self.name, self.market, {**self.strategy.described(), "allocators": allocators}, self.flags)

    @cached_property
    def returns(self) -> pd.DataFrame:
        """Net returns by session from the first fills on, one column an allocator, the index last where it is known."""
        table = pd.DataFrame({name: result.live_returns for name, result in self.results.items()})
        index = index_returns(self.market)
        if index is not None and index.reindex(table.index).notna().all():
            table[INDEX] = index.reindex(table.index)
        return table

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row an allocator, and the index, which has no costs here: measures after costs, decimals.

        sharpe_se: standard error of the Sharpe ratio alone (Lo 2002, independent returns); two allocators are told
        apart by `against`. turnover_ann, costs_ann: as in `BacktestResult.summary`. exposure: mean
        gross; assets: mean number held, both at the end of a session. fallbacks: decisions that took another way.
        """
        measures = measure_table(self.returns, names=MEASURES).T
        ratio = measures["sharpe"] / np.sqrt(SESSIONS_PER_YEAR)
        measures.insert(3, "sharpe_se", np.sqrt((1.0 + ratio**2 / 2.0) / len(self.returns) * SESSIONS_PER_YEAR))
        trading = {name: _trading(result) for name, result in self.results.items()}
        return measures.join(pd.DataFrame.from_dict(trading, orient="index"))

    @cached_property
    def promises(self) -> pd.DataFrame:
        """What each allocator's portfolios promised in their lookback and kept afterwards: see `promises.promises`."""
        rows = np.flatnonzero(due(self.strategy, self.market.sessions))
        return promises(self.results, rows, self.strategy.portfolio.lookback)

    def against(self, base: str | None = None) -> pd.DataFrame:
        """Return by how much each Sharpe ratio differs from that of `base`, 1/N unless named: see `sharpe_differences`.

        ParamsError where `base` did not run.
        """
        return sharpe_differences(self.returns, check_choice("base", base or self.naive, self.returns.columns))

    @cached_property
    def told_apart(self) -> "pd.Series[float]":
        """t by allocator whose Sharpe ratio is more than two standard errors from that of 1/N, from worst to best."""
        if self.naive is None:
            return pd.Series(dtype=np.float64)
        t = self.against()["t"].reindex(list(self.results))
        return t[t.abs() > CLEAR].sort_values()

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """Every table by its name: measures, against 1/N, promises, returns, and those of the last decision."""
        against = {} if self.naive is None else {"against": self.against()}
        return {
            "measures": self.table,
            **against,
            "promises": self.promises,
            "returns": self.returns,
            **self.last.tables,
        }

    def summary(self) -> "pd.Series[Any]":
        """Return how 1/N and the best of all did, then the measures of OWN for the strategy's own allocator.

        told_apart: how many can be told from 1/N; it and naive_sharpe are NaN where 1/N did not run.
        """
        sharpe = self.table["sharpe"].reindex(list(self.results))
        head: dict[Any, Any] = {
            "allocators": len(self.results),
            "naive_sharpe": np.nan if self.naive is None else float(sharpe[self.naive]),
            "told_apart": np.nan if self.naive is None else len(self.told_apart),
            "best": "none" if sharpe.isna().all() else str(sharpe.idxmax()),
            "best_sharpe": float(sharpe.max()),
            "own": self.own,
        }
        own: dict[Any, Any] = self.results[self.own].summary()[list(OWN)].to_dict()
        return pd.Series(head | own, dtype="object")

    def __repr__(self) -> str:
        return f"Shootout on {self.market.name}, net of costs\n{self.table.round(3)}"

    def _repr_html_(self) -> str:
        return str(self.table.to_html(float_format=lambda value: f"{value:.3f}"))


def shootout(
    market: MarketData,
    strategy: Strategy,
    allocators: Iterable[str] | Mapping[str, Allocator | type[Allocator]] = ALLOCATORS,
    *,
    progress: bool = False,
) -> Shootout:
    """Walk `strategy` through `market` once under each allocator, everything else the same.

    allocators: names from ALLOCATORS, or allocators or their classes by name. A class, and so a name, makes the
    strategy's own allocator as it is, and others with their defaults under its constraints where they take any. The
    scores are computed once.
    ParamsError without an allocator, on an unknown name and on the name "index", which the index has.
    """
    chosen = _chosen(allocators, strategy.portfolio.allocator)
    runs = {
        name: replace(strategy, portfolio=replace(strategy.portfolio, allocator=allocator), name=name)
        for name, allocator in chosen.items()
    }
    needs = frozenset[str]().union(*(run.needs for run in runs.values()))
    studied = study(strategy, market, needs)
    bar = tqdm(runs.items(), desc="allocators", unit="run", disable=not progress)
    results = {name: backtest(market, run, studied=studied) for name, run in bar}
    return Shootout(strategy, chosen, results, last_decision(runs, results, studied))


def _chosen(
    allocators: Iterable[str] | Mapping[str, Allocator | type[Allocator]], own: Allocator
) -> dict[str, Allocator]:
    if isinstance(allocators, str):
        allocators = (allocators,)
    given: Mapping[str, Allocator | type[Allocator]] = (
        allocators
        if isinstance(allocators, Mapping)
        else {name: ALLOCATORS[check_choice("allocator", name, ALLOCATORS)] for name in allocators}
    )
    if not given or INDEX in given:
        raise ParamsError(
            f"shootout: allocators = {list(given)}",
            f"at least one, and none named {INDEX!r}, which is the row of the market's index",
            f"take some of {', '.join(ALLOCATORS)}",
        )
    return {name: _built(one, own) if isinstance(one, type) else one for name, one in given.items()}


def _built(kind: type[Allocator], own: Allocator) -> Allocator:
    if type(own) is kind:
        return own
    make: Callable[..., Allocator] = kind
    shared = getattr(own, "constraints", None) if "constraints" in signature(kind).parameters else None
    return make() if shared is None else make(constraints=shared)


def _trading(result: BacktestResult) -> dict[str, float]:
    summary: dict[Any, Any] = result.summary().to_dict()
    notes = result.decisions.notes
    taken = notes["note"].astype(str).str.startswith(("fallback:", "infeasible:"))
    return {
        "turnover_ann": float(summary["turnover_ann"]),
        "costs_ann": float(summary["costs_ann"]),
        "exposure": float(result.weights.loc[result.live_returns.index].abs().sum(axis=1).mean()),
        "assets": float((result.quantities.loc[result.live_returns.index] != 0.0).sum(axis=1).mean()),
        "fallbacks": float(notes.loc[taken, "session"].nunique()),
    }
