"""Prices of the index members from four vendors, each asset from one of them.

| vendor | prices | dividends and splits |
|---|---|---|
| pooksoft | as traded | on their days, spin-offs as dividends |
| pystock | as first seen | from the close before as the vendor re-based it that evening |
| findata | split-adjusted to 2018-07 | dividends from the adjusted close, in split-adjusted dollars |
| cnuge | split-adjusted to 2018-02 | none: dividends are missing |

`member_prices` takes the first vendor of this order that prices nearly as many of the asset's member sessions as the
best one does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow.parquet as pq

from alphapulse.core.errors import DataError
from alphapulse.data.evaluation.names import EARLIER, LATER, REUSED_2021, relabel

Array = npt.NDArray[np.float64]

PRICES = ("open", "high", "low", "close")
DECIMALS = {"adj_close": 7, "prev_adj_close": 6, "split": 6}
SMALLEST_DIVIDEND = 0.004
NEARLY = 0.98
GONE = pd.Timedelta(days=30)  # a ticker that comes back after a longer silence is another company's

# (label, session, column, value): values of pooksoft that cannot be true, with what they should be.
CORRECTIONS = (
    ("HBI", "2015-03-04", "dividend", 0.0),  # the three new shares of the 4:1 split stand as three dollars
    ("ROST", "2015-06-12", "dividend", 0.0),  # the ratio of the 2:1 split stands as two dollars
    ("ANTM", "2005-06-02", "split", 2.0),  # the 2:1 split is missing
    ("EL", "2011-11-23", "split", 1.0),  # the dividend of 1.05 stands as a split too
    ("MET", "2017-08-07", "split", 1.0),  # the spin-off of Brighthouse stands as dividend and as split
    ("TMUS", "2013-05-01", "split", 0.5),  # the reverse split of the MetroPCS merger is missing
    ("DD", "2017-09-01", "split", 1.282),  # each DuPont share became 1.282 DowDuPont shares
)
SPLIT_ADJUSTED = ("findata", "cnuge")
# findata shows the merger ratio (EVHC 2016-12-02) and the reverse split (WIN 2015-04-27) that pystock misses.
CNUGE_TWICE = ("COH", "DLPH")  # from its older snapshot; TPR and APTV are in the newer one
BETTER_ELSEWHERE = {"EVHC": "findata", "WIN": "findata"}


@dataclass(frozen=True, eq=False)
class MemberPrices:
    """rows: the long price table. vendor: name by label. share: of member sessions priced. notes: for the report."""

    rows: pd.DataFrame
    vendor: "pd.Series[str]"
    share: float
    notes: tuple[tuple[str, int, str, str], ...]


def member_prices(root: Path, first: pd.Timestamp, last: pd.Timestamp, member: pd.DataFrame) -> MemberPrices:
    """Return the prices from `first` to `last` of the labels of `member` (bool, sessions x labels) that have any.

    The choice of vendor looks at the sessions and labels of `member` only.
    """
    labels = member.columns
    offers = {name: read(root, first, last) for name, read in VENDORS.items()}
    counts = pd.DataFrame({name: _member_rows(rows, member) for name, rows in offers.items()}, index=labels)
    best = counts.max(axis=1)
    vendor = counts.ge(NEARLY * best, axis=0).idxmax(axis=1)[best > 0].astype(str)
    vendor.update(pd.Series(BETTER_ELSEWHERE))

    parts = []
    for name, rows in offers.items():
        at = labels.get_indexer(pd.Index(rows["asset"].cat.categories))[rows["asset"].cat.codes]
        serves = np.append(vendor.reindex(labels).eq(name).to_numpy(), False)
        keep = serves[at]
        asset = pd.Categorical.from_codes(at[keep], categories=labels)
        parts.append(rows.loc[keep].assign(asset=asset))
    rows = pd.concat(parts, ignore_index=True)
    corrected = _correct(rows, vendor)
    notes = [
        (f"asset with prices of {name}", int((vendor == name).sum()), "flagged" if name in SPLIT_ADJUSTED else "ok", "")
        for name in VENDORS
    ]
    blind = rows["dividend"].isna() & rows["asset"].isin(vendor.index[vendor == "pystock"])
    notes.append(("dividend unknown (no re-based close)", int(blind.sum()), "flagged", ""))
    notes.append(("known vendor fault", len(corrected), "repaired", corrected[0] if corrected else ""))
    share = float(best.sum() / member.to_numpy().sum())
    return MemberPrices(rows, vendor, share, tuple(notes))


def _member_rows(rows: pd.DataFrame, member: pd.DataFrame) -> npt.NDArray[np.int64]:
    """Count the priced member sessions of each label."""
    column = member.columns.get_indexer(pd.Index(rows["asset"].cat.categories))[rows["asset"].cat.codes]
    place = pd.DatetimeIndex(member.index).get_indexer(pd.DatetimeIndex(rows["session"]))
    inside = (column >= 0) & (place >= 0)
    counted = member.to_numpy()[place[inside], column[inside]]
    return np.bincount(column[inside][counted], minlength=member.shape[1])


def _correct(rows: pd.DataFrame, vendor: "pd.Series[str]") -> list[str]:
    """Write the corrections of pooksoft's values into `rows`; return where they applied."""
    applied = []
    for label, session, column, value in CORRECTIONS:
        if vendor.get(label) == "pooksoft":
            at = np.flatnonzero((rows["asset"] == label) & (rows["session"] == pd.Timestamp(session)))
            rows.loc[at, column] = value
            applied += [f"{session} {label}"] * len(at)
    return applied


