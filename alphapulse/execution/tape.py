"""The tape: one market as contiguous arrays, in the form the kernel reads."""

from __future__ import annotations

from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from alphapulse.core.market import MarketData
from alphapulse.core.stats import Array, session_returns

IMPACT_WINDOW = 21


class Tape(NamedTuple):
    """Prices sessions x assets (NaN unknown; shape 0 x 0 when the market has no such panel) and corporate actions.

    Actions of session s are rows action_start[s] to action_start[s + 1]: asset, split ratio (1 for none), dividend
    per share (0 for none), delisting cash per share (NaN for none).
    """

    open: Array
    high: Array
    low: Array
    close: Array
    volume: Array
    action_start: npt.NDArray[np.int64]
    action_asset: npt.NDArray[np.int64]
    action_split: Array
    action_dividend: Array
    action_delisting: Array


def frozen(values: npt.ArrayLike) -> Array:
    """Return the values as a contiguous read-only array of floats, copied only where they are not.

    Writable or strided arrays are other types to the compiler, which would compile the kernel once more for each.
    """
    array = np.ascontiguousarray(values, dtype=np.float64).view()
    array.flags.writeable = False
    return array


# A market never changes, so its tape is built once and goes with it.
_TAPES: WeakKeyDictionary[MarketData, Tape] = WeakKeyDictionary()


def tape_of(market: MarketData) -> Tape:
    """Return the tape of `market`, built at the first call."""
    tape = _TAPES.get(market)
    if tape is None:
        tape = _TAPES[market] = _build(market)
    return tape


def impact_scale(market: MarketData) -> Array:
    """Return volatility / sqrt(average volume) of the 21 sessions before each session, sessions x assets.

    Times the square root of the shares traded, it is the impact of the square-root law as a fraction of the value.
    Volumes are counted in the shares of the session that trades, so a split changes no impact. Unknown volumes are
    left out of the average; where none of the month is known, or none is above zero, the last estimate stands. Zero
    before the first one. Shape 0 x 0 without a volume panel.
    """
    if "volume" not in market:
        return frozen(np.zeros((0, 0)))
    returns = session_returns(market.panel("total_return"))
    volatility = returns.rolling(IMPACT_WINDOW, min_periods=2).std().shift(1)
    shares = market.panel("split").fillna(1.0).cumprod() if "split" in market else 1.0
    volume = (market.panel("volume") / shares).rolling(IMPACT_WINDOW, min_periods=1).mean().shift(1) * shares
    return frozen((volatility / volume.where(volume > 0.0).pow(0.5)).ffill().fillna(0.0))


def _build(market: MarketData) -> Tape:
    start, asset, split, dividend, delisting = _actions(market)
    return Tape(
        open=_array(market, "open"),
        high=_array(market, "high"),
        low=_array(market, "low"),
        close=_array(market, "close"),
        volume=_array(market, "volume"),
        action_start=start,
        action_asset=asset,
        action_split=split,
        action_dividend=dividend,
        action_delisting=delisting,
    )


def _array(market: MarketData, name: str) -> Array:
    return frozen(market.panel(name) if name in market.panels else np.zeros((0, 0)))


def _actions(market: MarketData) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], Array, Array, Array]:
    shape = market.panel("close").shape

    def dense(name: str, neutral: float) -> Array:
        if name not in market.panels:
            return np.full(shape, neutral)
        values = market.panel(name).to_numpy()
        return values if np.isnan(neutral) else np.where(np.isnan(values), neutral, values)

    if not {"split", "dividend", "delisting"} & set(market.panels):
        empty: Any = np.zeros(0)
        none = np.zeros(0, dtype=np.int64)
        return np.zeros(shape[0] + 1, dtype=np.int64), none, empty, empty, empty
    split, dividend, delisting = dense("split", 1.0), dense("dividend", 0.0), dense("delisting", np.nan)
    session, asset = np.nonzero((split != 1.0) | (dividend != 0.0) | ~np.isnan(delisting))
    start = np.zeros(shape[0] + 1, dtype=np.int64)
    np.cumsum(np.bincount(session, minlength=shape[0]), out=start[1:])
    at = (session, asset)
    return start, asset.astype(np.int64), split[at], dividend[at], delisting[at]
