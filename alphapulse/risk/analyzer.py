"""RiskAnalyzer: the headline measures of one return series, beside its benchmark when there is one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd

from alphapulse.core.checks import check_choice
from alphapulse.core.errors import DataError
from alphapulse.core.stats import Array
from alphapulse.risk import measures, relative
from alphapulse.risk.drawdowns import top_drawdowns
from alphapulse.risk.sample import Sample, check_benchmark, check_returns

HEADLINE: Mapping[str, Callable[[Sample], Array]] = {
    "total_return": measures.total_return.formula,
    "annual_return": measures.annual_return.formula,
    "annual_volatility": measures.annual_volatility.formula,
    "sharpe": measures.sharpe.formula,
    "sortino": measures.sortino.formula,
    "calmar": measures.calmar.formula,
    "max_drawdown": measures.max_drawdown.formula,
    "downside_risk": measures.downside_risk.formula,
    "var_95": measures.value_at_risk.formula,
    "cvar_95": measures.conditional_value_at_risk.formula,
    "skew": measures.skew.formula,
    "kurtosis": measures.kurtosis.formula,
    "tail_ratio": measures.tail_ratio.formula,
    "omega": measures.omega.formula,
    "stability": measures.stability.formula,
    "hit_rate": measures.hit_rate.formula,
}
BESIDE_BENCHMARK: Mapping[str, Callable[[Sample, Array], Array]] = {
    "alpha": relative.alpha.formula,
    "beta": relative.beta.formula,
    "tracking_error": relative.tracking_error.formula,
    "information_ratio": relative.information_ratio.formula,
}
VAR: Mapping[str, Callable[["pd.Series[float]", float], float]] = {"historical": measures.value_at_risk}
CVAR: Mapping[str, Callable[["pd.Series[float]", float], float]] = {"historical": measures.conditional_value_at_risk}


def measure_table(
    returns: pd.DataFrame, benchmark: "pd.Series[float] | None" = None, names: Sequence[str] = tuple(HEADLINE)
) -> pd.DataFrame:
    """Return many measures of many return series in as few passes as possible, measures x series.

    returns: simple, per session, decimal, none unknown, one series a column. names: keys of HEADLINE; with a
    benchmark's returns the measures beside it follow. NaN where undefined.
    """
    values = check_returns(returns)
    beside = None if benchmark is None else check_benchmark(benchmark, returns.index)
    rows = {check_choice("measure", name, HEADLINE): HEADLINE[name] for name in names}
    against = BESIDE_BENCHMARK if beside is not None else {}
    table = pd.DataFrame(np.nan, index=[*rows, *against], columns=returns.columns)
    if values.size:
        sample = Sample(values)
        found = [formula(sample) for formula in rows.values()]
        found += [formula(sample, beside) for formula in against.values() if beside is not None]
        table.iloc[:, :] = np.array(found)
    return table


class RiskAnalyzer:
    """Measures of a return series: simple returns per session, decimal, none unknown.

    benchmark: returns (not levels) of the benchmark over at least the same sessions.
    """

    def __init__(self, returns: "pd.Series[float]", benchmark: "pd.Series[float] | None" = None) -> None:
        self.returns = returns
        self.benchmark = benchmark

    def summary(self) -> "pd.Series[float]":
        """Return the headline measures by name, decimals, NaN where undefined.

        Sharpe, alpha, Sortino and omega are over a rate of 0; `risk_free_ann` says so. `var_95` and `cvar_95` are
        historical and per session. `sessions` counts the returns.
        """
        if not isinstance(self.returns, pd.Series):
            raise DataError(
                f"returns: a {type(self.returns).__name__} came",
                "a Series of simple returns by session",
                "pass one column; measure_table takes a DataFrame",
            )
        rows = pd.Series({"sessions": float(len(self.returns)), "risk_free_ann": 0.0})
        table = measure_table(self.returns.to_frame("returns"), self.benchmark)
        summary: pd.Series[float] = pd.concat([rows, table["returns"]])
        return summary

    def var(self, level: float = 0.95, method: str = "historical") -> float:
        """Return the session return that is undercut with probability 1 - level (negative is a loss)."""
        return VAR[check_choice("method", method, VAR)](self.returns, level)

    def cvar(self, level: float = 0.95, method: str = "historical") -> float:
        """Return the mean session return in the worst 1 - level of sessions (negative is a loss)."""
        return CVAR[check_choice("method", method, CVAR)](self.returns, level)

    def drawdowns(self, top: int = 5) -> pd.DataFrame:
        """Return the deepest drawdowns, one a row: peak, trough, recovery, depth, length."""
        return top_drawdowns(self.returns, top)
