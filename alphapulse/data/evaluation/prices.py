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
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow.parquet as pq

from alphapulse.core.errors import DataError
from alphapulse.data.evaluation.names import EARLIER, LATER, REUSED_2021, relabel

Array = npt.NDArray[np.float64]

PRICES = ("open", "high", "low", "close")
NEARLY = 0.98
PYSTOCK_LAST = pd.Timestamp("2017-03-31")
GONE = pd.Timedelta(days=30)  # a ticker that comes back after a longer silence is another company's
LEAVES_WITHIN = pd.Timedelta(days=10)

# (label, session, column, value): values of pooksoft that cannot be true, with what they should be.
CORRECTIONS = (
    ("HBI", "2015-03-04", "dividend", 0.0),  # the three new shares of the 4:1 split stand as three dollars
    ("ROST", "2015-06-12", "dividend", 0.0),  # the ratio of the 2:1 split stands as two dollars
    ("EL", "2011-11-23", "split", 1.0),  # the dividend of 1.05 stands as a split too
    ("MET", "2017-08-07", "split", 1.0),  # the spin-off of Brighthouse stands as dividend and as split
    ("TMUS", "2013-05-01", "split", 0.5),  # the reverse split of the MetroPCS merger is missing
    ("DD", "2017-09-01", "split", 1.282),  # each DuPont share became 1.282 DowDuPont shares
)
# findata shows the merger ratio (EVHC 2016-12-02) and the reverse split (WIN 2015-04-27) that pystock misses.
BETTER_ELSEWHERE = {"EVHC": "findata", "WIN": "findata"}


def member_prices(root: Path, first: pd.Timestamp, last: pd.Timestamp, member: pd.DataFrame) -> "Chosen":
    """Return the long price table of every label with a column in `member` (bool, sessions x labels) that has prices.

    Prices run from `first` to `last`; the choice of vendor looks at the sessions of `member`.
    """
    offers = {name: read(root, first, last) for name, read in VENDORS.items()}
    counts = pd.DataFrame({name: _member_rows(rows, member) for name, rows in offers.items()})
    best = counts.max(axis=1)
    enough = counts.ge(NEARLY * best, axis=0) & counts.gt(0)
    vendor = enough.idxmax(axis=1).where(best > 0).dropna()
    vendor.update(pd.Series({asset: name for asset, name in BETTER_ELSEWHERE.items() if counts.at[asset, name] > 0}))
