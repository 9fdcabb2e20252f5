"""Contributions: which positions and sectors the risk of a book comes from.

Volatility, VaR and CVaR grow in proportion to the book, so by Euler's theorem each is the sum over positions of the
weight times the slope of the risk in that weight (Tasche 1999).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from alphapulse.core.estimates import RiskEstimate
from alphapulse.core.facts import UNKNOWN_SECTOR
from alphapulse.core.panel import Panel
from alphapulse.core.stats import Array
from alphapulse.risk.held import Held, Known, check_weights, held, unknown_note
from alphapulse.risk.levels import tail_share


def risk_contributions(
    weights: "pd.Series[float]", estimate: RiskEstimate, by: "pd.Series[str] | None" = None
) -> pd.DataFrame:
    """Return where the volatility of a book comes from, one asset a row, or one group a row.

    weights: fractions of equity by asset, negative when short; cash is the rest and has no risk. by: group of each
    asset, such as `market.sectors`; assets without one are a group of their own.

    Columns, volatility per session: weight; marginal (change of volatility per unit of weight added from cash; by
    asset only, a group has no single weight to move); component (sums to the volatility of the book); share of the
    volatility (sums to 1; negative for a hedge); incremental (volatility less that of the book with the row in cash).

    Assets that are not in the estimate or unusable there have NaN, and all figures are of the rest; those held are
    named in `attrs["notes"]`. A book of cash has components 0, and marginal and share NaN. Source: Litterman (1996).
    """
    book = held(weights, estimate)
    volatility = book.volatility()
    slope = book.covariance @ book.exposed
    marginal = slope / volatility if volatility > 0.0 else np.full(len(slope), np.nan)
    component = book.exposed * marginal if volatility > 0.0 else np.zeros(len(slope))
    share = component / volatility if volatility > 0.0 else np.full(len(slope), np.nan)
    parts = {"marginal": marginal, "component": component, "share": share}
    table = pd.DataFrame(
        {"weight": book.weights} | {name: book.on_all(values) for name, values in parts.items()}, index=book.assets
    )
    groups = table.index if by is None else _groups(by, table.index)
    if by is not None:
        table = _summed(table.drop(columns="marginal"), groups)
    without = _volatility_without(book, table.index.get_indexer(groups), len(table))
    table["incremental"] = np.where(table["component"].notna(), volatility - without, np.nan)
    table.attrs["notes"] = book.notes
    return table


def tail_contributions(
    weights: "pd.Series[float]", window: Panel, level: float = 0.95, by: "pd.Series[str] | None" = None
) -> pd.DataFrame:
    """Return where the historical VaR and CVaR of a book come from, one asset a row, or one group a row.

    weights, by, notes: see `risk_contributions`. window: simple returns per session, sessions x assets; an asset with
    an unknown return (NaN) there has NaN, and all figures are of the rest.

    Columns: weight; for var and cvar `_marginal` (slope in the weight; by asset only), `_component` (sums to
    `value_at_risk` and `conditional_value_at_risk` of the book's returns; negative is a loss) and `_share` (sums
    to 1). CVaR is attributed by the mean return of each position over the tail sessions, VaR by the one or two
    sessions it is read from: exact, but as noisy as single sessions are. ParamsError on a level outside (0, 1].
    """
    values = check_weights(weights)
    tail = tail_share(level)
    returns = np.asarray(window.reindex(columns=weights.index).to_numpy(), dtype=np.float64)
    known: Known = np.count_nonzero(np.isfinite(returns), axis=0) == max(len(returns), 1)
    columns: dict[str, Array] = {"weight": values}
    for name, slope in _tail_slopes(returns, values, known, tail).items():
        component = values * slope
        total = np.nansum(component)
        share = component / total if total != 0.0 else np.full(len(component), np.nan)
        columns |= {f"{name}_marginal": slope, f"{name}_component": component, f"{name}_share": share}
    table = pd.DataFrame(columns, index=weights.index)
    if by is not None:
        table = _summed(table.drop(columns=["var_marginal", "cvar_marginal"]), _groups(by, table.index))
    table.attrs["notes"] = unknown_note("returns not complete", weights.index, values, known)
    return table


def _tail_slopes(returns: Array, weights: Array, known: Known, tail: float) -> dict[str, Array]:
    """Return the slope of VaR and of CVaR in each weight: returns on the sessions they are read from."""
    slopes = {"var": np.full(len(weights), np.nan), "cvar": np.full(len(weights), np.nan)}
    if known.any():
        order = np.argsort(returns[:, known] @ weights[known], kind="stable")
        place = tail * (len(order) - 1)
        low = int(place)
        below, above = returns[order[low]], returns[order[min(low + 1, len(order) - 1)]]
        slopes["var"] = np.where(known, below + (place - low) * (above - below), np.nan)
        slopes["cvar"] = np.where(known, returns[order[: low + 1]].mean(axis=0), np.nan)
    return slopes


def _groups(by: "pd.Series[str]", assets: pd.Index) -> pd.Index:
    return pd.Index(by.reindex(assets).fillna(UNKNOWN_SECTOR))


def _summed(table: pd.DataFrame, groups: pd.Index) -> pd.DataFrame:
    """Add up each group's known rows; NaN where a group has none."""
    return table.groupby(groups).sum(min_count=1)


def _volatility_without(book: Held, group: np.ndarray, groups: int) -> Array:
    """Return the volatility of the book with each group in cash."""
    remaining = book.exposed * (group[book.known] != np.arange(groups)[:, None])
    variance: Array = np.einsum("gi,gi->g", remaining @ book.covariance, remaining)
    return np.sqrt(np.maximum(variance, 0.0))
