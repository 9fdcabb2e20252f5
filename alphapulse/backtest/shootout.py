"""Allocators side by side: the same scores, calendar, limits and costs, walked forward once for each of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from alphapulse.backtest.result import BacktestResult
from alphapulse.backtest.run import backtest
from alphapulse.core.checks import check_choice
from alphapulse.core.market import MarketData
from alphapulse.core.ports import Allocator
from alphapulse.core.units import SESSIONS_PER_YEAR
from alphapulse.cycle import study
from alphapulse.portfolio import ALLOCATORS
from alphapulse.risk.analyzer import measure_table
from alphapulse.strategy import Strategy

INDEX = "index"
MEASURES = ("annual_return", "annual_volatility", "sharpe", "max_drawdown", "cvar_95", "hit_rate")


@dataclass(frozen=True, eq=False, repr=False)
class Shootout:
    """The walk-forward runs of one strategy under several allocators.

    results: by allocator. benchmark: returns of the market's index by session, None without one.
    """

    results: Mapping[str, BacktestResult]
    benchmark: "pd.Series[float] | None"

    @property
    def first(self) -> BacktestResult:
        """The run of the first allocator, whose market and flags all share."""
        return next(iter(self.results.values()))

    @property
    def flags(self) -> tuple[str, ...]:
        """Known biases of the market and of any run."""
        return tuple(dict.fromkeys(flag for result in self.results.values() for flag in result.flags))

    @property
    def provenance(self) -> dict[str, Any]:
        """Parameters (of the first allocator), data fingerprint and versions."""
        return self.first.provenance

    @cached_property
    def returns(self) -> pd.DataFrame:
        """Net returns by session from the first fills on, one column an allocator, the index last."""
        table = pd.DataFrame({name: result.live_returns for name, result in self.results.items()})
        if self.benchmark is not None:
            table[INDEX] = self.benchmark.reindex(table.index)
        return table

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row an allocator: measures after costs, turnover a year, costs a year, assets held, fallbacks.

        turnover_ann: traded value over equity, bought and sold, a year. costs_ann: costs over mean equity, a year.
        assets: mean number held at the end of a session. fallbacks: notes of decisions that took another way.
        sharpe_se: standard error of the Sharpe ratio (Lo 2002, independent returns); differences below two of them
        say nothing. The index has no costs here.
        """
        measures = measure_table(self.returns, names=MEASURES).T
        years = len(self.returns) / SESSIONS_PER_YEAR
        ratio = measures["sharpe"] / np.sqrt(SESSIONS_PER_YEAR)
        measures.insert(3, "sharpe_se", np.sqrt((1.0 + ratio**2 / 2.0) / len(self.returns) * SESSIONS_PER_YEAR))
        own = pd.DataFrame.from_dict(
            {name: _trading(result, years) for name, result in self.results.items()},
            orient="index",
            columns=["turnover_ann", "costs_ann", "assets", "fallbacks"],
        )
        return measures.join(own)

    def __repr__(self) -> str:
        return f"Shootout on {self.first.market.name}, net of costs\n{self.table.round(3)}"

    def _repr_html_(self) -> str:
        return str(self.table.to_html(float_format=lambda value: f"{value:.3f}"))


def shootout(
    market: MarketData,
    strategy: Strategy,
    allocators: Iterable[str] | Mapping[str, Allocator] = tuple(ALLOCATORS),
    *,
    progress: bool = False,
) -> Shootout:
    """Walk `strategy` through `market` once under each allocator, everything else the same.

    allocators: names from ALLOCATORS, with their defaults, or allocators by name. The scores are computed once.
    """
    chosen: dict[str, Allocator] = (
        dict(allocators)
        if isinstance(allocators, Mapping)
        else {name: ALLOCATORS[check_choice("allocator", name, ALLOCATORS)]() for name in allocators}
    )
    runs = {
        name: replace(strategy, portfolio=replace(strategy.portfolio, allocator=allocator), name=name)
        for name, allocator in chosen.items()
    }
    needs = frozenset[str]().union(*(run.needs for run in runs.values()))
    studied = study(strategy, market, needs)
    bar = tqdm(runs.items(), desc="allocators", unit="run", disable=not progress)
    index = None if market.benchmark is None else market.benchmark.pct_change(fill_method=None)
    return Shootout({name: backtest(market, run, studied=studied) for name, run in bar}, index)


def _trading(result: BacktestResult, years: float) -> tuple[float, float, float, int]:
    fills, equity = result.fills, result.equity
    traded = (fills["quantity"].abs() * fills["price"]).to_numpy() / equity.reindex(fills["session"]).to_numpy()
    live = result.weights.loc[result.live_returns.index]
    notes = result.decisions.notes["note"].astype(str)
    return (
        float(traded.sum()) / years,
        float(fills["cost"].sum()) / float(equity.mean()) / years,
        float((live != 0.0).sum(axis=1).mean()),
        int(notes.str.contains("instead|infeasible").sum()),
    )
