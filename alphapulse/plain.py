"""Plain values: what a YAML file, a notebook's parameter cell and a manifest can all hold.

Text, finite numbers, true, false, null, lists and mappings whose keys are names. From the fourth level on keys may be
labels, of a sector or an asset: portfolio, options, budgets, BRK.B.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import yaml

from alphapulse.core.errors import ParamsError

KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
LABELS_FROM = 3  # mappings above it hold names that are variables and arguments
# what malformed text raises: brackets too deep, a number too long, anything else the parser names
UNREADABLE = (yaml.YAMLError, RecursionError, ValueError)


def parsed(text: str) -> Any:
    """Return the value that YAML text holds, or raise one of UNREADABLE; `where` words it."""
    return yaml.load(text, Loader=_Loader)


def where(error: Exception) -> str:
    """Return the place and the problem of an error met while reading YAML."""
    mark = getattr(error, "problem_mark", None)
    place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark is not None else ""
    return place + str(getattr(error, "problem", None) or getattr(error, "reason", None) or type(error).__name__)


def plain(value: Any, at: str, level: int = 0) -> Any:
    """Return `value` as plain values, a date as its ISO text; ParamsError for anything else.

    at: its name. level: how many mappings it stands in.
    """
    if isinstance(value, Mapping):
        for key in value:
            label = level >= LABELS_FROM and isinstance(key, str) and key.isprintable() and key.strip() == key != ""
            if not label and (not isinstance(key, str) or not KEY.fullmatch(key)):
                raise ParamsError(
                    f"{at}: the key {key!r}",
                    "names made of letters, digits and _ (max_position, not max-position)",
                    "rename the key",
                )
        return {key: plain(inner, f"{at}: {key}", level + 1) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner, at, level) for inner in value]
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        raise ParamsError(f"{at} = {value}", "a finite number", "leave the key out for its default")
    if isinstance(value, str) and not _encodable(value):
        raise ParamsError(f"{at} = {value!r}", "text that UTF-8 can write", "remove the signs shown as escapes")
    if value is None or isinstance(value, str | int | float):
        return value
    raise ParamsError(
        f"{at} = {value!r} ({type(value).__name__})",
        "text, numbers, true, false, null, lists and mappings; dates without a time of day",
        "write it in one of these forms",
    )


def _encodable(text: str) -> bool:
    return not any("\ud800" <= sign <= "\udfff" for sign in text)


class _Loader(yaml.SafeLoader):
    """The safe loader with the plain values of YAML 1.2: ON, NO and dates are text, 1e7 is a number.

    A key may stand once only, and aliases (which can explode) are refused.
    """

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 (the library's own form)

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(None, None, "an alias (*name)", mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(None, None, f"the key {key.value!r} twice", key.start_mark)
                seen.add(key.value)
        return super().construct_mapping(node, deep)


for _tag, _pattern, _first in (
    ("null", r"(~|null|Null|NULL|)", ["~", "n", "N", ""]),
    ("bool", r"(true|True|TRUE|false|False|FALSE)", list("tTfF")),
    ("int", r"[-+]?(0|[1-9][0-9]*)", list("-+0123456789")),
    (
        "float",
        r"([-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))",
        list("-+.0123456789"),
    ),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern + "$"), _first)
