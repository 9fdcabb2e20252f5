"""Quadratic programs with bounds, groups and kinks, by a primal active-set method.

    minimise  x'Sx / 2 - b'x + sum_k sum_i price[k, i] |x_i - kink[k, i]|
    subject to  lower <= x <= upper,  low <= rows x <= high

1. A variable is either free or stands at a bound or a kink; a row is either active (an equation) or inactive.
2. `_direction` solves the equations of the free variables and the active rows, from a Cholesky factor that grows and
   shrinks with them.
3. `_step` goes there, or as far as the first bound, kink or row on the way, which then stops being free.
4. Where nothing moves any more, the multipliers tell which bound, kink or row to leave; when none wants to be left,
   the Karush-Kuhn-Tucker conditions hold and x is the answer, since the program is strictly convex.

It starts from any feasible x, so that last month's weights make it fast: the work is in the changes. Nocedal and
Wright, Numerical Optimization, 2006, chapter 16.5; kinks as in Best and Hlouskova 2005 (transaction costs).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit
from scipy.linalg.lapack import dpotrf

from alphapulse.core.errors import RiskError
from alphapulse.core.stats import Array

OPTIMAL = 1e-11  # share of the largest gradient that a multiplier may be wrong by
STILL = 1e-13  # share of the largest weight that counts as not moving
NOISE = 1e-14  # share of the way without rows that what is left of it on them must exceed
PIVOT = 1e-14  # share of a variance that the free variables must leave unexplained
DEPENDENT = 1e-12  # share of the largest pivot below which a row says nothing new

AT_LOW, INACTIVE, AT_HIGH, EQUATION = -1, 0, 1, 2  # states of a row
SOLVED, AGAIN, FAILED = 0, 1, 2
FACTORS = 4  # made anew before the last answer, then only rounding away from the one before, is taken

Ints = npt.NDArray[np.int64]


class Program(NamedTuple):
    """All of a program but its reward: covariance (assets x assets, positive definite), bounds by asset, rows.

    rows: rows x assets with low and high by row, equal for an equation. kinks, prices: kinds x assets; a price of 0 is
    no kink.
    """

    covariance: Array
    lower: Array
    upper: Array
    rows: Array
    low: Array
    high: Array
    kinks: Array
    prices: Array


class State(NamedTuple):
    """Where the search stands; every array is changed in place.

    x, gradient (of all but the kinks), side (where a variable left its kink to) and place (in `free`, -1 for none) by
    asset. free: the free variables, of which there are tally[0]. active: state of each row. factor: lower Cholesky
    factor of the free variables' covariance.
    """

    x: Array
    gradient: Array
    side: Array
    place: Ints
    free: Ints
    tally: Ints
    active: Ints
    factor: Array


def solve(program: Program, reward: Array, start: Array) -> Array:
    """Return the x that minimises the program, from a feasible start.

    reward: b, by asset. start: by asset, within bounds and rows. RiskError where the covariance is not positive
    definite or no answer is found in 50 + 20 steps an asset. 500 assets: 0.1 ms a step, of which one from the month
    before needs some ten and one from nothing some hundred.
    """
    if not np.isfinite(reward).all():
        raise _unsolved(program)
    reward, state = np.ascontiguousarray(reward), _started(start, len(program.low))
    _open(program, state)
    # Once a variable has left, the triangle is rotated; a library's factor is the faster one to begin with.
    for _ in range(FACTORS):
        count = int(state.tally[0])
        at = state.free[:count]
        state.factor[:count, :count], failed = dpotrf(program.covariance[np.ix_(at, at)], lower=1)
        outcome = FAILED if failed else _search(program, reward, state)
        if outcome == FAILED:
            raise _unsolved(program)
        if outcome == SOLVED:
            break
    return state.x


def _started(start: Array, rows: int) -> State:
    size = len(start)
    return State(
        x=np.array(start),
        gradient=np.empty(size),
        side=np.empty(size),
        place=np.full(size, -1),
        free=np.empty(size, dtype=np.int64),
        tally=np.zeros(1, dtype=np.int64),
        active=np.full(rows, INACTIVE),
        factor=np.empty((size, size)),
    )


def _unsolved(program: Program) -> RiskError:
    rows, size = program.rows.shape
    return RiskError(
        f"quadratic program of {size} assets and {rows} rows: no solution met the optimality conditions",
        "a finite, positive definite covariance and finite rewards",
        "estimate the covariance with ledoit_wolf",
    )


def _compiled(function: Any) -> Any:
    return njit(cache=True, error_model="numpy", fastmath={"reassoc", "nsz"})(function)


@_compiled
def _open(program: Program, state: State) -> None:
    """Write which variables are free and which rows are equations at the start."""
    for i in range(state.x.size):
        if _inside(i, program, state.x[i]):
            _release(i, state)
    for r in range(program.low.size):
        if program.low[r] == program.high[r]:
            state.active[r] = EQUATION
            _free_one(r, program, state)


@_compiled
def _search(program: Program, reward: Array, state: State) -> int:
    """Move x towards the solution; return SOLVED, AGAIN (make a new factor) or FAILED.

    SOLVED is only said of a factor and a gradient made anew, so that no rounding of the way remains.
    """
    covariance, x, gradient, free = program.covariance, state.x, state.gradient, state.free
    n = x.size
    gradient[:] = covariance @ x - reward
    state.side[:] = 1.0
    stuck, fresh, there = 0, True, False
    for _ in range(50 + 20 * n):
        direction, multipliers, noise = _direction(program, state)
        size = 0.0
        for k in range(direction.size):
            size = max(size, abs(direction[k]))
        # After a whole step what is left is rounding, which a steep gradient makes larger than any share of x.
        if not there and size > max(STILL * max(np.abs(x).max(), 1e-3), noise):
            moved, blocker, row = _step(program, state, direction)
            for k in range(direction.size):
                if direction[k] != 0.0 and moved > 0.0:
                    gradient += (moved * direction[k]) * covariance[free[k]]
            stuck = 0 if moved > 0.0 else stuck + 1
            if blocker >= 0:
                _fix(blocker, state)
            elif row >= 0:
                state.active[row] = _at(row, program, x)
            there = moved == 1.0
            fresh = fresh and there
            continue
        leaver, way = _leaver(program, state, multipliers, stuck > n)
        if leaver == -1:
            return SOLVED if fresh else AGAIN
        fresh = there = False
        if leaver >= 0:
            state.side[leaver] = way
            _release(leaver, state)
            if not _extend(covariance, state):
                return FAILED
        else:
            state.active[-2 - leaver] = INACTIVE
    return FAILED


@_compiled
def _inside(i: int, program: Program, x: float) -> bool:
    """Return whether x is at neither a bound nor a kink."""
    if x <= program.lower[i] or x >= program.upper[i]:
        return False
    on_kink = False
    for k in range(program.kinks.shape[0]):
        on_kink |= program.prices[k, i] > 0.0 and x == program.kinks[k, i]
    return not on_kink


@_compiled
def _release(i: int, state: State) -> None:
    state.place[i] = state.tally[0]
    state.free[state.tally[0]] = i
    state.tally[0] += 1


@_compiled
def _free_one(row: int, program: Program, state: State) -> None:
    """Free one variable of an equation that has none, the one with the most room, so that it can be solved."""
    x, lower, upper = state.x, program.lower, program.upper
    best, most = -1, -1.0
    for i in range(x.size):
        if program.rows[row, i] != 0.0:
            if state.place[i] >= 0:
                return
            room = max(upper[i] - x[i], x[i] - lower[i])
            if upper[i] > lower[i] and room > most:
                best, most = i, room
    if best >= 0:
        _release(best, state)


@_compiled
def _slope(i: int, x: float, side: float, kinks: Array, prices: Array) -> float:
    """Return the slope of the kinks' price at x, seen from its right (side 1) or left (-1)."""
    slope = 0.0
    for k in range(kinks.shape[0]):
        right = x > kinks[k, i] or (x == kinks[k, i] and side > 0.0)
        slope += prices[k, i] if right else -prices[k, i]
    return slope


