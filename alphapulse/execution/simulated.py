"""The simulated broker: one account on one recorded market, filled by the compiled kernel."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from alphapulse.core.checks import check_choice, check_number, check_share
from alphapulse.core.market import MarketData
from alphapulse.core.stats import Array
from alphapulse.core.stops import StopRule, chosen_stops
from alphapulse.core.trading import Decision
from alphapulse.core.units import BPS, SESSIONS_PER_YEAR
from alphapulse.execution import kernel
from alphapulse.execution.costs import Costs
from alphapulse.execution.record import TradingRecord
from alphapulse.execution.stops import kernel_rules, opened_watch
from alphapulse.execution.tape import frozen, impact_scale, tape_of


@dataclass(frozen=True)
class Execution:
    """How decisions trade.

    fill: next_open (default; the next close where there are no opens), next_close or same_close. capital: cash at the
    start. participation: cap on traded shares as a fraction of the session's volume, None for none. carry: keep what
    the cap leaves for the next session instead of cancelling it. leverage: let weights and cash go beyond the equity.
    lot: shares that trade together; 0 trades fractions of a share, 1 whole shares, 100 round lots.

    With lots a position is rounded toward zero when its order first meets a price, so its weight is never beyond the
    target and what is left stays in cash; what a cap or missing cash cuts is rounded down too. So every position is a
    multiple of the lot, but for what a split makes of it, which the next order removes; leaving a position sells all.
    """

    costs: Costs = Costs()
    fill: str = "next_open"
    capital: float = 10_000_000.0
    participation: float | None = None
    carry: bool = False
    leverage: bool = False
    lot: float = 0.0

    def __post_init__(self) -> None:
        check_choice("execution: fill", self.fill, kernel.FILLS)
        check_number("execution: capital", self.capital, most=1e15, above=True, next_step="give the cash at the start")
        if self.participation is not None:
            check_share("execution: participation", self.participation)
        check_number(
            "execution: lot", self.lot, most=1e9, next_step="0 trades fractions of a share, 1 whole shares, 100 lots"
        )

    def described(self) -> dict[str, Any]:
        """Return the same as plain values, as they stand in a parameter file."""
        return {**vars(self), "costs": dict(vars(self.costs))}

    def terms(self) -> kernel.Terms:
        """Return the same in the kernel's units (fractions, per session)."""
        return kernel.Terms(
            fill=kernel.FILLS[self.fill],
            linear=self.costs.linear,
            impact=float(self.costs.impact),
            interest=self.costs.cash_rate_ann / SESSIONS_PER_YEAR,
            borrow=self.costs.borrow_bps_ann * BPS / SESSIONS_PER_YEAR,
            participation=math.inf if self.participation is None else float(self.participation),
            carry=self.carry,
            leverage=self.leverage,
            lot=float(self.lot),
        )


