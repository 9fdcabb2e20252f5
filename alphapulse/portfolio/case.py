"""Case: one allocation problem over usable assets, its constraints made feasible, ready for the quadratic solver."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq

from alphapulse.core.checks import check_choice
from alphapulse.core.errors import MissingField, RiskError
from alphapulse.core.estimates import RiskEstimate
from alphapulse.core.facts import HORIZON, UNKNOWN_SECTOR, Facts
from alphapulse.core.stats import Array
from alphapulse.core.units import BPS
from alphapulse.portfolio.active_set import RIDGE
from alphapulse.portfolio.constraints import Constraints
from alphapulse.portfolio.quadratic import Program, solve

ROUNDING = 1e-12
SLACK = 1e-11  # of gross, so that a gross that just can be met is not missed by rounding
DOUBLINGS = 60
Notes = tuple[str, ...]
Groups = npt.NDArray[np.intp]
Mask = np.ndarray[tuple[int], np.dtype[np.bool_]]


@dataclass(frozen=True, eq=False)
class Case:
    """One problem: minimise x' covariance x / 2 - reward' x + price |x - current| within bounds and sectors.

    mean, covariance: per session, over the usable assets. current: weights held, unknown as 0. lower, upper: by asset.
    groups: sector of each asset as a number, names: of those numbers. low, high: bounds on the sum of weights by that
    number. net: sum of all. gross: most sum of absolute weights, None for no cap. cost: of trading one unit of weight,
    spread over the month it is weighed against. notes: what had to be relaxed.
    """

    mean: Array
    covariance: Array
    current: Array
    lower: Array
    upper: Array
    groups: Groups
    names: tuple[str, ...]
    low: Array
    high: Array
    net: float
    cost: float
    gross: float | None
    notes: Notes = ()

    @cached_property
    def bounded(self) -> Groups:
        """Numbers of the sectors whose sum is bounded."""
        return np.flatnonzero(np.isfinite(self.low) | np.isfinite(self.high))

    @cached_property
    def rows(self) -> Array:
        """Rows of the program: the net first, then the sectors that are bounded."""
        sectors = (self.groups == number for number in self.bounded)
        return np.vstack([np.ones(len(self.mean)), *sectors]).astype(np.float64)

    @cached_property
    def spans(self) -> tuple[Array, Array]:
        """Lowest and highest value of each of `rows`."""
        return np.append(self.net, self.low[self.bounded]), np.append(self.net, self.high[self.bounded])

    def only(self, keep: Mask) -> Case:
        """Return the case in which nothing but the assets of `keep` may be held, made feasible again."""
        return feasible(
            replace(self, lower=np.where(keep, self.lower, 0.0), upper=np.where(keep, self.upper, 0.0)), self.notes
        )

    def holds(self, x: Array) -> bool:
        """Return whether weights keep to bounds, spans and net, but for rounding."""
        inside = (x >= self.lower - ROUNDING) & (x <= self.upper + ROUNDING)
        low, high = self.spans
        sums = self.rows @ x
        return bool(inside.all() and (sums >= low - ROUNDING).all() and (sums <= high + ROUNDING).all())

    def start(self, guess: Array) -> Array:
        """Return weights within all bounds, close to `guess` where they can be."""
        x = np.clip(guess, self.lower, self.upper)
        if self.holds(x):
            return x
        sums = []
        for number in self.bounded:
            at = np.flatnonzero(self.groups == number)
            total = float(x[at].sum())
            wanted = min(max(total, self.low[number]), self.high[number])
            x[at] = _moved(x[at], self.lower[at], self.upper[at], wanted - total)
            sums.append((at, self.low[number], self.high[number]))
        rest = np.flatnonzero(~np.isin(self.groups, self.bounded))
        sums.append((rest, -np.inf, np.inf))
        missing = self.net - float(x.sum())
        for at, low, high in sums:
            total = float(x[at].sum())
            most = min(high, float(self.upper[at].sum())) if missing > 0.0 else max(low, float(self.lower[at].sum()))
            change = min(missing, max(most - total, 0.0)) if missing > 0.0 else max(missing, min(most - total, 0.0))
            x[at] = _moved(x[at], self.lower[at], self.upper[at], change)
            missing -= change
        return x

    def optimum(self, reward: Array, price: float = 0.0, start: Array | None = None) -> Array:
        """Return the weights that minimise x'Sx / 2 - reward'x + price |x - current| within everything, gross too."""
        x = self._solved(reward, price, 0.0, self.start(self.current if start is None else start))
        if self.gross is None or float(np.abs(x).sum()) <= self.gross * (1.0 + ROUNDING):
            return x
        return self._within_gross(self.gross, reward, price, x)

    def _within_gross(self, gross: float, reward: Array, price: float, x: Array) -> Array:
        """Charge every unit of exposure so much that their sum comes down to `gross`, which can be met."""
        charge = max(
            float(np.abs(self.covariance @ x - reward).max()), float(np.diag(self.covariance).max()) * ROUNDING
        )
        found = x

        def excess(toll: float) -> float:
            nonlocal found
            found = self._solved(reward, price, toll, found)
            return float(np.abs(found).sum()) - gross - SLACK

        for _ in range(DOUBLINGS):
            if excess(charge) <= 0.0:
                if excess(0.0) > 0.0:
                    excess(brentq(excess, 0.0, charge, xtol=1e-16 * charge, rtol=1e-13))
                return found
            charge *= 2.0
        raise RiskError(
            f"gross {np.abs(found).sum():.6g} stays above {gross:g} whatever exposure is charged",
            "a gross that bounds and sectors allow",
            "raise constraints.gross",
        )

    def _solved(self, reward: Array, price: float, toll: float, start: Array) -> Array:
        size = len(self.mean)
        priced = [(self.current, price)] if price > 0.0 else []
        priced += [(np.zeros(size), toll)] if toll > 0.0 else []
        program = Program(
            covariance=self.covariance,
            lower=self.lower,
            upper=self.upper,
            rows=self.rows,
            low=self.spans[0],
            high=self.spans[1],
            kinks=np.array([kink for kink, _ in priced]).reshape(len(priced), size),
            prices=np.array([np.full(size, each) for _, each in priced]).reshape(len(priced), size),
        )
        try:
            x = solve(program, reward, start)
        except RiskError:
            ridged = self.covariance + np.diag(RIDGE * np.diag(self.covariance))
            x = solve(program._replace(covariance=ridged), reward, start)
        return self.start(x)  # many steps of a badly conditioned program may have left its rows by their rounding


def case_of(estimate: RiskEstimate, constraints: Constraints, current: Array | None) -> Case:
    """Return the problem of an estimate whose assets are all usable; current: weights held by asset, NaN as 0.

    Constraints that cannot all be met are relaxed to the nearest that can, and noted: a sector's span to what the
    bounds of its assets allow, the net to what the sectors allow (the rest staying in cash), the gross to what both
    need. MissingField where sectors are bounded and nobody knows them, ParamsError where no asset at all is of such a
    sector.
    """
    size = len(estimate.assets)
    spans, names, groups = constraints.sectors, np.array([""]), np.zeros(size, dtype=np.intp)
    absent: Notes = ()
    if spans:
        _check_sectors(spans, estimate.facts)
        names, groups = np.unique(estimate.facts.sectors(estimate.assets).astype(str), return_inverse=True)
        absent = tuple(f"sector {name} is bounded, and no usable asset is in it" for name in spans if name not in names)
    made = Case(
        mean=np.asarray(estimate.mean.to_numpy(), dtype=np.float64),
        covariance=np.ascontiguousarray(estimate.covariance.to_numpy(), dtype=np.float64),
        current=np.zeros(size) if current is None else np.nan_to_num(current),
        lower=np.full(size, float(constraints.lower)),
        upper=np.full(size, float(constraints.upper)),
        groups=groups,
        names=tuple(str(name) for name in names),
        low=np.array([spans[name][0] if name in spans else -np.inf for name in names], dtype=np.float64),
        high=np.array([spans[name][1] if name in spans else np.inf for name in names], dtype=np.float64),
        net=float(constraints.net),
        cost=constraints.turnover_bps * BPS / HORIZON,
        gross=constraints.gross,
    )
    return feasible(made, absent)


def feasible(case: Case, notes: Notes = (), *, lowered: bool = False) -> Case:
    """Return the case with spans, floors, net and gross relaxed to what can be met together, each change noted.

    The net is never raised by floors: they are lowered in proportion instead. lowered: that was done.
    """
    low, high, found = case.low.copy(), case.high.copy(), list(notes)
    least = most = 0.0
    for number, name in enumerate(case.names):
        at = case.groups == number
        floor, ceiling = float(case.lower[at].sum()), float(case.upper[at].sum())
        if low[number] > ceiling + ROUNDING or high[number] < floor - ROUNDING:
            nearest = ceiling if low[number] > ceiling else floor
            found.append(
                f"infeasible: sector {name} asks for {low[number]:g} to {high[number]:g}, its {_open(case, at)} assets "
                f"allow {floor:g} to {ceiling:g}: {nearest:g} taken"
            )
            low[number] = high[number] = nearest
        least += max(floor, low[number])
        most += min(ceiling, high[number])
    if least > case.net + ROUNDING and case.net >= 0.0 and not lowered:
        found.append(
            f"infeasible: the floors of weights and sectors sum to {least:g}, above the net of {case.net:g}: "
            "lowered in proportion"
        )
        share = case.net / least
        floors = (np.where(part > 0.0, share * part, part) for part in (case.lower, low))
        return feasible(replace(case, lower=next(floors), low=next(floors), high=high), tuple(found), lowered=True)
    net = min(max(case.net, least), most)
    if abs(net - case.net) > ROUNDING:
        sectors = " and sectors" if len(case.bounded) else ""
        found.append(
            f"infeasible: net {case.net:g} is outside what the bounds of {_open(case)} assets{sectors} allow, "
            f"{least:g} to {most:g}: {net:g} taken, the rest in cash"
        )
    made = replace(case, low=low, high=high, net=net, notes=tuple(found))
    if case.gross is None:
        return made
    needed = float(np.abs(made.start(np.zeros(len(case.mean)))).sum())
    if case.gross >= needed - ROUNDING:
        return made
    found.append(f"infeasible: gross {case.gross:g} is below the {needed:g} that net, bounds and sectors need")
    return replace(made, gross=needed, notes=tuple(found))


def _open(case: Case, at: Mask | None = None) -> int:
    """Return how many assets may be held at all, of those of `at`."""
    allowed = (case.lower != 0.0) | (case.upper != 0.0)
    return int((allowed if at is None else allowed & at).sum())


def _check_sectors(spans: Mapping[str, tuple[float, float]], facts: Facts) -> None:
    if facts.sector is None:
        raise MissingField(
            f"constraints: sectors {', '.join(spans)} are bounded, and no sectors are known",
            "facts.sector by asset",
            "give the market sectors, or drop the bounds",
        )
    known = {UNKNOWN_SECTOR, *facts.sector.dropna().astype(str)}
    for name in spans:
        check_choice("constraints: sector", name, known)


def _moved(x: Array, lower: Array, upper: Array, amount: float) -> Array:
    """Return x with its sum changed by `amount`, in as few assets as possible, the largest first."""
    if amount == 0.0 or not len(x):
        return x
    room = upper - x if amount > 0.0 else x - lower
    order = np.argsort(-np.abs(x), kind="stable")
    before = np.concatenate([[0.0], np.cumsum(room[order])[:-1]])
    change = np.zeros(len(x))
    change[order] = np.clip(abs(amount) - before, 0.0, room[order])
    return np.clip(x + np.copysign(change, amount), lower, upper)
