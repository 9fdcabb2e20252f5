"""Saving results: tables as Parquet, a page, and what the manifest says of them. A new kind is one line in SAVED."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from alphapulse.backtest.card import Scorecard
from alphapulse.backtest.result import BacktestResult
from alphapulse.backtest.risk_review import RiskReview
from alphapulse.backtest.shootout import Shootout
from alphapulse.core.errors import ParamsError
from alphapulse.report.portfolio import portfolio_sheet
from alphapulse.report.risk import risk_sheet
from alphapulse.report.sheet import TearSheet
from alphapulse.report.tearsheet import tearsheet
from alphapulse.store.runs import write_table, write_text

RESULT = "result.json"
UNFILLED = ("waiting", "capped", "unfunded", "cancelled", "replaced")


class Saved(NamedTuple):
    """How one type of result is kept.

    kind: name in `kinds.KINDS`. tables: what is written as Parquet. page: made into `tearsheet.html`.
    """

    kind: str
    tables: Callable[[Any], Mapping[str, pd.DataFrame]]
    page: Callable[[Any], TearSheet]


def save_run(result: BacktestResult | Scorecard | Shootout | RiskReview, folder: str | Path) -> None:
    """Write a result into `folder`: its tables as Parquet, its page as `tearsheet.html`, and `result.json`.

    Tables of a backtest: equity (equity, cash, benchmark), flows, weights and targets (sessions x assets), scores (one
    column a session, agent and asset), fills, events, clamps, notes; of the others those of their `tables` that hold
    anything. quality with all. ParamsError on anything that is no result.
    """
    saved = next((how for kind, how in SAVED.items() if isinstance(result, kind)), None)
    if saved is None:
        raise ParamsError(
            f"save_run: a {type(result).__name__} came",
            f"one of {', '.join(kind.__name__ for kind in SAVED)}",
            "hand over the result itself, not its table or page",
        )
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tables = dict(saved.tables(result))
    if result.market.quality is not None:
        tables["quality"] = result.market.quality
    for name, table in tables.items():
        write_table(table, folder / f"{name}.parquet")
    saved.page(result).to_html(folder / "tearsheet.html")
    described = {
        **result.provenance,
        "kind": saved.kind,
        "summary": _plain(result.summary()),
        "warnings": _warnings(result),
    }
    write_text(folder / RESULT, json.dumps(described, default=str))


def _backtest_tables(result: BacktestResult) -> dict[str, pd.DataFrame]:
    decisions = result.decisions
    equity = result.equity.to_frame().assign(cash=result.cash)
    if result.benchmark is not None:
        equity["benchmark"] = result.benchmark
    held = result.weights.columns[(result.quantities != 0.0).any()]
    return {
        "equity": equity,
        "flows": result.flows,
        "weights": result.weights[held],
        "targets": decisions.targets,
        **{f"scores_{name}": scores for name, scores in decisions.scores.items()},
        "fills": result.fills,
        "events": result.events,
        "clamps": decisions.clamps,
        "notes": decisions.notes,
    }


def _own_tables(result: Scorecard | Shootout | RiskReview) -> dict[str, pd.DataFrame]:
    return {name: table for name, table in result.tables.items() if len(table.columns)}


SAVED: Mapping[type, Saved] = {
    BacktestResult: Saved("backtest", _backtest_tables, tearsheet),
    Scorecard: Saved("agents", _own_tables, tearsheet),
    Shootout: Saved("portfolio", _own_tables, portfolio_sheet),
    RiskReview: Saved("risk", _own_tables, risk_sheet),
}


def _plain(summary: Any) -> dict[str, Any]:
    return {key: value.item() if hasattr(value, "item") else value for key, value in summary.items()}


def _warnings(result: BacktestResult | Scorecard | Shootout | RiskReview) -> list[str]:
    """Return what the checks of the data found, and of a backtest what became of orders that did not fill."""
    found = []
    quality = result.market.quality
    if quality is not None:
        odd = quality.loc[(quality["action"] != "ok") & (quality["count"] > 0)]
        found += [
            f"data: {check}: {count} {action}" + (f", first {first}" if first else "")
            for check, count, action, first in odd[["check", "count", "action", "first"]].itertuples(index=False)
        ]
    if isinstance(result, BacktestResult):
        kinds = result.events["kind"].value_counts()
        found += [f"orders: {kinds[kind]} {kind}" for kind in UNFILLED if kinds.get(kind, 0)]
    return found
