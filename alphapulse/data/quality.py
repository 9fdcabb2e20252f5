"""The checks every load passes: named, counted, each with the one thing done about it.

1. axes      rows given twice, rows on days without trading (`_align`)
2. numbers   infinite, zero, negative and implausible prices, negative volume, faulty splits and dividends (`_numbers`);
             sessions and assets without any price (`_drop_unpriced`)
3. bars      a bar without a close, high below low, open or close outside the bar (`_bars`)
4. history   halts inside an asset's life, spikes, split-like moves, splits the price does not show, stale prices,
             sessions without volume, members without a price (`_history`)

A repair never invents a price: it turns a value that cannot be true into NaN, swaps a high and a low, or widens a bar
to hold its own open and close. Each repair looks at one session and the one before, so loading a longer file changes
no earlier value. A spike that reverts the next session is therefore flagged and kept: removing it needs tomorrow.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from alphapulse.core.errors import MissingField
from alphapulse.core.panel import Panel

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

REPORT_COLUMNS = ("check", "count", "action", "first")
PRICES = ("open", "high", "low", "close")
LOWEST_PRICE, HIGHEST_PRICE = 1e-6, 1e9
LARGEST_SPLIT = 1000
LARGE_MOVE = 1.4
SPLIT_MOVES = np.log(np.array([1.5, 2.0, 3.0, 4.0, 5.0, 7.0, 10.0, 15.0, 20.0]))
SPLIT_TOLERANCE = 0.02
STALE_SESSIONS = 10


def clean(
    panels: Mapping[str, Panel], *, sessions: pd.DatetimeIndex, membership: pd.DataFrame | None = None
) -> tuple[dict[str, Panel], pd.DataFrame]:
    """Return the panels repaired on the axis `sessions`, and the report of every check.

    panels: by name, dates x assets, at least close; rows may be unsorted, repeated or on days without trading, and
    NaN is unknown. open, high, low, close, volume, dividend and split are checked, other panels only aligned.
    sessions: the exchange's sessions. membership: bool, sessions x assets.
    The report has one row a check: check, count (cells, rows or assets), action (ok, flagged, repaired, dropped) and
    first (date and asset of the first case). Raises MissingField without close.
    """
    if "close" not in panels:
        raise MissingField(
            f"quality checks: panels {sorted(panels)} came without close",
            "at least the panel close, dates x assets",
            "add the column close to the prices",
        )
    report = Report(sessions)
    values, assets = _align(panels, sessions, report)
    report.assets = assets
    _numbers(values, report)
    values, assets = _drop_unpriced(values, assets, report)
    report.assets = assets
    _bars(values, report)
    _history(values, report)
    if membership is not None:
        member = membership.reindex(index=sessions, columns=assets, fill_value=False).to_numpy(dtype=bool)
        report.cells("member without a price", member & np.isnan(values["close"]), "flagged")
    out = {name: pd.DataFrame(array, index=sessions, columns=assets) for name, array in values.items()}
    return out, report.table()


class Report:
    """The rows of the report; each method counts one check and names its first case."""

    def __init__(self, sessions: pd.DatetimeIndex) -> None:
        self.sessions = sessions
        self.assets = pd.Index([])
        self.rows: list[tuple[str, int, str, str]] = []

    def add(self, check: str, count: int, action: str, first: str) -> None:
        self.rows.append((check, count, action if count else "ok", first if count else ""))

    def dates(self, check: str, dates: pd.DatetimeIndex, action: str) -> None:
        self.add(check, len(dates), action, f"{dates[0].date()}" if len(dates) else "")

    def cells(self, check: str, mask: Mask, action: str) -> None:
        count = int(np.count_nonzero(mask))
        first = ""
        if count:
            row, column = divmod(int(np.argmax(mask)), mask.shape[1])
            first = f"{self.sessions[row].date()} {self.assets[column]}"
        self.add(check, count, action, first)

    def table(self) -> pd.DataFrame:
        return pd.DataFrame(self.rows, columns=list(REPORT_COLUMNS))


def _align(
    panels: Mapping[str, Panel], sessions: pd.DatetimeIndex, report: Report
) -> tuple[dict[str, Array], pd.Index]:
    index = pd.DatetimeIndex(panels["close"].index)
    report.dates("row given twice (the last counts)", index[index.duplicated(keep="last")], "dropped")
    report.dates("row on a day without trading", index.difference(sessions), "dropped")
    assets = panels["close"].columns.sort_values()
    values = {}
    for name, panel in panels.items():
        if not panel.index.equals(sessions):
            panel = panel.loc[~pd.Index(panel.index).duplicated(keep="last")].reindex(index=sessions)
        if not panel.columns.equals(assets):
            panel = panel.reindex(columns=assets)
        values[name] = panel.to_numpy(dtype=np.float64, copy=True)
    return values, assets


def _drop_unpriced(values: dict[str, Array], assets: pd.Index, report: Report) -> tuple[dict[str, Array], pd.Index]:
    priced: Mask = ~np.isnan(values["close"])
    silent = np.flatnonzero(~priced.any(axis=1))
    report.dates("session without any price", report.sessions[silent], "flagged")
    keep = np.flatnonzero(priced.any(axis=0))
    empty = assets.delete(keep)
    report.add("asset without a price", len(empty), "dropped", str(empty[0]) if len(empty) else "")
    if len(empty):
        values = {name: array[:, keep] for name, array in values.items()}
    return values, assets[keep]


def _numbers(values: dict[str, Array], report: Report) -> None:
    close = values["close"]
    infinite = np.zeros(close.shape, dtype=bool)
    below = np.zeros(close.shape, dtype=bool)
    implausible = np.zeros(close.shape, dtype=bool)
    for name, array in values.items():
        wrong = np.isinf(array)
        infinite |= wrong
        array[wrong] = np.nan
        if name in PRICES:
            too_low = array <= 0.0
            extreme = (array > HIGHEST_PRICE) | ((array < LOWEST_PRICE) & ~too_low)
            below |= too_low
            implausible |= extreme
            array[too_low | extreme] = np.nan
    report.cells("infinite value", infinite, "repaired")
    report.cells("zero or negative price", below, "repaired")
    report.cells(f"price outside {LOWEST_PRICE:g} to {HIGHEST_PRICE:g}", implausible, "repaired")
    if "volume" in values:
        _unknown_where("negative volume", values["volume"], values["volume"] < 0.0, report)
    if "split" in values:
        split = values["split"]
        impossible = (split < 1.0 / LARGEST_SPLIT) | (split > LARGEST_SPLIT)
        _unknown_where(f"split outside 1/{LARGEST_SPLIT} to {LARGEST_SPLIT}", split, impossible, report)
    if "dividend" in values:
        dividend = values["dividend"]
        _unknown_where("negative dividend", dividend, dividend < 0.0, report)
        before = _last_known(close)[:-1] / _ratio(values)[1:]
        above = dividend > HIGHEST_PRICE
        above[1:] |= dividend[1:] >= before
        _unknown_where("dividend not below the price before it", dividend, above, report)


def _bars(values: dict[str, Array], report: Report) -> None:
    close = values["close"]
    bar = [values[name] for name in ("open", "high", "low") if name in values]
    orphan = np.zeros(close.shape, dtype=bool)
    for array in bar:
        orphan |= np.isnan(close) & ~np.isnan(array)
    for array in bar:
        array[orphan] = np.nan
    report.cells("bar without a close", orphan, "repaired")
    if "high" not in values or "low" not in values:
        return
    high, low = values["high"], values["low"]
    crossed = high < low
    high[crossed], low[crossed] = low[crossed], high[crossed]
    report.cells("high below low", crossed, "repaired")
    known_high, known_low = ~np.isnan(high), ~np.isnan(low)
    inside = [name for name in ("open", "close") if name in values]
    for name in inside:
        report.cells(f"{name} outside the bar", (values[name] > high) | (values[name] < low), "repaired")
    for name in inside:
        np.fmax(high, values[name], out=high, where=known_high)
        np.fmin(low, values[name], out=low, where=known_low)


def _history(values: dict[str, Array], report: Report) -> None:
    close = values["close"]
    seen, held = ~np.isnan(close), _last_known(close)
    ahead = np.logical_or.accumulate(seen[::-1], axis=0)[::-1]
    report.cells("missing price inside an asset's life", ~seen & ~np.isnan(held) & ahead, "flagged")

    growth = np.full(close.shape, np.nan)
    np.divide(held[1:], held[:-1], out=growth[1:])
    _stale(values, seen, growth == 1.0, report)
    split = _ratio(values)
    growth *= split
    if "dividend" in values:
        growth *= 1.0 + np.nan_to_num(values["dividend"]) / np.where(seen, close, np.inf)

    row, column = np.nonzero((growth > LARGE_MOVE) | (growth < 1.0 / LARGE_MOVE))
    move = np.log(growth[row, column])
    after = np.log(growth[np.minimum(row + 1, len(growth) - 1), column])
    spike = np.abs(move + after) < 0.25 * np.abs(move)
    declared = split[row, column] != 1.0
    distance = np.abs(np.abs(move)[:, None] - SPLIT_MOVES).min(axis=1, initial=np.inf)
    cases = {
        "spike that reverts the next session": spike,
        "move like a split without a split": ~spike & ~declared & (distance < SPLIT_TOLERANCE),
        "split that the price does not show": declared & (np.abs(move) > 0.5 * np.abs(np.log(split[row, column]))),
    }
    for check, chosen in cases.items():
        mask = np.zeros(close.shape, dtype=bool)
        mask[row[chosen], column[chosen]] = True
        report.cells(check, mask, "flagged")


def _stale(values: dict[str, Array], seen: Mask, unchanged: Mask, report: Report) -> None:
    still = seen & unchanged
    if "volume" in values:
        traded = values["volume"] > 0.0
        report.cells("price without volume", seen & (values["volume"] == 0.0), "flagged")
        still &= ~traded
    row = np.arange(len(still))[:, None]
    last_change = np.maximum.accumulate(np.where(still, -1, row), axis=0)
    report.cells(
        f"same price for {STALE_SESSIONS} sessions without volume", row - last_change == STALE_SESSIONS, "flagged"
    )


def _ratio(values: Mapping[str, Array]) -> Array:
    """New shares for one old by session and asset, 1 where there is no split."""
    if "split" not in values:
        return np.ones_like(values["close"])
    return np.where(values["split"] > 0.0, values["split"], 1.0)


def _unknown_where(check: str, array: Array, mask: Mask, report: Report) -> None:
    report.cells(check, mask, "repaired")
    array[mask] = np.nan


def _last_known(close: Array) -> Array:
    return pd.DataFrame(close).ffill().to_numpy()
