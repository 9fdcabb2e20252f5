"""Stop rules in the kernel's terms, and the average true range that one of them hangs from."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from alphapulse.core.stats import Array
from alphapulse.core.stops import AtrStop, FixedStop, StopRule, TimeStop, TrailingStop
from alphapulse.core.trading import EVENT_KINDS
from alphapulse.execution import kernel
from alphapulse.execution.compiling import compiled
from alphapulse.execution.tape import Tape

ATR_WINDOW = 14


def kernel_rules(stops: Sequence[StopRule], tape: Tape) -> kernel.Rules:
    """Return the rules as the kernel reads them; the range is computed when a rule asks for it."""
    prices = [(EVENT_KINDS.index(rule.rule), *_price(rule)) for rule in stops if not isinstance(rule, TimeStop)]
    kind, from_peak, loss, multiple = zip(*prices, strict=True) if prices else ((), (), (), ())
    return kernel.Rules(
        active=bool(stops),
        kind=np.array(kind, dtype=np.int64),
        from_peak=np.array(from_peak, dtype=np.bool_),
        loss=np.array(loss, dtype=np.float64),
        multiple=np.array(multiple, dtype=np.float64),
        age=min((rule.sessions for rule in stops if isinstance(rule, TimeStop)), default=0),
        atr=average_true_range(tape) if any(multiple) else np.zeros((0, 0)),
    )


def opened_watch(stops: Sequence[StopRule], assets: int) -> kernel.Watch:
    """Return the memory of the rules before any position, without room when there are none."""
    size = assets if stops else 0
    return kernel.Watch(
        held=np.zeros(size),
        entry=np.full(size, math.nan),
        opened=np.zeros(size, dtype=np.int64),
        peak=np.full(size, math.nan),
        level=np.full(size, math.nan),
        kind=np.zeros(size, dtype=np.int64),
    )


def average_true_range(tape: Tape) -> Array:
    """Return Wilder's average true range over 14 changes, sessions x assets, in the prices of each session.

    The true range reaches from the lower of low and last close to the higher of high and last close; where the range of
    a session is unknown it is the absolute change of the close. The first value is the plain mean of 14 of them, as in
    TA-Lib; then each new one counts a fourteenth (Wilder 1978, New Concepts in Technical Trading Systems). NaN before.
    Sessions without a close are skipped and show the last value. Splits restate what came before them. Row t reads rows
    up to t only.
    """
    out = np.empty(tape.close.shape)
    _average(tape.high, tape.low, tape.close, tape.action_start, tape.action_asset, tape.action_split, ATR_WINDOW, out)
    return out


@compiled
def _average(
    high: Array,
    low: Array,
    close: Array,
    action_start: npt.NDArray[np.int64],
    action_asset: npt.NDArray[np.int64],
    action_split: Array,
    window: int,
    out: Array,
) -> None:
    sessions, assets = close.shape
    ranged = high.shape[0] > 0 and low.shape[0] > 0
    last, mean = np.full(assets, np.nan), np.zeros(assets)
    count = np.zeros(assets, dtype=np.int64)
    for s in range(sessions):
        for k in range(action_start[s], action_start[s + 1]):
            last[action_asset[k]] /= action_split[k]
            mean[action_asset[k]] /= action_split[k]
        for i in range(assets):
            price = close[s, i]
            if not np.isnan(price):
                if not np.isnan(last[i]):
                    reach = abs(price - last[i])
                    if ranged and not (np.isnan(high[s, i]) or np.isnan(low[s, i])):
                        reach = max(high[s, i], last[i]) - min(low[s, i], last[i])
                    count[i] = min(count[i] + 1, window)
                    mean[i] += (reach - mean[i]) / count[i]
                last[i] = price
            out[s, i] = mean[i] if count[i] == window else np.nan


def _price(rule: FixedStop | TrailingStop | AtrStop) -> tuple[bool, float, float]:
    """Return whether the stop hangs from the best close, the loss as a fraction, and the multiple of the range."""
    match rule:
        case FixedStop(loss):
            return False, loss, 0.0
        case TrailingStop(loss):
            return True, loss, 0.0
        case AtrStop(multiple):
            return True, 0.0, multiple
