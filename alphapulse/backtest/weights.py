"""Trade a table of target weights through history."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

import numpy as np
import pandas as pd

from alphapulse.backtest.result import BacktestResult
from alphapulse.core.errors import DataError, ExecutionError
from alphapulse.core.market import MarketData
from alphapulse.core.panel import check_sessions
from alphapulse.core.stats import Array
from alphapulse.core.stops import StopRule
from alphapulse.core.trading import Decisions
from alphapulse.execution.costs import Costs
from alphapulse.execution.folding import gross_by_row
from alphapulse.execution.simulated import Execution, SimulatedBroker

# A gross this much above 1 is rounding in the caller's weights, not leverage.
ROUNDING = 1e-9


def backtest_weights(
    market: MarketData,
    weights: pd.DataFrame,
    *,
    costs: Costs = Costs(),
    fill: str = "next_open",
    capital: float = 10_000_000.0,
    participation: float | None = None,
    carry: bool = False,
    leverage: bool = False,
    lot: float = 0.0,
    stops: pd.DataFrame | None = None,
    stop_rules: Iterable[StopRule | str] = (),
    name: str = "weights",
) -> BacktestResult:
    """Trade target weights, decided at the close of their sessions, and return the result.

    weights: decision sessions x assets, fractions of equity; NaN keeps the current quantity, an absent column means
        zero. fill: next_open (at the next close where the market has no opens), next_close, or same_close, which fills
        at the very close it was decided on and serves to compare with other libraries only.
    participation, carry, leverage, lot: see Execution. stops: stop prices, same shape as weights, NaN for none; they
        stand until the next decision. stop_rules: rules of `alphapulse.core.stops` or their names, which act every
        session; an asset stopped out stays out until the next decision that gives it a weight.
    Orders are sized so that after costs the weights equal the targets; an order without a price waits until it trades
    or the next decision replaces it; without `leverage`, buys shrink to what cash and sales pay for.
    Raises DataError for sessions or assets the market does not have, ExecutionError for a gross above 1 without
    leverage.
    """
    execution = Execution(costs, fill, capital, participation, carry, leverage, lot)
    table = _aligned(market, weights, "weights", absent=0.0)
    _check_gross(table, weights.index, leverage, market.assets)
    levels = np.zeros((0, 0)) if stops is None else _stop_levels(market, weights, stops)
    broker = SimulatedBroker(market, execution, stop_rules)
    rows = np.full(len(market.sessions), -1)
    rows[market.sessions.get_indexer(weights.index)] = np.arange(len(weights))
    broker.run(rows, table, levels)
    targets = pd.DataFrame(table, index=weights.index, columns=market.assets, copy=False)
    return BacktestResult(
        market=market,
        record=broker.record(),
        decisions=Decisions(targets),
        parameters={"execution": execution.described(), "stop_rules": [repr(rule) for rule in broker.stops]},
        name=name,
    )


def _aligned(market: MarketData, frame: Any, name: str, *, absent: float) -> Array:
    """Return the frame's values on the market's assets, rows as they are."""
    if not isinstance(frame, pd.DataFrame):
        raise DataError(
            f"{name}: a {type(frame).__name__} came",
            "a DataFrame of decision sessions x assets",
            "build one with pandas.DataFrame(values, index=sessions, columns=assets)",
        )
    index = check_sessions(frame.index, name)
    outside = ~index.isin(market.sessions)
    if outside.any():
        raise DataError(
            f"{name}: {index[int(np.argmax(outside))].date()} is not a session of this market",
            f"sessions between {market.sessions[0].date()} and {market.sessions[-1].date()}",
            "reindex the rows to market.sessions, or load a market that covers them",
        )
    if frame.columns.has_duplicates:
        raise DataError(
            f"{name}: the asset {frame.columns[frame.columns.duplicated()][0]} stands twice",
            "each asset once",
            "drop or add up one of its columns",
        )
    unknown = frame.columns.difference(market.assets)
    if len(unknown):
        near = get_close_matches(str(unknown[0]), list(market.assets), 1)
        raise DataError(
            f"{name}: the asset {str(unknown[0])!r} is not in this market",
            f"labels of market.assets ({len(market.assets)} of them)" + (f"; nearest: {near[0]}" if near else ""),
            "drop the column or rename it",
        )
    if any(np.issubdtype(dtype, np.complexfloating) for dtype in frame.dtypes if isinstance(dtype, np.dtype)):
        raise DataError(f"{name}: complex numbers came", "real numbers, NaN to keep a quantity", "take the real part")
    try:
        values = frame.to_numpy(dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"{name}: {error}", "numbers, NaN to keep a quantity", "use pandas.to_numeric") from error
    if frame.columns.equals(market.assets):
        return np.array(values, order="C")  # a copy: the decisions outlive what the caller does to the frame
    table = np.full((len(frame), len(market.assets)), absent)
    table[:, market.assets.get_indexer(frame.columns)] = values
    return table


def _check_gross(table: Array, index: pd.Index, leverage: bool, assets: pd.Index) -> None:
    gross = gross_by_row(table)
    if np.isinf(gross).any():
        row = int(np.argmax(np.isinf(gross)))
        raise DataError(
            f"weights: infinite on {index[row].date()} for {assets[int(np.argmax(np.isinf(table[row])))]}",
            "finite numbers, NaN to keep a quantity",
            "find where the weight was divided by zero",
        )
    if leverage or not (gross > 1.0 + ROUNDING).any():
        return
    row = int(np.argmax(gross > 1.0 + ROUNDING))
    raise ExecutionError(
        f"weights: gross {gross[row]:.6g} on {index[row].date()}",
        "a gross (sum of absolute weights) of at most 1",
        "scale the row, or pass leverage=True if borrowing is meant",
    )


def _stop_levels(market: MarketData, weights: pd.DataFrame, stops: pd.DataFrame) -> Array:
    levels = _aligned(market, stops, "stops", absent=np.nan)
    if not stops.index.equals(weights.index):
        raise DataError(
            f"stops: {len(stops)} rows that are not the {len(weights)} rows of weights",
            "one row of stops for each row of weights",
            "reindex the stops to weights.index",
        )
    odd = (levels <= 0.0) | np.isinf(levels)
    if odd.any():
        row, column = np.argwhere(odd)[0]
        raise DataError(
            f"stops: price {levels[row, column]} on {stops.index[row].date()} for {market.assets[column]}",
            "prices above zero, NaN for no stop",
            "give the stop as a price, not as a distance",
        )
    return levels
