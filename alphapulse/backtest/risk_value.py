"""The value of risk rules: the same run with each of them off, and what each cost and saved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import pandas as pd
from tqdm import tqdm

from alphapulse.backtest.result import BacktestResult
from alphapulse.backtest.run import backtest
from alphapulse.core.errors import ParamsError
from alphapulse.core.market import MarketData
from alphapulse.cycle import study
from alphapulse.risk.manager import RiskManager
from alphapulse.strategy import Strategy

ALL, NONE = "all rules", "no rules"
MEASURES = ("annual_return", "annual_volatility", "sharpe", "max_drawdown", "cvar_95")


@dataclass(frozen=True, eq=False, repr=False)
class RiskValue:
    """One strategy's runs, with all its risk rules, without each of them, and without any.

    results: run by name: ALL, "without <rule>", NONE.
    """

    results: Mapping[str, BacktestResult]

    @property
    def with_all(self) -> BacktestResult:
        """The run with every rule."""
        return self.results[ALL]

    @property
    def flags(self) -> tuple[str, ...]:
        """Known biases of the market and the runs."""
        return self.with_all.flags

    @property
    def provenance(self) -> dict[str, Any]:
        """Parameters, data fingerprint and versions of the run with every rule."""
        return self.with_all.provenance

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row a rule: actions, and what the run with it has more than the run without it, measure by measure.

        actions: clamps of a limit, or positions closed by a stop. annual_return and sharpe below zero are what the rule
        cost; max_drawdown and cvar_95 (negative returns) above zero, and annual_volatility below zero, are what it
        saved. The last row compares all rules with none. After costs, from the first decision on, decimals.
        """
        measured = {name: result.summary() for name, result in self.results.items()}
        whole = measured[ALL]
        rows = {}
        for name, summary in measured.items():
            if name != ALL:
                rule = "all together" if name == NONE else name.removeprefix("without ")
                rows[rule] = [self._actions(rule), *(float(whole[one]) - float(summary[one]) for one in MEASURES)]
        return pd.DataFrame.from_dict(rows, orient="index", columns=["actions", *MEASURES])

    @cached_property
    def equity(self) -> pd.DataFrame:
        """Equity by session of every run, in cash."""
        return pd.DataFrame({name: result.equity for name, result in self.results.items()})

    def _actions(self, rule: str) -> int:
        clamps, events = self.with_all.decisions.clamps["rule"], self.with_all.events["kind"].astype(str)
        if rule == "all together":
            return len(clamps) + int(events.str.endswith("stop").sum())
        return int((clamps == rule).sum() + (events == rule).sum())

    def __repr__(self) -> str:
        return f"RiskValue of {self.with_all.name} on {self.with_all.market.name}\n{self.table.round(4)}"

    def _repr_html_(self) -> str:
        return str(self.table.to_html(float_format=lambda value: f"{value:.4f}"))


def value_of_risk(market: MarketData, strategy: Strategy, *, progress: bool = False) -> RiskValue:
    """Run `strategy` with all its risk rules, without each of them in turn, and without any.

    Rules of one name are taken away together. The scores are computed once for all runs. progress: show a bar over the
    runs. ParamsError when it has no rule.
    """
    rules = tuple(dict.fromkeys(strategy.risk.rules))
    if not rules:
        raise ParamsError(
            f"strategy {strategy.name}: no limit and no stop rule",
            "a strategy with at least one rule under risk",
            "add one, for example risk: {max_position: {weight: 0.1}}",
        )
    managers = {ALL: strategy.risk, **{f"without {rule}": strategy.risk.without(rule) for rule in rules}}
    if len(rules) > 1:
        managers[NONE] = RiskManager()
    studied = study(strategy, market)
    return RiskValue(
        {
            name: backtest(market, replace(strategy, risk=manager), studied=studied)
            for name, manager in tqdm(managers.items(), desc="risk rules", unit="run", disable=not progress)
        }
    )