class SimulatedBroker:
    """Hold one account on a recorded market and settle it session by session, or a whole table of targets at once.

    stops: rules that close positions between decisions, or their names, see `alphapulse.core.stops`; the tightest of
    them and of the decision's own stop price acts. Events name the rule that did.
    """

    def __init__(self, market: MarketData, execution: Execution, stops: Iterable[StopRule | str] = ()) -> None:
        self.market = market
        self.execution = execution
        self.stops = chosen_stops(stops)
        self.tape = tape_of(market)
        self._terms = execution.terms()
        self._impact = impact_scale(market) if execution.costs.impact > 0.0 else frozen(np.zeros((0, 0)))
        sessions, assets = market.panel("close").shape
        self.account = _open_account(assets, float(execution.capital))
        self.journal = _open_journal(sessions, assets)
        self._rules, self._watch = kernel_rules(self.stops, self.tape), opened_watch(self.stops, assets)
        self.settled = 0

    @property
    def equity(self) -> Array:
        """Equity by session settled so far; the first value is the capital before any trade."""
        equity = self.journal.equity[: self.settled].copy()
        equity[:1] = self.execution.capital
        return equity

    @property
    def weights(self) -> Array:
        """Positions by asset as fractions of the equity at the last settled close; NaN once ruined."""
        quantity, mark = self.account.quantity, self.account.mark
        if not self.settled:
            return np.zeros(quantity.size)
        if self.journal.equity[self.settled - 1] <= 0.0:
            return np.full(quantity.size, np.nan)
        weights: Array = np.where(quantity != 0.0, quantity * mark, 0.0) / self.journal.equity[self.settled - 1]
        return weights

    @property
    def waiting(self) -> Array:
        """Weights by asset that open orders still aim at, a remainder at the last settled close; NaN for no order."""
        account = self.account
        if not self.settled or self.journal.equity[self.settled - 1] <= 0.0:
            return np.full(account.quantity.size, np.nan)
        aimed = (account.quantity + account.ordered) * account.mark / self.journal.equity[self.settled - 1]
        waiting: Array = np.where(np.isnan(account.target), aimed, account.target)
        return waiting

    def settle(self, sessions: int) -> None:
        """Run the next sessions from opening to close, up to `sessions` of them settled in all."""
        self._run(sessions, np.full(sessions, -1), np.zeros((0, self.account.quantity.size)), np.zeros((0, 0)))

    def place(self, decision: Decision) -> None:
        """Replace the waiting orders by the decision's targets, taken at the close of the last settled session."""
        targets = frozen(decision.targets)
        stops = frozen(np.zeros(0) if decision.stops is None else decision.stops)
        self._make_room()
        kernel.place(self.settled - 1, targets, stops, self.tape, self._impact, self.account, self._terms, self.journal)

    def run(self, rows: "np.ndarray[Any, np.dtype[np.int64]]", targets: Array, stops: Array) -> None:
        """Run all sessions; rows[s] is the row of `targets` decided at the close of session s, -1 for none."""
        expected = (len(targets) + 1) * targets.shape[1]
        if expected > len(self.journal.fill_asset):
            self.journal = _with_room(self.journal, fills=expected, events=0)
        self._run(len(rows), rows, targets, stops)

    def _run(self, last: int, rows: "np.ndarray[Any, np.dtype[np.int64]]", targets: Array, stops: Array) -> None:
        while self.settled < last:
            self.settled = int(
                kernel.run(
                    self.settled,
                    last,
                    rows,
                    frozen(targets),
                    frozen(stops),
                    self.tape,
                    self._impact,
                    self.account,
                    self._terms,
                    self.journal,
                    self._rules,
                    self._watch,
                )
            )
            if self.settled < last:
                self._make_room()

    def _make_room(self) -> None:
        assets = self.account.quantity.size
        fills, events = (int(used) for used in self.journal.used)
        need_fills, need_events = fills + kernel.FILLS_PER_ASSET * assets, events + kernel.EVENTS_PER_ASSET * assets
        if need_fills > len(self.journal.fill_asset) or need_events > len(self.journal.event_asset):
            self.journal = _with_room(self.journal, fills=2 * need_fills, events=2 * need_events)

    def record(self) -> TradingRecord:
        """Return what was traded so far."""
        return TradingRecord(
            self.market.sessions[: self.settled], self.market.assets, self.tape, self.journal, self.equity
        )


def _open_account(assets: int, capital: float) -> kernel.Account:
    unknown = np.full(assets, np.nan)
    return kernel.Account(
        cash=np.array([capital]),
        quantity=np.zeros(assets),
        mark=unknown.copy(),
        target=unknown.copy(),
        ordered=unknown.copy(),
        stop=unknown.copy(),
        traded=np.zeros(assets),
        tally=np.array([0, -1, 0]),
    )


def _open_journal(sessions: int, assets: int) -> kernel.Journal:
    fills, events = 8 * kernel.FILLS_PER_ASSET * assets, 4 * kernel.EVENTS_PER_ASSET * assets
    return kernel.Journal(
        equity=np.zeros(sessions),
        cash=np.zeros(sessions),
        costs=np.zeros(sessions),
        dividends=np.zeros(sessions),
        interest=np.zeros(sessions),
        borrow=np.zeros(sessions),
        fill_start=np.zeros(sessions + 1, dtype=np.int64),
        fill_asset=np.empty(fills, dtype=np.int32),
        fill_quantity=np.empty(fills),
        fill_price=np.empty(fills),
        fill_cost=np.empty(fills),
        event_session=np.empty(events, dtype=np.int32),
        event_asset=np.empty(events, dtype=np.int32),
        event_kind=np.empty(events, dtype=np.int8),
        event_quantity=np.empty(events),
        event_cash=np.empty(events),
        used=np.zeros(2, dtype=np.int64),
    )


def _with_room(journal: kernel.Journal, *, fills: int, events: int) -> kernel.Journal:
    """Return the journal with room for at least so many rows in all; memory is touched only when written."""

    def grown(name: str, column: Any) -> Any:
        size = fills if name in kernel.FILL_ROWS else events if name in kernel.EVENT_ROWS else 0
        if size <= len(column):
            return column
        wider = np.empty(size, dtype=column.dtype)
        wider[: len(column)] = column
        return wider

    return kernel.Journal(**{name: grown(name, column) for name, column in journal._asdict().items()})
