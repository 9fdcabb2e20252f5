"""Headline scorers: text in, a tone in [-1, 1] out. A new scorer is one class and one line in SCORERS."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from alphapulse.agents.headlines.direction import directional_valence
from alphapulse.agents.headlines.text import clean, is_english, tokens_of
from alphapulse.agents.headlines.tone import fit
from alphapulse.core.checks import check_choice
from alphapulse.core.errors import ParamsError
from alphapulse.core.stats import Array

NEUTRAL = 0.05  # up to this size a score counts as neutral (Hutto and Gilbert 2014)
_SPREAD = 15.0  # VADER's: a sum of valences s becomes s / sqrt(s^2 + 15)


@runtime_checkable
class HeadlineScorer(Protocol):
    """Reads headlines. A pure function of each text by itself; each distinct text is read once a call.

    name: shown with results.
    """

    @property
    def name(self) -> str: ...

    def score(self, headlines: Sequence[str]) -> Array:
        """Return one tone a headline in [-1, 1], 0 neutral; NaN cannot be read (empty, no text, another language)."""
        ...


def score_distinct(headlines: Sequence[str], read: Callable[[list[str]], Sequence[float] | Array]) -> Array:
    """Return the score of each headline; `read` is handed the distinct cleaned English texts, once.

    headlines: any sequence of text; None, NaN and other objects that are no text score NaN, as do blank text and
    other languages (`is_english`). read: returns one number a text. ParamsError if one text came instead of a sequence.
    """
    if isinstance(headlines, str):
        raise ParamsError(f"headlines = {headlines[:60]!r}", "a sequence of headlines", "put the text into a list")
    cleaned = {text: clean(text) for text in dict.fromkeys(item for item in headlines if isinstance(item, str))}
    distinct = [text for text in dict.fromkeys(cleaned.values()) if text and is_english(text)]
    scores = dict(zip(distinct, read(distinct), strict=True)) if distinct else {}
    found = {text: float(scores.get(short, math.nan)) for text, short in cleaned.items()}
    out = (found[item] if isinstance(item, str) else math.nan for item in headlines)
    return np.fromiter(out, dtype=np.float64, count=len(headlines))


@dataclass(frozen=True)
class FinanceScorer:
    """The default: the directional rule on measures and their movement, and VADER with our vocabulary on the rest.

    Case carries no meaning (wires write capitals). A sentence without a direction or a word of tone scores 0. About
    40 microseconds a distinct headline. Sources: Hutto and Gilbert 2014 (VADER); Malo et al. 2014 (direction).
    """

    name: str = "finance"

    def score(self, headlines: Sequence[str]) -> Array:
        """Return one tone a headline in [-1, 1], 0 neutral, NaN cannot be read."""
        analyzer = _fitted_vader()
        return score_distinct(headlines, lambda texts: [_tone(text, analyzer) for text in texts])


@dataclass(frozen=True)
class VaderScorer:
    """VADER as it comes, for comparison: made for social media, it takes a crude loader for an insult."""

    name: str = "vader"

    def score(self, headlines: Sequence[str]) -> Array:
        """Return VADER's compound score a headline in [-1, 1], 0 neutral, NaN cannot be read."""
        analyzer = _plain_vader()
        return score_distinct(headlines, lambda texts: [analyzer.polarity_scores(text)["compound"] for text in texts])


# What a company reports well, badly, and without a tone, for scorers that compare meanings.
ANCHORS: dict[str, tuple[str, ...]] = {
    "positive": (
        "Quarterly profit rose and beat expectations",
        "Sales grew strongly and the company raised its outlook",
        "The company won a large order",
        "Analysts upgraded the shares after record earnings",
        "The loss narrowed as costs fell",
        "The regulator approved the new drug",
    ),
    "negative": (
        "Quarterly profit fell and missed expectations",
        "Sales declined and the company cut its outlook",
        "The company lost a large customer and will lay off staff",
        "Analysts downgraded the shares after weak earnings",
        "The loss widened as costs rose",
        "The regulator opened an investigation into the company",
    ),
    "neutral": (
        "The company names a new board member",
        "The company will present at an investor conference",
        "The annual meeting will be held in April",
        "The company is located in the capital and has two offices",
        "The financial terms of the agreement were not disclosed",
        "The company publishes its interim report today",
    ),
}


