"""MarketData: the panels of one universe on one pair of axes, and `until`, the only way to the past."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from types import MappingProxyType
from typing import Any, cast

import numpy as np
import pandas as pd

from alphapulse.core.dated import as_of_panel, as_of_series
from alphapulse.core.errors import DataError, MissingField
from alphapulse.core.panel import Panel, check_panel, check_sessions

PRICE_FIELDS = ("open", "high", "low", "close")
# What a panel may hold.
PANEL_FLOORS = {
    **dict.fromkeys((*PRICE_FIELDS, "split"), "above zero"),
    **dict.fromkeys(("volume", "dividend", "delisting"), "from zero"),
}
# A price this much outside its bar is rounding.
BAR_ROUNDING = 1e-6
TABLES = ("fundamentals", "news", "macro")


def compound(close: Panel, dividend: Panel | None = None, split: Panel | None = None) -> Panel:
    """Compound close, cash dividends and splits forward into total-return levels, 1 at each asset's first session.

    close: traded price, NaN when halted. dividend: cash per share on its ex-date, per share held after that day's
    split. split: new shares for one old share on its first session, 1 or NaN otherwise. Actions on a session without
    a price count at the next price. The level is NaN where the close is NaN.
    """
    held = close.ffill()
    ratio = (1.0 if split is None else split.fillna(1.0)) * (
        held if dividend is None else held.add(dividend.fillna(0.0))
    )
    growth = (ratio / held.shift(1)).fillna(1.0)
    return growth.cumprod().where(close.notna())


@dataclass(frozen=True, eq=False, repr=False)
class MarketData:
    """Prices, membership and dated facts of one universe.

    panels: by name, each sessions x assets, on the same axes; NaN is unknown. `close` is the traded price as it
        stood and `total_return` compounds it with dividends and splits forward from 1, so `until` never changes it.
        Optional: open, high, low, volume (shares), dividend (cash per share on the ex-date), split (new shares for
        one old), delisting (cash per share paid on that session, the asset trades no more).
    benchmark: index level by session, never an asset. membership: True where the asset was in the index that day.
    tables: fundamentals, news and macro with the time each row became known (see `core.dated`).
    sectors: label by asset. flags: known biases and simulated parts, shown with every result.
    quality: the report of the checks made at loading, one row a check. origin: the source it was loaded from and all
        its options, so that it can be loaded again; empty for a market built by hand.
    """

    panels: Mapping[str, Panel]
    benchmark: "pd.Series[float] | None" = None
    membership: pd.DataFrame | None = None
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    sectors: "pd.Series[str] | None" = None
    flags: tuple[str, ...] = ()
    name: str = "market"
    quality: pd.DataFrame | None = None
    origin: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if "close" not in self.panels:
            raise MissingField(
                f"market {self.name}: panels {sorted(self.panels)} came without close",
                "at least the panel close, sessions x assets",
                "pass panels={'close': frame}",
            )
        close = check_panel(self.panels["close"], "close")
        if close.empty:
            raise DataError(
                f"market {self.name}: close has {close.shape[0]} sessions and {close.shape[1]} assets",
                "at least one session and one asset",
                "check the dates and the assets asked for",
            )
        sessions = cast(pd.DatetimeIndex, close.index)
        panels = {
            name: check_panel(frame, name, sessions=sessions, assets=close.columns)
            for name, frame in self.panels.items()
        }
        for name in PANEL_FLOORS:
            if name in panels:
                _check_floor(panels[name], name)
        _check_bars(panels)
        if "total_return" not in panels:
            panels["total_return"] = compound(close, panels.get("dividend"), panels.get("split"))
        object.__setattr__(self, "panels", MappingProxyType(panels))
        object.__setattr__(self, "tables", MappingProxyType({n: _check_table(t, n) for n, t in self.tables.items()}))
        object.__setattr__(self, "membership", _check_membership(self.membership, sessions, close.columns))
        object.__setattr__(self, "benchmark", _check_benchmark(self.benchmark, sessions))

    @property
    def sessions(self) -> pd.DatetimeIndex:
        return cast(pd.DatetimeIndex, self.panels["close"].index)

    @property
    def assets(self) -> pd.Index:
        return self.panels["close"].columns

    def __contains__(self, name: str) -> bool:
        """Tell whether there is a panel, a table, a figure (fundamentals.equity) or a series (macro.vix) `name`."""
        table, _, part = name.partition(".")
        if not part or name in self.panels:
            return name in self.panels or name in self.tables
        rows = self.tables.get(table)
        return rows is not None and (part in rows.columns or ("series" in rows and part in set(rows["series"])))

    def panel(self, name: str) -> Panel:
        """Return the panel `name`, sessions x assets (NaN unknown); MissingField lists what this market has."""
        if name not in self.panels:
            raise MissingField(
                f"market {self.name}: the panel {name!r} was asked for",
                f"one of {sorted(self.panels)}",
                "load a market that has it, or use evidence that does not need it",
            )
        # A shallow copy, so that writing into it does not write into the market.
        return self.panels[name].copy(deep=False)

    def table(self, name: str) -> pd.DataFrame:
        """Return the dated table `name` (fundamentals, news or macro), one row a fact, sorted by session."""
        if name not in self.tables:
            raise MissingField(
                f"market {self.name}: the table {name!r} was asked for",
                f"one of {sorted(self.tables)}",
                "load a market that has it, or use evidence that does not need it",
            )
        return self.tables[name]

    def fundamental(self, name: str, *, max_age: int | None = None) -> Panel:
        """Return the latest known figure `name` at each session, sessions x assets; NaN before the first filing."""
        known = list(self.table("fundamentals").columns.difference(["asset", "period_end", "known", "session"]))
        if name not in known:
            raise MissingField(
                f"market {self.name}: the figure {name!r} was asked for", f"one of {known}", "correct the name"
            )
        return as_of_panel(self.table("fundamentals"), name, self.sessions, self.assets, max_age=max_age)

    def macro(self, name: str, *, max_age: int | None = None) -> "pd.Series[float]":
        """Return the latest known value of the macro series `name` at each session; NaN before the first."""
        return as_of_series(self.table("macro"), name, self.sessions, max_age=max_age)

    @cached_property
    def members(self) -> Panel:
        """True where an asset may be scored and held: in the index that day (if known) and priced that session."""
        priced = self.panels["close"].notna()
        return priced if self.membership is None else priced & self.membership

    def until(self, session: Any) -> MarketData:
        """Return the market as it was known at the close of `session` (included); DataError before the first one."""
        try:
            moment = pd.Timestamp(session)
        except (ValueError, TypeError) as error:
            raise DataError(
                f"market {self.name}: until({session!r}): {error}", "a date, for example 2020-03-23", "correct the date"
            ) from None
        last = int(self.sessions.searchsorted(moment, side="right"))
        if last == 0:
            raise DataError(
                f"market {self.name}: until({session}) lies before the first session",
                f"a date from {self.sessions[0].date()} on",
                "ask for a later date",
            )
        if last == len(self.sessions):
            return self
        end = self.sessions[last - 1]
        return MarketData(
            panels={name: frame.iloc[:last] for name, frame in self.panels.items()},
            benchmark=None if self.benchmark is None else self.benchmark.iloc[:last],
            membership=None if self.membership is None else self.membership.iloc[:last],
            tables={name: rows.loc[rows["session"] <= end] for name, rows in self.tables.items()},
            sectors=self.sectors,
            flags=self.flags,
            name=self.name,
            quality=None,  # it tells of the whole file, later sessions included
            origin=self.origin,
        )

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of axes, panels, benchmark, membership, tables and sectors, as 16 hexadecimal digits."""
        digest = hashlib.sha256()
        digest.update(self.sessions.to_numpy().astype("datetime64[D]").astype(np.int64).tobytes())
        digest.update("\x1f".join(self.assets).encode())
        for name in sorted(self.panels):
            digest.update(name.encode())
            digest.update(np.ascontiguousarray(self.panels[name].to_numpy()).data)
        if self.benchmark is not None:
            digest.update(np.ascontiguousarray(self.benchmark.to_numpy(dtype=np.float64)).data)
        if self.membership is not None:
            digest.update(np.packbits(self.membership.to_numpy()).data)
        for name in sorted(self.tables):
            rows = self.tables[name]
            digest.update(f"{name}:{list(rows.columns)}".encode())
            digest.update(pd.util.hash_pandas_object(rows, index=False).to_numpy().tobytes())
        if self.sectors is not None:
            digest.update(self.sectors.to_csv().encode())
        return digest.hexdigest()[:16]

    def __repr__(self) -> str:
        return (
            f"MarketData({self.name}: {len(self.sessions)} sessions {self.sessions[0].date()} to "
            f"{self.sessions[-1].date()}, {len(self.assets)} assets, panels {', '.join(sorted(self.panels))}"
            + (f", tables {', '.join(sorted(self.tables))}" if self.tables else "")
            + (f", flags {'; '.join(self.flags)}" if self.flags else "")
            + ")"
        )

    def _repr_html_(self) -> str:
        rows = {
            "sessions": f"{len(self.sessions)} ({self.sessions[0].date()} to {self.sessions[-1].date()})",
            "assets": f"{len(self.assets)}",
            "panels": ", ".join(sorted(self.panels)),
            "tables": ", ".join(f"{name} ({len(rows)} rows)" for name, rows in self.tables.items()) or "none",
            "priced": f"{self.panels['close'].notna().to_numpy().mean():.1%} of session-assets",
            "flags": "; ".join(self.flags) or "none",
        }
        body = "".join(f"<tr><th>{escape(k)}</th><td>{escape(v)}</td></tr>" for k, v in rows.items())
        return f"<table><caption>market {escape(self.name)}</caption>{body}</table>"