@_compiled
def _extend(covariance: Array, state: State) -> bool:
    """Add the row of the last free variable to the factor of those before it."""
    free, factor, last = state.free, state.factor, state.tally[0] - 1
    i = free[last]
    left = covariance[i, i]
    for k in range(last):
        value = covariance[i, free[k]]
        for j in range(k):
            value -= factor[k, j] * factor[last, j]
        factor[last, k] = value / factor[k, k]
        left -= factor[last, k] ** 2
    factor[last, last] = np.sqrt(max(left, 0.0))
    return bool(left > PIVOT * covariance[i, i])


@_compiled
def _fix(i: int, state: State) -> None:
    """Take a variable out of the factor: drop its row and rotate what is left into a triangle again."""
    free, place, factor = state.free, state.place, state.factor
    at, last = place[i], state.tally[0] - 1
    place[i] = -1
    state.tally[0] = last
    for k in range(at, last):
        free[k] = free[k + 1]
        place[free[k]] = k
        for j in range(k + 2):
            factor[k, j] = factor[k + 1, j]
    for k in range(at, last):
        a, b = factor[k, k], factor[k, k + 1]
        length = np.hypot(a, b)
        c, s = a / length, b / length
        factor[k, k] = length
        for j in range(k + 1, last):
            one, other = factor[j, k], factor[j, k + 1]
            factor[j, k] = c * one + s * other
            factor[j, k + 1] = c * other - s * one


