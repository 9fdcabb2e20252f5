"""The Kelly rule: hold the book in proportion to its expected return over its variance."""

from __future__ import annotations

import numpy as np

from alphapulse.core.checks import listed
from alphapulse.core.facts import PRIOR_SKILL
from alphapulse.core.stats import Array
from alphapulse.core.units import SESSIONS_PER_YEAR
from alphapulse.risk.expected import Grounds, scores
from alphapulse.risk.sizing.book import Book, Sized


def kelly(book: Book) -> Sized:
    """Return all weights times one factor: `kelly_fraction` of the growth-optimal w'm / w'Sw, at most `kelly_cap`.

    m: return a session that the scores promise beyond the mean of all assets, skill x volatility x standardised score
    / sqrt(horizon), see `risk.expected.scores` (Grinold 1994); the premium of the market itself is not counted. S: the
    forecast covariance. Held at w'm / w'Sw times its weights a book grows fastest (Kelly 1956; Thorp 2006, section 7,
    for small returns); at half of it, three quarters as fast with half the volatility.

    Without skill, or where the expected return is not above zero, there is no bet: all is cash, and noted. An asset
    without a score is expected to earn the mean of all, one without a forecast adds neither return nor variance; both
    are noted. DataError without scores.
    """
    given = book.scores_for("kelly")
    skill = book.estimate.facts.skill
    variance, unforeseen = book.variance()
    promised = float(book.weights @ _promised(book))
    optimal = promised / variance if variance > 0.0 else 0.0
    factor = min(max(book.kelly_fraction * optimal, 0.0), book.kelly_cap)
    credited = f"skill {PRIOR_SKILL if skill is None else skill:.3f}" + (" (assumed)" if skill is None else "")
    notes = [
        f"sized: Kelly leverage {optimal:.3f} at {credited}, {promised * SESSIONS_PER_YEAR:.2%} a year expected: "
        + (f"weights x {factor:.3f}" if factor > 0.0 else "no bet, all in cash")
    ]
    unscored = book.assets[(book.weights != 0.0) & np.isnan(given)]
    if len(unscored):
        notes.append(f"sized: no score, expected at the mean of all: {listed(unscored)}")
    if len(unforeseen):
        notes.append(f"sized: no risk forecast for {listed(unforeseen)}")
    return book.weights * factor, tuple(notes)


def _promised(book: Book) -> Array:
    """Return what the scores promise each asset of the book a session, 0 where there is no forecast."""
    usable = book.estimate.restricted(book.estimate.usable)
    if usable.window.empty:
        return np.zeros(len(book.assets))
    by_usable, _ = scores(
        Grounds(
            returns=usable.window.to_numpy(),
            sessions=usable.window.index,
            assets=usable.assets,
            historical=np.zeros(len(usable.assets)),  # the mean of all, so that the promise alone is left
            covariance=usable.covariance.to_numpy(),
            facts=usable.facts,
            scores=book.scores,
        )
    )
    promised = np.zeros(len(book.estimate.assets) + 1)  # the last is for those without a forecast
    promised[:-1][book.estimate.usable] = by_usable
    return promised[book.places]
