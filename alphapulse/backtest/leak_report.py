"""What a leak check found: findings, two tables, and how they read in a notebook and in a terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

import pandas as pd

LEAK, NOTE = "leak", "note"
# What each kind of finding means, in words.
MEANINGS: dict[str, str] = {
    "cut": "another value once later sessions are known",
    "unknown": "another value when later sessions are unknown",
    "noise": "another value when later sessions are noise",
    "unlisted": "another value when assets that are listed later are not known yet",
    "tenfold": "another value when later sessions are ten times themselves",
    "same-bar fill": "filled in the very session whose close decided it",
    "facts too early": "figures known before the period they report could have been filed",
    "state": "another answer when the same question is asked again",
    "asset order": "another value when the assets are named in another order",
    "price scale": "another value when the price is counted in other units, as a later split would",
    "warm-up": "the start of the history still shows after the declared warm-up",
    "delay": "most of the edge is gone a session later",
    "not compared": "refused to answer on a shortened market",
    "silent": "never answered on this market, so nothing was compared",
}
MEASURES = {"ic": "information coefficient over one session", "sharpe": "Sharpe ratio"}


@dataclass(frozen=True)
class Finding:
    """One thing found, at the first place where it shows.

    kind: a key of MEANINGS. severity: leak or note. part: the answer it shows in (score, coverage, weights, targets,
    fills, ...). session, asset: the first offending cell. got: its value with the later sessions; wanted: the value
    it must have. size: their difference relative to the larger, 1 where a value appears or vanishes. cells: how many
    differ. cut: the session after which the market was altered. Parts that do not apply are None.
    """

    kind: str
    severity: str
    part: str = "score"
    session: pd.Timestamp | None = None
    asset: str | None = None
    got: float | None = None
    wanted: float | None = None
    size: float | None = None
    cells: int = 0
    cut: pd.Timestamp | None = None
    remark: str = ""

    def __str__(self) -> str:
        words = f"{self.severity}: {self.kind} ({self.part}): {MEANINGS[self.kind]}"
        if self.session is not None:
            words += f"; first on {self.session.date()}" + (f" for {self.asset}" if self.asset else "")
        if self.got is not None:
            words += f": {_value(self.got)} instead of {_value(self.wanted)}, off by {_share(self.size)}"
        if self.cells:
            words += f"; {self.cells:,} in all at that cut"
        if self.cut is not None:
            words += f" with the cut at {self.cut.date()}"
        return words + (f"; {self.remark}" if self.remark else "")


@dataclass(frozen=True, eq=False, repr=False)
class LeakReport:
    """What a leak check of one object on one market found.

    findings: leaks first, then notes. cuts: sessions at which the market was cut or altered; a leak in rows that no cut
    follows is not seen. evaluations: how often the object was asked. sessions: how many the market has. warmup: drift
    of the last session's scores by history (start, sessions, largest, share). delay: rank information coefficient over
    one session, of a strategy the Sharpe ratio, by delay in sessions (ic or sharpe, t, kept). flags: of the market.
    Tables are empty where the object has no scores.
    """

    name: str
    market: str
    findings: tuple[Finding, ...]
    cuts: tuple[pd.Timestamp, ...]
    evaluations: int
    sessions: int = 0
    warmup: pd.DataFrame = field(default_factory=pd.DataFrame)
    delay: pd.DataFrame = field(default_factory=pd.DataFrame)
    flags: tuple[str, ...] = ()

    @property
    def leaks(self) -> tuple[Finding, ...]:
        """The findings that break the prefix law."""
        return tuple(finding for finding in self.findings if finding.severity == LEAK)

    @property
    def notes(self) -> tuple[Finding, ...]:
        """The findings that inform."""
        return tuple(finding for finding in self.findings if finding.severity == NOTE)

    @property
    def ok(self) -> bool:
        """True when nothing looks ahead; notes do not count."""
        return not self.leaks

    def table(self) -> pd.DataFrame:
        """Return the findings, one row each."""
        return pd.DataFrame([vars(finding) for finding in self.findings], columns=list(Finding.__dataclass_fields__))

    def summary(self) -> "pd.Series[Any]":
        """Return the headline of the report by label; the place and size are those of the first leak, None if none."""
        first = self.leaks[0] if self.leaks else None
        return pd.Series(
            {
                "object": self.name,
                "ok": self.ok,
                "leaks": len(self.leaks),
                "notes": len(self.notes),
                "session": None if first is None else first.session,
                "asset": None if first is None else first.asset,
                "size": None if first is None else first.size,
                "cuts": len(self.cuts),
                "evaluations": self.evaluations,
            },
            dtype="object",
        )

    def text(self) -> str:
        """Return the report as lines of text."""
        lines = [repr(self)[len("LeakReport(") : -1], *(f"  {finding}" for finding in self.findings)]
        if len(self.delay) > 1:
            name = str(self.delay.columns[0])
            (now, t, _), (later, *_) = self.delay.iloc[0], self.delay.iloc[1]
            size = f"t {t:.1f}" if abs(t) < 1e3 else "always the same sign"
            lines.append(f"  {MEASURES[name]} {now:.4f} ({size}), a day late {later:.4f}")
        if len(self.warmup) and self.warmup["share"].iloc[-1] >= 0.0:
            sessions, last = self.warmup.index[-1], self.warmup.iloc[-1]
            lines.append(f"  started {sessions} sessions before the end, {last['share']:.1%} of the last scores differ")
        return "\n".join(lines)

    def __repr__(self) -> str:
        state = "ok" if self.ok else f"LOOKS AHEAD, {_count(len(self.leaks), 'leak')}"
        notes = f", {_count(len(self.notes), 'note')}" if self.notes else ""
        return f"LeakReport({self.name}: {state}{notes}; {self._asked()})"

    def _asked(self) -> str:
        sessions = f" in {self.sessions} sessions" if self.sessions else ""
        return f"{len(self.cuts)} cuts{sessions} of market {self.market}"

    def _repr_html_(self) -> str:
        state = "ok: no answer changed with later sessions"
        if not self.ok:
            first = self.leaks[0]
            state = f"looks ahead, first seen on {_number(first.session)} for {first.asset}"
            state += "" if first.size is None else f", off by {_share(first.size)}"
        flags = "".join(f"<li>{escape(flag)}</li>" for flag in self.flags)
        body = (
            f"<p><strong>{escape(self.name)}</strong>: {state} "
            f"({escape(self._asked())}, {self.evaluations} evaluations)</p>"
        )
        body += f"<ul>{flags}</ul>" if flags else ""
        body += _html("Findings", _HEAD, [_cells(finding) for finding in self.findings])
        for title, table in (
            ("Last session's scores when the history starts later", self.warmup),
            ("What a delay leaves of the edge", self.delay),
        ):
            columns = {str(name): list(values) for name, values in table.reset_index().items()}
            cells = [[_WRITTEN[name][1](value) for value in values] for name, values in columns.items()]
            body += _html(title, [_WRITTEN[name][0] for name in columns], list(zip(*cells, strict=True)))
        return f"<div>{body}</div>"


def _written(form: str) -> Callable[[float], str]:
    return lambda value: "-" if value != value else format(value, form)


# Heading and way of writing by column of the two tables.
_WRITTEN: dict[str, tuple[str, Callable[[Any], str]]] = {
    "sessions": ("sessions of history", str),
    "start": ("from", lambda session: str(session.date())),
    "largest": ("largest difference", _written(".2g")),
    "share": ("share that differs", _written(".1%")),
    "delay": ("sessions late", str),
    "ic": ("rank IC, one session", _written("z.4f")),
    "sharpe": ("Sharpe ratio", _written("z.2f")),
    "t": ("t", _written("z.1f")),
    "kept": ("kept", _written("z.0%")),
}
_HEAD = ("kind", "what", "part", "session", "asset", "got", "wanted", "size", "cells", "cut", "remark")


def _cells(finding: Finding) -> list[str]:
    return [
        f"{finding.severity}: {finding.kind}",
        MEANINGS[finding.kind],
        finding.part,
        _number(finding.session),
        finding.asset or "",
        _number(finding.got),
        _number(finding.wanted),
        "" if finding.size is None else _share(finding.size),
        f"{finding.cells:,}" if finding.cells else "",
        _number(finding.cut),
        finding.remark,
    ]


def _html(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><caption>{escape(title)}</caption><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def _number(value: object) -> str:
    if isinstance(value, pd.Timestamp):
        return str(value.date())
    return "" if value is None else _value(value) if isinstance(value, float) else str(value)


def _value(value: float | None) -> str:
    return "unknown" if value is None or value != value else f"{value:.5g}"


def _share(size: float | None) -> str:
    return "" if size is None else f"{size:.2g} of it" if size < 0.001 else f"{size:.1%}"


def _count(number: int, word: str) -> str:
    return f"{number} {word}" + ("" if number == 1 else "s")
