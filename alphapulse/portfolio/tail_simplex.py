"""A simplex method for linear programs with a tail.

    minimise  v + sum_f below_f max(0, low_f - form_f) + sum_i price_i |x_i - kink_i|
    subject to  lower <= x <= upper,  forms linear in the variables x, of which v is the last

A session is a form, returns x + v, that may be below 0 at a small price; a row of the constraints is one whose price is
infinite, and in an equation it may not be above its low either. So both are the same to the method.

1. A vertex has as many *tight* forms, at their low, as *held* variables: v, and the assets that hold them there.
   `inverse` says how the held ones move with the tight ones.
2. `_entering` prices the tight forms and the other assets, and takes the one whose move lowers the objective fastest.
3. `_walked` follows it past all sessions that cross v on the way, as long as the objective falls: the long step of
   Barrodale and Roberts 1973, for least absolute deviations. Of 756 sessions it may pass hundreds; one stops it.
4. `_exchanged` pivots: what stopped the walk takes the place of what was moved.
5. Where nothing lowers the objective, by numbers made anew (`_renewed`), the vertex is an optimum.

Any feasible x starts it, since an asset between its bounds that is not held is moved like one at a bound. Where walks
have no length, as from no position at all, the sessions' lows are set apart by 1e-8 deviations (Charnes 1952) until
the end is found, and from there the rest is done with them as they are.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from alphapulse.core.stats import Array

FALLS = 1e-11  # slope from which the objective counts as falling; returns are scaled to a mean square of 1
MOVES = 1e-10  # rate, as a share of the largest, from which a form or a variable counts as moving
APART = 1e-8  # most that the low of a session is moved by, to set them apart
STILL = 1e-12  # length of a walk that comes from rounding alone
STUCK = 10  # walks without length before they are
RENEWED = 64  # pivots after which the numbers are made anew
LENGTH = 5.0  # how far the held move with an asset, for comparison with how far they move with a form

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


class Problem(NamedTuple):
    """What is asked. forms: forms x variables. low, below, fixed (never above its low either): by form.

    lower, upper, kink, price: by variable; those of v are infinite and 0.
    """

    forms: Array
    low: Array
    below: Array
    fixed: Mask
    lower: Array
    upper: Array
    kink: Array
    price: Array


class Vertex(NamedTuple):
    """Where the search stands.

    x, gradient (of v and the tail), kink_side (1 right of the kink, -1 left), is_held: by variable. value, low,
    is_below, is_tight: by form. tight: forms; held: variables, and columns their forms; inverse: held x tight; all four
    with room to grow.
    """

    x: Array
    gradient: Array
    kink_side: Array
    is_held: Mask
    value: Array
    low: Array
    is_below: Mask
    is_tight: Mask
    tight: Ints
    held: Ints
    columns: Array
    inverse: Array


class Move(NamedTuple):
    """What is moved: the form tight at `place`, or else (not -1) an asset, held at `place` from now on."""

    asset: int
    place: int
    sign: float
    fall: float  # of the objective, by unit


def _compiled(function: Any) -> Any:
    return njit(cache=True, error_model="numpy", fastmath={"reassoc", "nsz"})(function)


@_compiled
def search(problem: Problem, vertex: Vertex) -> Array:
    """Move a vertex that holds v alone to an optimum; return the prices of the forms, or NaN where none was found."""
    count, fresh, pivots, stuck, is_apart = 1, True, 0, 0, False
    motion = np.empty(vertex.held.size)
    _renewed(problem, vertex, count)
    for _ in range(50 + 20 * (vertex.x.size + vertex.value.size)):
        move, prices = _entering(problem, vertex, count)
        if move.place < 0:
            if fresh and not is_apart:
                everywhere = np.where(vertex.is_below, problem.below, 0.0)
                for j in range(count):
                    everywhere[vertex.tight[j]] = prices[j]
                return everywhere
            vertex.low[:] = problem.low
            _renewed(problem, vertex, count)
            fresh, pivots, stuck, is_apart = True, 0, 0, False
            continue
        moving = _directed(problem, vertex, count, move, motion)
        step, blocker, form = _walked(problem, vertex, move, motion, moving)
        if blocker < 0 and form < 0:
            break
        fresh, stuck = False, stuck + 1 if step <= STILL else 0
        if blocker < count:  # else the asset has gone from one bound to the other
            count = _exchanged(vertex, count, move, blocker, form)
            pivots += 1
        if stuck > STUCK and not is_apart:
            is_apart, pivots = True, RENEWED
            for f in range(vertex.low.size):
                if problem.below[f] < np.inf:
                    vertex.low[f] += APART * np.sin(f)
        if pivots >= RENEWED:
            _renewed(problem, vertex, count)
            fresh, pivots = True, 0
    return np.full(vertex.value.size, np.nan)


@_compiled
def _add(total: Array, weight: float, row: Array) -> None:
    for i in range(total.size):
        total[i] += weight * row[i]


@_compiled
def _renewed(problem: Problem, vertex: Vertex, count: int) -> None:
    """Make all numbers anew from what is held, tight and below."""
    forms, x, held, tight = problem.forms, vertex.x, vertex.held[:count], vertex.tight[:count]
    for i in held:
        x[i] = 0.0
    matrix, wanted = np.empty((count, count)), np.empty(count)
    for j in range(count):
        matrix[j] = vertex.columns[:count, tight[j]]
        wanted[j] = vertex.low[tight[j]] - np.dot(forms[tight[j]], x)
    inverse = np.linalg.inv(matrix)
    vertex.inverse[:count, :count] = inverse
    found = np.dot(inverse, wanted)
    for k in range(count):
        x[held[k]] = found[k]
    vertex.value[:] = np.dot(forms, x)
    vertex.gradient[:] = 0.0
    vertex.gradient[x.size - 1] = 1.0
    for f in range(vertex.value.size):
        if vertex.is_tight[f] or problem.below[f] == np.inf:
            continue
        above = vertex.value[f] - vertex.low[f]
        if abs(above) > 1e-3 * APART:
            vertex.is_below[f] = above < 0.0
        if vertex.is_below[f]:
            _add(vertex.gradient, -problem.below[f], forms[f])


@_compiled
def _entering(problem: Problem, vertex: Vertex, count: int) -> tuple[Move, Array]:
    """Return the move that lowers the objective fastest, for how far the held go with it, and all tight forms' prices.

    A place of -1 says that no move lowers it. A price is by how much the objective rises with the form.
    """
    x, kink, price = vertex.x, problem.kink, problem.price
    best, steepest = Move(-1, -1, 1.0, 0.0), 0.0
    prices, reduced = np.zeros(count), vertex.gradient.copy()
    for k in range(count):
        i = vertex.held[k]
        _add(prices, vertex.gradient[i] + price[i] * vertex.kink_side[i], vertex.inverse[k, :count])
    for j in range(count):
        f = vertex.tight[j]
        _add(reduced, -prices[j], problem.forms[f])
        up, down = -np.inf if problem.fixed[f] else -prices[j], prices[j] - problem.below[f]
        fall = max(up, down)
        if fall > FALLS:
            length = 1.0
            for k in range(count):
                length += vertex.inverse[k, j] ** 2
            if fall / np.sqrt(length) > steepest:
                best, steepest = Move(-1, j, 1.0 if up > down else -1.0, fall), fall / np.sqrt(length)
    for i in range(x.size):
        if vertex.is_held[i]:
            continue
        up = down = -np.inf
        if x[i] < problem.upper[i]:
            up = -reduced[i] - (price[i] if x[i] >= kink[i] else -price[i])
        if x[i] > problem.lower[i]:
            down = reduced[i] - (price[i] if x[i] <= kink[i] else -price[i])
        fall = max(up, down)
        if fall > FALLS and fall / LENGTH > steepest:
            best, steepest = Move(i, count, 1.0 if up > down else -1.0, fall), fall / LENGTH
    return best, prices


@_compiled
def _directed(problem: Problem, vertex: Vertex, count: int, move: Move, motion: Array) -> int:
    """Write how each held variable moves, an entering asset as the last of them; return how many they are."""
    inverse, entering = vertex.inverse, move.asset
    if entering >= 0:
        vertex.held[count] = entering
        vertex.columns[count] = problem.forms[:, entering]
        for k in range(count):
            inverse[k, count] = 0.0
            for j in range(count):
                inverse[k, count] -= inverse[k, j] * vertex.columns[count, vertex.tight[j]]
        motion[count] = move.sign
        x, kink = vertex.x[entering], problem.kink[entering]
        vertex.kink_side[entering] = 1.0 if x > kink or (x == kink and move.sign > 0.0) else -1.0
    for k in range(count):
        motion[k] = move.sign * inverse[k, move.place]
    return count + 1 if entering >= 0 else count


@_compiled
def _walked(problem: Problem, vertex: Vertex, move: Move, motion: Array, moving: int) -> tuple[float, int, int]:
    """Move while the objective falls; return how far, and which of the held or which form stopped it, the other -1."""
    x, is_tight = vertex.x, vertex.is_tight
    if move.asset < 0:
        released = vertex.tight[move.place]
        is_tight[released] = False
        if move.sign < 0.0:
            _crossed(problem, vertex, released)
    rate = np.zeros(is_tight.size)
    for k in range(moving):
        _add(rate, motion[k], vertex.columns[k])
    when, what, rise = _stops(problem, vertex, motion, moving, rate)
    slope = -move.fall
    while when.size:
        first = np.argmin(when)
        step, stop = max(when[first], 0.0), what[first]
        slope += rise[first]
        if step == np.inf:
            break
        if slope < 0.0:
            when[first] = np.inf
            if stop >= 0:
                _crossed(problem, vertex, stop)
            else:
                vertex.kink_side[vertex.held[-1 - stop]] *= -1.0
            continue
        _add(vertex.value, step, rate)
        for k in range(moving):
            x[vertex.held[k]] += step * motion[k]
        if stop >= 0:
            is_tight[stop] = True
            if vertex.is_below[stop]:
                _crossed(problem, vertex, stop)
            return step, -1, stop
        i, along = vertex.held[-1 - stop], motion[-1 - stop]
        x[i] = problem.kink[i] if rise[first] < np.inf else (problem.upper[i] if along > 0.0 else problem.lower[i])
        return step, -1 - stop, -1
    return 0.0, -1, -1


@_compiled
def _crossed(problem: Problem, vertex: Vertex, f: int) -> None:
    """Note that a session went into the tail, or out of it."""
    vertex.is_below[f] = not vertex.is_below[f]
    _add(vertex.gradient, -problem.below[f] if vertex.is_below[f] else problem.below[f], problem.forms[f])


@_compiled
def _stops(problem: Problem, vertex: Vertex, motion: Array, moving: int, rate: Array) -> tuple[Array, Ints, Array]:
    """Return where on the way the slope changes, with what (a form, or -1 - place of the held), and by how much."""
    size, n = rate.size + 2 * moving, 0
    when, what, rise = np.empty(size), np.empty(size, dtype=np.int64), np.empty(size)
    least = MOVES * max(1.0, np.abs(motion[:moving]).max())
    for f in range(rate.size):
        if vertex.is_tight[f] or abs(rate[f]) <= least:
            continue
        if problem.fixed[f] or vertex.is_below[f] == (rate[f] > 0.0):
            when[n], what[n], rise[n] = (vertex.low[f] - vertex.value[f]) / rate[f], f, problem.below[f] * abs(rate[f])
            n += 1
    for k in range(moving):
        i, along = vertex.held[k], motion[k]
        if abs(along) <= least:
            continue
        limit = problem.upper[i] if along > 0.0 else problem.lower[i]
        when[n], what[n], rise[n] = (limit - vertex.x[i]) / along, -1 - k, np.inf
        n += 1
        if problem.price[i] > 0.0 and vertex.kink_side[i] * along < 0.0:
            when[n], what[n] = (problem.kink[i] - vertex.x[i]) / along, -1 - k
            rise[n] = 2.0 * problem.price[i] * abs(along)
            n += 1
    return when[:n], what[:n], rise[:n]


@_compiled
def _exchanged(vertex: Vertex, count: int, move: Move, blocker: int, form: int) -> int:
    """Pivot on the column of what moved and the row of what stopped it; return how many are held then."""
    inverse, held, tight, columns = vertex.inverse, vertex.held, vertex.tight, vertex.columns
    enters, stopped = move.asset >= 0, form >= 0
    r, c = count if stopped else blocker, move.place
    tall, wide = count + stopped, count + enters
    if stopped:
        inverse[count, :wide] = 0.0
        if enters:
            inverse[count, count] = columns[count, form]
        for k in range(count):
            _add(inverse[count, :wide], columns[k, form], inverse[k, :wide])
        tight[c] = form
    else:
        vertex.is_held[held[r]] = False
    pivot = inverse[r, c]
    for k in range(tall):
        if k != r:
            share = inverse[k, c] / pivot
            _add(inverse[k, :wide], -share, inverse[r, :wide])
            inverse[k, c] = share
    inverse[r, :wide] /= -pivot
    inverse[r, c] = 1.0 / pivot
    if enters:
        vertex.is_held[move.asset] = True
        held[r], columns[r] = move.asset, columns[count]
    if enters or stopped:
        return count + 1 if enters and stopped else count
    last = count - 1
    held[r], tight[c], columns[r] = held[last], tight[last], columns[last]
    inverse[r, :count] = inverse[last, :count]
    inverse[:last, c] = inverse[:last, last]
    return last
