"""Stop rules: small frozen values that close positions between decisions. The engine applies them every session.

A rule decides at the close of s from what is known there (the entry, the closes since, the true ranges) and acts from
s + 1 on. It only ever closes: the asset then stays out until the next decision buys it again. Whether stops help at
all depends on the returns: on a random walk they cost, under momentum they may not (Kaminski and Lo 2014).

The entry is the price of the first fill since the position was flat or on the other side: adding to a position, or
selling part of it, does not move it. A short position is mirrored: losses lie above, the best close is the lowest one.
All prices follow splits.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from alphapulse.core.checks import check_choice, check_count, check_number, check_share
from alphapulse.core.errors import ParamsError


@dataclass(frozen=True)
class FixedStop:
    """Close a position at entry x (1 - loss); loss: fraction of the entry price in (0, 1]."""

    loss: float = 0.10
    rule: ClassVar[str] = "fixed_stop"

    def __post_init__(self) -> None:
        check_share("fixed_stop: loss", self.loss)


@dataclass(frozen=True)
class TrailingStop:
    """Close a position at the highest close since entry x (1 - loss); loss: fraction in (0, 1]."""

    loss: float = 0.15
    rule: ClassVar[str] = "trailing_stop"

    def __post_init__(self) -> None:
        check_share("trailing_stop: loss", self.loss)


@dataclass(frozen=True)
class AtrStop:
    """Close a position at the highest close since entry less `multiple` average true ranges of 14 sessions.

    LeBeau's chandelier exit, hung from the highest close. The range is Wilder's (1978), see
    `alphapulse.execution.stops.average_true_range`; as it widens the stop may fall. No stop until it is known.
    """

    multiple: float = 3.0
    rule: ClassVar[str] = "atr_stop"

    def __post_init__(self) -> None:
        check_number("atr_stop: multiple", self.multiple, most=100.0, above=True, next_step="3 is usual")


@dataclass(frozen=True)
class TimeStop:
    """Close a position by an order at the close `sessions` sessions after the one it was opened in.

    The order fills in the next session as a decision's would, and takes the place of a decision's order of that same
    close unless that one leaves the position too (the vertical barrier of Lopez de Prado 2018, chapter 3).
    """

    sessions: int = 63
    rule: ClassVar[str] = "time_stop"

    def __post_init__(self) -> None:
        check_count("time_stop: sessions", self.sessions)


StopRule = FixedStop | TrailingStop | AtrStop | TimeStop

STOPS: dict[str, type[StopRule]] = {
    "fixed_stop": FixedStop,
    "trailing_stop": TrailingStop,
    "atr_stop": AtrStop,
    "time_stop": TimeStop,
}


def chosen_stops(rules: Iterable[StopRule | str]) -> tuple[StopRule, ...]:
    """Return the rules, names from STOPS standing for their defaults; ParamsError on anything else."""
    named = [rules] if isinstance(rules, str | StopRule) else rules
    chosen = [STOPS[check_choice("stop rule", rule, STOPS)]() if isinstance(rule, str) else rule for rule in named]
    for rule in chosen:
        if not isinstance(rule, StopRule):
            raise ParamsError(
                f"stop rule: a {type(rule).__name__} came",
                f"rules of alphapulse.core.stops or their names: {', '.join(STOPS)}",
                "stop prices of single assets go with the decision: Decision.stops, or stops= of backtest_weights",
            )
    return tuple(chosen)