@dataclass(frozen=True, eq=False)
class EmbeddingScorer:
    """Zero-shot: is a headline's meaning nearer to good or to bad news?

    encode: turns a list of n texts into an array of n rows, one embedding each; the `encode` of a sentence-transformers
    model fits as it is, a scikit-learn vectoriser as `lambda texts: vectoriser.transform(texts).toarray()`. The model
    is the caller's: nothing is loaded or downloaded here. anchors: sentences for positive, negative and neutral.

    The score is the share of positive less that of negative, by a softmax over cosine similarities to the mean anchor
    of each class, sharpened by `temperature`, and 0 where neutral is nearest.
    """

    encode: Callable[[list[str]], npt.ArrayLike]
    anchors: dict[str, tuple[str, ...]] = field(default_factory=lambda: ANCHORS)
    temperature: float = 0.1
    name: str = "embedding"

    def score(self, headlines: Sequence[str]) -> Array:
        """Return one tone a headline in [-1, 1], 0 neutral, NaN cannot be read or embedded."""
        centres = np.stack([self._embed(list(self.anchors[key])).mean(axis=0) for key in _CLASSES])
        return score_distinct(headlines, lambda texts: self._nearness(texts, _unit_rows(centres)))

    def _nearness(self, texts: list[str], centres: Array) -> Array:
        similar = self._embed(texts) @ centres.T
        weight = np.exp((similar - similar.max(axis=1, keepdims=True)) / self.temperature)
        share = weight / weight.sum(axis=1, keepdims=True)
        tone: Array = share[:, 0] - share[:, 1]
        tone[similar.argmax(axis=1) == _CLASSES.index("neutral")] = 0.0
        return tone

    def _embed(self, texts: list[str]) -> Array:
        rows = np.asarray(self.encode(texts), dtype=np.float64)
        if rows.ndim != 2 or len(rows) != len(texts):
            raise ParamsError(
                f"embedding scorer: encode returned the shape {rows.shape} for {len(texts)} texts",
                "one row of numbers a text",
                "hand in a function like a sentence model's encode",
            )
        return _unit_rows(rows)


_CLASSES = ("positive", "negative", "neutral")


def _unit_rows(rows: Array) -> Array:
    size = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(size > 0.0, size, np.nan)


SCORERS: dict[str, Callable[[], HeadlineScorer]] = {
    "finance": FinanceScorer,
    "vader": VaderScorer,
}


def scorer_of(scorer: str | HeadlineScorer) -> HeadlineScorer:
    """Return the scorer of a name in SCORERS, or the scorer itself; ParamsError names the nearest."""
    return SCORERS[check_choice("sentiment scorer", scorer, SCORERS)]() if isinstance(scorer, str) else scorer


def _tone(text: str, analyzer: Any) -> float:
    valence, rest = directional_valence(tokens_of(text))
    if not analyzer.lexicon.keys().isdisjoint(rest):
        compound = min(max(analyzer.polarity_scores(" ".join(rest))["compound"], -0.9999), 0.9999)
        valence += compound * math.sqrt(_SPREAD / (1.0 - compound * compound))
    return valence / math.sqrt(valence * valence + _SPREAD)


@cache
def _plain_vader() -> Any:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer  # here: reading its lexicon takes a while

    return SentimentIntensityAnalyzer()


@cache
def _fitted_vader() -> Any:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    analyzer = SentimentIntensityAnalyzer()
    analyzer.lexicon = fit(analyzer.lexicon)
    return analyzer
