"""The engine's compiled kernel: one session of one account, and a loop over many.

A session runs in this order:

1. `_follow`   with stop rules: what they make of the fills and the close of the session before
2. `_accrue`   interest on the cash and borrow cost on the shorts held overnight
3. `_actions`  splits, cash dividends and delistings that take effect at the open; `_restate` the stop rules' prices
4. `_expire`   orders to close the positions that are too old for a time stop
5. `_trade`    waiting orders at the open (next_open)
6. `_stops`    stop orders inside the bar, at the open when it gapped through
7. `_trade`    waiting orders at the close (next_close; same_close orders that found no price)
8. `_record`   mark at the close and write equity and cash

`place` turns target weights into waiting orders. Sizes are solved when an order first meets a price, so that after
costs the weights equal the targets: with E the equity before trading at the fill prices, the equity after costs E'
solves E' + cost(E') = E, by Newton's method on a convex, increasing, piecewise smooth function. With lots the positions
are then rounded toward zero, `_whole_lots`, and what that leaves stays in cash.

`run` takes these steps for a span of sessions and its own table of targets. The session-by-session path calls it with
a span of one, so both paths give the same numbers to the last bit.

All of it stands in one file on purpose: the compiler's cache watches only the file a function stands in, so a kernel
spread over several files would go on running old code after one of them changed.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from alphapulse.core.stats import Array
from alphapulse.core.trading import EVENT_KINDS
from alphapulse.execution.compiling import compiled, inlined, reassociating
from alphapulse.execution.tape import Tape

NEXT_OPEN, NEXT_CLOSE, SAME_CLOSE = 0, 1, 2
FILLS = {"next_open": NEXT_OPEN, "next_close": NEXT_CLOSE, "same_close": SAME_CLOSE}

SPLIT, DIVIDEND, DELISTING, WAITING, CAPPED, UNFUNDED, CANCELLED, REPLACED, STOP = range(9)
TIME_STOP = EVENT_KINDS.index("time_stop")

# Cash short by less than this share of equity is rounding, not a missing fund.
ROUNDING = 1e-9
# Trades smaller than this share of equity are rounding, not trades.
DUST = 1e-13
# A count of lots this near a whole number, as a share of it, is that number.
LOT_ROUNDING = 1e-12
# What one asset can write in one session: a fill at the open, one by a stop, one at the close.
FILLS_PER_ASSET = 3
EVENTS_PER_ASSET = 12

Ints = npt.NDArray[np.int64]


class Terms(NamedTuple):
    """How orders trade.

    fill: option. linear: cost as a fraction. interest, borrow: rates per session. participation: cap, inf for none.
    lot: shares that trade together, 0 for fractions of a share.
    """

    fill: int
    linear: float
    impact: float
    interest: float
    borrow: float
    participation: float
    carry: bool
    leverage: bool
    lot: float


class Account(NamedTuple):
    """The state of one account; every array is changed in place.

    cash: one value. quantity, mark (last known price), target (waiting weight, NaN none), ordered (waiting shares
    once sized, NaN none), stop (price, NaN none), traded (shares this session): by asset. tally: waiting orders,
    session of the last placement, whether stops were ever placed (above 0).
    """

    cash: Array
    quantity: Array
    mark: Array
    target: Array
    ordered: Array
    stop: Array
    traded: Array
    tally: Ints


class Rules(NamedTuple):
    """Stop rules; kind (place in EVENT_KINDS), from_peak, loss and multiple have one value a rule that sets a price.

    The stop lies `loss` (fraction) below the best close since entry (from_peak) or below the entry price, less
    `multiple` x atr (sessions x assets; 0 x 0 when no rule needs it). age: sessions of a time stop, 0 for none.
    """

    active: bool
    kind: Ints
    from_peak: npt.NDArray[np.bool_]
    loss: Array
    multiple: Array
    age: int
    atr: Array


class Watch(NamedTuple):
    """What stop rules remember of each position as it stood at the last close, by asset; empty without rules.

    held: shares. entry: price of the first fill since it was flat or on the other side, in session `opened`. peak: best
    close since, NaN for none. level: tightest stop price for the session to come, NaN for none, set by rule `kind`.
    """

    held: Array
    entry: Array
    opened: Ints
    peak: Array
    level: Array
    kind: Ints


class Journal(NamedTuple):
    """What happened. Series by session: equity, cash, costs, dividends, interest, borrow. Rows: fills and events.

    Fills of session s are the rows fill_start[s] to fill_start[s + 1]. used: rows written in fills and in events.
    """

    equity: Array
    cash: Array
    costs: Array
    dividends: Array
    interest: Array
    borrow: Array
    fill_start: Ints
    fill_asset: npt.NDArray[np.int32]
    fill_quantity: Array
    fill_price: Array
    fill_cost: Array
    event_session: npt.NDArray[np.int32]
    event_asset: npt.NDArray[np.int32]
    event_kind: npt.NDArray[np.int8]
    event_quantity: Array
    event_cash: Array
    used: Ints


FILL_ROWS = ("fill_asset", "fill_quantity", "fill_price", "fill_cost")
EVENT_ROWS = ("event_session", "event_asset", "event_kind", "event_quantity", "event_cash")


@compiled
def _event(s: int, i: int, kind: int, quantity: float, cash: float, journal: Journal) -> None:
    row = journal.used[1]
    journal.event_session[row] = s
    journal.event_asset[row] = i
    journal.event_kind[row] = kind
    journal.event_quantity[row] = quantity
    journal.event_cash[row] = cash
    journal.used[1] = row + 1


@compiled
def _withdraw(i: int, account: Account) -> None:
    account.target[i] = np.nan
    account.ordered[i] = np.nan
    account.tally[0] -= 1


@compiled
def _has_order(i: int, account: Account) -> bool:
    return not (np.isnan(account.target[i]) and np.isnan(account.ordered[i]))


@compiled
def _tighter(level: float, stop: float, held: float) -> bool:
    """Return whether a position leaves at `level` before it leaves at `stop`; NaN is no stop."""
    if np.isnan(level) or np.isnan(stop):
        return not np.isnan(level)
    return level > stop if held > 0.0 else level < stop


@compiled
def _follow(s: int, tape: Tape, journal: Journal, rules: Rules, watch: Watch) -> None:
    """Bring the rules' memory to the close of `s`, and set the stop of each position for the next session."""
    for k in range(journal.fill_start[s], journal.fill_start[s + 1]):
        i = journal.fill_asset[k]
        before = watch.held[i]
        watch.held[i] += journal.fill_quantity[k]
        if before == 0.0 or (before > 0.0) != (watch.held[i] > 0.0):
            watch.entry[i] = journal.fill_price[k]
            watch.opened[i] = s
            watch.peak[i] = np.nan
    for i in range(watch.held.size):
        watch.level[i] = np.nan
        held = watch.held[i]
        if held == 0.0:
            continue
        if _tighter(tape.close[s, i], watch.peak[i], held):
            watch.peak[i] = tape.close[s, i]
        side = 1.0 if held > 0.0 else -1.0
        for rule in range(rules.kind.size):
            anchor = watch.peak[i] if rules.from_peak[rule] else watch.entry[i]
            level = anchor * (1.0 - side * rules.loss[rule])
            if rules.multiple[rule] > 0.0:
                level -= side * rules.multiple[rule] * rules.atr[s, i]
            if _tighter(level, watch.level[i], held):
                watch.level[i] = level
                watch.kind[i] = rules.kind[rule]


