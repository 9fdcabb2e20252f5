"""Decisions, orders, fills and the Book. Orders and fills are rows of column tables on the asset axis.

fills: session, asset, quantity (shares, negative when sold), price, cost (cash, never negative).
events: session, asset, kind, quantity, cash. What befell the book or an order without being a fill: `split` and
`delisting` change the quantity, `dividend` and `delisting` pay cash; `capped` (participation), `unfunded` (no cash),
`waiting` (no price), `replaced` (by a later decision) and `cancelled` report the part of an order not filled.
The stop kinds say what closed a position: `stop`, the stop price of a decision, or one of the rules of `core.stops`,
inside the bar; `time_stop` reports the order to close it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
import pandas as pd

FILL_COLUMNS = ("session", "asset", "quantity", "price", "cost")
EVENT_COLUMNS = ("session", "asset", "kind", "quantity", "cash")
STOP_KINDS = ("stop", "fixed_stop", "trailing_stop", "atr_stop", "time_stop")
EVENT_KINDS = (
    "split",
    "dividend",
    "delisting",
    "waiting",
    "capped",
    "unfunded",
    "cancelled",
    "replaced",
    *STOP_KINDS,
)
CLAMP_COLUMNS = ("session", "rule", "asset", "before", "after", "reason")


@dataclass(frozen=True, eq=False)
class Clamp:
    """One action of a limit: weights by asset before and after, the rule's name and its reason in words."""

    rule: str
    asset: str
    before: float
    after: float
    reason: str


@dataclass(frozen=True, eq=False)
class Decision:
    """What was seen and chosen at the close of `session`.

    targets: weight by asset, fraction of equity, NaN keeps the current quantity. scores: combined and per-agent
    scores by asset. clamps: what the sizer and the risk manager changed. notes: fallbacks and why the portfolio was
    rebalanced. stops: stop price by asset, NaN for none.
    """

    session: pd.Timestamp
    targets: "pd.Series[float]"
    scores: "Mapping[str, pd.Series[float]]" = field(default_factory=dict)
    clamps: tuple[Clamp, ...] = ()
    notes: tuple[str, ...] = ()
    stops: "pd.Series[float] | None" = None


@dataclass(frozen=True, eq=False)
class Book:
    """Cash and quantities by asset (shares); a fold over fills and events, never edited."""

    cash: float
    quantities: "pd.Series[float]"

    @classmethod
    def opening(cls, capital: float, assets: pd.Index) -> Book:
        """Return a book of cash alone."""
        return cls(float(capital), pd.Series(0.0, index=assets))

    def after(self, fills: pd.DataFrame, events: pd.DataFrame | None = None) -> Book:
        """Return the book after one session's events (which happen at the open) and then its fills."""
        assets = self.quantities.index
        quantities = self.quantities.to_numpy(dtype=np.float64, copy=True)
        cash = self.cash

        def book(rows: pd.DataFrame) -> None:
            # Row by row, in order: adding up first would round otherwise than the account did.
            np.add.at(quantities, assets.get_indexer(pd.Index(rows["asset"])), rows["quantity"].to_numpy())

        if events is not None and len(events):
            book(events.loc[events["kind"].isin(("split", "delisting"))])
            cash += float(events["cash"].sum())
        if len(fills):
            book(fills)
            cash -= float((fills["quantity"] * fills["price"] + fills["cost"]).sum())
        return Book(cash, pd.Series(quantities, index=assets))

    def value(self, prices: "pd.Series[float]") -> float:
        """Return cash plus positions at `prices` (by asset; only held assets need a price)."""
        held = self.quantities.to_numpy() != 0.0
        return self.cash + float(np.dot(self.quantities.to_numpy()[held], prices.to_numpy()[held]))


@dataclass(frozen=True, eq=False)
class Decisions:
    """All decisions of a run as tables.

    targets: decision sessions x assets, NaN keeps the quantity. scores: per agent and `combined`, decision sessions x
    assets. clamps: session, rule, asset, before, after, reason. notes: session, note.
    """

    targets: pd.DataFrame
    scores: Mapping[str, pd.DataFrame] = field(default_factory=lambda: MappingProxyType({}))
    clamps: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(CLAMP_COLUMNS)))
    notes: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=["session", "note"]))

    def __len__(self) -> int:
        return len(self.targets)

    def __iter__(self) -> Iterator[Decision]:
        return (self.at(session) for session in self.targets.index)

    def at(self, session: pd.Timestamp) -> Decision:
        """Return the decision taken at the close of `session`; KeyError when there was none."""
        row = int(self.targets.index.get_indexer(pd.Index([session]))[0])
        if row < 0:
            raise KeyError(f"no decision at {session}; decisions: {list(self.targets.index[:3])} ...")
        clamps = self.clamps.loc[self.clamps["session"] == session, list(CLAMP_COLUMNS[1:])]
        return Decision(
            session=session,
            targets=self.targets.iloc[row],
            scores={name: frame.iloc[row] for name, frame in self.scores.items()},
            clamps=tuple(Clamp(*fields) for fields in clamps.itertuples(index=False, name=None)),
            notes=tuple(self.notes.loc[self.notes["session"] == session, "note"]),
        )
