"""Strategy: who scores, who weighs, who sizes, who limits, and how it trades, in one frozen bundle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from alphapulse.agents import AGENTS
from alphapulse.agents.manager import AgentManager
from alphapulse.core.checks import built, check_choice
from alphapulse.core.errors import ParamsError
from alphapulse.core.ports import Agent
from alphapulse.core.stops import STOPS
from alphapulse.execution.costs import Costs
from alphapulse.execution.simulated import Execution
from alphapulse.params import validated
from alphapulse.portfolio import ALLOCATORS
from alphapulse.portfolio.manager import PortfolioManager
from alphapulse.portfolio.mean_variance import MinVariance
from alphapulse.risk.covariance import COVARIANCES, MEANS
from alphapulse.risk.limits import LIMITS
from alphapulse.risk.manager import RiskManager
from alphapulse.risk.sizing import PositionSizer


@dataclass(frozen=True)
class Strategy:
    """All parts of one strategy. Every part has a default, so that `Strategy()` runs.

    covariance, mean: names of the estimators of `estimate_risk`.
    """

    agent: Agent = field(default_factory=lambda: AgentManager(list(AGENTS)))
    portfolio: PortfolioManager = PortfolioManager(MinVariance())
    sizer: PositionSizer = PositionSizer()
    risk: RiskManager = field(default_factory=RiskManager)
    execution: Execution = Execution()
    covariance: str = "ledoit_wolf"
    mean: str = "historical"
    name: str = "strategy"

    def __post_init__(self) -> None:
        check_choice("portfolio: covariance", self.covariance, COVARIANCES)
        check_choice("portfolio: mean", self.mean, MEANS)
        if self.sizer.max_gross > 1.0 and not self.execution.leverage:
            raise ParamsError(
                f"sizing: max_gross = {self.sizer.max_gross} without leverage",
                "a gross of at most 1, or execution.leverage = true",
                "allow leverage in execution, or lower max_gross",
            )

        gross = getattr(getattr(self.portfolio.allocator, "constraints", None), "gross", None)
        if gross is not None and gross > self.sizer.max_gross:
            raise ParamsError(
                f"portfolio: constraints: gross = {gross:g} with sizing: max_gross = {self.sizer.max_gross:g}",
                "a gross that the sizer lets through",
                "raise sizing.max_gross (with execution.leverage = true), or lower the gross",
            )

    @property
    def needs(self) -> frozenset[str]:
        """Names of the facts that its parts ask for beyond what the last rows of a market tell."""
        asked = {"skill"} if self.mean == "scores" else set()
        for part in (self.portfolio.allocator, self.sizer, *self.risk.limits):
            asked |= set(getattr(part, "needs", ()))
        return frozenset(asked)

    @classmethod
    def from_params(cls, mapping: Mapping[str, Any]) -> Strategy:
        """Build the strategy from the mapping of a whole run (see `load_params`); ParamsError names the field."""
        run = validated(mapping)
        portfolio, execution = dict(run["portfolio"]), dict(run["execution"])
        options, allocator = portfolio.pop("options"), portfolio.pop("allocator")
        covariance, mean = portfolio.pop("covariance"), portfolio.pop("mean")
        return cls(
            agent=AgentManager(
                {name: built("agent", name, AGENTS, given) for name, given in run["agents"]["use"].items()},
                run["agents"]["weighting"],
                run["agents"]["options"],
            ),
            portfolio=PortfolioManager(allocator=built("allocator", allocator, ALLOCATORS, options), **portfolio),
            sizer=PositionSizer(**run["sizing"]),
            risk=_risk_manager(run["risk"], run["risk_check"]),
            execution=Execution(costs=Costs(**execution.pop("costs")), **execution),
            covariance=covariance,
            mean=mean,
            name=run["name"],
        )

    def described(self) -> dict[str, Any]:
        """Return every part as plain values, read from the parts themselves: what runs, not what was asked for."""
        portfolio = self.portfolio
        return {
            "agent": repr(self.agent),
            "portfolio": {**vars(portfolio), "allocator": repr(portfolio.allocator)},
            "estimates": {"covariance": self.covariance, "mean": self.mean},
            "sizing": dict(vars(self.sizer)),
            "risk": {"rules": [repr(rule) for rule in (*self.risk.limits, *self.risk.stops)], "check": self.risk.check},
            "execution": self.execution.described(),
        }


def _risk_manager(rules: Mapping[str, Mapping[str, Any]], check: str) -> RiskManager:
    """Return the manager of limits and stop rules that stand together, each kind in the order of the parameters."""
    for name in rules:
        check_choice("risk rule", name, {**LIMITS, **STOPS})
    limits, stops = ({name: rules[name] for name in rules if name in table} for table in (LIMITS, STOPS))
    return RiskManager(limits, stops, check)
