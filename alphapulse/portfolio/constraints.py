"""Constraints: what every allocator's weights must keep to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from typing import Any

from alphapulse.core.checks import check_count, check_number
from alphapulse.core.errors import ParamsError


@dataclass(frozen=True)
class Constraints:
    """Bounds on weights, which are fractions of equity. The defaults are long-only and fully invested, without caps.

    lower, upper: of each weight; a lower bound below 0 allows shorts. net: sum of the weights. gross: the most that the
    sum of absolute weights may be, None for no cap; one below what net and bounds need is raised to it. sectors: lowest
    and highest sum of weights by sector; a sector not named is free. turnover_bps: cost of trading one way, in basis
    points of the traded value, weighed against the gain over a month (21 sessions). max_assets: most assets held, by
    dropping the smallest and solving again, None for any number; whom it drops has weight 0, whatever `lower` says.

    ParamsError on numbers out of range, a lower bound above its upper one, or unknown names in a mapping.
    """

    lower: float = 0.0
    upper: float = 1.0
    net: float = 1.0
    gross: float | None = None
    sectors: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    turnover_bps: float = 0.0
    max_assets: int | None = None

    def __post_init__(self) -> None:
        check_number("constraints: lower", self.lower, least=-10.0, most=10.0)
        check_number("constraints: upper", self.upper, least=-10.0, most=10.0)
        check_number("constraints: net", self.net, least=-10.0, most=10.0)
        check_number("constraints: turnover_bps", self.turnover_bps, most=1_000.0)
        if self.gross is not None:
            check_number("constraints: gross", self.gross, most=10.0, above=True)
        if self.max_assets is not None:
            check_count("constraints: max_assets", self.max_assets)
            if self.upper * self.max_assets < self.net - 1e-12:
                raise ParamsError(
                    f"constraints: {self.max_assets} assets of at most {self.upper:g} for a net of {self.net:g}",
                    "max_assets x upper of at least the net",
                    "allow more assets or larger weights, or ask for less net",
                )
        _check_order("lower and upper", self.lower, self.upper)
        if not isinstance(self.sectors, Mapping):
            raise ParamsError(f"constraints: sectors = {self.sectors!r}", "a mapping", "write {Energy: [0.0, 0.25]}")
        for sector, span in self.sectors.items():
            if not isinstance(span, list | tuple) or len(span) != 2:
                raise ParamsError(
                    f"constraints: sectors: {sector} = {span!r}", "a lowest and a highest sum", "write [0.0, 0.25]"
                )
            low, high = (check_number(f"constraints: sectors: {sector}", one, least=-10.0, most=10.0) for one in span)
            _check_order(f"sectors: {sector}", low, high)
        spans = {str(sector): (float(span[0]), float(span[1])) for sector, span in self.sectors.items()}
        object.__setattr__(self, "sectors", spans)

    @property
    def shorts(self) -> bool:
        """True where weights below zero are allowed."""
        return self.lower < 0.0


def constraints_of(given: Constraints | Mapping[str, Any] | None) -> Constraints:
    """Return constraints from themselves, from a mapping of their fields, or the defaults from None."""
    if given is None:
        return Constraints()
    if isinstance(given, Constraints):
        return given
    known = [one.name for one in fields(Constraints)]
    if not isinstance(given, Mapping):
        raise ParamsError(f"constraints = {given!r}", f"a mapping with keys of {', '.join(known)}", "see Constraints")
    for name in given:
        if name not in known:
            near = get_close_matches(str(name), known, 1)
            raise ParamsError(
                f"constraints: unknown key {name}",
                f"keys {', '.join(known)}",
                f"did you mean {near[0]}?" if near else "drop it",
            )
    return Constraints(**given)


def _check_order(name: str, low: float, high: float) -> None:
    if low > high:
        raise ParamsError(f"constraints: {name} = {low:g}, {high:g}", "the lower bound first", "swap the two numbers")
