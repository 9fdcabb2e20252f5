"""Sources of market data. `load_market` is the one door; a source is a function and a line in SOURCES."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from alphapulse.core.errors import ParamsError
from alphapulse.core.market import MarketData
from alphapulse.data.selection import nearest

SOURCES: dict[str, str] = {
    "sample": "alphapulse.data.sample:load",
    "simulated": "alphapulse.data.simulated:load",
    "folder": "alphapulse.data.folder:load",
    "evaluation": "alphapulse.data.evaluation:load",
}


def load_market(name: str = "sample", **options: Any) -> MarketData:
    """Load the market `name`, one of SOURCES, with the options of its source.

    Every source takes `start` and `end` (ISO dates, both included) and `assets` (a list of labels). Raises ParamsError
    for an unknown name, option, date or asset, naming the nearest one, and DataError for data that cannot be used.
    """
    source = source_of(name, options)
    signature = inspect.signature(source)
    lacking = [key for key, item in signature.parameters.items() if item.default is item.empty and key not in options]
    if lacking:
        raise ParamsError(
            f"market {name}: no {', '.join(lacking)} came",
            f"options {list(signature.parameters)}",
            "give what is missing",
        )
    given = signature.bind(**options)
    given.apply_defaults()
    return replace(source(**options), origin={"name": name, **given.arguments})


def source_of(name: str, options: Iterable[str] = ()) -> Callable[..., MarketData]:
    """Return the function that loads `name`, or raise ParamsError for an unknown source or option; loads nothing."""
    source = _source(name)
    accepted = list(inspect.signature(source).parameters)
    for option in options:
        if option not in accepted:
            raise ParamsError(
                f"market {name}: the option {option!r}{nearest(option, accepted)}",
                f"one of {accepted}",
                "correct or remove the option",
            )
    return source


def _source(name: str) -> Callable[..., MarketData]:
    if not isinstance(name, str) or name not in SOURCES:
        raise ParamsError(
            f"market: the source {name!r}{nearest(str(name), list(SOURCES))}",
            f"one of {list(SOURCES)}",
            "choose one of them, or use 'folder' for files of your own",
        )
    module, function = SOURCES[name].split(":")
    load: Callable[..., MarketData] = getattr(importlib.import_module(module), function)
    return load
