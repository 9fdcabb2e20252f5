"""From an allocator's idea to a weight for every asset of the estimate, within constraints, with notes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from alphapulse.core.errors import RiskError
from alphapulse.core.estimates import RiskEstimate
from alphapulse.core.stats import Array
from alphapulse.portfolio.case import Case, Mask, Notes, case_of, feasible
from alphapulse.portfolio.constraints import Constraints, constraints_of

Solver = Callable[[Array, Array, Mask], tuple[Array, Notes]]
Optimiser = Callable[[Case], tuple[Array, Notes]]
ALL_CASH = "no usable asset: all in cash"
ONE_SIDED = "net 0 with all positions on one side: none is held"
NEGLIGIBLE = 1e-12  # a weight below it is rounding of the solver, not a position
RISK_AVERSION = 2.5  # He and Litterman 1999: what a session's variance costs against a session's return


def allocated(
    estimate: RiskEstimate,
    constraints: Constraints | Mapping[str, Any],
    optimise: Optimiser,
    current: "pd.Series[float] | None" = None,
    scores: "pd.Series[float] | None" = None,
) -> "pd.Series[float]":
    """Return the optimised weights by asset of the estimate, zero where unusable; all zero if none is usable.

    optimise: function of a case that returns weights within it, and notes. With `max_assets` the smallest are dropped
    and the rest is optimised again; of equal weights the better scored stay, then those first by name. Where the
    optimiser fails (RiskError), weights by inverse volatility, brought within the constraints, are taken and noted;
    where that fails too, equal weights, as far as they are feasible. Notes of such steps begin with "fallback:", those
    of relaxed constraints with "infeasible:".
    """
    asked = constraints_of(constraints)
    weights = np.zeros(len(estimate.assets))
    usable = estimate.usable
    if not usable.any():
        return noted(pd.Series(weights, index=estimate.assets), ALL_CASH)
    held = None if current is None else values_on(current, estimate.assets)[usable]
    case = case_of(estimate.restricted(usable), asked, held)
    found, notes = _solved(case, optimise)
    most = asked.max_assets
    if most is not None and int((np.abs(found) > NEGLIGIBLE).sum()) > most:
        liked = None if scores is None else values_on(scores, estimate.assets)[usable]
        case = case.only(_kept(case, most, _ranked(found, liked, estimate.assets[usable])))
        found, again = _solved(case, optimise)
        notes = (*notes, *again, f"held to {most} assets by dropping the smallest weights")
    weights[usable] = np.where(np.abs(found) > NEGLIGIBLE, found, 0.0)
    return noted(pd.Series(weights, index=estimate.assets), *dict.fromkeys((*case.notes, *notes)))


def fully_invested(
    estimate: RiskEstimate,
    solve: Solver,
    constraints: Constraints | Mapping[str, Any] = Constraints(),
    scores: "pd.Series[float] | None" = None,
    current: "pd.Series[float] | None" = None,
) -> "pd.Series[float]":
    """Return weights in the proportions that `solve` gives, brought within the constraints.

    solve: function of mean and covariance of the assets that may be held, and a mask of them among the usable ones,
    that returns amounts (not negative, in any scale) and notes. Where shorts are allowed, an asset with a score below
    zero may only be sold and the others only bought, see `scaled`. Weights that break a constraint, or whose change
    costs more than it gains, are replaced by those inside with the least variance of the difference and cost.
    """
    asked = constraints_of(constraints)
    sides = None if scores is None or not asked.shorts else np.sign(values_on(scores, estimate.assets))
    signs = None if sides is None else sides[estimate.usable]

    def optimise(case: Case) -> tuple[Array, Notes]:
        keep = (case.lower != 0.0) | (case.upper != 0.0)
        amounts = np.zeros(len(keep))
        if not keep.any():
            return amounts, ("the bounds leave nothing to hold",)
        amounts[keep], notes = solve(case.mean[keep], case.covariance[np.ix_(keep, keep)], keep)
        if signs is None:
            return nearest(case, scaled(amounts, case)), notes if case.net else (*notes, ONE_SIDED)
        sided = _sided(case, signs)
        signed = scaled(np.where(signs < 0.0, -amounts, amounts), sided)
        if sided.net == 0.0 and not signed.any():
            notes = (*notes, ONE_SIDED)
        return nearest(sided, signed), (*notes, *(note for note in sided.notes if note not in case.notes))

    return allocated(estimate, asked, optimise, current, scores)


def scaled(amounts: Array, case: Case) -> Array:
    """Return amounts in the scale of the case: each side in its own proportions, together its net and its gross.

    Gross is what the case asks for, else 1, or the net where that is more: a net of 1 leaves no room for shorts without
    a gross. A net of 0 with one side alone is no position.
    """
    longs, shorts = np.maximum(amounts, 0.0), np.maximum(-amounts, 0.0)
    gross = max(abs(case.net), 1.0 if case.gross is None else case.gross)
    if not shorts.any() or not longs.any():
        held = longs if longs.any() else -shorts
        total = float(held.sum())
        return held * (case.net / total) if total != 0.0 else held
    long, short = (gross + case.net) / 2.0, (gross - case.net) / 2.0
    both: Array = longs * (long / longs.sum()) - shorts * (short / shorts.sum())
    return both


def _sided(case: Case, signs: Array) -> Case:
    """Return the case in which an asset with a score below zero is not bought, and no other is sold."""
    sold = signs < 0.0
    lower = np.where(sold, case.lower, np.maximum(case.lower, 0.0))
    upper = np.where(sold, np.minimum(case.upper, 0.0), case.upper)
    return feasible(replace(case, lower=np.minimum(lower, upper), upper=upper), case.notes)


def nearest(case: Case, wanted: Array) -> Array:
    """Return the weights within the case that follow `wanted` at the least variance of the difference, and cost."""
    calm = case.gross is None or float(np.abs(wanted).sum()) <= case.gross + NEGLIGIBLE
    if case.cost == 0.0 and calm and case.holds(wanted):
        return wanted
    return case.optimum(case.covariance @ wanted, case.cost / RISK_AVERSION, wanted if case.cost == 0.0 else None)


def market_shares(values: Array) -> Array | None:
    """Return shares of the sum of market values; None where the value of any asset is unknown or not above zero.

    The rest of a market is not the market.
    """
    known = np.isfinite(values) & (values > 0.0)
    return values / values.sum() if known.all() else None


def noted(weights: "pd.Series[float]", *notes: str) -> "pd.Series[float]":
    """Return `weights` with `notes` as the tuple in its `attrs["notes"]`."""
    weights.attrs["notes"] = notes
    return weights


def values_on(series: "pd.Series[float]", assets: pd.Index) -> Array:
    """Return the values of `series` on `assets`, NaN where it has none."""
    same = series.index.equals(assets)
    return np.asarray((series if same else series.reindex(assets)).to_numpy(), dtype=np.float64)


def _solved(case: Case, optimise: Optimiser) -> tuple[Array, Notes]:
    try:
        return optimise(case)
    except RiskError as error:
        first = error.came
    ideal = scaled(1.0 / np.sqrt(np.diag(case.covariance)), case)
    try:
        return nearest(case, ideal), (f"fallback: {first}, inverse volatility instead",)
    except RiskError:
        return case.start(np.full(len(case.mean), case.net / len(case.mean))), (
            f"fallback: {first}, equal weights instead",
        )


def _ranked(x: Array, scores: Array | None, assets: pd.Index) -> npt.NDArray[np.intp]:
    """Return the places of x from the largest size to the smallest, equal ones by score and then by name."""
    size = np.round(np.abs(x) / NEGLIGIBLE)
    liked = np.zeros(len(x)) if scores is None else -np.sign(x) * np.nan_to_num(scores)
    return np.lexsort((np.argsort(np.argsort(assets.to_numpy())), liked, -size))


def _kept(case: Case, count: int, order: npt.NDArray[np.intp]) -> Mask:
    """Return `count` assets to keep, in order, those first without whom sectors and net could not be met."""
    keep = np.zeros(len(order), dtype=bool)
    room = np.zeros(len(case.low))  # what the kept may hold, by sector

    def take(at: int) -> None:
        keep[at] = True
        room[case.groups[at]] += case.upper[at]

    def met() -> bool:
        return bool((room >= case.low).all() and np.minimum(room, case.high).sum() >= case.net)

    for bound in (case.low, case.high):
        for at in order.tolist():
            if not met() and keep.sum() < count and not keep[at] and room[case.groups[at]] < bound[case.groups[at]]:
                take(at)
    for at in order.tolist():
        if keep.sum() == count:
            break
        if not keep[at]:
            take(at)
    return keep
