"""The headline measures by name, and many of them over many series in as few passes as possible."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd

from alphapulse.core.checks import check_choice
from alphapulse.core.stats import Array
from alphapulse.risk import measures, relative
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