@_compiled
def _backsolve(factor: Array, right: Array) -> None:
    """Solve L L' y = right in place."""
    for k in range(right.size):
        value = right[k]
        for j in range(k):
            value -= factor[k, j] * right[j]
        right[k] = value / factor[k, k]
    for k in range(right.size - 1, -1, -1):
        right[k] /= factor[k, k]
        for j in range(k):
            right[j] -= factor[k, j] * right[k]


@_compiled
def _direction(program: Program, state: State) -> tuple[Array, Array, float]:
    """Return the way to the minimum over the free variables on the active rows, the rows' multipliers, and how much of
    that way may be rounding."""
    free, factor, count = state.free, state.factor, state.tally[0]
    towards = np.empty(count)
    for k in range(count):
        i = free[k]
        towards[k] = -(state.gradient[i] + _slope(i, state.x[i], state.side[i], program.kinks, program.prices))
    _backsolve(factor, towards)
    noise = NOISE * np.abs(towards).max() if count else 0.0
    multipliers = np.zeros(state.active.size)
    on = np.flatnonzero(state.active)
    if on.size == 0:
        return towards, multipliers, noise
    seen = np.empty((on.size, count))  # rows on the free variables
    spread = np.empty((on.size, count))  # the same through the inverse covariance
    for a in range(on.size):
        for k in range(count):
            seen[a, k] = program.rows[on[a], free[k]]
        spread[a] = seen[a]
        _backsolve(factor, spread[a])
    system, right = np.zeros((on.size, on.size)), np.zeros(on.size)
    for a in range(on.size):
        right[a] = -np.dot(seen[a], towards)
        for b in range(on.size):
            system[a, b] = np.dot(seen[a], spread[b])
    solution = _small(system, right)
    for a in range(on.size):
        multipliers[on[a]] = solution[a]
        for k in range(count):
            towards[k] += spread[a, k] * solution[a]
    return towards, multipliers, noise


@_compiled
def _small(system: Array, right: Array) -> Array:
    """Solve a few symmetric equations by elimination; one that follows from the others gets the value 0."""
    size = right.size
    enough = DEPENDENT * np.diag(system).max()
    for k in range(size):
        if system[k, k] <= enough:
            system[k, :] = 0.0
            system[:, k] = 0.0
            system[k, k], right[k] = 1.0, 0.0
        for r in range(k + 1, size):
            share = system[r, k] / system[k, k]
            for j in range(k, size):
                system[r, j] -= share * system[k, j]
            right[r] -= share * right[k]
    for k in range(size - 1, -1, -1):
        for j in range(k + 1, size):
            right[k] -= system[k, j] * right[j]
        right[k] /= system[k, k]
    return right


