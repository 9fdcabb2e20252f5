"""Sample: checked returns and what measures share, computed once; Measure: a formula over samples made a function.

A measure is written once, as a formula over a `Sample`, and decorated with `Measure` or `RelativeMeasure`. Called
with pandas objects it checks and labels them; code that wants many measures of the same returns hands one sample to
their formulas (see `RiskAnalyzer.summary`), so that the returns are read as few times as possible.

Returns are simple returns per session, decimal. An unknown return (NaN) is refused, never dropped: a series with
holes has no annual return until somebody decides what happened in them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, update_wrapper
from typing import Any, Concatenate, Generic, ParamSpec, overload

import numpy as np
import pandas as pd

from alphapulse.core.errors import DataError
from alphapulse.core.panel import check_sessions
from alphapulse.core.stats import Array
from alphapulse.core.units import SESSIONS_PER_YEAR
from alphapulse.risk.passes import Totals, totals

P = ParamSpec("P")
YEAR_ROOT = float(np.sqrt(SESSIONS_PER_YEAR))


@dataclass(frozen=True, eq=False)
class Sample:
    """Finite returns of one or more series over the same sessions, series x sessions, at least one session."""

    values: Array

    @property
    def sessions(self) -> int:
        return int(self.values.shape[1])

    @cached_property
    def totals(self) -> Totals:
        return totals(self.values)

    @cached_property
    def deviation(self) -> Array:
        """Standard deviation per session (ddof 1); zero where all returns are equal, NaN for a single session."""
        if self.sessions < 2:
            return np.full(len(self.values), np.nan)
        spread = np.sqrt(self.totals.second / (self.sessions - 1))
        return np.where(self.totals.lowest == self.totals.highest, 0.0, spread)

    @cached_property
    def ordered(self) -> Array:
        """Returns of each series from worst to best, series x sessions."""
        return np.sort(self.values, axis=1)

    def quantile(self, share: float) -> Array:
        """Return the return below which `share` of the sessions lie, linear between observations."""
        place = share * (self.sessions - 1)
        low = int(place)
        high = min(low + 1, self.sessions - 1)
        below: Array = self.ordered[:, low]
        quantile: Array = below + (place - low) * (self.ordered[:, high] - below)
        return quantile

    def minus(self, other: Array | float) -> Sample:
        """Return the sample in excess of a rate or of a benchmark's returns."""
        return self if isinstance(other, float) and other == 0.0 else Sample(self.values - other)


def ratio(over: Array, under: Array) -> Array:
    """Divide, with NaN where the divisor is zero: no dispersion or no loss makes a ratio unknown, not infinite."""
    quotient: Array = np.divide(over, under, out=np.full(np.shape(over), np.nan), where=under != 0.0)
    return quotient


def per_session(rate_ann: float) -> float:
    """Return the rate per session that compounds to the yearly rate over 252 sessions."""
    return float((1.0 + rate_ann) ** (1.0 / SESSIONS_PER_YEAR) - 1.0)


class Measure(Generic[P]):
    """A formula over a Sample as a function of a Series (gives a number) or a DataFrame (a Series by column).

    formula: what it computes, one value a series. No sessions at all give NaN.
    """

    def __init__(self, formula: Callable[Concatenate[Sample, P], Array]) -> None:
        self.formula = formula
        update_wrapper(self, formula)

    @overload
    def __call__(self, returns: "pd.Series[float]", /, *args: P.args, **kwargs: P.kwargs) -> float: ...
    @overload
    def __call__(self, returns: pd.DataFrame, /, *args: P.args, **kwargs: P.kwargs) -> "pd.Series[float]": ...
    def __call__(self, returns: Any, /, *args: P.args, **kwargs: P.kwargs) -> Any:
        values = check_returns(returns)
        return _labelled(self.formula(Sample(values), *args, **kwargs) if values.size else None, returns)


class RelativeMeasure(Generic[P]):
    """A formula over a Sample and a benchmark's returns (by session) as a function of pandas objects.

    The benchmark must have a return on every session of the measured returns; its other sessions are not looked at.
    """

    def __init__(self, formula: Callable[Concatenate[Sample, Array, P], Array]) -> None:
        self.formula = formula
        update_wrapper(self, formula)

    @overload
    def __call__(
        self, returns: "pd.Series[float]", benchmark: "pd.Series[float]", /, *args: P.args, **kwargs: P.kwargs
    ) -> float: ...
    @overload
    def __call__(
        self, returns: pd.DataFrame, benchmark: "pd.Series[float]", /, *args: P.args, **kwargs: P.kwargs
    ) -> "pd.Series[float]": ...
    def __call__(self, returns: Any, benchmark: "pd.Series[float]", /, *args: P.args, **kwargs: P.kwargs) -> Any:
        values = check_returns(returns)
        beside = check_benchmark(benchmark, returns.index)
        return _labelled(self.formula(Sample(values), beside, *args, **kwargs) if values.size else None, returns)


def _labelled(result: Array | None, returns: Any) -> Any:
    if isinstance(returns, pd.Series):
        return float("nan") if result is None else float(result[0])
    return pd.Series(np.nan if result is None else result, index=returns.columns, dtype=np.float64)


def check_returns(returns: Any, name: str = "returns") -> Array:
    """Return the values, series x sessions, or raise DataError naming the first session that is unknown or infinite."""
    if not isinstance(returns, pd.Series | pd.DataFrame):
        raise DataError(
            f"{name}: a {type(returns).__name__} came",
            "a Series of simple returns by session, or a DataFrame with one series a column",
            "build one with pandas.Series(values, index=sessions)",
        )
    sessions = check_sessions(returns.index, name)
    try:
        values = returns.to_numpy(dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"{name}: {error}", "numbers", "convert them with pandas.to_numeric") from error
    table = np.ascontiguousarray(np.atleast_2d(values.T))
    if not np.isfinite(table.sum()):
        bad = np.argwhere(~np.isfinite(table.T))
        if len(bad):
            row, k = bad[0]
            series = returns.name if isinstance(returns, pd.Series) else returns.columns[k]
            raise DataError(
                f"{name}: {table[k, row]} on {sessions[row].date()} in {series or 'the series'}"
                f" ({len(bad)} such values)",
                "a finite return on every session",
                "start the series at its first known return, and decide what each later hole means before measuring",
            )
    return table


def check_benchmark(benchmark: Any, sessions: "pd.Index[Any]") -> Array:
    """Return the benchmark's returns by session of `sessions`, or raise DataError naming the first one missing."""
    if not isinstance(benchmark, pd.Series):
        raise DataError(
            f"benchmark: a {type(benchmark).__name__} came", "a Series of returns by session", "pass one Series"
        )
    check_sessions(benchmark.index, "benchmark")
    missing = sessions[~sessions.isin(benchmark.index)]
    if len(missing):
        raise DataError(
            f"benchmark: no return on {missing[0].date()} ({len(missing)} of {len(sessions)} sessions missing)",
            "a return on every session of the measured series",
            "cut the measured series to the sessions of the benchmark",
        )
    beside: Array = check_returns(benchmark.loc[sessions], "benchmark")[0]
    if len(beside) and np.median(np.abs(beside)) > 0.5:
        raise DataError(
            f"benchmark: values like {beside[0]:g} look like index levels",
            "simple returns per session, decimal",
            "pass benchmark.pct_change().iloc[1:]",
        )
    return beside
