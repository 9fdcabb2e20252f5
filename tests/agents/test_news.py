"""Headlines by session: fading tone, disagreement, attention, campaigns; each odd input with one outcome."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

from alphapulse.agents.news import Reader, activist_news, attention, disagreement, news_tone
from alphapulse.agents.sentiment import SentimentAgent
from alphapulse.core.errors import ParamsError
from alphapulse.core.market import MarketData

SESSIONS = pd.bdate_range("2020-01-02", periods=120)
ASSETS = ["A", "B", "C"]


class Told:
    """Reads the number a headline starts with; anything else it cannot read. Counts what it was given."""

    name = "told"

    def __init__(self) -> None:
        self.given: list[str] = []

    def score(self, headlines: Sequence[str]) -> np.ndarray:
        self.given += headlines
        return np.array(
            [float(text.split()[0]) if text[:1] in "+-0123456789" and text else np.nan for text in headlines]
        )


def market(rows: list[tuple[int, str, str, str]]) -> MarketData:
    """Rows of session number, asset, headline, source."""
    table = pd.DataFrame(rows, columns=["at", "asset", "headline", "source"])
    session = SESSIONS[table.pop("at").to_numpy(dtype=int)]
    table["known"] = session.tz_localize("UTC") - pd.Timedelta(hours=3)
    table["session"] = session
    close = pd.DataFrame(100.0 + np.arange(120.0)[:, None] + np.arange(3.0), SESSIONS, ASSETS)
    return MarketData({"close": close}, tables={"news": table})


def reader(**options: object) -> Reader:
    return Reader(Told(), **options)  # type: ignore[arg-type]


def random_rows(seed: int) -> list[tuple[int, str, str, str]]:
    random = np.random.default_rng(seed)
    return sorted(
        (int(at), str(random.choice(ASSETS)), f"{random.uniform(-1, 1):.6f} story", str(random.choice(["X", "Y"])))
        for at in random.integers(0, 120, 60)
    )


@pytest.mark.parametrize("seed", range(5))
def test_tone_and_disagreement_equal_a_loop_over_headlines(seed: int) -> None:
    rows = random_rows(seed)
    read = reader(half_life=4.0, memory=15, sources={"Y": 0.5})
    tone, spread = news_tone(market(rows), 0, read), disagreement(market(rows), 0, read)
    for asset in ASSETS:
        own = [
            (at, float(text.split()[0]), 1.0 if source == "X" else 0.5) for at, a, text, source in rows if a == asset
        ]
        for now in range(120):
            since = [story for story in own if story[0] <= now]
            # a silence of `memory` sessions forgets all that came before it
            edges = [0, *(k for k in range(1, len(since)) if since[k][0] - since[k - 1][0] >= 15)]
            since = since[edges[-1] :]
            if not since or now - since[-1][0] >= 15:
                assert np.isnan(tone[asset].iloc[now])
                continue
            weight = np.array([w * 0.5 ** ((now - at) / 4.0) for at, _, w in since])
            value = np.array([v for _, v, _ in since])
            mean = (weight * value).sum() / weight.sum()
            assert tone[asset].iloc[now] == pytest.approx(mean, abs=1e-12)
            deviation = np.sqrt((weight * (value - mean) ** 2).sum() / weight.sum())
            if len(since) < 2:
                assert np.isnan(spread[asset].iloc[now])
            else:
                assert spread[asset].iloc[now] == pytest.approx(deviation, abs=1e-6)


def test_a_headline_counts_from_its_session_and_ages_by_sessions() -> None:
    tone = news_tone(market([(10, "A", "1 good", ""), (15, "A", "-1 bad", "")]), 0, reader(half_life=5.0))["A"]
    assert tone.iloc[:10].isna().all()
    assert tone.iloc[10] == 1.0
    assert tone.iloc[14] == 1.0  # alone, it keeps its tone until it is forgotten
    assert tone.iloc[15] == pytest.approx((0.5 - 1.0) / 1.5)


def test_a_repeated_headline_counts_once_a_session() -> None:
    once = market([(10, "A", "1 good", "X"), (10, "A", "-1 bad", "X")])
    often = market([(10, "A", "1 good", "X")] * 5 + [(10, "A", "-1 bad", "X")])
    pd.testing.assert_frame_equal(news_tone(often, 0, reader()), news_tone(once, 0, reader()))
    pd.testing.assert_frame_equal(attention(often, 20), attention(once, 20))


def test_each_text_is_scored_once() -> None:
    read = reader()
    news_tone(market([(at, asset, "1 the same story", "X") for at in range(5, 40) for asset in ASSETS]), 0, read)
    assert read.scorer.given == ["1 the same story"]  # type: ignore[attr-defined]


@pytest.mark.parametrize("text", ["", "   ", "nicht lesbar"])
def test_an_unreadable_headline_has_no_tone_but_is_attention(text: str) -> None:
    seen = market([(10, "A", text, "X")])
    assert news_tone(seen, 0, reader())["A"].isna().all()
    assert attention(seen, 5)["A"].iloc[10] == pytest.approx(0.0)
    assert attention(seen, 10)["A"].iloc[10] > 0.0


def test_a_missing_text_is_unreadable() -> None:
    seen = market([(10, "A", "1 good", "X")])
    table = seen.table("news").assign(headline=[None])
    assert news_tone(MarketData(seen.panels, tables={"news": table}), 0, reader()).isna().all(axis=None)


def test_a_source_with_no_weight_is_not_heard() -> None:
    seen = market([(10, "A", "1 good", "X"), (11, "A", "-1 bad", "Y")])
    assert news_tone(seen, 0, reader(sources={"Y": 0.0}))["A"].iloc[11] == 1.0


def test_headlines_of_other_assets_and_no_headlines_at_all() -> None:
    assert news_tone(market([(10, "Z", "1 good", "X")]), 0, reader()).isna().all(axis=None)
    empty = market([(10, "A", "1 good", "X")])
    empty = MarketData(empty.panels, tables={"news": empty.table("news").iloc[:0]})
    for panel in (news_tone(empty, 0, reader()), attention(empty, 20), activist_news(empty, 0)):
        assert panel.isna().all(axis=None)


def test_attention_is_the_number_against_the_usual_one() -> None:
    rows = [(at, "A", f"0 story {at}", "X") for at in range(0, 100, 10)] + [
        (100, "A", f"0 rush {k}", "X") for k in range(7)
    ]
    panel = attention(market(rows), 50)["A"]
    assert panel.iloc[100] == pytest.approx(np.log1p(7) - np.log1p(11 * 5 / 50))
    assert panel.iloc[:49].isna().all()
    assert panel.iloc[99] < 0.0 < panel.iloc[100]


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        ("Elliott takes 5.2 percent stake in A", True),
        ("A explores sale of the company", True),
        ("A announces $2 bln share buyback", True),
        ("A to spin off chip unit", True),
        ("A spins off chip unit", True),
        ("A wins a large order", False),
        ("A third quarter profit rises", False),
    ],
)
def test_the_marks_of_a_campaign(text: str, marked: bool) -> None:
    panel = activist_news(market([(10, "A", text, "X"), (10, "B", "B names a chairman", "X")]), 0)
    assert panel["A"].iloc[10] == float(marked)
    assert panel["B"].iloc[10] == 0.0
    assert panel["C"].isna().all()  # nobody writes about C
    assert panel["A"].iloc[31] == pytest.approx(0.5 * marked)


def test_the_agent_reads_with_its_own_scorer_and_says_so() -> None:
    agent = SentimentAgent({"tone": 1.0}, scorer=Told(), half_life=2.0)
    score = agent.score(market([(10, "A", "1 good", "X"), (10, "B", "-1 bad", "X"), (10, "C", "0 so", "X")]))
    assert score.iloc[10].round(3).tolist() == [0.667, -0.667, 0.0]
    assert "told" in repr(agent) and "half_life=2" in repr(agent)


@pytest.mark.parametrize(
    "options",
    [
        *({"scorer": "vadr"}, {"scorer": 3}, {"sources": ["X"]}, {"sources": {"X": -1.0}}),
        *({"weights": ["tone"]}, {"weights": 3}, {"half_life": 0.0}, {"memory": 0}, {"tone": 21}),
    ],
)
def test_wrong_options_are_taught(options: dict[str, object]) -> None:
    with pytest.raises(ParamsError, match="sentiment"):
        SentimentAgent(**options)  # type: ignore[arg-type]


def test_a_short_window_of_attention_has_an_average_of_its_own() -> None:
    steady = market([(at, "A", f"0 story {at}", "X") for at in range(120)])
    for window in (3, 5, 20):
        assert attention(steady, window)["A"].iloc[60] == pytest.approx(0.0)


def test_the_same_headline_at_the_same_time_ties_however_long_ago() -> None:
    """Tone is a ratio of two sums that fade; the rank must not tell apart what rounding does."""
    rows = [(at, "A", f"{0.1 * at:.1f} story", "X") for at in range(3)]
    rows += [(3, asset, "0.7184061088312349 same", "X") for asset in ("B", "C")] + [
        (5, "C", "0.7184061088312349 more", "X")
    ]
    tone = news_tone(market(rows), 0, reader(half_life=3.3))
    assert (tone["B"].iloc[5:60] == tone["C"].iloc[5:60]).all()
