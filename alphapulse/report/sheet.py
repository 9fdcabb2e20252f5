"""TearSheet: a result told in flags, a summary, figures and tables, for a notebook or one HTML file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path

import pandas as pd
import plotly.graph_objects as go

from alphapulse.report.page import flag_list, html_page, html_table


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
