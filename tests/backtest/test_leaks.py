"""The leak detector: every planted leak is found, no honest feature is accused, and all our own parts pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
import pytest
from leak_zoo import CLEAN, LEAKS, Feature, returns, stamped_at_period_end, zoo_market

import alphapulse as ap
from alphapulse.agents.manager import AgentManager
from alphapulse.agents.weighting import WEIGHTINGS
from alphapulse.backtest.leak_cuts import before_events, cut_rows
from alphapulse.backtest.leak_report import LeakReport
from alphapulse.backtest.leaks import leak_check, parts_of
from alphapulse.core.errors import DataError, ParamsError
from alphapulse.core.trading import Clamp
from alphapulse.risk.limits import LIMITS


@pytest.fixture(scope="module")
def market() -> ap.MarketData:
    return zoo_market()


@pytest.fixture(scope="module")
def long_market() -> ap.MarketData:
    """Long enough for five years of prices."""
    return ap.load_market(
        "simulated", n_assets=8, n_sessions=1400, actions=True, fundamentals=True, news=True, macro=True, seed=1
    )


def kinds(report: LeakReport) -> set[str]:
    return {finding.kind for finding in report.findings}


# The power test ------------------------------------------------------------------------------------------------------


def test_the_zoo_is_large_enough() -> None:
    assert len(LEAKS) >= 30 and len(CLEAN) >= 60


@pytest.mark.parametrize("name", LEAKS)
def test_a_planted_leak_is_found(name: str, market: ap.MarketData) -> None:
    report = leak_check(Feature(name, LEAKS[name]), market)
    assert not report.ok
    first = report.leaks[0]
    assert first.kind == "cut"
    assert first.session <= first.cut and first.asset in market.assets
    assert first.size > 1e-12 and first.cells > 0


def between(panel: pd.DataFrame, low: float, high: float) -> pd.DataFrame:
    return ((panel > low) & (panel < high)).astype(float)


def nothing_traded(market: ap.MarketData) -> pd.DataFrame:
    """1 before a session without any price; there is none, and the end of a market is no session."""
    empty = market.panel("close").isna().all(axis=1).astype(float).shift(-1).fillna(0.0)
    return returns(market).add(empty, axis=0)


def tenfold_tomorrow(market: ap.MarketData) -> pd.DataFrame:
    """1 before a gain of 800 to 1,000 %, which no session has; only a price ten times itself shows that it peeks."""
    return returns(market) + between(returns(market).shift(-1), 8.0, 10.0)


def jump_the_day_after(market: ap.MarketData) -> pd.DataFrame:
    """1 two sessions before a loss of 60 to 95 %, which no session has, and no price ten times itself either."""
    return returns(market) + between(returns(market).shift(-2), -0.95, -0.6)


@pytest.mark.parametrize(
    ("feature", "kind"),
    [(nothing_traded, "unknown"), (tenfold_tomorrow, "tenfold"), (jump_the_day_after, "noise")],
)
def test_each_way_of_altering_the_future_finds_what_no_cut_shows(feature, kind: str, market: ap.MarketData) -> None:  # type: ignore[no-untyped-def]
    found = {finding.kind for finding in leak_check(Feature("seldom", feature), market).leaks}
    assert kind in found and "cut" not in found


@pytest.mark.parametrize("name", CLEAN)
def test_an_honest_feature_is_not_accused(name: str, market: ap.MarketData) -> None:
    assert leak_check(Feature(name, CLEAN[name]), market).leaks == ()


# Our own parts -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ap.AGENTS)
def test_every_agent_passes(name: str, long_market: ap.MarketData) -> None:
    report = leak_check(ap.AGENTS[name](), long_market)
    assert report.ok and "silent" not in kinds(report) and "not compared" not in kinds(report), report.text()


@pytest.mark.parametrize("name", WEIGHTINGS)
def test_every_weighting_passes(name: str, long_market: ap.MarketData) -> None:
    options = {"votes": {"technical": 2.0, "value": 1.0, "sentiment": 1.0}} if name == "fixed" else None
    report = leak_check(AgentManager(["technical", "value", "sentiment"], name, options), long_market, quick=True)
    assert report.ok and "silent" not in kinds(report), report.text()


@pytest.mark.parametrize("name", ap.ALLOCATORS)
def test_every_allocator_passes(name: str, market: ap.MarketData) -> None:
    report = leak_check(ap.ALLOCATORS[name](), market)
    assert report.ok, report.text()


@pytest.mark.parametrize("name", LIMITS)
def test_every_limit_passes(name: str, market: ap.MarketData) -> None:
    report = leak_check(LIMITS[name](), market)
    assert report.ok, report.text()


# Strategies ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Scorer:
    """An agent made of one function."""

    function: Callable[[ap.MarketData], pd.DataFrame]
    needs: tuple[str, ...] = ("total_return",)
    name: str = "scorer"
    warmup: int = 21

    def score(self, market: ap.MarketData) -> pd.DataFrame:
        return self.function(market).rank(axis=1, pct=True).where(market.members)

    def coverage(self, market: ap.MarketData) -> pd.DataFrame:
        return self.score(market).notna().astype(float)


@dataclass
class Remembering:
    """Equal weights, tilted by how often it was asked."""

    asked: list[int] = field(default_factory=list)

    def allocate(self, estimate, scores=None, current=None) -> pd.Series:
        self.asked.append(1)
        return pd.Series(1.0 / (len(estimate.assets) + len(self.asked)), index=estimate.assets)


@dataclass
class HighWater:
    """A limit that keeps the highest equity it ever saw, also when it is asked about earlier sessions."""

    highest: float = 0.0

    def apply(self, weights, context):
        now = float(context.equity.iloc[-1])
        self.highest = max(self.highest, now)
        lower = weights * (now / self.highest)
        return lower, tuple(Clamp("high", name, weights[name], lower[name], "below the peak") for name in lower.index)


def strategy(**parts: object) -> ap.Strategy:
    portfolio = ap.PortfolioManager(parts.pop("allocator", ap.ALLOCATORS["equal_weight"]()), lookback=63)
    return ap.Strategy(**{"agent": AgentManager(["technical"]), "portfolio": portfolio, **parts})


def test_an_honest_strategy_passes(market: ap.MarketData) -> None:
    report = leak_check(strategy(risk=ap.RiskManager(list(LIMITS))), market)
    assert report.ok and report.findings == (), report.text()
    assert list(report.delay.index) == [0, 1, 2, 5]
    traded = ap.backtest(market, strategy(risk=ap.RiskManager(list(LIMITS)))).summary()
    assert report.delay["sharpe"].iloc[0] == pytest.approx(traded["sharpe"], rel=1e-9)


def test_filling_at_the_deciding_close_is_found(market: ap.MarketData) -> None:
    report = leak_check(strategy(execution=ap.Execution(fill="same_close")), market, quick=True)
    (found,) = report.leaks
    assert found.kind == "same-bar fill"
    decided = ap.backtest(market, strategy()).decisions.targets.index
    assert found.session == found.cut == decided[0]
    assert leak_check(strategy(execution=ap.Execution(fill="next_close")), market, quick=True).ok


def test_latest_figures_stamped_on_the_period_end_are_found(market: ap.MarketData) -> None:
    stamped = stamped_at_period_end(market)
    reader = Scorer(lambda m: m.fundamental("net_income"), needs=("fundamentals",))
    (found,) = leak_check(strategy(agent=reader), stamped, quick=True).leaks
    assert (found.kind, found.part) == ("facts too early", "fundamentals")
    assert found.cells == len(stamped.table("fundamentals"))
    unread = leak_check(strategy(), stamped, quick=True)
    assert unread.ok and kinds(unread) == {"facts too early"}


@pytest.mark.parametrize("name", ["fundamental", "value", "valuation", "activist"])
def test_stamped_figures_are_found_under_each_agent_that_reads_filings(name: str, market: ap.MarketData) -> None:
    """Agents name the figures they need one by one, not the table."""
    found = leak_check(strategy(agent=ap.AgentManager([name])), stamped_at_period_end(market), quick=True).leaks
    assert [(finding.kind, finding.part) for finding in found] == [("facts too early", "fundamentals")]


@pytest.mark.parametrize(
    "parts",
    [
        {"agent": Scorer(lambda market: returns(market).shift(-1))},
        {"allocator": Remembering()},
        {"risk": ap.RiskManager([HighWater()])},
    ],
    ids=["a peeking agent", "a remembering allocator", "a remembering limit"],
)
def test_a_part_that_looks_ahead_shows_in_the_strategy(parts: dict[str, object], market: ap.MarketData) -> None:
    report = leak_check(strategy(**parts), market)
    assert "cut" in {finding.kind for finding in report.leaks}


@pytest.mark.parametrize("part", [Remembering(), HighWater()])
def test_a_part_that_remembers_is_found(part: object, market: ap.MarketData) -> None:
    report = leak_check(part, market)
    assert "state" in {finding.kind for finding in report.leaks}


def test_an_allocator_that_was_given_the_future_and_forgets_nothing_is_pure(market: ap.MarketData) -> None:
    """What stands in the object beforehand cannot be seen: the limits of the method are as documented."""
    best = market.panel("total_return").ffill().iloc[-1].idxmax()

    class Fitted:
        def allocate(self, estimate, scores=None, current=None) -> pd.Series:
            return pd.Series((estimate.assets == best).astype(float), index=estimate.assets)

    assert leak_check(Fitted(), market).ok


def test_the_parts_of_a_strategy_are_listed(market: ap.MarketData) -> None:
    parts = parts_of(strategy(risk=ap.RiskManager(["max_position"])))
    assert list(parts) == [
        "agent technical",
        "manager manager",
        "allocator EqualWeight",
        "limit 1 MaxPosition",
        "strategy strategy",
    ]


# What the report says ------------------------------------------------------------------------------------------------


def test_the_first_offending_cell_is_named_exactly(market: ap.MarketData) -> None:
    asset, row = market.assets[3], 200

    def late(given: ap.MarketData) -> pd.DataFrame:
        score = pd.DataFrame(1.0, given.sessions, given.assets)
        score.iloc[row:, 3] += 0.25 * (len(given.sessions) == len(market.sessions))
        return score

    report = leak_check(Feature("late", late), market)
    first = report.leaks[0]
    assert (first.kind, first.session, first.asset) == ("cut", market.sessions[row], asset)
    assert (first.got, first.wanted, first.size) == (1.25, 1.0, 0.2)
    assert str(market.sessions[row].date()) in report.text() and asset in report.text()
    summary = report.summary()
    assert (summary["ok"], summary["session"], summary["asset"]) == (False, market.sessions[row], asset)
    assert report.table()["kind"].iloc[0] == "cut"


def test_the_report_reads_well_in_a_notebook(market: ap.MarketData) -> None:
    report = leak_check(Feature("<b>peek</b>", LEAKS["negative shift"]), market, quick=True)
    page = report._repr_html_()
    assert "<b>peek" not in page and "&lt;b&gt;peek" in page
    first = report.leaks[0]
    for words in (
        str(first.session.date()),
        first.asset,
        "looks ahead",
        "simulated data (seed 0)",
        "What a delay leaves of the edge",
    ):
        assert words in page
    assert "LOOKS AHEAD" in repr(report)
    clean = leak_check(Feature("momentum", CLEAN["month return"]), market, quick=True)
    assert "ok" in repr(clean) and "ok" in clean._repr_html_()


def test_the_same_seed_gives_the_same_cuts_and_another_seed_others(market: ap.MarketData) -> None:
    feature = Feature("month return", CLEAN["month return"])
    first, again, other = (leak_check(feature, market, seed=seed) for seed in (0, 0, 1))
    assert first.cuts == again.cuts != other.cuts


def test_coverage_is_compared_where_there_is_one(market: ap.MarketData) -> None:
    class Covered(Feature):
        def coverage(self, market: ap.MarketData) -> pd.DataFrame:
            return market.panel("close").shift(-1).notna().astype(float)

    report = leak_check(Covered("covered", CLEAN["month return"]), market, quick=True)
    assert {finding.part for finding in report.leaks} == {"coverage"}


# Cuts ----------------------------------------------------------------------------------------------------------------


def test_cuts_are_irregular_and_stand_where_leaks_hide(market: ap.MarketData) -> None:
    events = before_events(market)
    assert {"price returns", "listing", "delisting", "split", "dividend", "membership", "restatement"} <= set(events)
    for seed in range(5):
        rows = cut_rows(market, seed, 0)
        steps = np.diff(rows)
        assert len(market.sessions) - 2 in rows and len(rows) < 32
        assert (np.convolve(steps == 1, [1, 1, 1]) == 3).any(), "four sessions in a row"
        assert len(np.unique(steps)) > 5
        for kind, before in events.items():
            assert np.isin(rows, before).any() or before.max() < 60, kind
        assert (cut_rows(market, seed, 400) >= 400).all()
        assert len(cut_rows(market, seed, 0, quick=True)) < 12


@pytest.mark.parametrize("sessions", [1, 2, 5, 8, 30])
def test_short_markets_are_cut_where_they_can_be(sessions: int, market: ap.MarketData) -> None:
    short = market.until(market.sessions[sessions - 1])
    rows = cut_rows(short, 0, 0)
    assert ((rows >= 0) & (rows < max(sessions - 1, 1))).all()
    assert leak_check(Feature("returns", returns), short).ok


def test_a_warm_up_filled_backward_is_found_where_nothing_lists_late() -> None:
    plain = ap.load_market("simulated", n_assets=5, n_sessions=400)
    filled = Feature("filled", lambda given: returns(given).rolling(20).mean().bfill())
    report = leak_check(filled, plain)
    assert not report.ok and report.leaks[0].session == plain.sessions[0]


class FittedOnce:
    """Scores by the volatility of the first market it ever saw."""

    scale: pd.Series | None = None

    def score(self, market: ap.MarketData) -> pd.DataFrame:
        if self.scale is None:
            self.scale = returns(market).std()
        return returns(market) / self.scale


def test_an_object_that_fits_itself_to_the_first_market_is_found(market: ap.MarketData) -> None:
    model = FittedOnce()
    assert not leak_check(model, market, quick=True).ok
    assert model.scale is None, "the object handed over stays as it was"


def test_an_object_that_answers_by_lot_is_told_so(market: ap.MarketData) -> None:
    lot = Feature("lot", lambda given: returns(given) + np.random.default_rng().standard_normal())
    report = leak_check(lot, market, quick=True)
    assert {finding.kind for finding in report.leaks} == {"state"}


def test_an_object_too_demanding_for_few_sessions_is_told(market: ap.MarketData) -> None:
    def windows(given: ap.MarketData) -> pd.DataFrame:
        seen = np.lib.stride_tricks.sliding_window_view(returns(given).fillna(0.0).to_numpy(), 40, axis=0)
        means = pd.DataFrame(seen.mean(axis=2), given.sessions[39:], given.assets)
        return means.reindex(given.sessions).fillna(0.0)

    report = leak_check(Feature("windows", windows), market)
    assert report.ok and kinds(report) == {"not compared"}
    assert "ValueError" in report.notes[0].remark


# What informs --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Declared(Feature):
    needs: tuple[str, ...] = ("close", "volume")
    warmup: int | None = None


def test_a_level_reader_is_told_of_later_splits(market: ap.MarketData) -> None:
    def cheap(given: ap.MarketData) -> pd.DataFrame:
        return (given.panel("close") < 20.0).astype(float)

    report = leak_check(Declared("cheap", cheap), market, quick=True)
    assert report.ok and "price scale" in kinds(report)
    assert "price scale" not in kinds(leak_check(Declared("cheap", cheap, ("close", "fundamentals")), market))
    assert "price scale" not in kinds(leak_check(Declared("range", CLEAN["range volatility"]), market, quick=True))


def test_an_asset_that_is_scored_by_its_place_is_told(market: ap.MarketData) -> None:
    placed = Feature("placed", lambda given: returns(given) * np.arange(len(given.assets)))
    report = leak_check(placed, market, quick=True)
    assert report.ok and "asset order" in kinds(report)


def test_the_drift_of_the_warmup_is_measured(market: ap.MarketData) -> None:
    slow = Declared("slow", lambda given: returns(given).fillna(0.0).ewm(halflife=60, adjust=False).mean(), warmup=60)
    report = leak_check(slow, market, quick=True)
    assert report.ok and "warm-up" in kinds(report)
    assert list(report.warmup.index) == [61, 63, 126, 252, 504]
    assert report.warmup["largest"].iloc[0] > 10.0 * report.warmup["largest"].iloc[-1] > 0.0
    window = Declared("window", CLEAN["range volatility"], warmup=21)
    assert "warm-up" not in kinds(leak_check(window, market, quick=True))


def test_an_edge_that_a_day_takes_is_told() -> None:
    random = np.random.default_rng(0)
    drawn = 0.01 * random.standard_normal((800, 20))
    moves = drawn.copy()
    moves[1:] += 0.3 * drawn[:-1]
    index, names = pd.bdate_range("2001-01-01", periods=800), pd.Index([f"A{number:02d}" for number in range(20)])
    fleeting = ap.MarketData({"close": pd.DataFrame(50.0 * np.exp(moves.cumsum(axis=0)), index, names)})
    report = leak_check(Feature("last return", returns), fleeting, quick=True)
    assert report.ok and "delay" in kinds(report)
    assert list(report.delay.index) == [0, 1, 2, 5]
    assert report.delay["ic"].iloc[0] > 0.2 and report.delay["t"].iloc[0] > 10.0
    assert abs(report.delay["kept"].iloc[1]) < 0.2
    kept = leak_check(Feature("noise", CLEAN["noise seeded by the date"]), fleeting, quick=True)
    assert "delay" not in kinds(kept)


# What is refused -----------------------------------------------------------------------------------------------------


def test_markets_too_short_for_the_object_are_no_leak(market: ap.MarketData) -> None:
    def demanding(given: ap.MarketData) -> pd.DataFrame:
        if len(given.sessions) < 300:
            raise DataError(f"{len(given.sessions)} sessions", "300", "pass more")
        return returns(given)

    report = leak_check(Feature("demanding", demanding), market)
    assert report.ok and kinds(report) == {"not compared"}


def test_other_errors_pass_through(market: ap.MarketData) -> None:
    def broken(given: ap.MarketData) -> pd.DataFrame:
        raise ZeroDivisionError("on purpose")

    with pytest.raises(ZeroDivisionError, match="on purpose"):
        leak_check(Feature("broken", broken), market)


def test_an_object_that_never_speaks_is_told(market: ap.MarketData) -> None:
    report = leak_check(Feature("silent", lambda given: returns(given) * np.nan), market, quick=True)
    assert report.ok and "silent" in kinds(report)


@pytest.mark.parametrize("thing", [object(), ap.AGENTS["technical"], 3, None, "technical"])
def test_what_cannot_be_asked_is_refused(thing: object, market: ap.MarketData) -> None:
    with pytest.raises(ParamsError, match="score"):
        leak_check(thing, market)


@pytest.mark.parametrize("answer", [None, np.zeros((3, 3)), pd.Series([1.0]), pd.DataFrame({"a": [1.0]})])
def test_an_answer_that_is_no_panel_is_refused(answer: object, market: ap.MarketData) -> None:
    with pytest.raises(DataError, match="sessions x assets"):
        leak_check(Feature("odd", lambda given: answer), market)


def test_a_feature_that_writes_into_its_market_spoils_nothing(market: ap.MarketData) -> None:
    before = market.fingerprint

    members = market.members.copy()

    def scribbling(given: ap.MarketData) -> pd.DataFrame:
        score = returns(given)
        given.panels["close"].iloc[:] = 1.0
        given.benchmark.iloc[:] = 1.0
        given.membership.iloc[:] = False
        given.members.iloc[:] = False
        given.sectors.iloc[:] = "x"
        return score

    leak_check(Feature("scribbling", scribbling), market, quick=True)
    assert replace(market).fingerprint == before
    assert market.members.equals(members)
    assert leak_check(Feature("month return", CLEAN["month return"]), market, quick=True).ok


@pytest.mark.parametrize(
    "odd", [{"agents": ["a"]}, {"chosen": ["x"]}, {"warmup": "long"}, {"needs": lambda: ("close",)}]
)
def test_attributes_that_mean_something_else_do_not_disturb(odd: dict[str, object], market: ap.MarketData) -> None:
    """Nothing but `score` is asked for; a feature of others may have its own `agents`, `chosen`, `needs`."""
    feature = Feature("month return", CLEAN["month return"])
    for name, value in odd.items():
        object.__setattr__(feature, name, value)
    assert leak_check(feature, market, quick=True).ok


class Hoarder:
    """Answers from the longest market that any of its kind was ever shown."""

    longest: ap.MarketData | None = None

    def score(self, market: ap.MarketData) -> pd.DataFrame:
        if Hoarder.longest is None or len(market.sessions) > len(Hoarder.longest.sessions):
            Hoarder.longest = market
        return returns(Hoarder.longest).shift(-1).loc[market.sessions]


class Counter:
    """Answers larger each time it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def score(self, market: ap.MarketData) -> pd.DataFrame:
        self.asked += 1
        return returns(market) * self.asked


