"""Tables of a book: where its risk comes from, what it moves with, and what could happen to it.

A table that could not be made is empty, or has NaN in what is unknown; `attrs["notes"]` say why.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from alphapulse.backtest.last_book import LastBook
from alphapulse.core.errors import RiskError
from alphapulse.core.units import SESSIONS_PER_YEAR
from alphapulse.risk.contributions import risk_contributions, tail_contributions
from alphapulse.risk.episodes import episode_returns, replay_episodes
from alphapulse.risk.exposures import asset_slopes, beta_contributions, factor_exposures, principal_factors
from alphapulse.risk.liquidity import liquidity_var
from alphapulse.risk.reverse_stress import reverse_stress
from alphapulse.risk.stress import MARKET, SHOCKS, stress_table

LOSS = 0.10  # of equity, that the reverse stress test asks about
HORIZONS = (1, 5, 21, 63)  # sessions within which it is lost
MONTH = 21
FACTORS = 3


def contributions(book: LastBook, level: float) -> pd.DataFrame:
    """Return risk, tail and beta contributions by asset, the largest share of the volatility first.

    Columns of `risk_contributions` and `tail_contributions`; volatility_ann of the asset; with a benchmark beta and
    beta_contribution of `beta_contributions`.
    """
    table = _parts(book, level, None)
    deviation = pd.Series(book.estimate.volatility, index=book.estimate.assets).reindex(table.index)
    table.insert(1, "volatility_ann", deviation * np.sqrt(SESSIONS_PER_YEAR))
    if book.estimate.facts.benchmark is not None:
        betas = beta_contributions(book.weights, book.estimate)
        table["beta"], table["beta_contribution"] = betas["beta"], betas["contribution"]
        table.attrs["notes"] += betas.attrs["notes"]
    return table


def sector_contributions(book: LastBook, level: float) -> pd.DataFrame:
    """Return risk and tail contributions by sector, the largest share first; empty where sectors are unknown."""
    sectors = book.estimate.facts.sector
    return pd.DataFrame() if sectors is None else _parts(book, level, sectors)


def exposures(returns: "pd.Series[float]", benchmark: "pd.Series[float] | None", book: LastBook | None) -> pd.DataFrame:
    """Return what a record and a book move with, by model and factor, columns as in `factor_exposures`.

    Models: the record on the benchmark; the book, as if held over the estimate's window, on the benchmark and on the
    first principal factors of its universe. A book chosen at the end of a window has no alpha over it: left out.
    """
    fitted, notes = [], []
    for model, series, factors in _models(returns, benchmark, book):
        try:
            table = factor_exposures(series, factors)
        except RiskError as error:
            notes.append(f"{model}: {error.came}")
            continue
        chosen = table if series is returns else table.drop(index="alpha_ann")
        fitted.append(pd.concat({model: chosen}, names=["model", "factor"]))
    found = pd.concat(fitted) if fitted else pd.DataFrame()
    found.attrs = {"notes": tuple(notes)}
    return found


def _models(
    returns: "pd.Series[float]", benchmark: "pd.Series[float] | None", book: LastBook | None
) -> "Iterator[tuple[str, pd.Series[float], pd.DataFrame]]":
    if benchmark is not None:
        yield "record on the index", returns, benchmark.to_frame("index")
    if book is None or book.returns.empty:
        return
    window, index = book.estimate.window, book.estimate.facts.benchmark
    if index is not None and index.reindex(window.index).notna().all():
        yield "book on the index", book.returns, index.to_frame("index")
    if window.notna().all().sum() > FACTORS:
        yield "book on principal factors", book.returns, principal_factors(window, FACTORS)


def episodes(returns: "pd.Series[float]", benchmark: "pd.Series[float] | None", book: LastBook | None) -> pd.DataFrame:
    """Return what the record did in each market crisis it saw, and what the book would have done, one a row.

    Columns of `episode_returns`, then book, own, by_beta and unknown of `replay_episodes`. Crises that neither saw are
    left out.
    """
    table = episode_returns(returns, benchmark)
    if book is not None:
        replayed = replay_episodes(book.weights, book.past, book.benchmark).rename(columns={"return": "book"})
        table = table.join(replayed[["book", "own", "by_beta", "unknown"]])
    return table.loc[table[[name for name in ("return", "book") if name in table]].notna().any(axis=1)]


def stress(book: LastBook, level: float) -> pd.DataFrame:
    """Return what each of SHOCKS would do to the book; shocks of a factor that has no series are left out."""
    series = {MARKET} if book.estimate.facts.benchmark is not None else set()
    known = {name: shock for name, shock in SHOCKS.items() if set(shock.moves) <= series}
    table = stress_table(book.weights, book.estimate, known, level=level)
    missing = sorted({factor for shock in SHOCKS.values() for factor in shock.moves} - series)
    if missing:
        table.attrs["notes"] += (f"no series of {', '.join(missing)}: shocks of it are left out",)
    return table


def reverse(book: LastBook) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the likeliest scenario in which the book loses LOSS, and how likely that is within each of HORIZONS.

    The scenario: columns of `reverse_stress`, the largest loss first; it is the same at every horizon but for its
    deviations, which are of a month. Of the other table, by sessions: distance and probability; worst, the book's worst
    return over as many sessions within the window; benchmark, what the benchmark returns on average when the book loses
    as much (by its slope on the book over the window).
    """
    try:
        found = {sessions: reverse_stress(book.weights, book.estimate, LOSS, horizon=sessions) for sessions in HORIZONS}
    except RiskError as error:
        none = pd.DataFrame()
        none.attrs["notes"] = (error.came,)
        return none, pd.DataFrame()
    odds = pd.DataFrame(
        {sessions: {"distance": one.distance, "probability": one.probability} for sessions, one in found.items()}
    ).T.rename_axis("sessions")
    growth = (1.0 + book.returns).cumprod()
    odds["worst"] = [
        float((growth / growth.shift(sessions).fillna(1.0)).iloc[sessions - 1 :].min()) - 1.0 for sessions in HORIZONS
    ]
    index = book.estimate.facts.benchmark
    if index is not None and book.returns.min() < book.returns.max():
        slopes = asset_slopes(index.reindex(book.returns.index).to_frame("index"), book.returns.to_frame())
        odds["benchmark"] = -LOSS * float(slopes.to_numpy()[0, 0])
    return found[MONTH].scenario.sort_values("contribution", kind="stable"), odds


def liquidity(book: LastBook, level: float, spread_bps: float) -> pd.DataFrame:
    """Return time to sell and liquidity-adjusted VaR by asset, the slowest to sell first; empty without volume."""
    if book.estimate.facts.traded_value is None:
        none = pd.DataFrame()
        none.attrs["notes"] = ("no volume: time to sell and liquidity-adjusted VaR are unknown",)
        return none
    table = liquidity_var(book.weights, book.estimate, book.equity, level, spread_bps=spread_bps)
    return table.sort_values("days", ascending=False, kind="stable")


def _parts(book: LastBook, level: float, by: "pd.Series[str] | None") -> pd.DataFrame:
    risk = risk_contributions(book.weights, book.estimate, by)
    tail = tail_contributions(book.weights, book.estimate.window, level, by)
    table = risk.join(tail.drop(columns="weight")).sort_values("share", ascending=False, kind="stable")
    table.attrs["notes"] = (*risk.attrs["notes"], *tail.attrs["notes"])
    return table
