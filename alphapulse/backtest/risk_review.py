"""RiskReview: what a run risked, as tables: its record, its last book, and how well VaR was forecast.

1. `last_book` is what the run held last, with a risk estimate of that close.
2. `book_tables` say where its risk comes from and what could happen to it; `var_tables` how VaR did through the run.
3. `risk_review` puts them beside the measures of the record. Pages draw the tables and compute nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from alphapulse.backtest import book_tables
from alphapulse.backtest.last_book import COVARIANCE, LOOKBACK, LastBook, last_book
from alphapulse.backtest.provenance import provenance
from alphapulse.backtest.record import record_returns
from alphapulse.backtest.record_tables import (
    clamps_by_month,
    index_returns,
    stops_by_month,
    through_time,
)
from alphapulse.backtest.result import BacktestResult
from alphapulse.backtest.risk_value import ALL, NONE, RiskValue
from alphapulse.backtest.sharpe_difference import sharpe_differences
from alphapulse.backtest.var_tables import forecast_table, tail_table, tests_of_forecasts
from alphapulse.core.checks import check_count
from alphapulse.core.errors import ParamsError
from alphapulse.core.market import MarketData
from alphapulse.risk.bootstrap import bootstrap_bands
from alphapulse.risk.drawdowns import top_drawdowns
from alphapulse.risk.sample import YEAR_ROOT
from alphapulse.risk.var import check_level

WINDOW = 504
DRAWDOWNS = 10
HEADLINE = "historical"  # the method whose VaR stands in the summary
RECORD = ("annual_return", "annual_volatility", "sharpe", "max_drawdown", "beta")


@dataclass(frozen=True, eq=False, repr=False)
class RiskReview:
    """What a run risked, as tables. Losses are negative, weights fractions of equity, NaN is unknown.

    The record is the run's returns from its first fills on; the book is what it held at its last close with positions.
    Without an index columns beside it are absent; without a book its tables are empty.

    measures: value, low and high of each headline measure of the record, see `risk.bootstrap`.
    tails: VaR and CVaR of the next session by method, see `var_tables.tail_table`.
    forecasts: by method and session: return, var, cvar, each from the sessions before it alone. tests: by method.
    through_time: by session of the record: return, drawdown, volatility (a year, rolling); of the index
        index_return, index_drawdown, index_volatility; beta (rolling).
    drawdowns: deepest of the record. episodes: of the record and, replayed, of the book, by crisis.
    contributions, sectors: where the book's risk comes from. exposures: by model and factor.
    stress: the book under SHOCKS. reverse, odds: what would have to happen for it to lose a tenth of equity.
    liquidity: time to sell and VaR until sold, by asset.
    clamps, stops: what limits and stop rules did, by month and rule.
    rules, rule_equity: what each rule was worth, and growth of 1 with and without it; empty until `valued`.
    remarks: what could not be measured.
    """

    market: MarketData
    parameters: Mapping[str, Any]
    name: str
    measures: pd.DataFrame
    tails: pd.DataFrame
    forecasts: pd.DataFrame
    tests: pd.DataFrame
    through_time: pd.DataFrame
    drawdowns: pd.DataFrame
    episodes: pd.DataFrame
    contributions: pd.DataFrame
    sectors: pd.DataFrame
    exposures: pd.DataFrame
    stress: pd.DataFrame
    reverse: pd.DataFrame
    odds: pd.DataFrame
    liquidity: pd.DataFrame
    clamps: pd.DataFrame
    stops: pd.DataFrame
    rules: pd.DataFrame = field(default_factory=pd.DataFrame)
    rule_equity: pd.DataFrame = field(default_factory=pd.DataFrame)
    remarks: tuple[str, ...] = ()

    @property
    def level(self) -> float:
        """Level of VaR and CVaR."""
        return float(self.parameters["review"]["level"])

    @property
    def book(self) -> str | None:
        """Date of the close whose book is reviewed, None where nothing was ever held."""
        session: str | None = self.parameters["review"]["book"]
        return session

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """Every table by its name."""
        held = {one.name: getattr(self, one.name) for one in fields(self)}
        return {name: table for name, table in held.items() if isinstance(table, pd.DataFrame)}

    @property
    def flags(self) -> tuple[str, ...]:
        """Known biases of the market and the run, and what could not be measured."""
        return self.remarks

    @cached_property
    def provenance(self) -> dict[str, Any]:
        """Parameters, data fingerprint, code and package versions, and flags: all that is needed to run it again."""
        return provenance(self.name, self.market, self.parameters, self.flags)

    def summary(self) -> "pd.Series[Any]":
        """Return the headline measures by label: of the record, of VaR (historical) and its tests, and of the book.

        book_risk_ann, book_var and book_cvar are of the book as if held over its estimate's window; crash is its return
        under the shock of that name; top_weight and top_risk are of the position that brings most risk.
        """
        record, tails = self.measures["value"].to_dict(), self.tails.loc[HEADLINE].to_dict()
        tests = self.tests.loc[HEADLINE].to_dict() if HEADLINE in self.tests.index else {}
        found: dict[str, Any] = {
            "sessions": len(self.through_time),
            **{name: record[name] for name in RECORD if name in record},
            "level": self.level,
            "var": tails["record_var"],
            "cvar": tails["record_cvar"],
            "exceptions": tests.get("share", np.nan),
            "kupiec_p": tests.get("kupiec_p_value", np.nan),
            "independence_p": tests.get("independence_p_value", np.nan),
            **self._of_book,
            "clamps": int(self.clamps["times"].sum()),
            "stops": int(self.stops["times"].sum()),
        }
        return pd.Series(found, dtype="object")

    def valued(self, value: RiskValue) -> RiskReview:
        """Return the review with what each risk rule of the same run was worth, by `value_of_risk`.

        rules: columns of `RiskValue.table`, and t of the difference of Sharpe ratios (see `sharpe_differences`).
        ParamsError when `value` is of another run.
        """
        runs = {name: result.live_returns for name, result in value.results.items()}
        if not runs[ALL].equals(self.through_time["return"]):
            raise ParamsError(
                f"value of risk: run {value.with_all.name} has other returns than the review of {self.name}",
                "what value_of_risk made of the strategy and the market under review",
                "ap.risk_review(value.with_all) reviews the run that was valued",
            )
        apart = sharpe_differences(pd.DataFrame(runs), ALL)["t"].rename(_rule_names(value)).reindex(value.table.index)
        first = value.equity.index.searchsorted(self.through_time.index[0])
        equity = value.equity.iloc[int(first) - 1 :]
        return replace(self, rules=value.table.assign(t=-apart), rule_equity=equity / equity.iloc[0])

    @property
    def _of_book(self) -> dict[str, Any]:
        if self.book is None:
            return {"positions": 0}
        first, tails = self.contributions.iloc[0].to_dict(), self.tails.loc[HEADLINE].to_dict()
        selling = {}
        if len(self.liquidity):
            selling = {
                "days_to_sell": self.liquidity["days"].max(),
                "sold_var": self.liquidity["total"].sum(min_count=1),
            }
        return {
            "positions": len(self.contributions),
            "gross": float(self.contributions["weight"].abs().sum()),
            "book_risk_ann": float(self.contributions["component"].sum()) * YEAR_ROOT,
            "book_var": tails["book_var"],
            "book_cvar": tails["book_cvar"],
            "top_weight": first["weight"],
            "top_risk": first["share"],
            "crash": self.stress["return"].get("crash", np.nan),
            **selling,
        }

    def __repr__(self) -> str:
        head = self.summary()
        return (
            f"RiskReview({self.name}: {head['sessions']} sessions, volatility {head['annual_volatility']:.1%}, "
            f"VaR {self.level:.0%} {head['var']:.2%}, exceeded on {head['exceptions']:.1%}; book of {self.book}"
            + (f"; {'; '.join(self.flags)}" if self.flags else "")
            + ")"
        )

    def _repr_html_(self) -> str:
        flags = "".join(f"<li>{escape(flag)}</li>" for flag in self.flags)
        shown = self.summary().map(lambda value: f"{value:,.4g}" if isinstance(value, float) else str(value))
        rows = "".join(f"<tr><th>{escape(str(name))}</th><td>{escape(text)}</td></tr>" for name, text in shown.items())
        return (
            f"<div><strong>{escape(self.name)}: risk review</strong>"
            + (f"<ul>{flags}</ul>" if flags else "")
            + f"<table><tbody>{rows}</tbody></table></div>"
        )


def risk_review(result: BacktestResult, *, level: float = 0.95, seed: int = 0) -> RiskReview:
    """Review what a run risked, on its record and on the last book it held.

    level: of VaR and CVaR, from 0.5 up to 0.9999. seed: of the bootstrap and of Monte Carlo. VaR is forecast through
    the record from 504 sessions each, or from half of a shorter record. A crisis, method or factor that the data cannot
    speak of is left out or NaN, and named in the flags. 30 years take about 15 s, most of it GARCH and the bands.

    DataError without a session after a first decision.
    """
    check_level(level)
    check_count("seed", seed, least=0)
    returns = record_returns(result)
    index = index_returns(result, returns.index)
    book = last_book(result)
    window = min(WINDOW, len(returns) // 2)
    forecasts = forecast_table(returns, level, window)
    costs = result.parameters["execution"]["costs"]
    scenario, odds = (pd.DataFrame(), pd.DataFrame()) if book is None else book_tables.reverse(book)
    tables = {
        "measures": bootstrap_bands(returns, index, seed=seed),
        "tails": tail_table(returns, book, level, seed),
        "forecasts": forecasts,
        "tests": tests_of_forecasts(forecasts, level),
        "through_time": through_time(returns, index),
        "drawdowns": top_drawdowns(returns, DRAWDOWNS),
        "episodes": book_tables.episodes(returns, index, book).iloc[: 0 if simulated(result.market) else None],
        "contributions": pd.DataFrame() if book is None else book_tables.contributions(book, level),
        "sectors": pd.DataFrame() if book is None else book_tables.sector_contributions(book, level),
        "exposures": book_tables.exposures(returns, index, book),
        "stress": pd.DataFrame() if book is None else book_tables.stress(book, level),
        "reverse": scenario,
        "odds": odds,
        "liquidity": pd.DataFrame() if book is None else book_tables.liquidity(book, level, costs["spread_bps"]),
        "clamps": clamps_by_month(result),
        "stops": stops_by_month(result),
    }
    notes = (note for table in tables.values() for note in table.attrs.get("notes", ()))
    asked = {
        "level": level,
        "seed": seed,
        "window": window,
        "loss": book_tables.LOSS,
        "book": None if book is None else str(book.session.date()),
    }
    return RiskReview(
        market=result.market,
        parameters={**result.parameters, "review": asked},
        name=result.name,
        **tables,
        remarks=tuple(dict.fromkeys((*result.flags, *_remarks(result, index, book, window), *notes))),
    )


def simulated(market: MarketData) -> bool:
    """Return whether a market says that it is simulated: the dates of real crises mean nothing there."""
    return any(flag.startswith("simulated") for flag in market.flags)


def _remarks(
    result: BacktestResult, index: "pd.Series[float] | None", book: LastBook | None, window: int
) -> tuple[str, ...]:
    found = []
    if index is None:
        found.append("no index that is known and moves on every session: beta and all beside it are left out")
    if window < WINDOW:
        found.append(f"short record: VaR is forecast from {window} sessions instead of {WINDOW}")
    if book is None:
        found.append("nothing was ever held: there is no book to review")
    elif book.session != result.market.sessions[-1]:
        found.append(f"the run ends in cash: the book is that of {book.session.date()}, its last one")
    if simulated(result.market):
        found.append("simulated: market crises, which are dated, are left out")
    if not {"portfolio", "estimates"} <= set(result.parameters):
        found.append(f"the run names no risk estimate: the book's is {COVARIANCE} over up to {LOOKBACK} sessions")
    return tuple(found)


def _rule_names(value: RiskValue) -> dict[str, str]:
    """Return names of runs to names of rules, those of the table of the value."""
    return {name: "all together" if name == NONE else name.removeprefix("without ") for name in value.results}
