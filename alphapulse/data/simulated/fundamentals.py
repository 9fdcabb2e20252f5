"""Quarterly figures of simulated companies, with the time each filing became known.

Sales follow the market value of the quarter before with a long lag and noise of their own, margins persist, and the
balance sheet adds up. Every figure rests on prices up to its period's end, so figures hold no news about later
returns. Most filings come 20 to 90 days after the period, some later, and a few are restated afterwards.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from alphapulse.core.stats import Array
from alphapulse.data.calendar import EXCHANGE_ZONE
from alphapulse.data.simulated.actions import Actions
from alphapulse.data.simulated.streams import persistent, stream

TAX = 0.21
INTEREST = 0.0125
LATE, RESTATED = 0.05, 0.03
QUARTERS_BEFORE = 5
RESTATED_FIGURES = ("gross_profit", "operating_income", "net_income", "eps_diluted")


def quarterly_figures(acted: Actions, sessions: pd.DatetimeIndex, assets: pd.Index, seed: int) -> pd.DataFrame:
    """Return one row a filing: asset, period_end, known and the figures of that quarter, sorted by asset and period.

    Flows are of the quarter, balance sheet figures at its end, in dollars; shares in units, eps_diluted a share, both
    restated for splits up to the day of the filing, as filings are.
    """
    rng = stream(seed, "fundamentals")
    ends = _period_ends(sessions)
    period_end = _fiscal(ends, rng.random(len(assets)) < 0.2)
    at = np.clip(sessions.searchsorted(period_end.ravel(), side="right").reshape(period_end.shape) - 1, 0, None)
    columns = np.arange(len(assets))
    issued = np.exp(rng.normal(19.0, 0.8, len(assets)))
    outstanding = issued * np.cumprod(acted.panels.get("split", np.ones_like(acted.price)), axis=0)
    paid = np.cumsum(outstanding * acted.panels.get("dividend", np.zeros_like(acted.price)), axis=0)[at, columns]
    shares = outstanding[at, columns]
    figures = _figures(shares * acted.price[at, columns], shares, np.diff(paid, axis=0, prepend=paid[:1]), rng)

    known = period_end + _lag_days(period_end.shape, rng).astype("timedelta64[D]")
    rows = _rows(figures, assets, period_end, known)
    again = rng.random(len(rows)) < RESTATED
    restated = rows.loc[again].copy()
    change = rng.normal(1.0, 0.15, len(restated))
    for name in RESTATED_FIGURES:
        restated[name] *= change
    restated["known"] += pd.to_timedelta(rng.integers(60, 400, len(restated)), unit="D")
    out = pd.concat([rows, restated], ignore_index=True)
    hour = pd.to_timedelta(rng.integers(6 * 60, 17 * 60 + 30, len(out)), unit="min")
    grown = _split_since(out, outstanding, sessions, assets)
    out["shares"] *= grown
    out["eps_diluted"] /= grown
    out["known"] = (out["known"] + hour).dt.tz_localize(EXCHANGE_ZONE).dt.tz_convert("UTC")
    return out.sort_values(["asset", "period_end", "known"], kind="stable", ignore_index=True)


def _figures(value: Array, shares: Array, paid: Array, rng: np.random.Generator) -> dict[str, Array]:
    """Return the figures by name, quarters x assets, from market value at the quarter's end."""
    n_assets = value.shape[1]
    shape = value.shape
    sales_to_value = np.exp(rng.normal(np.log(0.5), 0.5, n_assets)) / 4.0
    revenue = np.empty(shape)
    revenue[0] = value[0] * sales_to_value * np.exp(rng.normal(0.0, 0.3, n_assets))
    noise = rng.normal(0.0, 0.04, shape)
    for quarter in range(1, len(value)):
        gap = np.log(value[quarter - 1] * sales_to_value / revenue[quarter - 1])
        revenue[quarter] = revenue[quarter - 1] * np.exp(0.08 * gap + noise[quarter])
    gross_profit = revenue * np.clip(rng.uniform(0.25, 0.65, n_assets) + persistent(rng, shape, 0.9, 0.03), 0.05, 0.9)
    margin = rng.uniform(0.04, 0.24, n_assets) + persistent(rng, shape, 0.85, 0.05)
    operating_income = np.minimum(revenue * margin, gross_profit * 0.95)

    assets = 4.0 * revenue * np.exp(rng.normal(0.3, 0.4, n_assets))
    liabilities = assets * np.clip(rng.uniform(0.3, 0.75, n_assets) + persistent(rng, shape, 0.95, 0.05), 0.1, 0.95)
    debt = liabilities * rng.uniform(0.2, 0.7, n_assets)
    net_income = (operating_income - INTEREST * debt) * (1.0 - TAX)
    equity = assets - liabilities
    retained = 0.4 * equity[0] + np.cumsum(net_income - paid, axis=0)
    current_assets = assets * rng.uniform(0.2, 0.6, n_assets)
    depreciation = 0.01 * assets
    return {
        "revenue": revenue,
        "gross_profit": gross_profit,
        "operating_income": operating_income,
        "net_income": net_income,
        "eps_diluted": net_income / (1.02 * shares),
        "shares": shares,
        "assets": assets,
        "current_assets": current_assets,
        "current_liabilities": liabilities * rng.uniform(0.25, 0.6, n_assets),
        "liabilities": liabilities,
        "equity": equity,
        "retained_earnings": retained,
        "cash": current_assets * rng.uniform(0.1, 0.6, n_assets),
        "debt": debt,
        "cfo": net_income + depreciation + 0.005 * assets * rng.standard_normal(shape),
        "capex": depreciation * np.exp(rng.normal(0.1, 0.2, shape)),
        "dividends": paid,
    }