@compiled
def _restate(s: int, tape: Tape, account: Account, watch: Watch) -> None:
    """Let the rules' prices and positions follow the corporate actions of the session."""
    for k in range(tape.action_start[s], tape.action_start[s + 1]):
        i, ratio = tape.action_asset[k], tape.action_split[k]
        watch.held[i] = account.quantity[i]
        watch.entry[i] /= ratio
        watch.peak[i] /= ratio
        watch.level[i] /= ratio


@compiled
def _expire(s: int, account: Account, rules: Rules, watch: Watch, journal: Journal) -> None:
    """Order positions to be closed that were too old at the close before `s`, unless a waiting order does so."""
    for i in range(watch.held.size):
        held = watch.held[i]
        if held == 0.0 or s - 1 - watch.opened[i] < rules.age:
            continue
        if account.target[i] * held <= 0.0 or (account.ordered[i] + held) * held <= 0.0:
            continue
        if _has_order(i, account):
            _event(s, i, CANCELLED, account.ordered[i], 0.0, journal)
            _withdraw(i, account)
        account.target[i] = 0.0
        account.tally[0] += 1
        _event(s, i, TIME_STOP, -held, 0.0, journal)


@compiled
def _accrue(s: int, account: Account, terms: Terms, journal: Journal) -> None:
    journal.interest[s] = account.cash[0] * terms.interest
    if terms.borrow != 0.0:
        short = 0.0
        for i in range(account.quantity.size):
            if account.quantity[i] < 0.0:
                short -= account.quantity[i] * account.mark[i]
        journal.borrow[s] = short * terms.borrow
    account.cash[0] += journal.interest[s] - journal.borrow[s]


