"""The tear sheet: what a result amounts to, flags first, as figures and tables for a notebook or one HTML file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alphapulse.backtest.card import Scorecard
from alphapulse.report import tables
from alphapulse.report.figures import FIGURES, figure
from alphapulse.report.scorecard import scorecard_sheet
from alphapulse.report.series import live_sessions
from alphapulse.report.sheet import TearSheet

if TYPE_CHECKING:
    from alphapulse.backtest.result import BacktestResult


def tearsheet(result: BacktestResult | Scorecard, theme: str = "light") -> TearSheet:
    """Return the tear sheet of a backtest, counted from its first decision, or of a scorecard; drawn in `theme`.

    Raises DataError for a backtest without a session after a first decision.
    """
    if isinstance(result, Scorecard):
        return scorecard_sheet(result, theme)
    live = live_sessions(result)
    sheets = {
        "Deepest drawdowns": tables.drawdown_table(result),
        "Calendar years": tables.annual_table(result),
        "What sizing and risk limits changed": tables.clamp_table(result),
        "Notes of decisions": tables.note_table(result),
        "Provenance": tables.provenance_table(result.provenance),
    }
    return TearSheet(
        title=result.name,
        subtitle=f"{live[0].date()} to {live[-1].date()}, {len(live) - 1:,} sessions from the first decision",
        flags=result.flags,
        summary=tables.summary_table(result.summary()),
        figures={name: figure(result, name, theme) for name in FIGURES},
        tables={name: table for name, table in sheets.items() if len(table)},
    )
