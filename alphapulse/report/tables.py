"""Tables for people: summary, drawdowns, calendar returns, clamps, notes, provenance, comparison of runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from alphapulse.report.labels import LABELS, percent, title, written
from alphapulse.report.series import calendar_returns
from alphapulse.risk.drawdowns import top_drawdowns

if TYPE_CHECKING:
    from alphapulse.backtest.result import BacktestResult

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def summary_table(summary: "pd.Series[Any]") -> pd.DataFrame:
    """Return a summary with one row a measure: its title, its value as text, what it means."""
    return pd.DataFrame(
        {
            "measure": [title(str(name)) for name in summary.index],
            "value": [written(str(name), value) for name, value in summary.items()],
            "meaning": [LABELS[str(name)].meaning if name in LABELS else "" for name in summary.index],
        }
    )


def summary_text(summary: "pd.Series[Any]", flags: Iterable[str] = ()) -> str:
    """Return a summary as plain text: the flags first, then one aligned line a measure."""
    table = summary_table(summary)
    left, right = table["measure"].str.len().max(), table["value"].str.len().max()
    lines = [f"! {flag}" for flag in flags]
    lines += [
        f"{measure:<{left}}  {value:>{right}}" for measure, value in zip(table["measure"], table["value"], strict=True)
    ]
    return "\n".join(lines)


def comparison(summaries: Mapping[str, "pd.Series[Any]"]) -> pd.DataFrame:
    """Return the summaries of several runs side by side, measures x runs, NaN where a run has no such measure."""
    rows: list[str] = []
    for summary in summaries.values():
        rows += [str(name) for name in summary.index if name not in rows]
    return pd.DataFrame({run: pd.to_numeric(summary.reindex(rows)) for run, summary in summaries.items()}, index=rows)


def comparison_text(summaries: Mapping[str, "pd.Series[Any]"]) -> str:
    """Return the summaries of several runs side by side as plain text, as people read them."""
    frame = comparison(summaries)
    shown = pd.DataFrame(
        {run: [written(str(name), value) for name, value in column.items()] for run, column in frame.items()},
        index=pd.Index([title(str(name)) for name in frame.index]),
    )
    return shown.to_string()


def drawdown_table(result: BacktestResult, top: int = 5) -> pd.DataFrame:
    """Return the deepest drawdowns as text: peak, trough, recovery, depth, sessions under water."""
    table = top_drawdowns(result.live_returns, top)
    return pd.DataFrame(
        {
            "peak": _dates(table["peak"], "start"),
            "trough": _dates(table["trough"], ""),
            "recovery": _dates(table["recovery"], "not yet"),
            "depth": table["depth"].map(percent),
            "sessions": table["length"].astype(str),
        }
    )


def annual_table(result: BacktestResult) -> pd.DataFrame:
    """Return calendar-year returns as text, years x lines, with the difference to the index where there is one."""
    years = calendar_returns(result, "Y")
    if years.shape[1] == 2:
        years = years.assign(difference=years.iloc[:, 0] - years.iloc[:, 1])
    return years.set_axis(years.index.astype(str), axis=0).rename_axis("year").map(percent).reset_index()


def monthly_grid(result: BacktestResult) -> pd.DataFrame:
    """Return the result's return in each calendar month, years x months and the whole year; NaN outside the run."""
    months = calendar_returns(result, "M").iloc[:, 0]
    period = pd.PeriodIndex(months.index)
    table = pd.DataFrame({"year": period.year, "month": period.month, "return": months.to_numpy()})
    grid = table.pivot_table("return", "year", "month").reindex(columns=range(1, 13)).set_axis(list(MONTHS), axis=1)
    return grid.assign(Year=calendar_returns(result, "Y").iloc[:, 0].to_numpy())


def clamp_table(result: BacktestResult) -> pd.DataFrame:
    """Return what sizing and risk limits changed, by rule: times, decisions, assets, mean weight before and after."""
    clamps = result.decisions.clamps
    columns = ["rule", "times", "decisions", "assets", "before", "after"]
    if clamps.empty:
        return pd.DataFrame(columns=columns)
    by_rule = clamps.groupby("rule", sort=True).agg(
        times=("asset", "size"),
        decisions=("session", "nunique"),
        assets=("asset", "nunique"),
        before=("before", "mean"),
        after=("after", "mean"),
    )
    return by_rule.assign(before=by_rule["before"].map(percent), after=by_rule["after"].map(percent)).reset_index()


def note_table(result: BacktestResult) -> pd.DataFrame:
    """Return the notes of decisions (fallbacks, reasons), most frequent first.

    Notes that differ in their numbers only are one kind: its last wording and how often it was made.
    """
    notes = result.decisions.notes["note"].astype(str)
    kinds = notes.groupby(notes.str.replace(r"\d+(?:\.\d+)?", "#", regex=True), sort=False)
    table = pd.DataFrame({"decisions": kinds.size(), "latest": kinds.last()})
    return table.sort_values("decisions", ascending=False, kind="stable").reset_index(drop=True)


def provenance_table(provenance: Mapping[str, Any]) -> pd.DataFrame:
    """Return provenance as one row a leaf: its dotted name and its value."""
    return pd.DataFrame(list(_leaves(provenance, "")), columns=["what", "value"])


def _leaves(value: Any, name: str) -> Iterable[tuple[str, str]]:
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _leaves(inner, f"{name}.{key}" if name else str(key))
    elif isinstance(value, Sequence) and not isinstance(value, str):
        yield name, ", ".join(str(item) for item in value) or "none"
    else:
        yield name, "none" if value is None or value == {} else str(value)


def _dates(column: "pd.Series[Any]", missing: str) -> "pd.Series[str]":
    return pd.Series([missing if pd.isna(day) else f"{day:%Y-%m-%d}" for day in column], index=column.index)
