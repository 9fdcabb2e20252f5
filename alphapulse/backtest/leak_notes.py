"""What a leak check tells beside the prefix law: it informs and does not accuse."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from alphapulse.agents.evidence import EvidenceAgent, market_returns
from alphapulse.agents.information import rank_correlations
from alphapulse.agents.manager import AgentManager
from alphapulse.backtest.leak_compare import ORDER_TOLERANCE, difference, relative_size
from alphapulse.backtest.leak_report import MEASURES, NOTE, Finding
from alphapulse.core.alter import begun, renamed, rescaled
from alphapulse.core.errors import DataError
from alphapulse.core.market import PANEL_FLOORS, MarketData
from alphapulse.core.panel import Panel

Score = Callable[[MarketData], Panel]

PRICE_PANELS = frozenset({*PANEL_FLOORS, "total_return"})
HISTORIES = (63, 126, 252, 504, 1008)  # sessions
DRIFT_TOLERANCE = 1e-6
DELAYS = (0, 1, 2, 5)  # sessions
NOTICEABLE_T = 3.0
KEPT_AFTER_A_DAY = 0.5


def asset_order(score: Score, market: MarketData, whole: Panel, seed: int) -> Finding | None:
    """Score the market with its assets' names exchanged; each asset must keep its score."""
    old = market.assets
    new = old[np.random.default_rng([seed, 2]).permutation(len(old))]
    moved = score(renamed(market, dict(zip(old, new, strict=True)))).reindex(columns=new).set_axis(old, axis=1)
    return difference("asset order", moved, whole, tolerance=ORDER_TOLERANCE, severity=NOTE)


def price_scale(target: Any, score: Score, market: MarketData, whole: Panel, seed: int) -> Finding | None:
    """Score the market with the prices of each asset in other units, as splits still to come would have left them.

    Only for objects that need nothing but prices and volumes, or do not say what they need.
    """
    needs = needed(target)
    if needs is not None and not needs <= PRICE_PANELS:
        return None
    power = np.random.default_rng([seed, 3]).integers(-4, 5, len(market.assets))
    other = score(rescaled(market, np.ldexp(np.ones(len(power)), power)))
    found = difference("price scale", other, whole, tolerance=ORDER_TOLERANCE, severity=NOTE)
    if found is None or needs is not None:
        return found
    return replace(found, remark="it has no `needs`: rightly so if it sets prices against figures a share")


def needed(target: Any) -> frozenset[str] | None:
    """Return the panels and tables that the target names in `needs`, None when it does not say.

    A figure or series (fundamentals.equity) stands for its table as well.
    """
    needs = getattr(target, "needs", None)
    if not isinstance(needs, tuple | list | set | frozenset) or not all(isinstance(name, str) for name in needs):
        return None
    return frozenset(part for name in needs for part in (name, name.partition(".")[0]))


def full_warmup(target: Any) -> int | None:
    """Return the sessions after which all of the target's evidence speaks, None when it does not say."""
    if isinstance(target, AgentManager):
        known = [full_warmup(part) for part in target.agents.values()]
        return None if None in known else max(window for window in known if window is not None)
    if isinstance(target, EvidenceAgent):
        return max(piece.window for piece in target.chosen)
    warmup = getattr(target, "warmup", None)
    return warmup if isinstance(warmup, int) else None


def warmup_drift(target: Any, score: Score, market: MarketData, whole: Panel) -> tuple[pd.DataFrame, Finding | None]:
    """Return how far the last session's scores drift when the history starts later, and a note if they should not.

    Table by sessions of history: start, largest (absolute difference), share (of the cells known to either that
    differ by more than 1e-6 of the median score).
    """
    declared, total = full_warmup(target), len(market.sessions)
    rows, note = {}, None
    lengths = {*HISTORIES, *(() if declared is None else (declared + 1,))}
    for history in sorted(sessions for sessions in lengths if sessions < total):
        start = market.sessions[total - history]
        try:
            short = score(begun(market, start)).iloc[-1:]
        except DataError:  # too short for the object
            continue
        last = whole.iloc[-1:]
        gap = (short - last).abs().to_numpy()
        found = difference("warm-up", short, last, tolerance=DRIFT_TOLERANCE, severity=NOTE)
        known = int((short.notna() | last.notna()).to_numpy().sum())
        largest = float(np.nanmax(gap)) if np.isfinite(gap).any() else np.nan
        rows[history] = (start, largest, (found.cells if found else 0) / known if known else np.nan)
        if found and declared is not None and history > declared:
            note = _drifted(found, short, last, f"{history} sessions of history, warm-up {declared}")
    table = pd.DataFrame.from_dict(rows, orient="index", columns=["start", "largest", "share"])
    return table.rename_axis("sessions"), note


def _drifted(found: Finding, short: Panel, last: Panel, remark: str) -> Finding:
    got, wanted = short.to_numpy()[0], last.to_numpy()[0]
    sizes = [relative_size(float(a), float(b)) for a, b in zip(got, wanted, strict=True) if not np.isnan(a + b)]
    worst = f"; at most {max(sizes):.3g} relative" if sizes else ""
    return replace(found, remark=remark + worst)


def delayed(market: MarketData, score: Panel) -> tuple[pd.DataFrame, Finding | None]:
    """Return the rank information coefficient of the score by delay, and a note if a day takes most of the edge.

    Table by delay in sessions: ic, the mean correlation across assets between the ranks of scores and of the next
    session's returns; t, its t-statistic over sessions; kept, its share of the ic without delay.
    """
    scores, returns = score.to_numpy(), market_returns(market).to_numpy()
    rows = {}
    for delay in DELAYS:
        if len(scores) <= delay + 2:
            break
        each = rank_correlations(scores[: len(scores) - 1 - delay], returns[1 + delay :])
        each = each[~np.isnan(each)]
        if len(each) < 2:
            break
        mean, error = float(each.mean()), float(each.std(ddof=1)) / len(each) ** 0.5
        rows[delay] = (mean, mean / error if error > 0.0 else np.inf * np.sign(mean))
    return kept_share(rows, "ic")


def kept_share(rows: dict[int, tuple[float, float]], name: str) -> tuple[pd.DataFrame, Finding | None]:
    """Return a table by delay of a measure, its t-statistic and the share kept, and a note if a day takes most."""
    table = pd.DataFrame.from_dict(rows, orient="index", columns=[name, "t"]).rename_axis("delay")
    table["kept"] = table[name] / table[name].iloc[0] if len(table) else np.nan
    if len(table) < 2 or not abs(table["t"].iloc[0]) > NOTICEABLE_T or not table["kept"].iloc[1] < KEPT_AFTER_A_DAY:
        return table, None
    value, t, _ = table.iloc[0]
    remark = f"{MEASURES[name]} {value:.4f} (t {t:.1f}), of which a day's delay leaves {table['kept'].iloc[1]:.0%}"
    return table, Finding("delay", NOTE, remark=remark)