def _check_floor(panel: Panel, name: str) -> None:
    values = panel.to_numpy()
    bad = values <= 0.0 if PANEL_FLOORS[name] == "above zero" else values < 0.0
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise DataError(
            f"{name}: {values[row, column]} on {panel.index[row].date()} for {panel.columns[column]}",
            f"values {PANEL_FLOORS[name]}, NaN where there are none",
            "set the value to NaN, or load through ap.load_market, which cleans and reports",
        )


def _check_bars(panels: Mapping[str, Panel]) -> None:
    for edge, sign in (("high", 1.0), ("low", -1.0)):
        if edge not in panels:
            continue
        limit = panels[edge].to_numpy() * (1.0 + sign * BAR_ROUNDING)
        for name in ("open", "close"):
            if name not in panels:
                continue
            price = panels[name].to_numpy()
            bad = sign * price > sign * limit
            if bad.any():
                row, column = np.argwhere(bad)[0]
                session, asset = panels[name].index[row].date(), str(panels[name].columns[column])
                edge_value = panels[edge].to_numpy()[row, column]
                raise DataError(
                    f"{name}: {price[row, column]} on {session} for {asset} lies beyond the {edge} of {edge_value}",
                    "opens and closes between low and high",
                    "mend the bar, or load through ap.load_market, which widens it and reports",
                )