@_compiled
def _step(program: Program, state: State, direction: Array) -> tuple[float, int, int]:
    """Move the free variables; return how far (1 is all the way) and the variable or row that stopped them, or -1."""
    x, side, free, count = state.x, state.side, state.free, direction.size
    kinks, prices, rows = program.kinks, program.prices, program.rows
    most, blocker, stop, row = 1.0, -1, 0.0, -1
    for k in range(count):
        i, way = free[k], direction[k]
        if way == 0.0:
            continue
        end = program.upper[i] if way > 0.0 else program.lower[i]
        for j in range(kinks.shape[0]):
            at = kinks[j, i]
            left = at == x[i] and side[i] * way < 0.0  # left to one side, and now asked to the other
            ahead = left or (end > at > x[i] if way > 0.0 else end < at < x[i])
            if prices[j, i] > 0.0 and ahead:
                end = at
        room = (end - x[i]) / way
        if room < most:
            most, blocker, stop = max(room, 0.0), i, end
    for r in range(program.low.size):
        if state.active[r] != INACTIVE:
            continue
        change, value = 0.0, 0.0
        for k in range(count):
            change += rows[r, free[k]] * direction[k]
        if abs(change) <= 1e-15:
            continue
        for i in range(x.size):
            value += rows[r, i] * x[i]
        room = ((program.high[r] if change > 0.0 else program.low[r]) - value) / change
        if room < most:
            most, row, blocker = max(room, 0.0), r, -1
    for k in range(count):
        x[free[k]] += most * direction[k]
        side[free[k]] = 1.0 if direction[k] > 0.0 else (-1.0 if direction[k] < 0.0 else side[free[k]])
    if blocker >= 0:
        x[blocker] = stop
    return most, blocker, row


@_compiled
def _at(row: int, program: Program, x: Array) -> int:
    value = np.dot(program.rows[row], x)
    return AT_HIGH if abs(value - program.high[row]) <= abs(value - program.low[row]) else AT_LOW


@_compiled
def _leaver(program: Program, state: State, multipliers: Array, first: bool) -> tuple[int, float]:
    """Return the variable that gains most by leaving its place and the way it goes; -1 for none, -2 - r for row r.

    first: take the first that gains instead, which cannot cycle (Bland's rule).
    """
    x, gradient, active, place = state.x, state.gradient, state.active, state.place
    covariance, rows, lower, upper = program.covariance, program.rows, program.lower, program.upper
    slack = OPTIMAL * max(np.abs(gradient).max(), 1e-300)
    best, leaver, way = 0.0, -1, 0.0
    for r in range(active.size):
        if abs(active[r]) == 1:
            gain = multipliers[r] * active[r]  # at high it should be at most 0, at low at least 0
            if gain > slack and gain > best * np.sqrt(covariance[0, 0]):
                best, leaver = gain / np.sqrt(covariance[0, 0]), -2 - r
                if first:
                    return leaver, way
    for i in range(x.size):
        if place[i] >= 0 or lower[i] == upper[i]:
            continue
        price = gradient[i]
        for r in range(active.size):
            if active[r] != INACTIVE:
                price -= rows[r, i] * multipliers[r]
        up = -(price + _slope(i, x[i], 1.0, program.kinks, program.prices)) if x[i] < upper[i] else 0.0
        down = price + _slope(i, x[i], -1.0, program.kinks, program.prices) if x[i] > lower[i] else 0.0
        gain = max(up, down)
        if gain > slack and gain > best * np.sqrt(covariance[i, i]):
            best, leaver, way = gain / np.sqrt(covariance[i, i]), i, 1.0 if up > down else -1.0
            if first:
                return leaver, way
    return leaver, way
