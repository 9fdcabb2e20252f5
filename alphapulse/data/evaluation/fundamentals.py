"""As-filed quarterly figures, each known at the end of the day its filing was seen.

Two sources: pystock (10-Q and 10-K as filed, 2015-03 to 2017-03) and SEC EDGAR company facts (by filing date, 2009 on)
for periods that pystock does not have (the column `source` says which), and for gaps in its rows when known by then.
What a filing states for more than its own quarter is taken apart: cash flows of a 10-Q are year to date, every flow of
a 10-K covers the year. A quarter that needs an earlier filing which is not there, or was seen later, is unknown.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from alphapulse.data.calendar import end_of_day
from alphapulse.data.evaluation.names import LATER, REUSED_TODAY, SHARE_CLASSES, filer_labels, relabel

PYSTOCK = {
    "revenues": "revenue",
    "op_income": "operating_income",
    "net_income": "net_income",
    "eps_diluted": "eps_diluted",
    "dividend": "dividends_per_share",
    "assets": "assets",
    "cur_assets": "current_assets",
    "cur_liab": "current_liabilities",
    "equity": "equity",
    "cash": "cash",
    "cash_flow_op": "cfo",
    "cash_flow_inv": "cfi",
    "cash_flow_fin": "cff",
}
EDGAR = {
    "net_income": "net_income",
    "total_assets": "assets",
    "equity": "equity",
    "operating_cf": "cfo",
    "capex": "capex",
}
QUARTER_FLOWS = ("revenue", "operating_income", "net_income", "eps_diluted", "dividends_per_share")
YEAR_TO_DATE = ("cfo", "cfi", "cff")
QUARTER_DAYS = (75, 110)
SMALLEST_EPS = 0.05  # below, rounding to a cent moves net income / EPS by more than 10 %
SHARES = (1e6, 3e10)


def fundamentals(root: Path, labels: Iterable[str], since: pd.Timestamp) -> pd.DataFrame:
    """Return one row a filing of `labels` for periods from `since`: asset, period_end, known (UTC), source, figures.

    Dollars; flows are of the quarter, balance sheet figures at its end; shares is net income / diluted EPS as filed.
    """
    filed, facts = _pystock(root), _edgar(root)
    alone = _fill_gaps(filed, facts)
    both = pd.concat([filed, alone], ignore_index=True)
    keep = both["asset"].isin(pd.Index(sorted(set(labels)))) & (both["period_end"] >= since)
    return both.loc[keep].sort_values(["asset", "known", "period_end"], ignore_index=True)


def _fill_gaps(filed: pd.DataFrame, facts: pd.DataFrame) -> pd.DataFrame:
    """Fill unknown figures of `filed` with facts known no later; return the facts about periods that were not filed."""
    ours = filed[["asset", "period_end"]].assign(row=filed.index).sort_values("period_end")
    theirs = facts.assign(fact=facts.index).sort_values("period_end")
    week = pd.Timedelta(days=7)
    found = pd.merge_asof(ours, theirs, on="period_end", by="asset", direction="nearest", tolerance=week)
    found = found.set_index("row").sort_index()
    in_time = found["known"] <= filed["known"]
    for name in EDGAR.values():
        known_then = found[name].where(in_time)
        filed[name] = filed[name].fillna(known_then) if name in filed else known_then
    return facts.loc[~facts.index.isin(found["fact"].dropna())]


def _pystock(root: Path) -> pd.DataFrame:
    raw = pd.read_parquet(root / "pystock_pit/reports_all_us.parquet")
    seen = pd.to_datetime(raw["crawl_date"])
    rows = raw[list(PYSTOCK)].rename(columns=PYSTOCK)
    rows.insert(0, "asset", filer_labels(raw["ticker"], seen))
    rows.insert(1, "period_end", pd.to_datetime(raw["end_date"]).dt.as_unit("us"))
    rows.insert(2, "seen", seen)
    rows["annual"] = raw["doc_type"].eq("10-K").to_numpy()
    rows["first_quarter"] = raw["period_focus"].eq("Q1").to_numpy()
    rows = rows[rows["asset"].notna() & (rows["seen"] >= rows["period_end"])]
    clones = [rows[rows["asset"] == of].assign(asset=label) for label, of in SHARE_CLASSES.items()]
    rows = pd.concat([rows, *clones], ignore_index=True)
    rows["revenue"] = rows["revenue"].where(rows["revenue"] != 0.0)  # 375 filings came without their revenue
    per_share = rows["eps_diluted"].where(rows["eps_diluted"].abs() >= SMALLEST_EPS)
    shares = rows["net_income"] / per_share
    rows["shares"] = shares.where(shares.between(*SHARES))
    rows = rows.sort_values(["asset", "period_end", "seen"]).drop_duplicates(
        ["asset", "period_end", "seen"], keep="last", ignore_index=True
    )
    rows = _quarterly(rows)
    rows.insert(2, "known", end_of_day(rows.pop("seen")))
    return rows.drop(columns=["annual", "first_quarter"]).assign(source="pystock")


def _quarterly(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with each flow of its own quarter, from the first sightings of the quarters before."""
    first = rows.drop_duplicates(["asset", "period_end"], keep="first")
    before = {lag: _filing_before(first, lag) for lag in (1, 2, 3)}
    back = {
        lag: rows[["asset", "period_end"]].merge(frame, on=["asset", "period_end"], how="left")
        for lag, frame in before.items()
    }
    usable = {lag: (back[lag]["seen"] <= rows["seen"]).to_numpy() for lag in back}
    out = rows.copy()
    annual = rows["annual"].to_numpy()
    three = usable[1] & usable[2] & usable[3]
    three &= ~(back[1]["annual"].eq(True) | back[2]["annual"].eq(True) | back[3]["annual"].eq(True)).to_numpy()
    for name in QUARTER_FLOWS:
        earlier = back[1][name] + back[2][name] + back[3][name]
        out[name] = rows[name].where(~annual, (rows[name] - earlier.to_numpy()).where(three))
    starts = rows["first_quarter"].to_numpy() & ~annual
    for name in YEAR_TO_DATE:
        step = (rows[name] - back[1][name].to_numpy()).where(usable[1] & ~back[1]["annual"].eq(True).to_numpy())
        out[name] = rows[name].where(starts, step)
    return out


def _filing_before(first: pd.DataFrame, lag: int) -> pd.DataFrame:
    """Return for each first sighting the one `lag` quarters before; empty where the quarters do not follow."""
    grouped = first.groupby("asset", sort=False)
    earlier = grouped.shift(lag)
    days = (first["period_end"] - earlier["period_end"]).dt.days
    follows = days.between(QUARTER_DAYS[0] * lag, QUARTER_DAYS[1] * lag)
    out = earlier[["seen", "annual", *QUARTER_FLOWS, *YEAR_TO_DATE]].where(follows)
    return pd.concat([first[["asset", "period_end"]], out], axis=1)


def _edgar(root: Path) -> pd.DataFrame:
    raw = pd.read_parquet(root / "fundamentals_sec_edgar/quarterly.parquet")
    rows = raw[list(EDGAR)].rename(columns=EDGAR)
    rows.insert(0, "asset", relabel(raw["ticker"], LATER, without=REUSED_TODAY).astype(object))
    rows.insert(1, "period_end", pd.to_datetime(raw["period_end"]).dt.as_unit("us"))
    rows.insert(2, "known", end_of_day(pd.to_datetime(raw["available_date"])))
    rows["asset"] = rows["asset"].astype(str).where(rows["asset"].notna())
    return rows[rows["asset"].notna()].assign(source="edgar")
