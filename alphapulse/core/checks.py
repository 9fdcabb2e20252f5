"""Checks of parameters, worded once: what came, what is accepted, the next step."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from alphapulse.core.errors import ParamsError


def check_number(
    name: str, value: Any, *, least: float = 0.0, most: float = math.inf, above: bool = False, next_step: str = ""
) -> float:
    """Return `value` as a float within [least, most] (above `least` if `above`), or raise ParamsError."""
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not number or not (least < value if above else least <= value) or value > most:
        low = f"above {least:g}" if above else f"from {least:g}"
        raise ParamsError(
            f"{name} = {value!r}",
            f"a number {low}" + (f" to {most:g}" if math.isfinite(most) else ""),
            next_step or "correct the value",
        )
    return float(value)


def check_share(name: str, value: Any, *, most: float = 1.0) -> float:
    """Return `value` as a fraction in (0, most], or raise ParamsError that explains per cent."""
    return check_number(
        name, value, most=most, above=True, next_step="write shares as fractions: 10 per cent is 0.10, not 10"
    )


def check_count(name: str, value: Any, *, least: int = 1) -> int:
    """Return `value` as a whole number of at least `least`, or raise ParamsError."""
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ParamsError(f"{name} = {value!r}", f"a whole number from {least}", "count in sessions or pieces")
    return value


def check_choice(name: str, value: Any, choices: Iterable[str]) -> str:
    """Return `value` if it is one of `choices`, or raise ParamsError that names the nearest."""
    known = sorted(choices)
    if value not in known:
        near = get_close_matches(str(value), known, n=1)
        raise ParamsError(
            f"{name} = {value!r}",
            f"one of {', '.join(known)}",
            f"did you mean {near[0]}?" if near else "choose one of the names accepted",
        )
    return str(value)


def built(kind: str, name: str, table: Mapping[str, Callable[..., Any]], options: Mapping[str, Any]) -> Any:
    """Return the entry `name` of a table, built with `options`; ParamsError on an unknown name or option."""
    make = table[check_choice(kind, name, table)]
    try:
        return make(**options)
    except TypeError as error:
        raise ParamsError(
            f"{kind} {name}: options {sorted(options)} ({error})",
            f"the options of {make.__name__}",
            f"see help({make.__module__}.{make.__name__})",
        ) from None


def listed(names: Iterable[Any], most: int = 5) -> str:
    """Return the first names and how many more there are."""
    shown = [str(name) for name in names]
    return ", ".join(shown[:most]) + (f" and {len(shown) - most} more" if len(shown) > most else "")
