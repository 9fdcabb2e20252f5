"""Listings, delistings, halts, splits, dividends and dated membership laid over the simulated truth.

The simulated close is a total-return level. Raw prices are derived from it so that compounding them with their
dividends and splits (`core.market.compound`) gives that level back. No event looks at later prices: splits follow the
price of the session before, everything else is drawn without looking at prices, and a delisting pays what the asset
was worth on the session after its last trade, so driftless markets stay driftless.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from alphapulse.core.stats import Array
from alphapulse.data.simulated.prices import Bars
from alphapulse.data.simulated.streams import stream

Mask = npt.NDArray[np.bool_]

BAR_FIELDS = ("open", "high", "low", "close", "volume")
LISTED_LATE, DELISTED = 0.30, 0.15
HALTS_PER_SESSION = 1 / 1250
PAYERS, DIVIDEND_EVERY = 0.75, 63
SPLIT_ABOVE, REVERSE_SPLIT_BELOW, SPLIT_CHECK_EVERY = 150.0, 4.0, 21


@dataclass(frozen=True, eq=False)
class Actions:
    """Panels by name, membership, and when each asset trades, by asset: first and last session as row numbers.

    price is the close without gaps, for what is reckoned from market values.
    """

    panels: dict[str, Array]
    membership: Mask
    first: npt.NDArray[np.intp]
    last: npt.NDArray[np.intp]
    price: Array


def without_actions(bars: Bars) -> Actions:
    """Return the bars as they are: every asset trades, and is a member, from the first session to the last."""
    n_sessions, n_assets = bars.close.shape
    panels = {name: getattr(bars, name) for name in BAR_FIELDS}
    first = np.zeros(n_assets, dtype=np.intp)
    return Actions(panels, np.ones(bars.close.shape, dtype=bool), first, first + n_sessions - 1, bars.close)


def with_actions(bars: Bars, seed: int) -> Actions:
    """Return raw prices and volume with `dividend`, `split` and `delisting` panels, sessions x assets.

    Prices and volume are NaN before listing, after delisting and when halted; dividend is cash per share on the
    ex-date, 0 otherwise; split is new shares for one old, 1 otherwise; delisting is cash per share, NaN otherwise.
    """
    rng = stream(seed, "actions")
    shape = bars.close.shape
    first, last = _lives(shape, rng)
    row = np.arange(shape[0])[:, None]
    trades = (row >= first) & (row <= last)
    inside = (row > first) & (row <= last)
    payout = np.where(inside, _yields(shape, rng), 0.0)
    kept = np.cumprod(1.0 - payout, axis=0)
    kept *= bars.traits.price / bars.close[first, np.arange(shape[1])]  # every asset lists at its first price
    split = _splits(bars.close * kept, inside)
    factor = kept / np.cumprod(split, axis=0)
    trades &= ~_halts(shape, inside & (row < last) & (payout == 0.0) & (split == 1.0), rng)

    scale = {name: 1.0 / factor if name == "volume" else factor for name in BAR_FIELDS}
    panels = {name: np.where(trades, getattr(bars, name) * scale[name], np.nan) for name in BAR_FIELDS}
    np.rint(panels["volume"], out=panels["volume"])
    panels["dividend"] = payout / (1.0 - payout) * bars.close * factor
    panels["split"] = split
    panels["delisting"] = np.where(row == last + 1, bars.close * factor, np.nan)
    return Actions(panels, _membership(first, last, row, rng), first, last, bars.close * factor)


def _lives(shape: tuple[int, ...], rng: np.random.Generator) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    n_sessions, n_assets = shape
    late = (rng.random(n_assets) < LISTED_LATE) * rng.uniform(0.02, 0.50, n_assets)
    leaves = np.where(rng.random(n_assets) < DELISTED, rng.uniform(0.55, 0.98, n_assets), np.inf)
    late[0], leaves[0] = 0.0, np.inf  # one asset trades throughout, so that no session is empty
    last = np.minimum(leaves * n_sessions, n_sessions - 1)
    return (late * n_sessions).astype(np.intp), last.astype(np.intp)


def _yields(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Dividend as a fraction of the price before it, on each asset's ex-dates; never on a split date."""
    n_sessions, n_assets = shape
    quarterly = (rng.random(n_assets) < PAYERS) * rng.uniform(0.0025, 0.010, n_assets)
    offset = SPLIT_CHECK_EVERY * rng.integers(0, 3, n_assets) + rng.integers(3, 19, n_assets)
    return np.where(np.arange(n_sessions)[:, None] % DIVIDEND_EVERY == offset, quarterly, 0.0)


def _splits(price: Array, inside: Mask) -> Array:
    """New shares for one old: decided every month on the close, effective at the next session."""
    split = np.ones(price.shape)
    factor = np.ones(price.shape[1])
    for seen in range(0, len(price) - 1, SPLIT_CHECK_EVERY):
        raw = price[seen] / factor
        ratio = np.where(raw > SPLIT_ABOVE, np.where(raw > 2.0 * SPLIT_ABOVE, 4.0, 2.0), 1.0)
        ratio = np.where(raw < REVERSE_SPLIT_BELOW, 0.1, ratio)
        split[seen + 1] = np.where(inside[seen + 1], ratio, 1.0)
        factor *= split[seen + 1]
    return split


def _halts(shape: tuple[int, ...], allowed: Mask, rng: np.random.Generator) -> Mask:
    begins = rng.random(shape) < HALTS_PER_SESSION
    length = rng.geometric(0.4, shape)
    halted = np.zeros(shape, dtype=bool)
    for row, column in np.argwhere(begins):
        halted[row : row + length[row, column], column] = True
    return halted & allowed


def _membership(
    first: npt.NDArray[np.intp], last: npt.NDArray[np.intp], row: npt.NDArray[np.intp], rng: np.random.Generator
) -> Mask:
    """True while in the index: half of the late listings join only after a while, a tenth of all leave it early."""
    n_sessions = len(row)
    wait = (rng.random(len(first)) < 0.5) * (first > 0) * rng.uniform(0.0, 0.1, len(first)) * n_sessions
    leave = np.where(rng.random(len(first)) < 0.1, rng.uniform(0.6, 1.0, len(first)) * n_sessions, np.inf)
    leave[0] = np.inf
    return (row >= first + wait) & (row <= np.minimum(last, leave))
