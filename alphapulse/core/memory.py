"""Remember what was computed of things that never change, for as long as they live."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from functools import wraps
from itertools import pairwise
from typing import Any, TypeVar, TypeVarTuple, Unpack
from weakref import WeakKeyDictionary

Owners = TypeVarTuple("Owners")
Result = TypeVar("Result")
PLAIN = (str, int, float, bool, tuple, type(None))


def once(function: Callable[[Unpack[Owners]], Result]) -> Callable[[Unpack[Owners]], Result]:
    """Compute once for the same arguments, and forget when one of them is gone.

    The first argument owns the memory. Arguments are immutable objects, compared by identity, or plain values (texts,
    numbers), compared by value. The result is shared between callers, who must not alter it.
    """
    memory: MutableMapping[Any, Any] = WeakKeyDictionary()

    @wraps(function)
    def remembered(*owners: *Owners) -> Result:
        chain: tuple[Any, ...] = owners
        held = memory
        for owner, following in pairwise(chain):
            held = held.setdefault(owner, {} if isinstance(following, PLAIN) else WeakKeyDictionary())
        if chain[-1] not in held:
            held[chain[-1]] = function(*owners)
        result: Result = held[chain[-1]]
        return result

    return remembered