@compiled
def _actions(s: int, tape: Tape, account: Account, journal: Journal) -> None:
    for k in range(tape.action_start[s], tape.action_start[s + 1]):
        i = tape.action_asset[k]
        ratio, dividend, payout = tape.action_split[k], tape.action_dividend[k], tape.action_delisting[k]
        held = account.quantity[i]
        if ratio != 1.0:
            account.mark[i] /= ratio
            account.stop[i] /= ratio
            # Added, as the shares below, so that the sale of a whole position stays one to the last bit.
            account.ordered[i] += account.ordered[i] * ratio - account.ordered[i]
            if held != 0.0:
                # Added, not multiplied, so that folding the event later gives the same shares to the last bit.
                more = held * ratio - held
                account.quantity[i] += more
                _event(s, i, SPLIT, more, 0.0, journal)
        held = account.quantity[i]
        if dividend != 0.0 and held != 0.0:
            account.cash[0] += held * dividend
            journal.dividends[s] += held * dividend
            _event(s, i, DIVIDEND, 0.0, held * dividend, journal)
        if not np.isnan(payout):
            if held != 0.0:
                account.cash[0] += held * payout
                account.quantity[i] = 0.0
                _event(s, i, DELISTING, -held, held * payout, journal)
            account.stop[i] = np.nan
            if _has_order(i, account):
                _event(s, i, CANCELLED, account.ordered[i], 0.0, journal)
                _withdraw(i, account)


@compiled
def _cost(quantity: float, price: float, scale: float, terms: Terms) -> float:
    value = abs(quantity) * price
    if terms.impact == 0.0:
        return value * terms.linear
    return float(value * (terms.linear + terms.impact * scale * np.sqrt(abs(quantity))))


@compiled
def _impact_scale(s: int, i: int, impact: Array) -> float:
    return float(impact[s, i]) if impact.shape[0] > 0 else 0.0


@reassociating
def _linear_cost(weights: Array, values: Array, equity: float) -> tuple[float, float]:
    """Return the traded value and its slope when positions worth `values` go to `weights` x equity."""
    traded, slope = 0.0, 0.0
    for k in range(weights.size):
        trade = weights[k] * equity - values[k]
        traded += abs(trade)
        slope += weights[k] if trade >= 0.0 else -weights[k]
    return traded, slope


@compiled
def _impact_cost(
    weights: Array, values: Array, prices: Array, scales: Array, equity: float, impact: float
) -> tuple[float, float]:
    """Return the square-root impact of the same trades and its slope."""
    cost, slope = 0.0, 0.0
    for k in range(weights.size):
        trade = weights[k] * equity - values[k]
        if trade != 0.0:
            root = impact * scales[k] * np.sqrt(abs(trade) / prices[k])
            cost += abs(trade) * root
            slope += 1.5 * root * (weights[k] if trade > 0.0 else -weights[k])
    return cost, slope


@reassociating
def _open_orders(prices: Array, target: Array, ordered: Array, quantity: Array, weights: Array, values: Array) -> None:
    """Write target weight and present value of each order that is sized now, zero for all other assets."""
    for i in range(prices.size):
        sized_now = np.isnan(ordered[i]) and not np.isnan(target[i]) and not np.isnan(prices[i])
        weights[i] = target[i] if sized_now else 0.0
        values[i] = quantity[i] * prices[i] if sized_now else 0.0


