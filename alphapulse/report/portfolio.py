"""The page of a shoot-out: what each way of allocating was worth, for people who do not write code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd
import plotly.graph_objects as go

from alphapulse.backtest.shootout import INDEX
from alphapulse.core.checks import check_choice
from alphapulse.core.errors import DataError
from alphapulse.report import decision_figures as decided
from alphapulse.report import figures as one_run
from alphapulse.report import portfolio_figures as draw
from alphapulse.report.labels import number, percent
from alphapulse.report.roles import cast
from alphapulse.report.sheet import TearSheet
from alphapulse.report.tables import allocator_table, provenance_table
from alphapulse.report.theme import template
from alphapulse.risk.drawdowns import drawdown_series

if TYPE_CHECKING:
    from alphapulse.backtest.shootout import Shootout

BEYOND_TWO = 0.0455  # chance of a normal variable to lie more than two standard deviations from its mean
READING = {
    "Same everything else": "All allocators were handed the same assets, chosen by the same scores, on the same days, "
    "with the same estimates, limits and costs. Only the way from an estimate to weights differs.",
    "1/N": "Equal weights need no estimate, so they make no estimation error. Of 14 ways to do better none did so "
    "reliably in seven data sets (DeMiguel, Garlappi and Uppal 2009). It is the mark to beat.",
    "Standard error of a Sharpe ratio": "After thirty years it is still near 0.18. The ratios of two portfolios of the "
    "same assets move together, so their difference is known better than either; t is the difference over its error.",
    "Told apart": "A difference of more than two standard errors. Chance alone shows one for one allocator in twenty, "
    "so with ten compared at once a single t of 2 is no discovery.",
    "Promised and kept": "The Sharpe ratio that portfolios had in the lookback they were made from, and from then to "
    "the next decision. Optimisers pick the assets whose past was luckiest, so they promise most and lose most of it "
    "(Michaud 1989).",
    "Efficient frontier": "The highest mean return at each volatility, in the lookback's own figures. No portfolio "
    "lies above it because it was drawn after the fact; that says nothing about next month.",
    "Weight and share of the risk": "A share of the risk above the weight means a volatile asset, or one that moves "
    "with the rest. Equal weights are not equal risks.",
    "Tree of assets": "Assets that join low move together. The hierarchical allocators split money along the tree, so "
    "near twins share one place in the portfolio.",
    "Index": "As published, without costs; see the flags for whether its dividends are in.",
}
PROMISES: Mapping[str, tuple[str, Callable[[float], str]]] = {
    f"{part}_{name}": (f"{part} {word}", write)
    for name, word, write in (
        ("sharpe", "Sharpe", number),
        ("return_ann", "return", percent),
        ("volatility_ann", "volatility", percent),
    )
    for part in ("promised", "kept")
}


def portfolio_sheet(shootout: Shootout, allocator: str | None = None, theme: str = "light") -> TearSheet:
    """Return the page of a shoot-out as a tear sheet: verdict, flags, figures drawn in `theme`, tables.

    allocator: whose weights through time are drawn, the strategy's own unless named. Measures count from the first
    fills, after costs. ParamsError on another name or theme; DataError where no session followed a first decision.
    """
    shown = check_choice("allocator", allocator or shootout.own, shootout.results)
    returns = shootout.returns
    if returns.empty:
        raise DataError(
            f"shoot-out {shootout.name}: no session after a first decision",
            "runs with at least one decision and one session after it",
            "run over a longer market",
        )
    sheets = {
        "Measures a year, after costs": _measures(shootout),
        "How to read this page": pd.DataFrame({"term": list(READING), "meaning": list(READING.values())}),
        "Promised and kept": _promises(shootout),
        f"Weights on {shootout.last.session.date()}, before sizing and limits": _weights(shootout),
        "Fallbacks": _fallbacks(shootout),
        "Provenance": provenance_table(shootout.provenance),
    }
    return TearSheet(
        title=f"{shootout.name}: "
        + ("one allocator" if len(shootout.results) == 1 else f"{len(shootout.results)} allocators side by side"),
        subtitle=f"{returns.index[0].date()} to {returns.index[-1].date()}, {len(returns):,} sessions. "
        + verdict(shootout),
        flags=shootout.flags,
        summary=_cards(shootout),
        figures={
            name: figure.update_layout(template=template(theme), height=figure.layout.height or one_run.HEIGHT)
            for name, figure in _figures(shootout, shown).items()
        },
        tables={name: table for name, table in sheets.items() if len(table)},
    )


def verdict(shootout: Shootout) -> str:
    """Return in words what 1/N earned, who can be told apart from it at two standard errors, and what the index did."""
    naive = shootout.naive
    index = ""
    if INDEX in shootout.table.index:
        index = f" The index {_earned(shootout, INDEX)}, without costs."
    if naive is None:
        return f"1/N (equal_weight) did not run, so nothing says whether optimising paid.{index}"
    earned = f"1/N {_earned(shootout, naive)}, after costs."
    others = len(shootout.results) - 1
    if not others:
        return f"{earned} No other allocator ran.{index}"
    apart = shootout.told_apart
    if apart.empty:
        whose = (
            "The other allocator's Sharpe ratio does not differ"
            if others == 1
            else "No allocator's Sharpe ratio differs"
        )
        return f"{earned} {whose} from it by more than two standard errors.{index}"
    sides = (("better", apart[apart > 0.0]), ("worse", apart[apart < 0.0]))
    told = "; ".join(f"{side}: {', '.join(map(str, names.index))}" for side, names in sides if len(names))
    by_chance = min(others * BEYOND_TWO, 1.0)
    return (
        f"{earned} By more than two standard errors of the Sharpe ratio, {told}. Chance alone tells one or more of "
        f"{others} apart on up to {by_chance:.0%} of such pages.{index}"
    )


def _earned(shootout: Shootout, name: str) -> str:
    row = shootout.table.loc[name].to_dict()
    return f"earned {_write(row['annual_return'], percent)} a year (Sharpe {_write(row['sharpe'], number)})"


def _figures(shootout: Shootout, shown: str) -> dict[str, go.Figure]:
    """Draw all figures there are data for, in the order of the page."""
    returns, naive, last = shootout.returns, shootout.naive, shootout.last
    roles = cast(shootout.results, naive, shootout.own, INDEX if INDEX in returns else None)
    growth = (1.0 + returns).cumprod()
    session = f"{last.session.date()}"
    against = None if naive is None or len(shootout.results) == 1 else shootout.against()
    found = {"equity": draw.equity(growth, roles)}
    if against is not None and naive is not None:
        found["lead"] = draw.lead(growth, naive, roles)
    found |= {
        "sharpe": draw.sharpe(shootout.table, against, roles),
        "drawdowns": draw.drawdowns(drawdown_series(returns), roles),
        "promises": draw.promises(shootout.promises, roles),
        "costs": draw.costs(shootout.table, roles),
    }
    if len(last.contributions):
        found["frontier"] = decided.frontier(last.frontier, last.moments, roles, session)
        found["contributions"] = decided.contributions(last.contributions, roles, session)
        found |= _tree(shootout)
    weights = one_run.weights(shootout.results[shown])
    return found | {"weights": weights.update_layout(title=f"Weights of {roles[shown].label} at the end of each week")}


def _tree(shootout: Shootout) -> dict[str, go.Figure]:
    """Draw the tree of the first hierarchical allocator, if one ran."""
    for name, allocator in shootout.allocators.items():
        linkage = getattr(allocator, "linkage", None)
        if isinstance(linkage, str):
            tree, leaves = shootout.last.tree(linkage, bool(getattr(allocator, "leaf_order", False)))
            return {"dendrogram": decided.dendrogram(tree, shootout.last.portfolios[name].reindex(leaves), name)}
    return {}


def _cards(shootout: Shootout) -> pd.DataFrame:
    """Return one row an allocator, and the index: return and Sharpe ratio, and what it does."""
    rows = [("Each allocator", "return / Sharpe", "return a year and Sharpe ratio, after costs")]
    for name, row in shootout.table.to_dict("index").items():
        value = f"{_write(row['annual_return'], percent)} / {_write(row['sharpe'], number)}"
        rows.append((f"{name} (1/N)" if name == shootout.naive else str(name), value, _belief(shootout, str(name))))
    return pd.DataFrame(rows, columns=["measure", "value", "meaning"])


def _measures(shootout: Shootout) -> pd.DataFrame:
    table = allocator_table(shootout.table, None if shootout.naive is None else shootout.against())
    return table.assign(**{"what it does": [_belief(shootout, name) for name in table["allocator"]]})


def _promises(shootout: Shootout) -> pd.DataFrame:
    table = shootout.promises
    written = {head: [_write(value, write) for value in table[name]] for name, (head, write) in PROMISES.items()}
    return pd.DataFrame({"allocator": [str(name) for name in table.index], **written})


def _weights(shootout: Shootout) -> pd.DataFrame:
    portfolios = shootout.last.portfolios
    text = portfolios.map(lambda weight: percent(weight) if weight else "")
    return text.set_axis(portfolios.index.astype(str)).rename_axis("asset").reset_index()


def _fallbacks(shootout: Shootout) -> pd.DataFrame:
    """Return by allocator the kinds of notes that tell of another way taken, and how often."""
    rows = []
    for name, result in shootout.results.items():
        notes = result.decisions.notes["note"].astype(str)
        taken = notes[notes.str.startswith(("fallback:", "infeasible:"))].str.replace(r"\d+(?:\.\d+)?", "#", regex=True)
        rows += [(name, note, str(times)) for note, times in taken.value_counts().items()]
    return pd.DataFrame(rows, columns=["allocator", "note", "decisions"])


def _belief(shootout: Shootout, name: str) -> str:
    """Return what an allocator does: the first line of its docstring."""
    if name == INDEX:
        return "The market's own index, as published."
    return (type(shootout.allocators[name]).__doc__ or "").strip().partition("\n")[0]


def _write(value: Any, write: Callable[[float], str]) -> str:
    return "-" if pd.isna(value) else write(float(value))