def _pooksoft(root: Path, first: pd.Timestamp, last: pd.Timestamp) -> pd.DataFrame:
    rows = _read(root / "prices_sp500_pooksoft/daily.parquet", first, last, ("dividend", "split"))
    rows["asset"] = relabel(rows["ticker"], LATER, without=REUSED_2021)
    return _columns(rows)


def _pystock(root: Path, first: pd.Timestamp, last: pd.Timestamp) -> pd.DataFrame:
    rows = _read(root / "pystock_pit/prices_sp500.parquet", first, last, ("prev_adj_close",))
    session = rows["session"]
    silence = (session.diff() > GONE) & _same_as_before(rows)
    rows = rows.loc[~silence.groupby(rows["ticker"], observed=True).cummax()].reset_index(drop=True)
    before = _before(rows, rows["close"])
    rebased = rows["prev_adj_close"].to_numpy() / before
    split, dividend = _actions(before, rebased, rows["close"].to_numpy())
    rows["asset"] = relabel(rows["ticker"], EARLIER)
    return _columns(rows.assign(split=split, dividend=dividend))


def _actions(before: Array, rebased: Array, close: Array) -> tuple[Array, Array]:
    """Return split and dividend from the factor by which the close before was re-based that evening.

    A factor near one half, one third, ... or two, three, ... that the price confirms is a split. Another factor within
    40 % below one is a cash payment, spin-offs included. Anything else (re-based a day early, archive gaps) is unknown.
    """
    inverse = np.where(rebased < 1.0, 1.0 / rebased, rebased)
    whole = (np.abs(inverse - np.rint(inverse)) < 0.01) & (np.rint(inverse) >= 2.0)
    shown = np.abs(np.log(close / (before * rebased))) < np.log(1.3)
    ratio = np.where(rebased < 1.0, np.rint(inverse), 1.0 / np.rint(inverse))
    is_split = whole & shown
    split = np.where(is_split, ratio, 1.0)
    paid = np.round(before * (1.0 - rebased), 4)
    dividend = np.where(~is_split & (rebased > 0.6) & (paid >= SMALLEST_DIVIDEND), paid, 0.0)
    return split, np.where(np.isnan(rebased), np.nan, dividend)


def _findata(root: Path, first: pd.Timestamp, last: pd.Timestamp) -> pd.DataFrame:
    rows = _read(root / "prices_leavers_findata/daily.parquet", first, last, ("adj_close",))
    before = _before(rows, rows["close"])
    held = (rows["adj_close"] / rows["close"]).to_numpy()
    paid = np.round(before * (1.0 - _before(rows, pd.Series(held)) / held), 4)
    dividend = np.where((paid >= SMALLEST_DIVIDEND) & (paid < before), paid, 0.0)
    rows["asset"] = relabel(rows["ticker"], EARLIER)
    return _columns(rows.assign(split=1.0, dividend=dividend))


def _cnuge(root: Path, first: pd.Timestamp, last: pd.Timestamp) -> pd.DataFrame:
    rows = _read(root / "prices_sp500_cnuge/daily.parquet", first, last, ())
    rows["asset"] = relabel(rows["ticker"], EARLIER, without=CNUGE_TWICE)
    return _columns(rows.assign(split=1.0, dividend=np.nan))


VENDORS: Mapping[str, Callable[[Path, pd.Timestamp, pd.Timestamp], pd.DataFrame]] = {
    "pooksoft": _pooksoft,
    "pystock": _pystock,
    "findata": _findata,
    "cnuge": _cnuge,
}


def _read(file: Path, first: pd.Timestamp, last: pd.Timestamp, more: tuple[str, ...]) -> pd.DataFrame:
    """Read one vendor's rows sorted by ticker and date; float32 prices are rounded to their four decimals."""
    if not file.is_file():
        raise DataError(
            f"evaluation data: {file.parent.name}/{file.name} is missing",
            "the complete evaluation data",
            "copy the folder again, or set ALPHAPULSE_DATA to the complete one",
        )
    names = ["ticker", "date", *PRICES, "volume", *more]
    within = [("date", ">=", first.date()), ("date", "<=", last.date())]
    table = pq.read_table(file, columns=names, filters=within, read_dictionary=["ticker"])
    rows: pd.DataFrame = table.to_pandas(date_as_object=False, ignore_metadata=True)
    for name in (*PRICES, *more):
        rows[name] = rows[name].to_numpy(dtype=np.float64).round(DECIMALS.get(name, 4))
    rows["volume"] = rows["volume"].astype(np.float64)
    return rows.rename(columns={"date": "session"}).sort_values(["ticker", "session"], ignore_index=True)


def _columns(rows: pd.DataFrame) -> pd.DataFrame:
    named = rows.loc[rows["asset"].notna(), ["session", "asset", *PRICES, "volume", "dividend", "split"]]
    return named.reset_index(drop=True)


def _same_as_before(rows: pd.DataFrame) -> npt.NDArray[np.bool_]:
    codes = rows["ticker"].cat.codes.to_numpy()
    return np.concatenate([[False], codes[1:] == codes[:-1]])


def _before(rows: pd.DataFrame, values: "pd.Series[float]") -> Array:
    """Return the value of the same ticker's row before; NaN on its first."""
    return np.where(_same_as_before(rows), values.shift(1).to_numpy(), np.nan)
