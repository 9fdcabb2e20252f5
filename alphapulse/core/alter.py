"""What can be done to a market to see whether a part looks ahead or reads what it should not.

Each function returns another market; the one handed over stays as it is.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from alphapulse.core.checks import check_choice
from alphapulse.core.errors import DataError
from alphapulse.core.market import PRICE_FIELDS, MarketData
from alphapulse.core.panel import Panel
from alphapulse.core.stats import Array

CASH_FIELDS = (*PRICE_FIELDS, "dividend", "delisting")  # cash per share, so they scale with the price


POISONS = ("unknown", "noise", "tenfold")


def poisoned(market: MarketData, session: pd.Timestamp, how: str) -> MarketData:
    """Return the market with everything after `session` replaced: how is one of POISONS, else ParamsError.

    Opens, highs, lows and closes of a session share their noise, so that bars stay bars.
    """
    check_choice("poisoned: how", how, POISONS)
    random = np.random.default_rng(1)
    later = market.sessions > session
    bar_noise = np.exp(random.standard_normal((int(later.sum()), len(market.assets))))

    def poison(values: Array, noise: Array | None = None) -> Array:
        if how == "unknown":
            return np.full_like(values, np.nan)
        if how == "tenfold":
            return values * 10.0
        return values * (np.exp(random.standard_normal(values.shape)) if noise is None else noise)

    def poison_table(table: pd.DataFrame) -> pd.DataFrame:
        after = table["session"] > session
        if how == "unknown":
            return table.loc[~after]
        out = table.copy()
        for column in out.select_dtypes("number"):
            out[column] = np.where(after, poison(out[column].to_numpy(dtype=np.float64)), out[column])
        return out

    def poison_panel(frame: Panel, noise: Array | None = None) -> Panel:
        values = frame.to_numpy().copy(order="K")  # sums over rows round as the layout has it
        values[later] = poison(values[later], noise)
        return pd.DataFrame(values, frame.index, frame.columns, copy=False)

    membership = market.membership
    return replace(
        market,
        panels={
            name: poison_panel(frame, bar_noise if name in PRICE_FIELDS else None)
            for name, frame in market.panels.items()
        },
        benchmark=None if market.benchmark is None else poison_panel(market.benchmark.to_frame()).iloc[:, 0],
        membership=None if membership is None else membership ^ later[:, None],
        tables={name: poison_table(table) for name, table in market.tables.items()},
    )


def listed(market: MarketData, session: pd.Timestamp) -> MarketData:
    """Return the market up to `session` (included) without the assets that had no price yet: nobody knows of them."""
    past = market.until(session)
    known = past.assets[past.panel("close").notna().any().to_numpy()]
    return replace(
        past,
        panels={name: frame[known] for name, frame in past.panels.items()},
        membership=None if past.membership is None else past.membership[known],
        tables={
            name: table.loc[table["asset"].isin(known)] if "asset" in table else table
            for name, table in past.tables.items()
        },
        sectors=None if past.sectors is None else past.sectors.reindex(known),
    )


def renamed(market: MarketData, names: dict[str, str]) -> MarketData:
    """Return the market with its assets renamed by `names`, sorted by their new labels."""

    def rename(frame: Panel) -> Panel:
        return frame.rename(columns=names)[market.assets]

    tables = {
        name: table.assign(asset=table["asset"].map(names)) if "asset" in table else table
        for name, table in market.tables.items()
    }
    return replace(
        market,
        panels={name: rename(frame) for name, frame in market.panels.items()},
        membership=None if market.membership is None else rename(market.membership),
        tables=tables,
        sectors=None if market.sectors is None else market.sectors.rename(index=names),
    )


def rescaled(market: MarketData, factor: Array) -> MarketData:
    """Return the market with the cash per share of each asset times its `factor` and its volume divided by it.

    factor: by asset; powers of two, so that products and quotients of prices stay exact. Total returns do not change.
    """
    panels = {name: frame * factor if name in CASH_FIELDS else frame for name, frame in market.panels.items()}
    if "volume" in panels:
        panels["volume"] = panels["volume"].div(factor, axis=1)
    return replace(market, panels=panels)


def begun(market: MarketData, session: pd.Timestamp) -> MarketData:
    """Return the market without the sessions before `session`; DataError when none is left.

    Total returns keep their levels. Figures and macro values known before count from the first session left,
    headlines known before are gone.
    """
    first = int(market.sessions.searchsorted(session))
    if first == len(market.sessions):
        raise DataError(
            f"market {market.name}: begun({session}) lies after the last session",
            f"a date up to {market.sessions[-1].date()}",
            "ask for an earlier date",
        )
    opening = market.sessions[first]

    def later(table: pd.DataFrame, name: str) -> pd.DataFrame:
        if name == "news":
            return table.loc[table["session"] >= opening]
        known = table["session"]
        return table.assign(session=known.where(known >= opening, opening))

    return replace(
        market,
        panels={name: frame.iloc[first:] for name, frame in market.panels.items()},
        benchmark=None if market.benchmark is None else market.benchmark.iloc[first:],
        membership=None if market.membership is None else market.membership.iloc[first:],
        tables={name: later(table, name) for name, table in market.tables.items()},
    )