@pytest.mark.parametrize("made", [Hoarder, Counter])
def test_an_object_with_a_memory_is_found(made: type, market: ap.MarketData) -> None:
    assert "state" in {finding.kind for finding in leak_check(made(), market, quick=True).leaks}


@pytest.mark.parametrize(
    "told",
    [
        lambda m: float(m.quality["count"].sum()) if m.quality is not None else 0.0,
        lambda m: float(len(m.flags)),
        lambda m: float(m.origin.get("n_sessions", 0)),
    ],
    ids=["quality", "flags", "origin"],
)
def test_what_tells_of_the_whole_file_is_not_handed_out(told, market: ap.MarketData) -> None:  # type: ignore[no-untyped-def]
    spoilt = Feature("teller", lambda m: returns(m) + told(m))
    assert not leak_check(spoilt, market, quick=True).ok


def test_the_market_as_known_then_has_no_report_on_later_sessions(market: ap.MarketData) -> None:
    assert market.quality is not None
    assert market.until(market.sessions[200]).quality is None


def test_who_is_still_to_be_listed_is_noted(market: ap.MarketData) -> None:
    def share_to_come(given: ap.MarketData) -> pd.DataFrame:
        absent = given.panel("close").ffill().isna().mean(axis=1)
        return returns(given).add(absent, axis=0)

    report = leak_check(Feature("crowd", share_to_come), market)
    assert report.ok and "unlisted" in kinds(report)