@compiled
def _equity_after_costs(s: int, prices: Array, impact: Array, equity: float, account: Account, terms: Terms) -> float:
    """Solve E' + cost(E') = E for the waiting orders that have a price now."""
    if terms.linear == 0.0 and terms.impact == 0.0:
        return equity
    n, ordered = prices.size, account.ordered
    weights, values, scales = np.empty(n), np.empty(n), np.zeros(n)
    _open_orders(prices, account.target, ordered, account.quantity, weights, values)
    known = 0.0
    for i in range(n):
        if not (np.isnan(ordered[i]) or np.isnan(prices[i])):
            known += _cost(ordered[i], prices[i], _impact_scale(s, i, impact), terms)
    if terms.impact > 0.0:
        for i in range(n):
            scales[i] = _impact_scale(s, i, impact)
    after = equity
    for _ in range(64):
        traded, slope = _linear_cost(weights, values, after)
        cost, slope = known + traded * terms.linear, 1.0 + slope * terms.linear
        if terms.impact > 0.0:
            more, steeper = _impact_cost(weights, values, prices, scales, after, terms.impact)
            cost, slope = cost + more, slope + steeper
        step = (after + cost - equity) / slope
        after -= step
        # Newton converges quadratically: what is left after a step this small is below rounding.
        if abs(step) <= 1e-12 * abs(equity):
            break
    return after


@reassociating
def _turnover(sizes: Array, prices: Array) -> tuple[float, float]:
    """Return the net and the gross value of `sizes` shares at `prices`."""
    net, gross = 0.0, 0.0
    for i in range(sizes.size):
        value = sizes[i] * prices[i] if sizes[i] != 0.0 else 0.0
        net += value
        gross += abs(value)
    return net, gross


@compiled
def _buying_power(
    s: int, prices: Array, impact: Array, sizes: Array, account: Account, terms: Terms, equity: float
) -> float:
    """Return the share of all buys that the cash and the sales pay for, 1 when they pay for all."""
    enough = -ROUNDING * abs(equity)
    net, gross = _turnover(sizes, prices)
    if terms.impact == 0.0 and account.cash[0] - net - terms.linear * gross >= enough:
        return 1.0
    share = 1.0
    for _ in range(64):
        cash, slope = account.cash[0], 0.0
        for i in range(sizes.size):
            if sizes[i] == 0.0:
                continue
            size = sizes[i] if sizes[i] < 0.0 else sizes[i] * share
            scale = _impact_scale(s, i, impact)
            cash -= size * prices[i] + _cost(size, prices[i], scale, terms)
            if size > 0.0:
                root = terms.impact * scale * np.sqrt(size)
                slope += sizes[i] * prices[i] * (1.0 + terms.linear + 1.5 * root)
        if share == 1.0 and (cash >= enough or slope == 0.0):
            return 1.0
        step = cash / slope
        share += step
        if share <= 0.0:
            return 0.0
        if abs(step) <= 1e-15:
            break
    return share


@compiled
def _execute(
    s: int, sizes: Array, prices: Array, impact: Array, account: Account, terms: Terms, journal: Journal
) -> None:
    """Fill `sizes` shares (0 for none) at `prices`, writing the book and the journal."""
    # Locals, because reading an array out of a tuple inside the loop counts references.
    quantity, mark, traded = account.quantity, account.mark, account.traded
    assets, quantities = journal.fill_asset, journal.fill_quantity
    fill_prices, fill_costs = journal.fill_price, journal.fill_cost
    cash, costs, row = account.cash[0], 0.0, journal.used[0]
    linear, has_impact, is_capped = terms.linear, terms.impact > 0.0, terms.participation < np.inf
    for i in range(sizes.size):
        size = sizes[i]
        if size == 0.0:
            continue
        price = prices[i]
        cost = _cost(size, price, _impact_scale(s, i, impact), terms) if has_impact else abs(size) * price * linear
        quantity[i] += size
        mark[i] = price
        if is_capped:
            traded[i] += abs(size)
        cash -= size * price + cost
        costs += cost
        assets[row] = i
        quantities[row] = size
        fill_prices[row] = price
        fill_costs[row] = cost
        row += 1
    account.cash[0] = cash
    journal.costs[s] += costs
    journal.used[0] = row


@reassociating
def _value(prices: Array, quantity: Array, mark: Array) -> float:
    """Return the value of all positions at `prices`, at the last mark where a price is unknown."""
    value = 0.0
    for i in range(quantity.size):
        price = mark[i] if np.isnan(prices[i]) else prices[i]
        value += quantity[i] * price if quantity[i] != 0.0 else 0.0
    return value


