"""Limits on the tail: what the proposed book would have lost in the worst sessions of the estimate's window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from alphapulse.core.checks import check_number, check_share
from alphapulse.core.ports import RiskContext
from alphapulse.core.stats import Array
from alphapulse.risk.limits.forecast import book_returns, forecast
from alphapulse.risk.limits.proposal import Limited, above, largest
from alphapulse.risk.measures import conditional_value_at_risk, value_at_risk
from alphapulse.risk.sample import Measure, Sample


@dataclass(frozen=True)
class MaxVar:
    """The historical value at risk of a session, at `level`, is at most `loss`, a fraction of equity in (0, 1].

    The loss that the proposed weights, held through the estimate's window, would have exceeded in 1 - level of its
    sessions (`measures.value_at_risk`). The whole book is scaled, so its hedges stay in proportion. If what cannot
    trade today exceeds the limit alone, the rest is sold where that lowers the loss and kept where it hedges.

    A position without a risk forecast does not grow, and adds what as much of the most volatile asset would lose alone.
    """

    level: float = 0.95
    loss: float = 0.02
    rule: ClassVar[str] = "max_var"

    def __post_init__(self) -> None:
        _check(self.rule, self.level, self.loss)

    def apply(self, weights: "pd.Series[float]", context: RiskContext) -> Limited:
        """Return weights scaled until their VaR is at most `loss`, and a clamp for each asset scaled."""
        return _scaled_to_loss(self.rule, value_at_risk, self.level, self.loss, weights, context)


@dataclass(frozen=True)
class MaxCvar:
    """The mean loss in the 1 - level worst sessions is at most `loss` of equity (`conditional_value_at_risk`).

    Otherwise as `MaxVar`. Source: Rockafellar and Uryasev (2000).
    """

    level: float = 0.95
    loss: float = 0.03
    rule: ClassVar[str] = "max_cvar"

    def __post_init__(self) -> None:
        _check(self.rule, self.level, self.loss)

    def apply(self, weights: "pd.Series[float]", context: RiskContext) -> Limited:
        """Return weights scaled until their CVaR is at most `loss`, and a clamp for each asset scaled."""
        return _scaled_to_loss(self.rule, conditional_value_at_risk, self.level, self.loss, weights, context)


def _check(rule: str, level: float, loss: float) -> None:
    check_number(f"{rule}: level", level, least=0.5, most=1.0, next_step="write 95 per cent as 0.95")
    check_share(f"{rule}: loss", loss)


def _scaled_to_loss(
    rule: str, measure: Measure[[float]], level: float, loss: float, weights: "pd.Series[float]", context: RiskContext
) -> Limited:
    estimate = context.estimate
    seen = forecast(rule, weights, context)
    book, known, unknown = seen.book, seen.known, seen.unknown
    if not (book.held.any() and estimate.usable.any()):
        return book.weights, seen.clamps

    def lost(earned: Array) -> float:
        return -float(measure.formula(Sample(earned[None]), level)[0])

    stays, moves = (
        book_returns(estimate, seen.columns[known], part[known]) if part.any() else np.zeros(len(estimate.window))
        for part in (book.fixed, book.free)
    )
    worst = 0.0
    if unknown.any():
        wildest = book_returns(estimate, np.array([np.nanargmax(estimate.volatility)]), np.ones(1))
        worst = max(lost(wildest), lost(-wildest), 0.0)

    def risk(share: float) -> float:
        hidden = float(np.abs(book.fixed[unknown] + share * book.free[unknown]).sum())
        return lost(stays + share * moves) + worst * hidden

    proposed = risk(1.0)
    if not above(proposed, loss):
        return book.weights, seen.clamps
    alone = risk(0.0)  # what cannot trade
    if not book.fixed.any():
        share = loss / proposed
    elif alone > loss:
        share = 0.0 if alone <= proposed else 1.0
    else:
        share = largest(lambda share: risk(share) <= loss)
    scaled, more = book.scaled(
        rule, share, lambda at: f"loss of {proposed:.4g} a session at {level:g} above the limit of {loss:g}"
    )
    return scaled, seen.clamps + more
