"""Rules that size positions against each other. Each returns weights by asset, none on the other side, and notes.

An asset whose measure is unknown keeps its weight, and is noted.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from alphapulse.core.checks import listed
from alphapulse.core.stats import Array
from alphapulse.risk.sizing.book import Book, Mask, Notes, Sized
from alphapulse.risk.sizing.kelly import kelly


def none(book: Book) -> Sized:
    """Return the targets as they are."""
    return book.weights, ()


def inverse_volatility(book: Book) -> Sized:
    """Return weights times one over the forecast volatility, at the same gross: the same risk for the same target."""
    return _divided(book, book.volatility, "volatility")


def atr(book: Book) -> Sized:
    """Return weights times price over average true range, at the same gross.

    So that a day's range costs every position as much, as the units of the Turtle traders do (Faith 2007, chapter 8).
    """
    facts = book.estimate.facts
    price, span = facts.values("price", book.assets), facts.values("true_range", book.assets)
    return _divided(book, np.divide(span, price, out=np.full(len(span), np.nan), where=price > 0.0), "true range")


def signal(book: Book) -> Sized:
    """Return weights in proportion to the score on their side; the strongest keeps its weight, the rest is cash.

    A long position is as strong as its score, a short one as its score times -1, and one against its score has no
    strength and is closed; so are all where no score is on its position's side.
    """
    scores = book.scores_for("signal")
    strength = np.maximum(np.sign(book.weights) * scores, 0.0)
    scored = (book.weights != 0.0) & ~np.isnan(scores)
    strongest = float(strength[scored].max(initial=0.0))
    weights = book.weights.copy()
    weights[scored] *= strength[scored] / strongest if strongest > 0.0 else 0.0
    gross = book.with_weights(weights).gross
    note = f"sized: by strength of the signal, gross {book.gross:.3f} to {gross:.3f}"
    return weights, (note, *_unmeasured(book, scored, "score"))


SIZERS: dict[str, Callable[[Book], Sized]] = {
    "none": none,
    "inverse_volatility": inverse_volatility,
    "atr": atr,
    "signal": signal,
    "kelly": kelly,
}


def _divided(book: Book, measure: Array, name: str) -> Sized:
    """Return weights divided by a measure, NaN where unknown, in the scale that keeps the gross of those it knows."""
    known = (book.weights != 0.0) & (measure > 0.0)
    unmeasured = _unmeasured(book, known, name)
    if not known.any():
        return book.weights, unmeasured
    before = book.weights[known]
    sized = before / measure[known]
    sized *= np.abs(before).sum() / np.abs(sized).sum()
    weights = book.weights.copy()
    weights[known] = sized
    factors = sized / before
    note = f"sized: by one over {name}, weights x {factors.min():.3f} to {factors.max():.3f}"
    return weights, (note, *unmeasured)


def _unmeasured(book: Book, known: Mask, name: str) -> Notes:
    kept = book.assets[(book.weights != 0.0) & ~known]
    return (f"sized: no {name} known, weight kept: {listed(kept)}",) if len(kept) else ()
