"""What headlines say about each asset at each session: tone, disagreement, attention, and the marks of a campaign.

A headline counts from the session whose decision may use it (`MarketData.tables`), and loses weight by sessions, not
by days: a week-end ages nothing. The same text about the same asset on the same session counts once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from alphapulse.agents.compiling import compiled
from alphapulse.agents.headlines import FinanceScorer, HeadlineScorer
from alphapulse.agents.windows import trailing_sum
from alphapulse.core.checks import check_count, check_number
from alphapulse.core.errors import ParamsError
from alphapulse.core.market import MarketData
from alphapulse.core.memory import once
from alphapulse.core.panel import Panel
from alphapulse.core.stats import Array

Rows = npt.NDArray[np.int64]

ATTENTION_SESSIONS = 5
DIGITS = 12  # of a tone; a deviation, a root of a difference, has half of them
CAMPAIGN_HALF_LIFE = 21.0
FORGOTTEN = 0.01  # of a headline, after 140 sessions: what is left is no mark any more
CAMPAIGN = re.compile(
    r"\b(?:activist|13[- ]?d|proxy (?:fight|battle|contest)|(?:takes|took|builds|raises|boosts|discloses|reports|has) "
    r"(?:an? )?(?:[\d.]+ (?:percent|pct|%) )?stake|board seats?|strategic (?:alternatives|review|options)|"
    r"buy ?backs?|repurchase|spin[- ]?offs?|spins off|split(?:ting)? (?:itself )?(?:up|into)|break[- ]?up|"
    r"restructur\w+|divest\w*|explor\w+ (?:a )?sale|sale of (?:the company|itself|unit|business)|"
    r"elliott|icahn|pershing square|starboard|third point|trian|valueact|jana partners|corvex|ackman|loeb|peltz)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, eq=False)
class Reader:
    """How headlines are read.

    scorer: text to tone. half_life: sessions after which a headline counts half. memory: sessions after which an asset
    without a new headline is unknown again. sources: weight by source, 1 where a source is not named.
    """

    scorer: HeadlineScorer
    half_life: float = 5.0
    memory: int = 63
    sources: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.scorer, HeadlineScorer):
            raise ParamsError(
                f"sentiment scorer = {self.scorer!r}", "a name of SCORERS or a HeadlineScorer", "see agents.headlines"
            )
        check_number("sentiment half_life", self.half_life, above=True, next_step="count in sessions")
        check_count("sentiment memory", self.memory)
        if not isinstance(self.sources, Mapping):
            raise ParamsError(f"sentiment sources = {self.sources!r}", "weights by source", "write {Reuters: 0.5}")
        for source, weight in self.sources.items():
            check_number(f"sentiment sources: {source}", weight)


@dataclass(frozen=True, eq=False)
class _News:
    """Headlines in the order of sessions: session row, asset column, text and its source; text repeats are gone."""

    row: Rows
    column: Rows
    text: "np.ndarray[tuple[int], np.dtype[np.object_]]"
    source: "np.ndarray[tuple[int], np.dtype[np.object_]]"


USUAL_READER = Reader(FinanceScorer())


def news_tone(market: MarketData, window: int, reader: Reader = USUAL_READER) -> Panel:
    """Return the mean tone of headlines, sessions x assets in [-1, 1]; NaN without one in the reader's memory.

    Weights are those of the source, halved every half-life. Headlines that cannot be read do not count.
    """
    return _panel(_tones(market, reader)[0], market)


def disagreement(market: MarketData, window: int, reader: Reader = USUAL_READER) -> Panel:
    """Return the standard deviation of tone among the headlines of `news_tone`; NaN with fewer than two."""
    return _panel(_tones(market, reader)[1], market)


def attention(market: MarketData, window: int) -> Panel:
    """Return the log of the headlines of the last week over their usual number within `window` sessions (both plus 1).

    NaN without a headline in the last `window` sessions.
    """
    count = np.zeros((len(market.sessions), len(market.assets)))
    news = _news(market)
    np.add.at(count, (news.row, news.column), 1.0)
    usual = trailing_sum(count, window)
    week = min(ATTENTION_SESSIONS, window)
    abnormal = np.log1p(trailing_sum(count, week)) - np.log1p(usual * (week / window))
    return _panel(np.where(usual > 0.5, abnormal, np.nan), market)


def activist_news(market: MarketData, window: int) -> Panel:
    """Return how many recent headlines bear the marks of an activist campaign, each halved every 21 sessions.

    NaN without any headline in the last year: no news source speaks of the asset.
    """
    news = _news(market)
    codes, texts = pd.factorize(news.text)
    marked = np.array([bool(CAMPAIGN.search(text)) for text in texts] or [False], dtype=np.float64)
    value = marked[codes] if len(codes) else np.zeros(0)
    out = np.empty((3, len(market.sessions), len(market.assets)))
    _fade(news.row, news.column, value, np.ones(len(value)), 0.5 ** (1.0 / CAMPAIGN_HALF_LIFE), 252, out)
    return _panel(np.where(out[2] < FORGOTTEN, np.minimum(out[2], 0.0), out[2]), market)


@once
def _tones(market: MarketData, reader: Reader) -> Array:
    news = _news(market)
    codes, texts = pd.factorize(news.text)
    tone = reader.scorer.score([str(text) for text in texts])[codes] if len(codes) else np.zeros(0)
    weight = np.array([float(reader.sources.get(name, 1.0)) for name in news.source], dtype=np.float64)
    read = ~np.isnan(tone) & (weight > 0.0)
    out = np.empty((3, len(market.sessions), len(market.assets)))
    decay = 0.5 ** (1.0 / reader.half_life)
    _fade(news.row[read], news.column[read], tone[read], weight[read], decay, reader.memory, out)
    return out[:2]


@once
def _news(market: MarketData) -> _News:
    table = market.table("news")
    column = market.assets.get_indexer(pd.Index(table["asset"]))
    row = market.sessions.get_indexer(pd.Index(table["session"]))
    source = table["source"].fillna("") if "source" in table else pd.Series("", index=table.index)
    rows = pd.DataFrame(
        {"row": row, "column": column, "text": table["headline"].to_numpy(), "source": source.to_numpy()}
    )
    rows = rows.loc[(rows["row"] >= 0) & (rows["column"] >= 0)].drop_duplicates(["row", "column", "text"])
    rows = rows.sort_values("row", kind="stable")
    return _News(
        row=rows["row"].to_numpy(dtype=np.int64),
        column=rows["column"].to_numpy(dtype=np.int64),
        text=rows["text"].fillna("").to_numpy(dtype=object),
        source=rows["source"].to_numpy(dtype=object),
    )


@compiled
def _fade(row: Rows, column: Rows, value: Array, weight: Array, decay: float, window: int, out: Array) -> None:
    """Write weighted mean, deviation and sum of `value` by session and asset, each headline fading by `decay`.

    NaN without a headline in the last `window` sessions; the deviation is NaN with fewer than two since a silence.
    """
    _, rows, width = out.shape
    mass, total, square, count = np.zeros(width), np.zeros(width), np.zeros(width), np.zeros(width)
    heard = np.full(width, -1)
    following = 0
    for session in range(rows):
        for asset in range(width):
            mass[asset] *= decay
            total[asset] *= decay
            square[asset] *= decay
            if session - heard[asset] >= window:
                mass[asset] = total[asset] = square[asset] = count[asset] = 0.0
                heard[asset] = -1
        while following < len(row) and row[following] == session:
            asset = column[following]
            mass[asset] += weight[following]
            total[asset] += weight[following] * value[following]
            square[asset] += weight[following] * value[following] ** 2
            count[asset] += 1.0
            heard[asset] = session
            following += 1
        for asset in range(width):
            if count[asset] == 0.0:
                out[:, session, asset] = np.nan
                continue
            mean = total[asset] / mass[asset]
            # the same headlines must tie: both sums fade, and their ratio is right to some digits less than all
            out[0, session, asset] = np.round(mean, DIGITS)
            spread = max(square[asset] / mass[asset] - mean**2, 0.0)
            out[1, session, asset] = np.round(np.sqrt(spread), DIGITS // 2) if count[asset] >= 2.0 else np.nan
            out[2, session, asset] = total[asset]


def _panel(values: Array, market: MarketData) -> Panel:
    return pd.DataFrame(values, market.sessions, market.assets, copy=False)
