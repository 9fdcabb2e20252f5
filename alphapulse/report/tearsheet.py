"""The tear sheet: what a result amounts to, flags first, as figures and tables for a notebook or one HTML file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import plotly.graph_objects as go

from alphapulse.report import tables
from alphapulse.report.figures import FIGURES, figure
from alphapulse.report.page import flag_list, html_page, html_table
from alphapulse.report.series import live_sessions

if TYPE_CHECKING:
    from alphapulse.backtest.result import BacktestResult


@dataclass(frozen=True, eq=False, repr=False)
class TearSheet:
    """A result told in flags, a summary, figures and tables, each by name.

    summary: title, value as text and meaning of each measure. tables: as text, ready to be shown.
    """

    title: str
    subtitle: str
    flags: tuple[str, ...]
    summary: pd.DataFrame
    figures: Mapping[str, go.Figure]
    tables: Mapping[str, pd.DataFrame]

    def to_html(self, path: str | Path, theme: str = "auto") -> Path:
        """Write one self-contained HTML file and return its path.

        theme: "light", "dark" or "auto", which follows the reader's system; a button on the page changes it.
        """
        target = Path(path)
        target.write_text(html_page(self, theme), encoding="utf-8")
        return target

    def __repr__(self) -> str:
        return f"TearSheet({self.title}: {self.subtitle}; figures {', '.join(self.figures)})"

    def _repr_html_(self) -> str:
        names = ", ".join(f"<code>{escape(name)}</code>" for name in self.figures)
        return (
            f"<div><h3>{escape(self.title)}</h3><p>{escape(self.subtitle)}</p>{flag_list(self.flags)}"
            f"{html_table(self.summary[['measure', 'value']])}"
            f"<p>Figures in <code>.figures</code>: {names}. The whole page: <code>.to_html(path)</code>.</p></div>"
        )


def tearsheet(result: BacktestResult, theme: str = "light") -> TearSheet:
    """Return the tear sheet of a result, counted from its first decision; figures drawn in `theme`.

    Raises DataError for a result without a session after a first decision.
    """
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
