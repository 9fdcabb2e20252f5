"""The sentiment agent: what headlines say, how loudly, how much they disagree, and the mood of the market."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import ClassVar

from alphapulse.agents.evidence import Evidence, EvidenceAgent
from alphapulse.agents.headlines import HeadlineScorer, scorer_of
from alphapulse.agents.news import Reader, attention, disagreement, news_tone
from alphapulse.agents.risk_traits import beta_rank, past_return
from alphapulse.core.market import MarketData
from alphapulse.core.panel import Panel

QUARTER, YEAR = 63, 252
# Evidence that reads headlines through the agent's scorer.
READ = {"tone": news_tone, "disagreement": disagreement}


def fear(market: MarketData, window: int) -> Panel:
    """Return the rank of beta times how far the VIX lies above its mean over `window` sessions, both within -1 and 1.

    High where a risky asset meets a frightened market, which pays for holding it. A VIX at twice its mean counts as 1.
    """
    vix = market.macro("vix", max_age=5)
    usual = vix.rolling(window, min_periods=window // 2).mean()
    return beta_rank(market, YEAR).mul((vix / usual - 1.0).clip(-1.0, 1.0), axis=0)


class SentimentAgent(EvidenceAgent):
    """Scores assets by the tone of their headlines, and by what crowds overdo: attention, disagreement, fear, reversal.

    scorer: a name of `headlines.SCORERS` or a HeadlineScorer. half_life: sessions after which a headline counts half.
    memory: sessions after which an asset without a new headline is unknown again. sources: weight by source, 1 where a
    source is not named. Other arguments as EvidenceAgent. Without headlines
    only market sentiment (VIX where known) and short-term reversal speak, at low coverage.
    """

    name: str = "sentiment"
    evidence: ClassVar[tuple[Evidence, ...]] = (
        Evidence("tone", news_tone, 0, 1, 2.0, "Tetlock, Saar-Tsechansky, Macskassy 2008", ("news",)),
        Evidence("attention", attention, QUARTER, -1, 0.5, "Barber and Odean 2008; Fang and Peress 2009", ("news",)),
        Evidence(
            "disagreement",
            disagreement,
            0,
            -1,
            0.5,
            "Miller 1977; Diether, Malloy, Scherbina 2002",
            ("news",),
        ),
        Evidence(
            "fear",
            fear,
            YEAR,
            1,
            0.25,
            "Whaley 2000; Baker and Wurgler 2006",
            ("total_return", "macro.vix"),
            scale="given",
        ),
        Evidence("reversal", past_return, 5, -1, 0.25, "Jegadeesh 1990; Da, Liu, Schaumburg 2014"),
    )

    def __init__(
        self,
        weights: Mapping[str, float] | None = None,
        *,
        scorer: str | HeadlineScorer = "finance",
        half_life: float = 5.0,
        memory: int = 63,
        sources: Mapping[str, float] | None = None,
        scale: str | None = None,
        peers: bool | None = None,
        **windows: int,
    ) -> None:
        super().__init__(weights, scale=scale, peers=peers, **windows)
        self._reader = Reader(scorer_of(scorer), half_life, memory, {} if sources is None else sources)

    @property
    def chosen(self) -> tuple[Evidence, ...]:
        """The evidence in use; what reads headlines reads them through this agent's scorer."""
        return tuple(
            replace(piece, compute=partial(READ[piece.name], reader=self._reader)) if piece.name in READ else piece
            for piece in super().chosen
        )

    def __repr__(self) -> str:
        reader = self._reader
        told = f"scorer={reader.scorer.name!r}, half_life={reader.half_life:g}, memory={reader.memory}"
        if reader.sources:
            told += f", sources={dict(reader.sources)}"
        rest = super().__repr__().partition("(")[2][:-1]
        return f"SentimentAgent({told}{', ' + rest if rest else ''})"
