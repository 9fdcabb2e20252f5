"""The kinds of runs: which notebook each executes, and with which parameters. A new kind is one line in KINDS."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

from alphapulse.core.checks import check_choice, check_count
from alphapulse.core.errors import ParamsError
from alphapulse.params import RunParams
from alphapulse.portfolio import ALLOCATORS
from alphapulse.risk.var import check_level

WHOLE = tuple(name for name in RunParams.model_fields if name != "save_to")


class Own(NamedTuple):
    """A parameter that only one notebook has: its default, and the check that returns it or raises ParamsError."""

    default: Any
    check: Callable[[Any], Any]


class Kind(NamedTuple):
    """A notebook, the sections of a run's file it takes, and parameters of its own."""

    notebook: str
    sections: tuple[str, ...] = WHOLE
    own: Mapping[str, Own] = MappingProxyType({})

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names in its parameters cell, in order."""
        return (*self.sections, *self.own, "save_to")

    def given(self, own: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters of its own, those of `own` checked, the others at their defaults."""
        for name in own:
            check_choice(f"parameter of {self.notebook}", name, self.own)
        return {name: one.check(own.get(name, one.default)) for name, one in self.own.items()}


def _allocators(value: Any) -> list[str]:
    if not isinstance(value, list | tuple):
        raise ParamsError(f"allocators = {value!r}", "a list of names", f"some of {', '.join(ALLOCATORS)}")
    return [check_choice("allocator", name, ALLOCATORS) for name in value]


KINDS: Mapping[str, Kind] = {
    "backtest": Kind("backtest.ipynb"),
    "agents": Kind("agents.ipynb", ("name", "data", "agents"), {"horizon": Own(21, partial(check_count, "horizon"))}),
    "portfolio": Kind("portfolio.ipynb", own={"allocators": Own([], _allocators)}),
    "risk": Kind("risk.ipynb", own={"level": Own(0.95, check_level)}),
}
