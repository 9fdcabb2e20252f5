"""Backtests of VaR forecasts: too many exceptions, and clustered ones. `shortfall_tests` judges how deep they went.

An exception is a session whose return is below its VaR forecast. Every test returns what it saw and a p-value: the
probability of evidence at least as strong if the forecasts are right. In the likelihoods 0 log 0 is 0.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from alphapulse.core.errors import DataError
from alphapulse.risk.levels import tail_share
from alphapulse.risk.shortfall_tests import acerbi_szekely, known_forecasts
from alphapulse.risk.var import check_level

Hits = npt.NDArray[np.bool_]
Exceptions: TypeAlias = "Hits | Sequence[bool] | pd.Series[bool]"
GREEN_BELOW, YELLOW_BELOW = 0.95, 0.9999  # cumulative probabilities at which the yellow and the red zone begin


@dataclass(frozen=True)
class VarTest:
    """The outcome of one test: statistic, p_value, exceptions seen and expected, and the sessions counted."""

    statistic: float
    p_value: float
    exceptions: int
    expected: float
    sessions: int


@dataclass(frozen=True)
class TrafficLight:
    """The zone of a VaR model: green, yellow or red.

    probability: of as many exceptions as seen, or fewer, if the forecasts are right.
    """

    zone: str
    probability: float
    exceptions: int
    expected: float
    sessions: int


def kupiec(exceptions: Exceptions, level: float = 0.95) -> VarTest:
    """Test the number of exceptions: proportion of failures, chi-square with one degree of freedom.

    exceptions: one truth value a session, none unknown. No exception, and nothing but exceptions, are valid evidence.
    Source: Kupiec (1995).
    """
    hits, tail = _checked(exceptions, level)
    count, sessions = int(hits.sum()), len(hits)
    statistic = 2.0 * (_likelihood(count, sessions, count / sessions) - _likelihood(count, sessions, tail))
    return _outcome(statistic, 1, hits, tail)


def christoffersen_independence(exceptions: Exceptions, level: float = 0.95) -> VarTest:
    """Test whether an exception is as likely after an exception as after none: chi-square with one degree of freedom.

    exceptions: in order of time. Without two exceptions in a row the test stands; NaN where one of the two states was
    never left: no exception before the last session, or nothing else. Source: Christoffersen (1998).
    """
    hits, tail = _checked(exceptions, level)
    before, after = hits[:-1], hits[1:]
    calm, struck = int((~before).sum()), int(before.sum())
    if calm == 0 or struck == 0:
        return _outcome(math.nan, 1, hits, tail)
    from_calm, from_struck = int(after[~before].sum()), int(after[before].sum())
    together = _likelihood(from_calm + from_struck, calm + struck, (from_calm + from_struck) / (calm + struck))
    apart = _likelihood(from_calm, calm, from_calm / calm) + _likelihood(from_struck, struck, from_struck / struck)
    return _outcome(2.0 * (apart - together), 1, hits, tail)


def christoffersen_conditional(exceptions: Exceptions, level: float = 0.95) -> VarTest:
    """Test number and independence of exceptions at once: the two statistics' sum, two degrees of freedom.

    NaN where independence is. Source: Christoffersen (1998).
    """
    hits, tail = _checked(exceptions, level)
    statistic = kupiec(hits, level).statistic + christoffersen_independence(hits, level).statistic
    return _outcome(statistic, 2, hits, tail)


def traffic_light(exceptions: Exceptions, level: float = 0.99) -> TrafficLight:
    """Return the Basel zone for the number of exceptions.

    Yellow begins at the number whose cumulative binomial probability reaches 95 %, red where it reaches 99.99 %: with
    250 sessions at 99 % green is up to 4, yellow 5 to 9, red from 10. Source: Basel Committee (1996), table 2.
    """
    from scipy.special import bdtr

    hits, tail = _checked(exceptions, level)
    count, sessions = int(hits.sum()), len(hits)
    probability = float(bdtr(count, sessions, tail))
    zone = "green" if probability < GREEN_BELOW else "yellow" if probability < YELLOW_BELOW else "red"
    return TrafficLight(zone, probability, count, sessions * tail, sessions)


def backtest_summary(returns: "pd.Series[float]", forecasts: pd.DataFrame, level: float = 0.95) -> "pd.Series[Any]":
    """Return every test of one method's forecasts by name; sessions without a forecast are left out.

    Rows: sessions, exceptions, expected, then statistic and p-value of each test, and the Basel zone. Arguments as in
    `acerbi_szekely`.
    """
    values, var, _ = known_forecasts(returns, forecasts, level)
    hits = values < var
    count, independence, both = (
        test(hits, level) for test in (kupiec, christoffersen_independence, christoffersen_conditional)
    )
    shortfall = acerbi_szekely(returns, forecasts, level)
    rows: dict[str, Any] = {
        "sessions": count.sessions,
        "exceptions": count.exceptions,
        "expected": count.expected,
        "kupiec": count.statistic,
        "kupiec_p_value": count.p_value,
        "independence": independence.statistic,
        "independence_p_value": independence.p_value,
        "conditional": both.statistic,
        "conditional_p_value": both.p_value,
        "z1": shortfall.z1,
        "z1_p_value": shortfall.z1_p_value,
        "z2": shortfall.z2,
        "z2_p_value": shortfall.z2_p_value,
        "zone": traffic_light(hits, level).zone,
    }
    return pd.Series(rows, dtype="object")


def _checked(exceptions: Any, level: float) -> tuple[Hits, float]:
    check_level(level)
    hits = np.asarray(exceptions)
    if hits.ndim != 1 or hits.dtype != np.bool_ or not len(hits):
        raise DataError(
            f"exceptions: {hits.ndim}-dimensional, {len(hits) if hits.ndim else 0} values of type {hits.dtype}",
            "one truth value a session, in order of time",
            "pass (returns < forecasts['var'])[forecasts['var'].notna()]",
        )
    return hits, tail_share(level)


def _outcome(statistic: float, freedom: int, hits: Hits, tail: float) -> VarTest:
    from scipy.special import chdtrc

    rounded = max(statistic, 0.0) if not math.isnan(statistic) else statistic
    return VarTest(rounded, float(chdtrc(freedom, rounded)), int(hits.sum()), len(hits) * tail, len(hits))


def _likelihood(count: int, of: int, probability: float) -> float:
    """Return the log likelihood of `count` exceptions in `of` sessions."""
    from scipy.special import xlog1py, xlogy

    return float(xlogy(count, probability) + xlog1py(of - count, -probability))
