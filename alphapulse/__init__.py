"""AlphaPulse: a research workbench for a multi-agent hedge fund whose backtests can be believed.

>>> import alphapulse as ap
>>> market = ap.load_market("sample")
>>> result = ap.backtest(market, ap.Strategy.from_params(ap.load_params("params/sample.yaml")))
>>> result.summary()
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from types import ModuleType
from typing import Any

try:
    __version__ = version("alphapulse")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0+unknown"

# Each public name and the module it lives in; a module is imported when one of its names is first used.
_HOME = {
    "load_market": "alphapulse.data",
    "MarketData": "alphapulse.core.market",
    "AlphaPulseError": "alphapulse.core.errors",
    "AGENTS": "alphapulse.agents",
    "AgentManager": "alphapulse.agents.manager",
    "ALLOCATORS": "alphapulse.portfolio",
    "PortfolioManager": "alphapulse.portfolio.manager",
    "to_pypfopt": "alphapulse.portfolio.bridge",
    "from_pypfopt": "alphapulse.portfolio.bridge",
    "estimate_risk": "alphapulse.risk.covariance",
    "PositionSizer": "alphapulse.risk.sizing",
    "RiskManager": "alphapulse.risk.manager",
    "RiskAnalyzer": "alphapulse.risk.analyzer",
    "load_params": "alphapulse.params",
    "Strategy": "alphapulse.strategy",
    "Costs": "alphapulse.execution.costs",
    "Execution": "alphapulse.execution.simulated",
    "backtest": "alphapulse.backtest.run",
    "backtest_weights": "alphapulse.backtest.weights",
    "BacktestResult": "alphapulse.backtest.result",
    "placebo": "alphapulse.backtest.placebo",
    "leak_check": "alphapulse.backtest.leaks",
    "shootout": "alphapulse.backtest.shootout",
    "value_of_risk": "alphapulse.backtest.risk_value",
    "risk_review": "alphapulse.backtest.risk_review",
    "scorecard": "alphapulse.backtest.scorecard",
    "tearsheet": "alphapulse.report.tearsheet",
    "classic_tearsheet": "alphapulse.report.classic",
    "portfolio_sheet": "alphapulse.report.portfolio",
    "risk_sheet": "alphapulse.report.risk",
    "technical_sheet": "alphapulse.report.technical",
    "sentiment_sheet": "alphapulse.report.headlines",
    "save_run": "alphapulse.runner",
}

__all__ = [*_HOME, "__version__"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'alphapulse' has no attribute {name!r}; it has {', '.join(sorted(_HOME))}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


class _Face(ModuleType):
    """Keeps a public name when the room of the same name is imported: `ap.backtest` stays the function."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _HOME and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Face
