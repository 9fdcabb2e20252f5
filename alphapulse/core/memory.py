"""Remember what was computed of things that never change, for as long as they live."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from functools import wraps
from itertools import pairwise
from typing import Any, TypeVar, TypeVarTuple, Unpack, cast
from weakref import WeakKeyDictionary

import pandas as pd

Owners = TypeVarTuple("Owners")
Result = TypeVar("Result")
PLAIN = (str, int, float, bool, type(None))


def once(function: Callable[[Unpack[Owners]], Result]) -> Callable[[Unpack[Owners]], Result]:
    """Compute once for the same arguments, and forget when one of them is gone.

    The first argument owns the memory. Arguments are immutable objects, compared by identity, or plain values (texts,
    numbers), compared by value; each position is always of one kind. A DataFrame or Series is handed out as a shallow
    copy, so that writing into it does not write into the memory; other results are shared and must not be altered.
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
        result: Any = held[chain[-1]]
        shared: Any = result.copy(deep=False) if isinstance(result, pd.DataFrame | pd.Series) else result
        return cast(Result, shared)

    return remembered