@reassociating
def _sizes(
    prices: Array, target: Array, ordered: Array, quantity: Array, after: float, dust: float, sizes: Array
) -> int:
    """Write the shares each waiting order wants at `prices`, 0 where it has none; return the orders without a price."""
    blocked = 0
    for i in range(sizes.size):
        fresh = target[i] * after / prices[i] - quantity[i]
        size = fresh if np.isnan(ordered[i]) else ordered[i]
        waits = not (np.isnan(target[i]) and np.isnan(ordered[i]))
        blocked += waits and np.isnan(prices[i])
        traded = not np.isnan(prices[i]) and waits and (abs(size) * prices[i] > dust or target[i] == 0.0)
        sizes[i] = size if traded else 0.0
    return blocked


@compiled
def _in_lots(quantity: float, lot: float) -> float:
    """Return the quantity rounded toward zero to a multiple of `lot`; as it is for a lot of 0."""
    if lot == 0.0:
        return quantity
    count = quantity / lot
    whole = np.rint(count)
    if abs(count - whole) > LOT_ROUNDING * abs(whole):
        whole = np.trunc(count)
    return float(whole * lot)


@compiled
def _whole_lots(
    s: int,
    prices: Array,
    impact: Array,
    equity: float,
    after: float,
    account: Account,
    terms: Terms,
    sizes: Array,
) -> None:
    """Write the shares that bring each position to whole lots, none beyond its target share of the equity left.

    A sale that is rounded sells more and costs more than was solved for: the equity left is lowered to what the rounded
    sizes leave until they fit. Positions only shrink on the way, so it ends. Leaving a position sells its odd lot too.
    """
    target, ordered, quantity = account.target, account.ordered, account.quantity
    while True:
        left = equity
        for i in range(sizes.size):
            fresh = np.isnan(ordered[i])
            if np.isnan(prices[i]) or (fresh and np.isnan(target[i])):
                continue
            if fresh:
                sizes[i] = _in_lots(target[i] * after / prices[i], terms.lot) - quantity[i]
            elif ordered[i] != -quantity[i]:
                sizes[i] = _in_lots(ordered[i], terms.lot)
            left -= _cost(sizes[i], prices[i], _impact_scale(s, i, impact), terms)
        if left >= after or after <= 0.0:
            break
        after = max(left, 0.0)


@compiled
def _trade(s: int, prices: Array, tape: Tape, impact: Array, account: Account, terms: Terms, journal: Journal) -> None:
    """Fill the waiting orders that have a price; what cannot trade waits, is carried or is cancelled."""
    n = prices.size
    target, ordered, quantity = account.target, account.ordered, account.quantity
    equity = account.cash[0] + _value(prices, quantity, account.mark)
    after = _equity_after_costs(s, prices, impact, equity, account, terms)
    wanted = np.empty(n)
    blocked = _sizes(prices, target, ordered, quantity, after, DUST * abs(equity), wanted)
    waiting_sale = blocked > 0 and _waiting_sale(s, prices, after, account, terms, journal)
    if terms.lot > 0.0:
        _whole_lots(s, prices, impact, equity, after, account, terms, wanted)

    sizes = wanted.copy()
    capped = terms.participation < np.inf and tape.volume.shape[0] > 0
    if capped:
        waiting_sale = _cap(s, sizes, tape, account, terms, journal) or waiting_sale
    funded = 1.0 if terms.leverage else _buying_power(s, prices, impact, sizes, account, terms, equity)
    if funded < 1.0:
        for i in range(n):
            if sizes[i] > 0.0:
                _event(s, i, UNFUNDED, sizes[i] * (1.0 - funded), 0.0, journal)
                sizes[i] = _in_lots(sizes[i] * funded, terms.lot)
    _execute(s, sizes, prices, impact, account, terms, journal)

    if blocked == 0 and not capped and funded == 1.0:
        target[:] = np.nan
        ordered[:] = np.nan
        account.tally[0] = 0
    else:
        _keep_rest(s, prices, wanted, sizes, funded < 1.0 and waiting_sale, account, terms, journal)


@compiled
def _waiting_sale(s: int, prices: Array, after: float, account: Account, terms: Terms, journal: Journal) -> bool:
    """Report orders that meet no price at their first try; return whether a sale is among those that wait."""
    first_try = s == account.tally[1] + (0 if terms.fill == SAME_CLOSE else 1)
    sale = False
    for i in range(prices.size):
        if np.isnan(prices[i]) and _has_order(i, account):
            held = account.quantity[i] * account.mark[i]
            sale = sale or account.ordered[i] < 0.0 or account.target[i] * after < held
            if first_try:
                _event(s, i, WAITING, account.ordered[i], 0.0, journal)
    return sale


