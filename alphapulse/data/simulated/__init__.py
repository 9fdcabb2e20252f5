"""The simulated market: any size, seeded, calibrated on the sample, with an alpha of known strength if asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from alphapulse.core.errors import ParamsError
from alphapulse.core.market import MarketData
from alphapulse.core.stats import Array
from alphapulse.data.calendar import dated, session_closes, session_opens, sessions_from
from alphapulse.data.macro import macro_table
from alphapulse.data.quality import clean
from alphapulse.data.selection import iso_date, select_assets, select_sessions
from alphapulse.data.simulated.actions import Actions, Mask, with_actions, without_actions
from alphapulse.data.simulated.calibration import DRIFT_ANN
from alphapulse.data.simulated.economy import economy_rows
from alphapulse.data.simulated.fundamentals import quarterly_figures
from alphapulse.data.simulated.news import headlines
from alphapulse.data.simulated.prices import simulate_bars
from alphapulse.data.simulated.traits import SECTORS

FIRST_DATE = "1990-01-02"
PUBLIC_RECORD = pd.Timedelta(days=450)  # a company that lists shows its figures of five quarters before


def load(
    n_assets: int = 500,
    n_sessions: int = 2520,
    seed: int = 0,
    alpha: float = 0.0,
    *,
    drift_ann: float = DRIFT_ANN,
    actions: bool = False,
    fundamentals: bool = False,
    news: bool = False,
    macro: bool = False,
    start: str | None = None,
    end: str | None = None,
    assets: Sequence[str] | None = None,
) -> MarketData:
    """Simulate a market of `n_assets` over `n_sessions`; the same arguments give the same bits.

    alpha: strength of the momentum planted in prices, as the correlation across assets between the log return from
        252 to 21 sessions before a close, known at that close, and the next session's return in units of each
        asset's volatility. It starts once 252 sessions have passed. 0.01 is already strong.
    drift_ann: expected simple return a year of every asset. With 0 and alpha 0 the expected simple return of every
        night and every day is zero.
    actions: raw prices with listings, delistings, halts, splits, dividends and dated membership; otherwise the close
        is a total return and every asset a member throughout.
    fundamentals, news, macro: add the dated table of that name. None of them changes a price or foretells one.
    start: ISO date of the first session, FIRST_DATE by default. end, assets: keep the sessions up to `end` and these
        assets, labelled S000, S001, ...

    The benchmark is the mean return of the members, rebalanced daily. Raises ParamsError for a wrong option.
    """
    _check(n_assets, n_sessions, seed, alpha, drift_ann)
    simulated = sessions_from(iso_date(start, "start") or FIRST_DATE, n_sessions)
    sessions = select_sessions(simulated, None, end, "simulated")
    names = pd.Index([f"S{number:0{max(len(str(n_assets - 1)), 3)}d}" for number in range(n_assets)])
    chosen = select_assets(names, assets, "simulated")

    bars = simulate_bars(n_assets, n_sessions, seed, drift_ann=drift_ann, alpha=alpha)
    acted = with_actions(bars, seed) if actions else without_actions(bars)
    market_return = _member_return(bars.growth, acted.membership)
    tables = {}
    if fundamentals:
        rows = quarterly_figures(acted, simulated, names, seed)
        tables["fundamentals"] = _within_life(rows, rows["period_end"] + PUBLIC_RECORD, acted, simulated, names)
    if news:
        rows = headlines(bars, session_opens(simulated), session_closes(simulated), names, seed)
        tables["news"] = _within_life(rows, rows["known"].dt.tz_localize(None), acted, simulated, names)
    tables = {name: dated(rows.loc[rows["asset"].isin(chosen)], sessions) for name, rows in tables.items()}
    if macro:
        tables["macro"] = macro_table(economy_rows(market_return, simulated, seed), sessions)

    length, columns = len(sessions), names.get_indexer(chosen)

    def frame(array: npt.NDArray[Any]) -> pd.DataFrame:
        part = array[:length] if len(chosen) == len(names) else array[:length, columns]
        return pd.DataFrame(part, index=sessions, columns=chosen)

    panels = {name: frame(array) for name, array in acted.panels.items()}
    membership = frame(acted.membership)
    return MarketData(
        panels=panels,
        benchmark=pd.Series(1000.0 * np.cumprod(1.0 + market_return[:length]), index=sessions),
        membership=membership,
        tables=tables,
        sectors=pd.Series(np.asarray(SECTORS)[bars.traits.sector], index=names).loc[chosen],
        flags=_flags(seed, alpha, drift_ann, actions),
        name="simulated",
        quality=clean(panels, sessions=sessions, membership=membership)[1],
    )


def _check(n_assets: int, n_sessions: int, seed: int, alpha: float, drift_ann: float) -> None:
    for name, value, lowest in (("n_assets", n_assets, 1), ("n_sessions", n_sessions, 1), ("seed", seed, 0)):
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < lowest:
            raise ParamsError(
                f"market simulated: {name}={value!r}", f"a whole number from {lowest} on", f"correct {name}"
            )
    for name, number, largest in (("alpha", alpha, 0.5), ("drift_ann", drift_ann, 10.0)):
        if isinstance(number, bool) or not isinstance(number, (int, float)) or not abs(number) <= largest:
            raise ParamsError(
                f"market simulated: {name}={number!r}", f"a number from -{largest} to {largest}", f"correct {name}"
            )
    if alpha != 0.0 and n_assets < 2:
        raise ParamsError(
            f"market simulated: alpha={alpha} among {n_assets} asset",
            "at least two assets when an alpha is planted, since it lies in their differences",
            "raise n_assets or set alpha=0",
        )


def _member_return(growth: Array, membership: Mask) -> Array:
    """Return by session the mean simple return of the assets that were members at the session before."""
    held = np.concatenate([membership[:1], membership[:-1]])
    out: Array = (growth * held).sum(axis=1) / held.sum(axis=1) - 1.0
    return out


def _within_life(
    rows: pd.DataFrame, since: "pd.Series[Any]", acted: Actions, sessions: pd.DatetimeIndex, names: pd.Index
) -> pd.DataFrame:
    """Keep the rows with `since` after their asset's listing that are known by the day after its last session."""
    asset = names.get_indexer(pd.Index(rows["asset"]))
    known = pd.DatetimeIndex(rows["known"]).tz_localize(None)
    listed = pd.DatetimeIndex(since) >= sessions[acted.first[asset]]
    kept: pd.DataFrame = rows.loc[listed & (known <= sessions[acted.last[asset]] + pd.Timedelta(days=1))]
    return kept


def _flags(seed: int, alpha: float, drift_ann: float, actions: bool) -> tuple[str, ...]:
    flags = [f"simulated data (seed {seed})"]
    if alpha != 0.0:
        flags.append(f"planted: momentum 12-1 with information coefficient {alpha:g} a session")
    flags.append(f"drift {drift_ann:.1%} a year, the same for all" if drift_ann else "driftless")
    if not actions:
        flags.append("closes are total returns: no dividends, splits or delistings")
    return tuple(flags)