def _check_table(table: pd.DataFrame, name: str) -> pd.DataFrame:
    if not isinstance(table, pd.DataFrame) or not {"known", "session"} <= set(table.columns):
        raise DataError(
            f"table {name}: {list(getattr(table, 'columns', [type(table).__name__]))} came",
            "a table with the columns known (UTC) and session",
            "date it with alphapulse.core.dated.date_facts",
        )
    early = pd.DatetimeIndex(table["known"]).tz_localize(None) >= pd.DatetimeIndex(table["session"]) + pd.Timedelta(
        days=1
    )
    if early.any():
        row = table.iloc[int(np.argmax(early))]
        raise DataError(
            f"table {name}: a row known at {row['known']} stands at session {pd.Timestamp(row['session']).date()}",
            "rows that count only once they are known",
            "date it with alphapulse.core.dated.date_facts",
        )
    return table


def _check_membership(membership: Any, sessions: pd.DatetimeIndex, assets: pd.Index) -> pd.DataFrame | None:
    if membership is None:
        return None
    if not isinstance(membership, pd.DataFrame) or not (membership.dtypes == "bool").all():
        raise DataError(
            f"membership: {type(membership).__name__} that is not all True or False",
            "a bool DataFrame of sessions x assets",
            "fill unknown membership with False and use astype(bool)",
        )
    check_panel(membership.astype(np.float64), "membership", sessions=sessions, assets=assets)
    return membership


def _check_benchmark(benchmark: Any, sessions: pd.DatetimeIndex) -> "pd.Series[float] | None":
    if benchmark is None:
        return None
    if not isinstance(benchmark, pd.Series):
        raise DataError(
            f"benchmark: a {type(benchmark).__name__} came", "a Series of index levels by session", "pass a Series"
        )
    check_sessions(benchmark.index, "benchmark")
    return benchmark.astype(np.float64).reindex(sessions)
