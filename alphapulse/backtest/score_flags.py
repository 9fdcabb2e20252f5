"""What a reader must know about a scorecard, beside what its market already says."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from alphapulse.core.market import MarketData

SUSPECT_AT_ONE = 0.15  # mean IC over one session
SUSPECT_AT_ANY = 0.30  # mean IC over any horizon
FEW_WINDOWS = 30
SELDOM = 0.5


def score_flags(market: MarketData, horizon: int, decay: pd.DataFrame, coverage: pd.DataFrame) -> tuple[str, ...]:
    """Return the market's flags, then figures too good to be true, few returns, and agents that say little.

    decay: mean by agent and horizon. coverage: speaks by agent, the manager last.
    """
    flags = list(market.flags)
    if suspects := _suspects(decay["mean"]):
        flags.append(
            f"{_listed(suspects)}: an IC above {SUSPECT_AT_ONE} at one session (or {SUSPECT_AT_ANY} at any horizon) is "
            "treated as a bug until shown otherwise"
        )
    windows = len(market.sessions) // horizon
    if windows < FEW_WINDOWS:
        flags.append(f"short sample: only {windows} returns of {horizon} sessions do not overlap; errors are rough")
    agents = coverage.iloc[:-1] if len(coverage) > 1 else coverage
    if silent := list(agents.index[agents["speaks"] == 0.0]):
        flags.append(f"without a score anywhere on this market: {_listed(silent)}")
    seldom = agents["speaks"].loc[(agents["speaks"] > 0.0) & (agents["speaks"] < SELDOM)]
    if len(seldom):
        shares = _listed(f"{name} {share:.0%}" for name, share in seldom.items())
        flags.append(f"scoring less than half of member-sessions: {shares}")
    return tuple(flags)


def _suspects(means: "pd.Series[float]") -> list[str]:
    limit = np.where(means.index.get_level_values("horizon") == 1, SUSPECT_AT_ONE, SUSPECT_AT_ANY)
    high = means.index[means.abs().to_numpy() > limit]
    return [str(name) for name in high.unique("agent")]


def _listed(names: Iterable[object]) -> str:
    return ", ".join(str(name) for name in names)
