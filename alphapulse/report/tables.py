"""Tables for people: summary, drawdowns, calendar returns, clamps, notes, provenance, comparison of runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from alphapulse.report.labels import LABELS, number, percent, title, written
from alphapulse.report.series import calendar_returns
from alphapulse.risk.drawdowns import top_drawdowns

if TYPE_CHECKING:
    from alphapulse.backtest.result import BacktestResult

# measure of an allocator: its head, how it is written, the column with its standard error
ALLOCATOR_COLUMNS: Mapping[str, tuple[str, Callable[[float], str], str]] = {
    "annual_return": ("return", percent, ""),
    "annual_volatility": ("volatility", percent, ""),
    "sharpe": ("Sharpe", number, "sharpe_se"),
    "difference": ("less 1/N", number, "standard_error"),
    "t": ("t", number, ""),
    "max_drawdown": ("drawdown", percent, ""),
    "cvar_95": ("shortfall", percent, ""),
    "turnover_ann": ("turnover", percent, ""),
    "costs_ann": ("costs", percent, ""),
    "exposure": ("exposure", percent, ""),
    "assets": ("assets", number, ""),
}
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


def headline(kind: str, summary: Mapping[str, Any]) -> str:
    """Return the line by which a stored run of a kind is listed, from its summary."""
    if kind == "agents":
        return f"IC {summary['ic']:6.3f}  t {summary['ic_t']:5.2f}  over {summary['horizon']} sessions, agents"
    if kind == "portfolio":
        best = f"best Sharpe {summary['best_sharpe']:5.2f} ({summary['best']})"
        if pd.isna(summary["naive_sharpe"]):
            return f"{best}  of {summary['allocators']}, without 1/N, portfolio"
        told = f"{summary['told_apart']:.0f} of {summary['allocators'] - 1} others told apart"
        return f"1/N Sharpe {summary['naive_sharpe']:5.2f}  {told}  {best}, portfolio"
    line = (
        f"return {summary['annual_return']:7.2%} a year  Sharpe {summary['sharpe']:5.2f}  "
        f"drawdown {summary['max_drawdown']:7.2%}"
    )
    return line if kind == "backtest" else f"{line}, {kind}"


def comparison(summaries: Mapping[str, "pd.Series[Any]"]) -> pd.DataFrame:
    """Return the summaries of several runs side by side, measures x runs, NaN where a run has no such measure.

    Texts, such as the name of the best allocator, stay texts.
    """
    rows: list[str] = []
    for summary in summaries.values():
        rows += [str(name) for name in summary.index if name not in rows]
    columns = {run: summary.reindex(rows) for run, summary in summaries.items()}
    return pd.DataFrame(
        {run: column if _holds_text(column) else pd.to_numeric(column) for run, column in columns.items()}
    )


def comparison_text(summaries: Mapping[str, "pd.Series[Any]"]) -> str:
    """Return the summaries of several runs side by side as plain text, as people read them."""
    frame = comparison(summaries)
    shown = pd.DataFrame(
        {run: [written(str(name), value) for name, value in column.items()] for run, column in frame.items()},
        index=pd.Index([title(str(name)) for name in frame.index]),
    )
    return shown.to_string()


def allocator_table(measures: pd.DataFrame, against: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return what a shoot-out measured as text, one row an allocator: a year, ratios with their standard errors.

    measures: `Shootout.table`. against: `Shootout.against`, None without 1/N.
    """
    whole = measures if against is None else measures.join(against)
    text = pd.DataFrame({"allocator": [str(name) for name in whole.index]})
    for name, (head, write, error) in ALLOCATOR_COLUMNS.items():
        if name in whole:
            told = [_or_dash(value, write) for value in whole[name]]
            errors = [f" ± {_or_dash(value, write)}" for value in whole[error]] if error else [""] * len(told)
            text[head] = [value + beside for value, beside in zip(told, errors, strict=True)]
    return text


def rule_table(rules: pd.DataFrame) -> pd.DataFrame:
    """Return what risk rules were worth as text, one row a rule, see `RiskValue.table`."""
    return pd.DataFrame(
        {
            "rule": [str(name) for name in rules.index],
            **{title(str(name)): [written(str(name), value) for value in column] for name, column in rules.items()},
        }
    )


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


def _holds_text(column: "pd.Series[Any]") -> bool:
    return any(isinstance(value, str) for value in column)


def _or_dash(value: Any, write: Callable[[float], str]) -> str:
    return "-" if pd.isna(value) else write(float(value))


def _dates(column: "pd.Series[Any]", missing: str) -> "pd.Series[str]":
    return pd.Series([missing if pd.isna(day) else f"{day:%Y-%m-%d}" for day in column], index=column.index)
