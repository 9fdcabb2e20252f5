"""The leak check of a whole strategy: what it decided and traded up to t must not depend on what came after.

1. Backtest on the whole market, then on the market cut at some sessions and altered after others: decisions, scores,
   fills and equity up to the cut must agree.
2. Trade the recorded decisions again, one by one: nothing may fill while a decision is being placed, because a
   decision at the close of t fills at t + 1 at the earliest (kind "same-bar fill").
3. Compare knowledge times with period ends: figures known when their period ended were stamped later (kind "facts too
   early"). Restated figures that stand at a plausible first date cannot be told from first filings.
4. Trade the recorded targets some sessions late, and tell how much of the edge is left.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from tqdm import tqdm

from alphapulse.backtest.leak_compare import difference, earliest
from alphapulse.backtest.leak_cuts import Rows, cut_rows
from alphapulse.backtest.leak_notes import DELAYS, kept_share, needed
from alphapulse.backtest.leak_report import LEAK, NOTE, Finding, LeakReport
from alphapulse.backtest.leak_scores import POISONED_SESSIONS
from alphapulse.backtest.result import BacktestResult
from alphapulse.backtest.run import backtest
from alphapulse.backtest.weights import backtest_weights
from alphapulse.core.alter import POISONS, poisoned
from alphapulse.core.market import MarketData
from alphapulse.core.panel import Panel
from alphapulse.core.units import SESSIONS_PER_YEAR
from alphapulse.cycle import COMBINED
from alphapulse.execution.simulated import SimulatedBroker
from alphapulse.risk.measures import sharpe
from alphapulse.strategy import Strategy

CUTS, QUICK_CUTS = 6, 3


def check_strategy(
    strategy: Strategy, name: str, market: MarketData, *, seed: int, quick: bool, progress: bool
) -> LeakReport:
    """Return the report on a strategy; DataError when the market is too short for a decision."""
    result = backtest(market, strategy)
    rows = _rows(result, seed, QUICK_CUTS if quick else CUTS)
    middle = int(rows[len(rows) // 2])
    near = market.until(market.sessions[min(middle + POISONED_SESSIONS, len(market.sessions) - 1)])
    # Markets are made when their turn comes: a few of them at once would not fit into memory.
    jobs = [("cut", int(row)) for row in rows] + [(how, middle) for how in (POISONS[:1] if quick else POISONS)]
    found: list[Finding | None] = []
    for kind, row in tqdm(jobs, desc=name, unit="backtest", disable=not progress, mininterval=1.0):
        session = market.sessions[row]
        other = market.until(session) if kind == "cut" else poisoned(near, session, kind)
        found += _compared(kind, result, backtest(other, strategy), session)
    delay, fading = delayed_trading(result, strategy)
    return LeakReport(
        name=name,
        market=market.name,
        findings=earliest([*found, same_bar(result, strategy), *early_facts(market, strategy), fading]),
        cuts=tuple(market.sessions[rows]),
        evaluations=1 + len(jobs),
        sessions=len(market.sessions),
        delay=delay,
        flags=result.flags,
    )


def same_bar(result: BacktestResult, strategy: Strategy) -> Finding | None:
    """Return the first fill that happens while its decision is placed, in the session whose close decided it."""
    broker = SimulatedBroker(result.market, strategy.execution, strategy.risk.stops)
    first: Finding | None = None
    count = 0
    for row, decision in zip(_decided(result), result.decisions, strict=True):
        broker.settle(int(row) + 1)
        before = int(broker.journal.used[0])
        broker.place(decision)
        made = int(broker.journal.used[0]) - before
        count += made
        if made and first is None:
            fill = broker.record().fills.iloc[before]
            share = abs(fill["quantity"] * fill["price"]) / broker.equity[-1]
            first = Finding(
                "same-bar fill",
                LEAK,
                "fills",
                decision.session,
                str(fill["asset"]),
                size=float(share),
                cut=decision.session,
                remark="size is the share of equity traded; use fill='next_open'",
            )
    return None if first is None else replace(first, cells=count)


def early_facts(market: MarketData, strategy: Strategy) -> list[Finding | None]:
    """Return what the tables know too early: figures by the end of their period, macro values before it.

    A note where the strategy's agents say that they do not need the table.
    """
    found: list[Finding | None] = []
    for name, days in (("fundamentals", 0), ("macro", -1)):
        if name not in market.tables or "period_end" not in market.tables[name]:
            continue
        table = market.tables[name]
        known = pd.DatetimeIndex(table["known"]).tz_localize(None).normalize()
        early = known <= pd.DatetimeIndex(table["period_end"]) + pd.Timedelta(days=days)
        if not early.any():
            continue
        needs = needed(strategy.agent)
        row = table.loc[early].iloc[0]
        found.append(
            Finding(
                "facts too early",
                LEAK if needs is None or name in needs else NOTE,
                name,
                row["session"],
                str(row["asset"] if "asset" in row else row["series"]),
                cells=int(early.sum()),
                remark=f"period ended {row['period_end'].date()}, known {row['known']}; {early.mean():.0%} of the rows",
            )
        )
    return found


def delayed_trading(result: BacktestResult, strategy: Strategy) -> tuple[pd.DataFrame, Finding | None]:
    """Return what the recorded targets earn when they are placed later, and a note if a day takes most of it.

    Table by delay in sessions: sharpe (annualised, after costs), t, its t-statistic, and kept, the share of the Sharpe
    ratio without delay.
    """
    targets, market, terms = result.decisions.targets, result.market, vars(strategy.execution)
    rows: dict[int, tuple[float, float]] = {}
    for delay in DELAYS:
        at = _decided(result) + delay
        inside = at < len(market.sessions)
        if not inside.any():
            break
        late = targets.loc[inside].set_axis(market.sessions[at[inside]])
        live = backtest_weights(market, late, stop_rules=strategy.risk.stops, **terms).live_returns
        ratio = float(sharpe(live))
        rows[delay] = (ratio, ratio * (len(live) / SESSIONS_PER_YEAR) ** 0.5)
    return kept_share(rows, "sharpe")


def _compared(kind: str, whole: BacktestResult, other: BacktestResult, session: pd.Timestamp) -> list[Finding | None]:
    found = []
    for part, panel in _panels(whole, session).items():
        altered = _panels(other, session).get(part)
        wanted = pd.DataFrame(np.nan, panel.index, panel.columns) if altered is None else altered
        index = panel.index.union(wanted.index)
        found.append(difference(kind, panel.reindex(index), wanted.reindex(index), part=part, cut=session))
    return found


def _panels(result: BacktestResult, session: pd.Timestamp) -> dict[str, Panel]:
    """Return what was decided and traded up to `session`, sessions x assets (equity: one column)."""
    fills = result.fills.loc[result.fills["session"] <= session]
    filled = fills.pivot_table(index="session", columns="asset", values="quantity", aggfunc="sum", observed=True)
    return {
        "targets": result.decisions.targets.loc[:session],
        **{f"scores of {name}": panel.loc[:session] for name, panel in result.decisions.scores.items()},
        "fills": filled.reindex(columns=result.market.assets).astype(np.float64),
        "equity": result.equity.loc[:session].to_frame("equity"),
    }


def _decided(result: BacktestResult) -> Rows:
    return result.market.sessions.get_indexer(result.decisions.targets.index)


def _rows(result: BacktestResult, seed: int, count: int) -> Rows:
    """Return rows to cut at, from the first decision with a score on: decision sessions and those of `cut_rows`."""
    scored = result.decisions.scores[COMBINED].notna().any(axis=1).to_numpy()
    decided = _decided(result)[np.maximum.accumulate(scored)] if scored.any() else _decided(result)
    rows = cut_rows(result.market, seed, int(decided[0]))
    rows = rows[rows >= decided[0]]
    random = np.random.default_rng([seed, 11])
    deciding = random.choice(decided, min(2, len(decided)), replace=False)
    spread = np.linspace(0, len(rows) - 1, min(count - len(deciding), len(rows))).round().astype(np.intp)
    return np.unique(np.concatenate([deciding, rows[spread]]))