@compiled
def _keep_rest(
    s: int,
    prices: Array,
    wanted: Array,
    sizes: Array,
    buys_wait: bool,
    account: Account,
    terms: Terms,
    journal: Journal,
) -> None:
    """Keep what has no price, may be carried, or is a buy whose cash a waiting sale will bring; cancel the rest."""
    waiting = 0
    for i in range(prices.size):
        if not _has_order(i, account):
            continue
        left = wanted[i] - sizes[i]
        if np.isnan(prices[i]):
            waiting += 1
        elif left != 0.0 and (terms.carry or (buys_wait and left > 0.0)):
            account.target[i] = np.nan
            account.ordered[i] = left
            waiting += 1
        else:
            if left != 0.0:
                _event(s, i, CANCELLED, left, 0.0, journal)
            account.target[i] = np.nan
            account.ordered[i] = np.nan
    account.tally[0] = waiting


@compiled
def _cap(s: int, sizes: Array, tape: Tape, account: Account, terms: Terms, journal: Journal) -> bool:
    """Cut `sizes` to the participation cap, in lots, where the volume is known; return whether a sale is carried on."""
    carried_sale = False
    for i in range(sizes.size):
        if np.isnan(tape.volume[s, i]):
            continue
        room = max(terms.participation * tape.volume[s, i] - account.traded[i], 0.0)
        if abs(sizes[i]) > room:
            carried_sale = carried_sale or (sizes[i] < 0.0 and terms.carry)
            _event(s, i, CAPPED, np.sign(sizes[i]) * (abs(sizes[i]) - room), 0.0, journal)
            sizes[i] = np.sign(sizes[i]) * _in_lots(room, terms.lot)
    return carried_sale


@compiled
def _stops(
    s: int, tape: Tape, impact: Array, account: Account, terms: Terms, journal: Journal, rules: Rules, watch: Watch
) -> None:
    """Close positions whose tightest stop was touched: at the stop, or at the open when it gapped through.

    Where the range is unknown the close is compared with the stop, and is the fill price. A rule's stop is that of the
    position held at the last close: it does not act on one opened or turned around at this open.
    """
    n = account.quantity.size
    sizes, prices, kinds = np.zeros(n), np.zeros(n), np.full(n, STOP)
    for i in range(n):
        stop, held = account.stop[i], account.quantity[i]
        if rules.active and held * watch.held[i] > 0.0 and _tighter(watch.level[i], stop, held):
            stop, kinds[i] = watch.level[i], watch.kind[i]
        if np.isnan(stop) or held == 0.0:
            continue
        price = _stop_price(s, i, stop, held, tape)
        if np.isnan(price):
            continue
        if _has_order(i, account):
            _event(s, i, CANCELLED, account.ordered[i], 0.0, journal)
            _withdraw(i, account)
        sizes[i], prices[i] = -held, price
    if terms.participation < np.inf and tape.volume.shape[0] > 0:
        _cap(s, sizes, tape, account, terms, journal)
    for i in range(n):
        if sizes[i] != 0.0:
            _event(s, i, kinds[i], sizes[i], 0.0, journal)
    _execute(s, sizes, prices, impact, account, terms, journal)
    for i in range(n):
        if sizes[i] != 0.0 and account.quantity[i] == 0.0:
            account.stop[i] = np.nan


@compiled
def _stop_price(s: int, i: int, stop: float, held: float, tape: Tape) -> float:
    """Return the price at which the stop of a position fills in this bar, NaN when it is not touched."""
    close = tape.close[s, i]
    ranged = tape.low.shape[0] > 0 and tape.high.shape[0] > 0
    if not ranged or np.isnan(tape.low[s, i]) or np.isnan(tape.high[s, i]):
        touched = close <= stop if held > 0.0 else close >= stop
        return close if touched else np.nan
    first = tape.open[s, i] if tape.open.shape[0] > 0 else np.nan
    if held > 0.0:
        best = tape.high[s, i] if np.isnan(first) else first
        return min(stop, best) if tape.low[s, i] <= stop else np.nan
    best = tape.low[s, i] if np.isnan(first) else first
    return max(stop, best) if tape.high[s, i] >= stop else np.nan


