"""One label for a company's whole life, whatever a source calls it.

The label is the ticker that the membership file uses within the windows. Each source has its own clock: as-seen files
carry the ticker of the day (YHOO), the 2018 and 2021 lists the ticker of their year (PEAK for HCP). A ticker that
changed hands is split by date or left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

# Ticker of the day, renamed before the membership file was made.
EARLIER = {
    "BHI": "BHGE",
    "CBG": "CBRE",
    "CCEP": "CCE",
    "COH": "TPR",
    "DLPH": "APTV",
    "DPS": "KDP",
    "DWDP": "DD",
    "HCN": "WELL",
    "KORS": "CPRI",
    "LUK": "JEF",
    "MHFI": "SPGI",
    "PCLN": "BKNG",
    "TSO": "ANDV",
    "WYN": "WYND",
    "YHOO": "AABA",
    "ZMH": "ZBH",
}
# Ticker of a later list, renamed after the windows.
LATER = {
    "BALL": "BLL",
    "BKR": "BHGE",
    "COR": "ABC",
    "CPAY": "FLT",
    "CTRA": "COG",
    "DOC": "HCP",
    "EG": "RE",
    "ELV": "ANTM",
    "GEN": "SYMC",
    "GL": "TMK",
    "HWM": "ARNC",
    "J": "JEC",
    "LHX": "HRS",
    "LUMN": "CTL",
    "META": "FB",
    "NLOK": "SYMC",
    "PEAK": "HCP",
    "RTX": "UTX",
    "TFC": "BBT",
    "TT": "IR",
    "VIAC": "CBS",
    "WBD": "DISCA",
    "WTW": "WLTW",
}
# Company data that every share class shares, for sources that name one class only.
SHARE_CLASSES = {"CMCSK": "CMCSA", "DISCK": "DISCA", "FOX": "FOXA", "NWSA": "NWS", "UA": "UAA", "UAA": "UA"}

# Tickers that mean another company than the label: in the 2021 price list, and in the list of today.
REUSED_2021 = ("IR",)
REUSED_TODAY = ("DD", "DOW", "FOX", "FOXA", "IR", "LIN")
# As-filed reports: until this date the ticker's filings are the label's, afterwards (or before) another company's.
FILED_UNTIL = {
    "AA": ("ARNC", "2016-11-01"),
    "GCI": ("TGNA", "2015-06-29"),
    "ACE": ("CB", "2016-01-15"),
    "TYC": ("JCI", "2016-09-06"),
}
FILED_FROM = {"CB": "2016-01-15", "JCI": "2016-09-06"}


def relabel(tickers: "pd.Series[str]", renames: Mapping[str, str], *, without: Sequence[str] = ()) -> "pd.Series[str]":
    """Return the label of each ticker, categorical; missing for those in `without`, which name another company."""
    coded = tickers.astype("category")
    words = [None if word in without else renames.get(word, word) for word in coded.cat.categories]
    codes, labels = pd.factorize(np.array(words, dtype=object))
    at = coded.cat.codes.to_numpy()
    out = pd.Categorical.from_codes(np.where(at < 0, -1, codes[at]), categories=pd.Index(labels, dtype=str))
    return pd.Series(out, index=tickers.index)


def filer_labels(tickers: "pd.Series[str]", seen: "pd.Series[pd.Timestamp]") -> "pd.Series[str]":
    """Return the label of each as-filed report by ticker and the day it was seen; missing for another company's."""
    labels = tickers.replace(EARLIER)
    for ticker, (label, until) in FILED_UNTIL.items():
        of_ticker = tickers == ticker
        labels = labels.mask(of_ticker, None).mask(of_ticker & (seen < pd.Timestamp(until)), label)
    for ticker, since in FILED_FROM.items():
        labels = labels.mask((tickers == ticker) & (seen < pd.Timestamp(since)), None)
    return labels
