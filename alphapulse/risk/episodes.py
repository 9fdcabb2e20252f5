"""Episodes: dated market crises, what a recorded series did in them, and what today's book would have done.

An episode begins at the close of `start` and ends at the close of `end`, so its first return is that of the session
after `start`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pandas as pd

from alphapulse.core.panel import Panel, check_sessions
from alphapulse.core.stats import Array
from alphapulse.risk.exposures import asset_slopes
from alphapulse.risk.held import check_weights, covered
from alphapulse.risk.measures import max_drawdown, total_return
from alphapulse.risk.sample import check_benchmark, check_returns

LEAST_KNOWN = 0.9  # of an asset's returns in an episode, for its own return to be believed


@dataclass(frozen=True)
class Episode:
    """A dated stretch of a market: closes at which it begins and ends (ISO dates), and its sessions on the NYSE."""

    start: str
    end: str
    sessions: int

    def rows(self, sessions: pd.Index) -> slice:
        """Return where the returns of the episode stand on a sorted axis of sessions."""
        first, last = (int(sessions.searchsorted(pd.Timestamp(day), side="right")) for day in (self.start, self.end))
        return slice(first, last)


# Closing peaks and troughs of the S&P 500 unless it says otherwise.
EPISODES: Mapping[str, Episode] = MappingProxyType(
    {
        "black_monday_1987": Episode("1987-10-13", "1987-10-19", 4),  # the four falling closes (Brady report 1988)
        "kuwait_1990": Episode("1990-07-16", "1990-10-11", 62),
        "asian_crisis_1997": Episode("1997-10-07", "1997-10-27", 14),
        "ltcm_1998": Episode("1998-07-17", "1998-10-08", 58),  # to the last low after the rescue, not the lowest
        "dot_com_2000": Episode("2000-03-24", "2002-10-09", 637),
        "september_11_2001": Episode("2001-09-10", "2001-09-21", 5),  # closed for four sessions
        "quant_2007": Episode("2007-08-06", "2007-08-09", 3),  # losses of equity-neutral funds (Khandani and Lo 2007)
        "financial_crisis_2007": Episode("2007-10-09", "2009-03-09", 355),
        "lehman_2008": Episode("2008-09-12", "2008-11-20", 49),  # from the close before the bankruptcy
        "rebound_2009": Episode("2009-03-09", "2009-05-29", 57),  # momentum crash (Daniel and Moskowitz 2016)
        "europe_2010": Episode("2010-04-23", "2010-07-02", 49),
        "downgrade_2011": Episode("2011-07-22", "2011-10-03", 50),  # euro debt and the downgrade of the United States
        "china_2015": Episode("2015-08-17", "2015-08-25", 6),
        "tightening_2018": Episode("2018-09-20", "2018-12-24", 65),
        "covid_2020": Episode("2020-02-19", "2020-03-23", 23),
        "inflation_2022": Episode("2022-01-03", "2022-10-12", 195),
        "tariffs_2025": Episode("2025-02-19", "2025-04-08", 34),
    }
)


def episode_returns(
    returns: "pd.Series[float]",
    benchmark: "pd.Series[float] | None" = None,
    episodes: Mapping[str, Episode] = EPISODES,
) -> pd.DataFrame:
    """Return what a recorded series did in each episode, one a row.

    returns: simple, per session, none unknown; benchmark: its returns over at least the same sessions.

    Columns: start, end; sessions (of the episode, with a return); complete (False when the series has fewer sessions
    than the episode: the figures are then of those it has); return (compounded); max_drawdown (within the episode);
    benchmark (its compounded return over the same sessions, when given). Figures are NaN where no session is covered.
    """
    check_returns(returns)
    beside = None if benchmark is None else pd.Series(check_benchmark(benchmark, returns.index), returns.index)
    rows = {}
    for name, episode in episodes.items():
        part = returns.iloc[episode.rows(returns.index)]
        rows[name] = {
            "start": pd.Timestamp(episode.start),
            "end": pd.Timestamp(episode.end),
            "sessions": len(part),
            "complete": len(part) >= episode.sessions,
            "return": total_return(part),
            "max_drawdown": max_drawdown(part),
        }
        if beside is not None:
            rows[name]["benchmark"] = total_return(beside.loc[part.index])
    return pd.DataFrame.from_dict(rows, orient="index")


def replay_episodes(
    weights: "pd.Series[float]",
    asset_returns: Panel,
    benchmark: "pd.Series[float] | None" = None,
    episodes: Mapping[str, Episode] = EPISODES,
) -> pd.DataFrame:
    """Return what today's book, bought at the start of each episode and held, would have returned, one episode a row.

    weights: fractions of equity by asset, negative when short; cash is the rest and earns nothing. asset_returns:
    simple returns per session, sessions x assets, NaN unknown, as far back as there are. benchmark: its returns by
    session, none unknown.

    An asset counts by its own return when it is known on the first and last session and on nine in ten between. With
    a benchmark that covers the episode, other assets count by the benchmark's return times their beta over all
    sessions they have (see `asset_slopes`). What is left is unknown and not in `return`.

    Columns: start, end; return (fraction of equity, NaN when nothing held is known); own, by_beta, unknown (shares of
    the gross weight; they sum to 1); benchmark (NaN where it does not cover the episode, or is not given).
    """
    held = check_weights(weights)
    sessions = check_sessions(asset_returns.index, "asset_returns")
    returns = np.asarray(asset_returns.reindex(columns=weights.index).to_numpy(), dtype=np.float64)
    beta = np.full(len(held), np.nan)
    if benchmark is not None:
        check_returns(benchmark, "benchmark")
        slopes = asset_slopes(asset_returns, benchmark.to_frame("market"))["market"]
        beta = np.asarray(slopes.reindex(weights.index).to_numpy(), dtype=np.float64)
    rows = {}
    for name, episode in episodes.items():
        own = _held_through(returns[episode.rows(sessions)], episode)
        market = np.nan if benchmark is None else _complete_return(benchmark, episode)
        replayed = np.where(np.isnan(own), beta * market, own)
        known = ~np.isnan(replayed)
        share, share_own = covered(held, known), covered(held, ~np.isnan(own))
        rows[name] = {
            "start": pd.Timestamp(episode.start),
            "end": pd.Timestamp(episode.end),
            "return": float(held[known] @ replayed[known]) if share > 0.0 else np.nan,
            "own": share_own,
            "by_beta": share - share_own,
            "unknown": 1.0 - share,
            "benchmark": market,
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def _held_through(returns: Array, episode: Episode) -> Array:
    """Return the compounded return of each asset over the episode; NaN where it is not known well enough."""
    if len(returns) < episode.sessions:
        return np.full(returns.shape[1], np.nan)
    known = np.isfinite(returns)
    believed = known[0] & known[-1] & (known.mean(axis=0) >= LEAST_KNOWN)
    # A session without a price has no return, and the next one's return reaches back over it.
    growth = np.where(known, 1.0 + returns, 1.0).prod(axis=0)
    return np.where(believed, growth - 1.0, np.nan)


def _complete_return(benchmark: "pd.Series[float]", episode: Episode) -> float:
    part = benchmark.iloc[episode.rows(benchmark.index)]
    return total_return(part) if len(part) >= episode.sessions else float("nan")