def test_a_cut_at_every_session_finds_what_shows_on_a_single_one(market: ap.MarketData) -> None:
    one = market.sessions[333]

    def seldom(given: ap.MarketData) -> pd.DataFrame:
        past = returns(given)
        return past.where(given.sessions.to_series() != one, past.shift(-1), axis=0)

    small = market.until(market.sessions[400])
    report = leak_check(Feature("seldom", seldom), small, thorough=True)
    assert len(report.cuts) > 390 and not report.ok and report.leaks[0].session == one


def test_a_part_with_a_memory_is_not_said_to_look_ahead_by_a_cut(market: ap.MarketData) -> None:
    assert {finding.kind for finding in leak_check(Remembering(), market).leaks} == {"state"}


def test_a_limit_sees_what_it_sees_in_a_decision(market: ap.MarketData) -> None:
    class Dated:
        def apply(self, weights, context):  # type: ignore[no-untyped-def]
            return weights * (1.0 if context.session.year > 1900 else 0.5), ()

    class Listing:
        def apply(self, weights, context):  # type: ignore[no-untyped-def]
            return weights, []

    with pytest.raises(AttributeError, match="session"):
        leak_check(Dated(), market)
    with pytest.raises(ParamsError, match="tuple of clamps"):
        leak_check(Listing(), market)
