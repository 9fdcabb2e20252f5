"""BacktestResult: equity, weights, fills, decisions and provenance. Data; measures are functions elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from html import escape
from typing import Any

import pandas as pd

from alphapulse.backtest.flags import result_flags
from alphapulse.backtest.provenance import provenance
from alphapulse.core.market import MarketData
from alphapulse.core.panel import Panel
from alphapulse.core.trading import Decisions
from alphapulse.core.units import SESSIONS_PER_YEAR
from alphapulse.execution.record import TradingRecord
from alphapulse.risk.analyzer import RiskAnalyzer


@dataclass(frozen=True, eq=False, repr=False)
class BacktestResult:
    """What one strategy or one table of weights would have done on one market.

    market: the data traded. record: what was traded. decisions: what was decided. parameters: the strategy's parts as
    plain values, at least `execution`. remarks: flags of those who decided, such as agents without their inputs.
    """

    market: MarketData
    record: TradingRecord
    decisions: Decisions
    parameters: Mapping[str, Any]
    name: str = "backtest"
    remarks: tuple[str, ...] = ()

    @cached_property
    def flags(self) -> tuple[str, ...]:
        """Known biases and departures, shown wherever the result is."""
        return (*result_flags(self.market, self.record, self.parameters["execution"]), *self.remarks)

    @property
    def equity(self) -> "pd.Series[float]":
        """Equity at each session's close, in cash; the first value is the capital before any trade."""
        return self.record.equity

    @cached_property
    def returns(self) -> "pd.Series[float]":
        """Simple net returns by session, from the second session on."""
        equity = self.equity.to_numpy()
        returns: "pd.Series[float]" = pd.Series(
            equity[1:] / equity[:-1] - 1.0, index=self.equity.index[1:], name="returns"
        )
        return returns

    @property
    def cash(self) -> "pd.Series[float]":
        """Cash at each session's close."""
        return self.record.cash

    @property
    def quantities(self) -> Panel:
        """Shares held at each session's close, sessions x assets."""
        return self.record.quantities

    @cached_property
    def weights(self) -> Panel:
        """Positions as fractions of equity at each session's close, sessions x assets; cash is the rest."""
        return self.record.holdings.div(self._closing_equity, axis=0)

    @property
    def fills(self) -> pd.DataFrame:
        """One row a fill: session, asset, quantity (shares), price, cost (cash)."""
        return self.record.fills

    @property
    def events(self) -> pd.DataFrame:
        """One row an event that is not a fill: session, asset, kind, quantity, cash (kinds in core.trading)."""
        return self.record.events

    @property
    def flows(self) -> pd.DataFrame:
        """Where equity came from by session, in cash: price_pnl, dividends, interest, borrow, costs."""
        return self.record.flows

    @property
    def benchmark(self) -> "pd.Series[float] | None":
        """The market's index level by session, if it has one."""
        return self.market.benchmark

    @property
    def live_returns(self) -> "pd.Series[float]":
        """Returns from the first decision's fills on; measures count from here. Empty without decisions.

        They start with the session after the decision; with same_close, whose first fills are paid in the deciding
        session, with that one.
        """
        first = self.decisions.targets.index[0] if len(self.decisions) else self.equity.index[-1]
        at_once = self.parameters["execution"]["fill"] == "same_close"
        later = self.returns.index >= first if at_once else self.returns.index > first
        live: "pd.Series[float]" = self.returns.loc[later]
        return live

    @cached_property
    def provenance(self) -> dict[str, Any]:
        """Parameters, data fingerprint, code and package versions, and flags: all that is needed to run it again."""
        return provenance(self.name, self.market, self.parameters, self.flags)

    def summary(self) -> "pd.Series[Any]":
        """Return the headline measures counted from the first decision, by label (decimals; risk-free rate 0)."""
        live = self.live_returns
        benchmark = self.benchmark
        relative = None if benchmark is None else benchmark.pct_change().reindex(live.index)
        head = RiskAnalyzer(live, None if relative is None or relative.isna().any() else relative).summary()
        measures: dict[str, Any] = {str(name): value for name, value in head.items()}
        return pd.Series(measures | self._trading(live.index), dtype="object")

    def _trading(self, live: pd.Index) -> dict[str, Any]:
        years = max(len(live), 1) / SESSIONS_PER_YEAR
        equity = self._closing_equity
        fills = self.fills
        value = (fills["quantity"].abs() * fills["price"]).groupby(fills["session"]).sum()
        traded = float((value / equity.reindex(value.index)).sum())
        paid = float((self.flows["costs"] / equity).sum())
        exposure = self.record.holdings.abs().sum(axis=1).div(equity).reindex(live)
        return {
            "turnover_ann": traded / 2.0 / years,
            "costs_ann": paid / years,
            "exposure": float(exposure.mean()),
            "decisions": len(self.decisions),
            "fills": len(fills),
            "first_equity": float(self.equity[: live[0]].iloc[-2]) if len(live) else float("nan"),
            "final_equity": float(self.equity.iloc[-1]),
        }

    @property
    def _closing_equity(self) -> "pd.Series[float]":
        return self.cash + self.record.holdings.sum(axis=1)

    def __repr__(self) -> str:
        return (
            f"BacktestResult({self.name}: {self.equity.index[0].date()} to {self.equity.index[-1].date()}, "
            f"{len(self.decisions)} decisions, {len(self.fills)} fills, equity {self.equity.iloc[0]:,.0f} to "
            f"{self.equity.iloc[-1]:,.0f}" + (f"; {'; '.join(self.flags)}" if self.flags else "") + ")"
        )

    def _repr_html_(self) -> str:
        shown = self.summary().map(lambda value: f"{value:,.4g}" if isinstance(value, float) else str(value))
        rows = "".join(f"<tr><th>{escape(str(k))}</th><td>{escape(v)}</td></tr>" for k, v in shown.items())
        flags = "".join(f"<li>{escape(flag)}</li>" for flag in self.flags)
        return (
            f"<div><strong>{escape(self.name)}</strong>"
            + (f"<ul>{flags}</ul>" if flags else "")
            + f"<table><tbody>{rows}</tbody></table></div>"
        )
