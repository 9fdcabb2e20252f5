"""One self-contained HTML page of a tear sheet: plotly.js packed once, both themes, no outside request.

plotly.js and the figures are embedded compressed (7 MB become 2.5) and unpacked by the browser. The
page's content policy forbids every load from outside, and without scripts the flags and tables stay readable.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterable
from functools import cache
from html import escape
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING

import pandas as pd
import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from alphapulse.core.checks import check_choice
from alphapulse.report.figures import HEIGHT
from alphapulse.report.theme import FONT, THEMES, template

if TYPE_CHECKING:
    from alphapulse.report.sheet import TearSheet

OPEN_ROWS = 16  # longer tables come folded
PROSE = 60  # signs; longer texts wrap, and their table takes the whole width


def html_page(sheet: TearSheet, theme: str = "auto") -> str:
    """Return the page as text; theme is "light", "dark" or "auto" (what the reader's system prefers)."""
    check_choice("theme", theme, ("auto", *THEMES))
    drawn = {name: json.loads(figure.to_json()) for name, figure in sheet.figures.items()}
    for figure in drawn.values():
        figure["layout"].pop("template", None)
    bare = {name: json.loads(go.Figure(layout={"template": template(name)}).to_json()) for name in THEMES}
    data = {"figures": drawn, "templates": {name: figure["layout"]["template"] for name, figure in bare.items()}}
    page = Template(files("alphapulse.report").joinpath("page.html").read_text(encoding="utf-8"))
    return page.substitute(
        theme=theme,
        font=FONT,
        **{
            f"{name}_{key}": getattr(colours, key)
            for name, colours in THEMES.items()
            for key in ("paper", "text", "muted", "grid")
        },
        title=escape(sheet.title),
        subtitle=escape(sheet.subtitle),
        flags=flag_list(sheet.flags),
        summary=_cards(sheet.summary),
        figures="".join(
            f'<figure class="{escape(name)}" style="grid-row: span {max(round(drawn.layout.height / HEIGHT), 1)}">'
            f'<div id="figure-{escape(name)}"></div></figure>'
            for name, drawn in sheet.figures.items()
        ),
        tables="".join(
            f"<details{' class=whole' if _holds_prose(table) else ''}{' open' if len(table) <= OPEN_ROWS else ''}>"
            f"<summary>{escape(name)}</summary>{html_table(table)}</details>"
            for name, table in sheet.tables.items()
        ),
        data=_packed(json.dumps(data, separators=(",", ":"))),
        plotly=_packed_plotly(),
    )


def flag_list(flags: Iterable[str]) -> str:
    """Return the flags as an escaped HTML list under a warning heading; nothing without flags."""
    items = "".join(f"<li>{escape(flag)}</li>" for flag in flags)
    return f'<div class="flags" role="note"><strong>Read with care</strong><ul>{items}</ul></div>' if items else ""


def html_table(table: pd.DataFrame) -> str:
    """Return a table of text as escaped HTML, scrolling sideways in narrow windows; long texts wrap."""
    head = "".join(f"<th>{escape(str(name))}</th>" for name in table.columns)
    rows = "".join(
        "<tr>" + "".join(_cell(str(cell)) for cell in row) + "</tr>" for row in table.itertuples(index=False)
    )
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'


def _cell(text: str) -> str:
    return f"<td{' class=prose' if _is_prose(text) else ''}>{escape(text)}</td>"


def _is_prose(cell: object) -> bool:
    return len(str(cell)) > PROSE


def _holds_prose(table: pd.DataFrame) -> bool:
    return any(_is_prose(cell) for cell in table.to_numpy().ravel())


def _cards(summary: pd.DataFrame) -> str:
    return "".join(
        f'<div title="{escape(meaning)}"><dt>{escape(measure)}</dt><dd>{escape(value)}</dd></div>'
        for measure, value, meaning in zip(summary["measure"], summary["value"], summary["meaning"], strict=True)
    )


@cache
def _packed_plotly() -> str:
    return _packed(get_plotlyjs())


def _packed(text: str) -> str:
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode("ascii")