def _split_since(rows: pd.DataFrame, outstanding: Array, sessions: pd.DatetimeIndex, assets: pd.Index) -> Array:
    """Return by row how many shares one share of the period's end had become on the day of the filing."""
    column = assets.get_indexer(pd.Index(rows["asset"]))
    at, then = (
        np.clip(sessions.searchsorted(pd.DatetimeIndex(rows[name]), side="right") - 1, 0, None)
        for name in ("known", "period_end")
    )
    grown: Array = outstanding[at, column] / outstanding[then, column]
    return grown


def _period_ends(sessions: pd.DatetimeIndex) -> pd.DatetimeIndex:
    start = sessions[0] - pd.DateOffset(months=3 * QUARTERS_BEFORE)
    return pd.date_range(start, sessions[-1], freq="QE").as_unit("s")


def _fiscal(ends: pd.DatetimeIndex, shifted: npt.NDArray[np.bool_]) -> npt.NDArray[np.datetime64]:
    """Period ends, quarters x assets: calendar quarters, a month earlier for the companies `shifted`."""
    earlier = (ends - pd.offsets.MonthEnd(1)).to_numpy()
    return np.where(shifted, earlier[:, None], ends.to_numpy()[:, None])


def _lag_days(shape: tuple[int, ...], rng: np.random.Generator) -> npt.NDArray[np.int64]:
    usual = np.clip(np.rint(20.0 + rng.gamma(2.5, 8.0, shape)), 20, 90)
    late = rng.integers(91, 181, shape)
    return np.where(rng.random(shape) < LATE, late, usual).astype(np.int64)


def _rows(
    figures: dict[str, Array],
    assets: pd.Index,
    period_end: npt.NDArray[np.datetime64],
    known: npt.NDArray[np.datetime64],
) -> pd.DataFrame:
    rows = {"asset": np.tile(assets.to_numpy(), len(period_end)), "period_end": period_end.ravel()}
    return pd.DataFrame(rows | {"known": known.ravel()} | {name: array.ravel() for name, array in figures.items()})
