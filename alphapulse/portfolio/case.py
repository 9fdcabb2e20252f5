"""Case: one allocation problem over usable assets, its constraints made feasible, ready for the quadratic solver."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq

from alphapulse.core.errors import RiskError
from alphapulse.core.estimates import RiskEstimate
from alphapulse.core.stats import Array
from alphapulse.core.units import BPS
from alphapulse.portfolio.active_set import RIDGE
from alphapulse.portfolio.constraints import Constraints
from alphapulse.portfolio.quadratic import Program, solve

HOLDING = 21  # sessions over which the cost of a trade is weighed against its gain
ROUNDING = 1e-12
Notes = tuple[str, ...]
Groups = npt.NDArray[np.intp]
Mask = np.ndarray[tuple[int], np.dtype[np.bool_]]


@dataclass(frozen=True, eq=False)
class Case:
    """One problem: minimise x' covariance x / 2 - reward' x + price |x - current| within bounds and sectors.

    mean, covariance: per session, over the usable assets. current: weights held, unknown as 0. lower, upper: by asset.
    groups: sector of each asset as a number. low, high: bounds on the sum of weights by that number. net: sum of all.
    cost: of trading one unit of weight, spread over the month it is weighed against. notes: what had to be relaxed.
    """

    mean: Array
    covariance: Array
    current: Array
    lower: Array
    upper: Array
    groups: Groups
    low: Array
    high: Array
    net: float
    cost: float
    gross: float | None
    notes: Notes = ()

    @cached_property
    def rows(self) -> Array:
        """Rows of the program: the net first, then the sectors that are bounded."""
        numbers = np.flatnonzero(np.isfinite(self.low) | np.isfinite(self.high))
        return np.vstack([np.ones(len(self.mean)), *(self.groups == number for number in numbers)]).astype(np.float64)

    @cached_property
    def spans(self) -> tuple[Array, Array]:
        """Lowest and highest value of each of `rows`."""
        numbers = np.flatnonzero(np.isfinite(self.low) | np.isfinite(self.high))
        return np.concatenate([[self.net], self.low[numbers]]), np.concatenate([[self.net], self.high[numbers]])

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
        bounded = np.flatnonzero(np.isfinite(self.low) | np.isfinite(self.high))
        sums = []
        for number in bounded:
            at = np.flatnonzero(self.groups == number)
            total = float(x[at].sum())
            wanted = min(max(total, self.low[number]), self.high[number])
            x[at] = _moved(x[at], self.lower[at], self.upper[at], wanted - total)
            sums.append((at, self.low[number], self.high[number]))
        rest = np.flatnonzero(~np.isin(self.groups, bounded))
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
        first = self.start(self.current if start is None else start)
        x = self._solved(reward, price, 0.0, first)
        if self.gross is None or float(np.abs(x).sum()) <= self.gross * (1.0 + ROUNDING):
            return x
        return self._within_gross(self.gross, reward, price, x)

    def _within_gross(self, gross: float, reward: Array, price: float, x: Array) -> Array:
        """Charge every unit of exposure so much that their sum comes down to `gross`."""
        least = max(abs(self.net), float(np.abs(self.start(np.zeros(len(x)))).sum()))
        gross = max(gross, least * (1.0 + 1e-9))
        charge = float(np.abs(self.covariance @ x - reward).max())
        found = [x]

        def excess(toll: float) -> float:
            found[0] = self._solved(reward, price, toll, found[0])
            return float(np.abs(found[0]).sum()) - gross

        for _ in range(60):
            if excess(charge) <= 0.0:
                break
            charge *= 2.0
        else:
            return found[0]
        toll = brentq(excess, 0.0, charge, xtol=1e-16 * charge, rtol=1e-13)
        excess(toll)
        return found[0]

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
            return solve(program, reward, start)
        except RiskError:
            ridged = self.covariance + np.diag(RIDGE * np.diag(self.covariance))
            return solve(program._replace(covariance=ridged), reward, start)


def case_of(estimate: RiskEstimate, constraints: Constraints, current: Array | None) -> Case:
    """Return the problem of an estimate whose assets are all usable; current: weights held by asset, NaN as 0.

    Constraints that cannot all be met are relaxed to the nearest that can, and noted: a sector's span to what the
    bounds of its assets allow, and the net to what the sectors allow, the rest staying in cash.
    """
    size = len(estimate.assets)
    spans = {str(name): span for name, span in constraints.sectors.items()}
    names, groups = np.array([""]), np.zeros(size, dtype=np.intp)
    if spans:
        names, groups = np.unique(estimate.facts.sectors(estimate.assets).astype(str), return_inverse=True)
    absent = tuple(f"sector {name} is bounded, and no usable asset is in it" for name in spans if name not in names)
    made = Case(
        mean=np.asarray(estimate.mean.to_numpy(), dtype=np.float64),
        covariance=np.ascontiguousarray(estimate.covariance.to_numpy(), dtype=np.float64),
        current=np.zeros(size) if current is None else np.nan_to_num(current),
        lower=np.full(size, float(constraints.lower)),
        upper=np.full(size, float(constraints.upper)),
        groups=groups,
        low=np.array([spans[name][0] if name in spans else -np.inf for name in names], dtype=np.float64),
        high=np.array([spans[name][1] if name in spans else np.inf for name in names], dtype=np.float64),
        net=float(constraints.net),
        cost=constraints.turnover_bps * BPS / HOLDING,
        gross=constraints.gross,
    )
    return feasible(made, absent, names)


def feasible(case: Case, notes: Notes = (), names: Array | None = None) -> Case:
    """Return the case with spans and net relaxed to what its bounds allow, each change noted."""
    low, high, found = case.low.copy(), case.high.copy(), list(notes)
    least = most = 0.0
    for number in range(len(low)):
        at = case.groups == number
        floor, ceiling = float(case.lower[at].sum()), float(case.upper[at].sum())
        if low[number] > ceiling + ROUNDING or high[number] < floor - ROUNDING:
            name = f"sector {names[number]}" if names is not None else f"sector number {number}"
            nearest = ceiling if low[number] > ceiling else floor
            found.append(
                f"infeasible: {name} asks for {low[number]:g} to {high[number]:g}, its {int(at.sum())} assets allow "
                f"{floor:g} to {ceiling:g}: {nearest:g} taken"
            )
            low[number] = high[number] = nearest
        least += max(floor, low[number])
        most += min(ceiling, high[number])
    net = min(max(case.net, least), most)
    if abs(net - case.net) > ROUNDING:
        sectors = " and sectors" if np.isfinite([low, high]).any() else ""
        found.append(
            f"infeasible: net {case.net:g} is outside what the bounds of {len(case.lower)} assets{sectors} allow, "
            f"{least:g} to {most:g}: {net:g} taken, the rest in cash"
        )
    return replace(case, low=low, high=high, net=net, notes=tuple(found))


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
