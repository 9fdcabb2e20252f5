"""Stress tests: what hypothetical shocks would do to a book, and to its risk afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
import pandas as pd

from alphapulse.core.checks import check_number
from alphapulse.core.errors import MissingField, ParamsError
from alphapulse.core.estimates import RiskEstimate
from alphapulse.core.stats import Array
from alphapulse.risk.exposures import asset_slopes, benchmark_of
from alphapulse.risk.held import covered, held, unknown_note
from alphapulse.risk.levels import normal_quantile
from alphapulse.risk.sample import YEAR_ROOT

MARKET = "market"


@dataclass(frozen=True)
class Shock:
    """One hypothetical move of factors, volatilities and correlations.

    moves: change by factor, in the unit of the factor's series; `market` is the benchmark's return. An asset moves by
    its slopes on these factors together, as it did over the window when they moved and others were free to follow.
    volatility: every volatility is multiplied by it. correlation: share in [0, 1] of the way from each correlation to
    one, rho + correlation (1 - rho). ParamsError on a value out of range.
    """

    moves: Mapping[str, float] = field(default_factory=dict)
    volatility: float = 1.0
    correlation: float = 0.0

    def __post_init__(self) -> None:
        for factor, move in self.moves.items():
            if not np.isfinite(move) or (factor == MARKET and move < -1.0):
                raise ParamsError(
                    f"shock: {factor} = {move!r}",
                    "a finite change in the factor's unit; a market return of at least -1",
                    "write a fall of ten per cent as -0.10",
                )
        check_number("shock: volatility", self.volatility, above=True)
        check_number("shock: correlation", self.correlation, most=1.0)

    def covariance(self, covariance: Array) -> Array:
        """Return the covariance after the shock, assets x assets; positive definite if it was before."""
        deviation = np.sqrt(np.diag(covariance))
        alike = np.outer(deviation, deviation)
        shocked: Array = (covariance + self.correlation * (alike - covariance)) * self.volatility**2
        return shocked


SHOCKS: Mapping[str, Shock] = MappingProxyType(
    {
        "none": Shock(),
        "market_down_10": Shock({MARKET: -0.10}),
        "market_down_20": Shock({MARKET: -0.20}),
        "market_up_10": Shock({MARKET: 0.10}),
        "rates_up_100bps": Shock({"rates": 0.01}),
        "rates_down_100bps": Shock({"rates": -0.01}),
        "volatility_doubled": Shock(volatility=2.0),
        "correlation_to_one": Shock(correlation=1.0),
        "crash": Shock({MARKET: -0.20}, volatility=2.0, correlation=0.5),
    }
)


def stress_table(
    weights: "pd.Series[float]",
    estimate: RiskEstimate,
    shocks: Mapping[str, Shock] = SHOCKS,
    *,
    factors: pd.DataFrame | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """Return what each shock would do to a book, one shock a row.

    weights: fractions of equity by asset, negative when short; cash is the rest and does not move. factors: series by
    session that shocks name, such as `rates` (change of a yield per session, decimal); `market` is the benchmark of
    the estimate's facts unless it is given. level: of the VaR.

    Columns: return (of the book in the shock, as a fraction of equity); volatility_ann and var (per session, normal
    with mean 0, negative) under the covariance after the shock; covered (share of the gross weight that the figures
    speak of: the rest has no risk estimate or no slope, and is left out). A shock of a factor that is not given has
    NaN. `attrs["notes"]` name missing factors and positions. Shorts may gain by correlations going to one.
    """
    quantile = normal_quantile(level)
    book = held(weights, estimate)
    notes: dict[str, None] = dict.fromkeys(book.notes)
    rows = {}
    for name, shock in shocks.items():
        deviation = book.volatility(shock.covariance(book.covariance))
        missing = sorted(set(shock.moves) - _available(estimate, factors))
        if missing:
            notes[f"{name}: no series of {', '.join(missing)}"] = None
            rows[name] = (np.nan, deviation, 0.0)
            continue
        moves = shocked_returns(estimate, shock, factors).reindex(weights.index).to_numpy()
        known = np.isfinite(moves) & book.known
        notes |= dict.fromkeys(unknown_note("no slope", book.assets[book.known], book.exposed, known[book.known]))
        share = covered(book.weights, known)
        rows[name] = (float(book.weights[known] @ moves[known]) if share else np.nan, deviation, share)
    table = pd.DataFrame.from_dict(rows, orient="index", columns=["return", "volatility", "covered"], dtype=np.float64)
    table.insert(1, "volatility_ann", table["volatility"] * YEAR_ROOT)
    table.insert(2, "var", quantile * table.pop("volatility"))
    table.attrs["notes"] = tuple(notes)
    return table


def shocked_returns(estimate: RiskEstimate, shock: Shock, factors: pd.DataFrame | None = None) -> "pd.Series[float]":
    """Return the return of each asset of the estimate in the shock: its slopes times the moves; NaN without a slope.

    factors: see `stress_table`. Slopes are fitted over the estimate's window on the factors of this shock alone (see
    `asset_slopes`). MissingField when a factor has no series.
    """
    if not shock.moves:
        return pd.Series(0.0, index=estimate.assets)
    missing = sorted(set(shock.moves) - _available(estimate, factors))
    if missing:
        raise MissingField(
            f"shock: no series of {', '.join(missing)}",
            f"one of {', '.join(sorted(_available(estimate, factors))) or 'none (no factors, no benchmark)'}",
            "pass factors=, sessions x factors, with that column",
        )
    series = {
        name: factors[name] if factors is not None and name in factors else benchmark_of(estimate)
        for name in shock.moves
    }
    slopes = asset_slopes(estimate.window, pd.DataFrame(series))
    return slopes @ pd.Series(shock.moves)


def _available(estimate: RiskEstimate, factors: pd.DataFrame | None) -> set[str]:
    own = {MARKET} if estimate.facts.benchmark is not None else set()
    return own if factors is None else own | set(factors.columns)