@reassociating
def _mark(close: Array, quantity: Array, mark: Array) -> float:
    """Bring the marks to the closes that are known and return the value of all positions."""
    value = 0.0
    for i in range(quantity.size):
        mark[i] = mark[i] if np.isnan(close[i]) else close[i]
        value += quantity[i] * mark[i] if quantity[i] != 0.0 else 0.0
    return value


@inlined
def _record(s: int, tape: Tape, account: Account, journal: Journal) -> None:
    journal.equity[s] = account.cash[0] + _mark(tape.close[s], account.quantity, account.mark)
    journal.cash[s] = account.cash[0]
    journal.fill_start[s + 1] = journal.used[0]


@compiled
def place(
    s: int, targets: Array, stops: Array, tape: Tape, impact: Array, account: Account, terms: Terms, journal: Journal
) -> None:
    """Replace the waiting orders by `targets` (weights by asset, NaN keeps the quantity), decided at the close of `s`.

    stops: stop price by asset, NaN for none; size 0 leaves the standing ones. With same_close the orders trade at once.
    """
    target, ordered, quantity = account.target, account.ordered, account.quantity
    # Weights of an equity that is not above zero mean nothing: a ruined account takes no order.
    ruined = journal.equity[s] <= 0.0
    if account.tally[0] > 0:
        for i in range(targets.size):
            if _has_order(i, account):
                _event(s, i, REPLACED, ordered[i], 0.0, journal)
    waiting = 0
    for i in range(targets.size):
        nothing_to_do = ruined or (targets[i] == 0.0 and quantity[i] == 0.0)
        target[i] = np.nan if nothing_to_do else targets[i]
        ordered[i] = np.nan
        waiting += not np.isnan(target[i])
    account.tally[0] = waiting
    account.tally[1] = s
    if stops.size > 0:
        account.stop[:] = stops
        account.tally[2] = stops.size
    if terms.fill == SAME_CLOSE and waiting > 0:
        _trade(s, tape.close[s], tape, impact, account, terms, journal)
        _record(s, tape, account, journal)


@compiled
def run(
    first: int,
    last: int,
    row_of: Ints,
    targets: Array,
    stops: Array,
    tape: Tape,
    impact: Array,
    account: Account,
    terms: Terms,
    journal: Journal,
    rules: Rules,
    watch: Watch,
) -> int:
    """Run sessions `first` to `last` (excluded); row_of names the row of `targets` decided at each close, -1 for none.

    Return the session to go on with: `last`, or an earlier one when the journal has no room for its rows.
    """
    n = account.quantity.size
    no_stops = np.zeros(0)
    for s in range(first, last):
        fills_left = journal.fill_asset.size - journal.used[0]
        events_left = journal.event_asset.size - journal.used[1]
        if fills_left < FILLS_PER_ASSET * n or events_left < EVENTS_PER_ASSET * n:
            return s
        # Each step is asked for before it is called: most sessions need none, and a call costs more than the question.
        # The steps stand here and in no function of their own: handing over all these arrays costs as much again.
        if terms.participation < np.inf:
            account.traded[:] = 0.0
        if rules.active and s > 0:
            _follow(s - 1, tape, journal, rules, watch)
        if s > 0 and (terms.interest != 0.0 or terms.borrow != 0.0):
            _accrue(s, account, terms, journal)
        if tape.action_start[s + 1] > tape.action_start[s]:
            _actions(s, tape, account, journal)
            if rules.active:
                _restate(s, tape, account, watch)
        if rules.age > 0:
            _expire(s, account, rules, watch, journal)
        at_open = terms.fill == NEXT_OPEN and tape.open.shape[0] > 0
        if at_open and account.tally[0] > 0:
            _trade(s, tape.open[s], tape, impact, account, terms, journal)
        if account.tally[2] > 0 or rules.kind.size > 0:
            _stops(s, tape, impact, account, terms, journal, rules, watch)
        if not at_open and account.tally[0] > 0:
            _trade(s, tape.close[s], tape, impact, account, terms, journal)
        _record(s, tape, account, journal)
        row = row_of[s]
        if row >= 0:
            chosen = stops[row] if stops.shape[0] > 0 else no_stops
            place(s, targets[row], chosen, tape, impact, account, terms, journal)
    return last
