"""Limit on concentration: how few positions the equity may rest on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from alphapulse.core.checks import check_number
from alphapulse.core.ports import RiskContext
from alphapulse.core.stats import Array
from alphapulse.risk.limits.proposal import Limited, above, largest, propose, room


@dataclass(frozen=True)
class MaxConcentration:
    """No sum of squared weights (Herfindahl index) above 1 / `positions`, as of so many equal ones that use all equity.

    Cash counts as spread: a book half in cash may rest on a quarter of the positions. The largest positions are cut to
    one size, as little as brings the sum down. positions: effective number, from 1.
    """

    positions: float = 10.0
    rule: ClassVar[str] = "max_concentration"

    def __post_init__(self) -> None:
        check_number("max_concentration: positions", self.positions, least=1.0, next_step="give a number of positions")

    def apply(self, weights: "pd.Series[float]", context: RiskContext) -> Limited:
        """Return weights whose largest are cut to one size, and a clamp for each asset cut."""
        book = propose(weights, context)
        fixed, size = np.abs(book.fixed), np.abs(book.fixed + book.free)
        index, bound = float(size @ size), 1.0 / self.positions
        if not above(index, bound):
            return weights, ()
        top = float(size.max())

        def cut(share: float) -> Array:
            return np.maximum(np.minimum(size, share * top), fixed)

        level = cut(largest(lambda share: not above(float(np.square(cut(share)).sum()), bound)))
        return book.scaled(
            self.rule,
            room(level, fixed, size - fixed),
            lambda at: (
                f"sum of squared weights {index:.4g} above the limit of {bound:.4g} "
                f"({1.0 / index:.1f} effective positions, {self.positions:g} asked for)"
            ),
        )
