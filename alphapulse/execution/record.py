"""What an account traded: fills, events, cash flows and positions, as tables made when asked for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from alphapulse.core.panel import Panel
from alphapulse.core.stats import Array
from alphapulse.core.trading import EVENT_KINDS
from alphapulse.execution.folding import fold
from alphapulse.execution.kernel import Journal
from alphapulse.execution.tape import Tape


@dataclass(frozen=True, eq=False, repr=False)
class TradingRecord:
    """The journal of one account over `sessions`.

    equity_values: equity at each close, the first one the capital before any trade (cash amounts).
    """

    sessions: pd.DatetimeIndex
    assets: pd.Index
    tape: Tape
    journal: Journal
    equity_values: Array

    @cached_property
    def equity(self) -> "pd.Series[float]":
        """Equity at each close; the first value is the capital before any trade."""
        return pd.Series(self.equity_values, index=self.sessions, name="equity")

    @cached_property
    def cash(self) -> "pd.Series[float]":
        """Cash at each close."""
        return pd.Series(self.journal.cash[: len(self.sessions)], index=self.sessions, name="cash")

    @cached_property
    def fills(self) -> pd.DataFrame:
        """One row a fill: session, asset, quantity (shares, negative when sold), price, cost (cash)."""
        used, journal = int(self.journal.used[0]), self.journal
        return pd.DataFrame(
            {
                "session": self.sessions[self._fill_rows],
                "asset": pd.Categorical.from_codes(journal.fill_asset[:used], self.assets),
                "quantity": journal.fill_quantity[:used],
                "price": journal.fill_price[:used],
                "cost": journal.fill_cost[:used],
            }
        )

    @cached_property
    def events(self) -> pd.DataFrame:
        """One row an event (see core.trading): session, asset, kind, quantity (shares, NaN if never sized), cash."""
        used, journal = int(self.journal.used[1]), self.journal
        return pd.DataFrame(
            {
                "session": self.sessions[journal.event_session[:used]],
                "asset": pd.Categorical.from_codes(journal.event_asset[:used], self.assets),
                "kind": pd.Categorical.from_codes(journal.event_kind[:used], pd.Index(EVENT_KINDS)),
                "quantity": journal.event_quantity[:used],
                "cash": journal.event_cash[:used],
            }
        )

    @property
    def quantities(self) -> Panel:
        """Shares held at each close, sessions x assets."""
        return self._positions[0]

    @property
    def holdings(self) -> Panel:
        """Position values at each close (at the last known price when halted), sessions x assets, in cash."""
        return self._positions[1]

    @cached_property
    def _positions(self) -> tuple[Panel, Panel]:
        shape = (len(self.sessions), len(self.assets))
        quantity, value = np.empty(shape), np.empty(shape)
        fills, events = (int(used) for used in self.journal.used)
        journal, steps = self.journal, np.arange(len(self.sessions) + 1)
        fold(
            journal.fill_start[: len(steps)],
            journal.fill_asset[:fills],
            journal.fill_quantity[:fills],
            journal.fill_price[:fills],
            np.searchsorted(journal.event_session[:events], steps),
            journal.event_asset[:events],
            journal.event_kind[:events],
            journal.event_quantity[:events],
            self.tape,
            quantity,
            value,
        )
        return self._panel(quantity), self._panel(value)

    @cached_property
    def flows(self) -> pd.DataFrame:
        """Where equity came from, by session, in cash: price_pnl, dividends, interest, borrow, costs.

        price_pnl is read from positions and fills alone (change of position values, less what was bought, plus what
        delistings paid), so equity = capital + cumulated (price_pnl + dividends + interest - borrow - costs) is a
        check and not a definition.
        """
        journal, count = self.journal, len(self.sessions)
        fills, events = (int(used) for used in journal.used)
        value = self.holdings.to_numpy().sum(axis=1)
        bought = np.bincount(
            self._fill_rows, journal.fill_quantity[:fills] * journal.fill_price[:fills], minlength=count
        )
        delisted = journal.event_kind[:events] == EVENT_KINDS.index("delisting")
        paid = np.bincount(
            journal.event_session[:events][delisted], journal.event_cash[:events][delisted], minlength=count
        )
        return pd.DataFrame(
            {
                "price_pnl": np.diff(value, prepend=0.0) - bought + paid,
                "dividends": journal.dividends[:count],
                "interest": journal.interest[:count],
                "borrow": journal.borrow[:count],
                "costs": journal.costs[:count],
            },
            index=self.sessions,
        )

    @cached_property
    def _fill_rows(self) -> Any:
        """Row of the session of each fill."""
        return np.repeat(np.arange(len(self.sessions)), np.diff(self.journal.fill_start[: len(self.sessions) + 1]))

    def _panel(self, values: Any) -> Panel:
        return pd.DataFrame(values, index=self.sessions, columns=self.assets)
