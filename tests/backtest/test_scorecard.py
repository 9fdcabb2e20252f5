"""The scorecard's figures against plain loops and independent libraries; skill is seen, noise and peeking too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.stats import spearmanr

import alphapulse as ap
from alphapulse.agents.weighting import Fixed
from alphapulse.backtest.card import Scorecard
from alphapulse.backtest.score_measures import LAGS, quantile_returns
from alphapulse.backtest.scorecard import HORIZONS, scorecard
from alphapulse.core.errors import DataError, ParamsError
from alphapulse.core.market import MarketData
from alphapulse.core.panel import Panel

SESSIONS, ASSETS = 260, 12
SPANS = (1, 3, 10)


@dataclass(frozen=True, eq=False)
class Given:
    """An agent whose scores are computed from the market by a function; its coverage is a half where it speaks."""

    name: str
    make: Callable[[MarketData], Panel]
    needs: tuple[str, ...] = ()
    warmup: int = 1

    def score(self, market: MarketData) -> Panel:
        return self.make(market)

    def coverage(self, market: MarketData) -> Panel:
        return self.make(market).notna() * 0.5


def troubled() -> MarketData:
    """A market with halts, an asset that leaves and one that is no member at first."""
    random = np.random.default_rng(5)
    sessions = pd.bdate_range("2019-06-03", periods=SESSIONS)
    close = pd.DataFrame(
        50.0 * np.cumprod(1.0 + 0.02 * random.standard_normal((SESSIONS, ASSETS)), axis=0),
        index=sessions,
        columns=[f"A{number:02d}" for number in range(ASSETS)],
    )
    close = close.mask(random.random(close.shape) < 0.03)
    close.iloc[180:, 3] = np.nan
    member = pd.DataFrame(True, index=sessions, columns=close.columns)
    member.iloc[:100, 5] = False
    return MarketData({"close": close}, membership=member, flags=("made by hand",), name="troubled")


def scores(market: MarketData, seed: int, silent: float = 0.1) -> Panel:
    """Scores with ties, memory and silences, and none in the first sessions; also for those who are no members."""
    random = np.random.default_rng(seed)
    raw = pd.DataFrame(random.standard_normal((len(market.sessions), len(market.assets))))
    values = np.tanh(raw.ewm(halflife=5).mean()).round(1).mask(random.random(raw.shape) < silent)
    values.iloc[:7] = np.nan
    return values.set_axis(market.sessions, axis=0).set_axis(market.assets, axis=1)


@pytest.fixture(scope="module")
def market() -> MarketData:
    return troubled()


@pytest.fixture(scope="module")
def manager() -> ap.AgentManager:
    return ap.AgentManager(
        {"one": Given("one", lambda m: scores(m, 1)), "two": Given("two", lambda m: scores(m, 2, 0.4))}
    )


@pytest.fixture(scope="module")
def card(market: MarketData, manager: ap.AgentManager) -> Scorecard:
    return scorecard(market, manager, horizon=10, horizons=SPANS, name="hand made")


def coefficient_loop(
    score: Panel, market: MarketData, horizon: int, delay: int = 0, compounded: bool = False
) -> "pd.Series[float]":
    """Spearman by scipy, one session at a time; an asset without a price keeps its last one."""
    held = market.panel("total_return").ffill()
    session = held.pct_change(fill_method=None)
    member_score = score.where(market.members)
    out = {}
    for row in range(horizon + delay, len(score)):
        said = member_score.iloc[row - horizon - delay]
        summed = session.iloc[row - horizon + 1 : row + 1].sum()
        earned = held.iloc[row] / held.iloc[row - horizon] - 1.0 if compounded else summed
        both = said.notna()
        if both.sum() >= 5 and said[both].min() < said[both].max():
            out[score.index[row]] = spearmanr(said[both], earned[both]).statistic
    return pd.Series(out).reindex(score.index)


def error_by_statsmodels(values: "pd.Series[float]", lags: int) -> float:
    known = values.dropna().to_numpy()
    fit = sm.OLS(known, np.ones(len(known))).fit(cov_type="HAC", cov_kwds={"maxlags": lags, "use_correction": False})
    return float(fit.bse[0])


def of(card: Scorecard, market: MarketData, name: str, manager: ap.AgentManager) -> Panel:
    return (manager if name == "manager" else manager.agents[name]).score(market)


@pytest.mark.parametrize("name", ["one", "two", "manager"])
def test_information_is_that_of_scipy_and_statsmodels(
    card: Scorecard, market: MarketData, manager: ap.AgentManager, name: str
) -> None:
    score = of(card, market, name, manager)
    expected = coefficient_loop(score, market, 10)
    pd.testing.assert_series_equal(card.coefficients[name], expected, check_names=False, check_freq=False, rtol=1e-12)
    row = card.information.loc[name]
    error = error_by_statsmodels(expected, LAGS * 9)
    assert row["mean"] == pytest.approx(expected.mean(), rel=1e-12)
    assert row["standard_error"] == pytest.approx(error, rel=1e-10)
    assert row["t"] == pytest.approx(expected.mean() / error, rel=1e-10)
    assert row["sessions"] == expected.notna().sum()
    assert row["positive"] == pytest.approx((expected.dropna() > 0.0).mean())
    assert row["one_session"] == pytest.approx(coefficient_loop(score, market, 1).mean(), rel=1e-12)
    assert row["delayed"] == pytest.approx(coefficient_loop(score, market, 10, delay=1).mean(), rel=1e-12)
    other = coefficient_loop(score, market, 10, compounded=True)
    assert row["compounded"] == pytest.approx(other.mean(), rel=1e-12) and row["compounded"] != row["mean"]


def test_decay_and_years_are_the_same_measure_elsewhere(
    card: Scorecard, market: MarketData, manager: ap.AgentManager
) -> None:
    assert list(card.decay.index) == [(name, span) for name in ("one", "two", "manager") for span in SPANS]
    for span in SPANS:
        expected = coefficient_loop(of(card, market, "one", manager), market, span)
        row = card.decay.loc[("one", span)]
        assert row["mean"] == pytest.approx(expected.mean(), rel=1e-12)
        assert row["standard_error"] == pytest.approx(error_by_statsmodels(expected, LAGS * (span - 1)), rel=1e-10)
    assert list(card.by_year.columns) == ["2019", "2020"]
    for year in ("2019", "2020"):
        assert card.by_year.loc["two", year] == pytest.approx(card.coefficients["two"].loc[year].mean(), rel=1e-12)


def test_quantiles_are_those_of_a_plain_loop(card: Scorecard, market: MarketData, manager: ap.AgentManager) -> None:
    held = market.panel("total_return").ffill()
    score = manager.score(market).where(market.members)
    rows = {}
    for row in range(10, len(score)):
        said, earned = score.iloc[row - 10], held.iloc[row] / held.iloc[row - 10] - 1.0
        place = (said.rank() - 0.5) / said.notna().sum()
        known = said.notna() & earned.notna()
        if known.sum() < 5:
            continue
        group = np.minimum(np.floor(place[known] * 5 + 1e-12), 4)
        rows[score.index[row]] = {
            f"q{q + 1}": earned[known][group == q].mean() - earned[known].mean() for q in range(5)
        } | {"average": earned[known].mean()}
    expected = pd.DataFrame.from_dict(rows, orient="index").reindex(score.index)
    got = quantile_returns(score, market.panel("total_return"), 10, 5)
    pd.testing.assert_frame_equal(got, expected, check_freq=False, rtol=1e-9, atol=1e-14)
    spread = expected["q5"] - expected["q1"]
    row = card.quantiles.loc["manager"]
    assert row["q1"] == pytest.approx(expected["q1"].mean(), rel=1e-9)
    assert row["average"] == pytest.approx(expected["average"].mean(), rel=1e-9)
    assert row["spread"] == pytest.approx(spread.mean(), rel=1e-9)
    assert row["t"] == pytest.approx(spread.mean() / error_by_statsmodels(spread, LAGS * 9), rel=1e-9)


def test_who_leaves_counts_with_the_last_price(market: MarketData) -> None:
    """Scores on the asset that leaves at row 180 are compared with what holders got, not forgotten."""
    score = scores(market, 1, 0.0)
    returns = quantile_returns(score.where(market.members), market.panel("total_return"), 10, 2)
    held = market.panel("total_return").ffill()
    grown = held.iloc[185] / held.iloc[175] - 1.0
    scored = score.where(market.members).iloc[175].notna()
    assert scored["A03"] and market.panel("close")["A03"].iloc[180:].isna().all()
    assert returns["average"].iloc[185] == pytest.approx(grown[scored].mean())


def test_turnover_is_that_of_a_plain_loop(card: Scorecard, market: MarketData, manager: ap.AgentManager) -> None:
    score = manager.agents["two"].score(market).where(market.members)
    weights = []
    for _, said in score.iterrows():
        apart = said - said.mean()
        weights.append((apart / apart.abs().sum()).fillna(0.0) if said.notna().any() else None)
    moved = [
        (now - before).abs().sum() / 2.0 for before, now in pairwise(weights) if before is not None and now is not None
    ]
    assert card.turnover.loc["two", "turnover"] == pytest.approx(np.mean(moved), rel=1e-12)
    for lag in (1, 21):
        same = [
            spearmanr(score.iloc[row][both], score.iloc[row - lag][both]).statistic
            for row in range(lag, len(score))
            if (both := score.iloc[row].notna() & score.iloc[row - lag].notna()).sum() >= 5
        ]
        assert card.turnover.loc["two", f"autocorrelation_{lag}"] == pytest.approx(np.mean(same), rel=1e-10)


def test_coverage_counts_members_alone(card: Scorecard, market: MarketData, manager: ap.AgentManager) -> None:
    scored = manager.agents["one"].score(market).notna() & market.members
    row = card.coverage.loc["one"]
    assert row["speaks"] == pytest.approx(scored.to_numpy().sum() / market.members.to_numpy().sum())
    assert row["coverage"] == 0.5
    assert row["first_session"] == market.sessions[7]
    assert card.speaking["one"].iloc[50] == pytest.approx(scored.iloc[50].sum() / market.members.iloc[50].sum())
    assert card.speaking["one"].iloc[3] == 0.0
    assert np.isnan(card.depth["one"].iloc[3])


def test_correlation_is_the_mean_of_scipys(card: Scorecard, market: MarketData, manager: ap.AgentManager) -> None:
    one, two = (agent.score(market).where(market.members) for agent in manager.agents.values())
    each = [
        spearmanr(one.iloc[row][both], two.iloc[row][both]).statistic
        for row in range(len(one))
        if (both := one.iloc[row].notna() & two.iloc[row].notna()).sum() >= 5
    ]
    assert card.correlation.loc["one", "two"] == pytest.approx(np.mean(each), rel=1e-10)
    assert card.correlation.loc["two", "one"] == card.correlation.loc["one", "two"]
    assert card.correlation.loc["one", "one"] == 1.0


def test_leaving_one_out_is_a_manager_of_the_others(
    card: Scorecard, market: MarketData, manager: ap.AgentManager
) -> None:
    without = coefficient_loop(manager.agents["two"].score(market), market, 10)
    both = pd.DataFrame({"whole": coefficient_loop(manager.score(market), market, 10), "without": without}).dropna()
    paired = both["whole"] - both["without"]
    row = card.leave_one_out.loc["one"]
    assert row["whole"] - row["without"] == pytest.approx(row["difference"], rel=1e-12)
    assert row["difference"] == pytest.approx(paired.mean(), rel=1e-9)
    assert row["t"] == pytest.approx(paired.mean() / error_by_statsmodels(paired, LAGS * 9), rel=1e-9)
    assert row["sessions"] == len(both)


def test_chosen_votes_are_kept_by_those_who_stay(market: MarketData) -> None:
    agents = {name: Given(name, lambda m, n=number: scores(m, n)) for number, name in enumerate("abc")}
    table = scorecard(
        market, ap.AgentManager(agents, Fixed({"a": 1.0, "b": 3.0, "c": 0.0})), horizon=5, horizons=(5,)
    ).leave_one_out
    rest = ap.AgentManager({"b": agents["b"], "c": agents["c"]}, Fixed({"b": 3.0, "c": 0.0}))
    assert table.loc["a", "without"] == pytest.approx(coefficient_loop(rest.score(market), market, 5).mean())
    assert table.loc["c", "difference"] == pytest.approx(0.0, abs=1e-12)
    alone = ap.AgentManager(agents, Fixed({"a": 1.0, "b": 0.0, "c": 0.0}))
    assert list(scorecard(market, alone, horizon=5, horizons=(5,)).leave_one_out.index) == ["b", "c"]


def test_each_piece_of_evidence_is_listed_with_what_it_rests_on() -> None:
    market = ap.load_market("sample", start="2016-01-01", end="2018-12-31")
    card = scorecard(market, ap.AgentManager(["technical", "value"]), horizons=(21,))
    assert set(card.evidence.index.get_level_values("agent")) == {"technical", "value"}
    technical = ap.AGENTS["technical"]()
    assert list(card.evidence.loc["technical"].index) == [piece.name for piece in technical.chosen]
    silent = card.evidence.loc[("technical", "volume")]
    assert silent["available"] == 0.0 and np.isnan(silent["mean"]) and "volume" in silent["needs"]
    there = card.evidence.loc[("technical", "momentum")]
    assert 0.5 < there["available"] < 1.0 and there["kind"] == "prices"
    assert card.flags[-1].endswith("at low coverage: value")  # technical declares prices alone
    past = market.panel("total_return").pct_change(5)
    reversal = coefficient_loop(-past, market, 21).mean()
    assert card.evidence.loc[("technical", "reversal"), "mean"] == pytest.approx(reversal, abs=1e-3)


def test_a_planted_skill_is_found_and_fades() -> None:
    """Yesterday's shock moves prices again over a few sessions, so its IC is there at first and dilutes later."""
    random = np.random.default_rng(0)
    shock = random.standard_normal((800, 40))
    later = pd.DataFrame(shock).rolling(3).sum().shift(1).fillna(0.0).to_numpy()
    close = pd.DataFrame(
        np.exp(np.cumsum(0.01 * random.standard_normal(shock.shape) + 0.002 * later, axis=0)),
        index=pd.bdate_range("2015-01-05", periods=800),
        columns=[f"A{number:02d}" for number in range(40)],
    )
    market = MarketData({"close": close})
    seen = pd.DataFrame(np.tanh(shock), index=close.index, columns=close.columns)
    card = scorecard(market, Given("seer", lambda m: seen.loc[: m.sessions[-1]]), horizon=3)
    mean = card.decay["mean"].loc["seer"]
    assert mean.idxmax() == 3
    assert list(mean.loc[3:]) == sorted(mean.loc[3:], reverse=True)
    assert card.information.loc["seer", "t"] > 10.0
    assert card.quantiles.loc["seer", "t"] > 10.0
    assert card.information.loc["seer", "delayed"] < card.information.loc["seer", "mean"]
    assert list(card.quantiles.loc["seer", ["q1", "q2", "q3", "q4", "q5"]].diff().dropna() > 0.0) == [True] * 4


def test_momentum_planted_in_a_simulated_market_is_found() -> None:
    market = ap.load_market("simulated", n_assets=60, n_sessions=900, seed=1, alpha=0.1)
    card = scorecard(market, ap.AGENTS["technical"](weights={"momentum": 1.0}))
    assert card.information.loc["technical", "one_session"] == pytest.approx(0.1, abs=0.03)
    assert card.information.loc["technical", "t"] > 3.0


def test_low_volatility_is_no_skill_on_noise() -> None:
    """Of assets that earn nothing, the calm ones lead in ranks of compounded returns, and not in ranks of sums."""
    rows = []
    for seed in range(8):
        market = ap.load_market("simulated", n_assets=100, n_sessions=900, seed=seed, drift_ann=0.0)
        agent = ap.AGENTS["technical"](weights={"low_volatility": 1.0})
        rows.append(scorecard(market, agent, horizons=(21,)).information.loc["technical", ["mean", "compounded"]])
    means = pd.DataFrame(rows).astype(float)
    lead = means["compounded"] - means["mean"]
    assert (lead > 0.005).all()
    assert abs(means["mean"].mean()) < 3.0 * means["mean"].std() / np.sqrt(len(means))


def test_noise_shows_no_skill() -> None:
    """Over seeds t spreads as a standard normal does, a little wider: no error allows for overlap wholly."""
    t = []
    for seed in range(40):
        random = np.random.default_rng(seed)
        index = pd.bdate_range("2015-01-05", periods=600)
        noise = pd.DataFrame(random.standard_normal((600, 15)), index=index, columns=[f"A{n:02d}" for n in range(15)])
        market = MarketData({"close": np.exp(0.01 * noise.cumsum())})
        dull = pd.DataFrame(np.tanh(random.standard_normal(noise.shape)), index, noise.columns).ewm(halflife=20).mean()
        card = scorecard(market, Given("dull", lambda m, s=dull: s), horizon=10, horizons=(10,))
        t.append(card.information.loc["dull", "t"])
    assert abs(np.mean(t)) < 0.6
    assert 0.7 < np.std(t) < 1.6


def test_a_peeking_agent_is_called_a_bug(market: MarketData) -> None:
    tomorrow = Given("seer", lambda m: np.tanh(m.panel("total_return").pct_change().shift(-1)))
    fortnight = Given("prophet", lambda m: np.tanh(m.panel("total_return").ffill().pct_change(10).shift(-10)))
    honest = Given("honest", lambda m: scores(m, 1))
    card = scorecard(market, ap.AgentManager({a.name: a for a in (tomorrow, fortnight, honest)}), horizons=SPANS)
    assert card.information.loc["seer", "one_session"] > 0.9
    (warning,) = [flag for flag in card.flags if "treated as a bug until shown otherwise" in flag]
    assert warning.startswith("seer, prophet, manager: an IC above 0.15 at one session")


def test_a_score_given_to_those_outside_the_index_counts_for_nothing(market: MarketData) -> None:
    inside = Given("same", lambda m: scores(m, 1).where(m.members))
    outside = Given("same", lambda m: scores(m, 1).where(m.members, 1.0))
    first, second = (scorecard(market, agent, horizon=5, horizons=(5,)) for agent in (inside, outside))
    for name in ("information", "quantiles", "turnover", "decay"):
        pd.testing.assert_frame_equal(first.tables[name], second.tables[name])
    assert first.coverage["speaks"].equals(second.coverage["speaks"])


def test_later_sessions_change_no_earlier_coefficient(market: MarketData, card: Scorecard) -> None:
    short = market.until(market.sessions[199])
    whole = {name: scores(market, seed, silent) for name, seed, silent in (("one", 1, 0.1), ("two", 2, 0.4))}
    cut = ap.AgentManager({n: Given(n, lambda m, s=s: s.loc[: m.sessions[-1]]) for n, s in whole.items()})
    early = scorecard(short, cut, horizon=10, horizons=SPANS).coefficients
    pd.testing.assert_frame_equal(early, card.coefficients.iloc[:200], check_freq=False, rtol=1e-12)


def test_a_single_agent_has_no_manager_to_compare_with(market: MarketData) -> None:
    card = scorecard(market, Given("one", lambda m: scores(m, 1)), horizon=5)
    assert card.agents == ("one",)
    assert card.name == "one"
    assert card.leave_one_out.empty and card.shares.empty and card.diagnostics.empty and card.evidence.empty
    assert list(card.decay.loc["one"].index) == list(HORIZONS)
    assert card.summary()["ic"] == card.information.loc["one", "mean"]
    assert card.summary()["agents"] == 1


def test_who_never_speaks_is_unknown_not_zero(market: MarketData) -> None:
    mute = Given("mute", lambda m: scores(m, 1) * np.nan)
    card = scorecard(market, ap.AgentManager({"mute": mute, "one": Given("one", lambda m: scores(m, 1))}), horizon=5)
    assert card.information.loc["mute"].drop("sessions").isna().all()
    assert card.information.loc["mute", "sessions"] == 0
    assert card.quantiles.loc["mute"].drop("sessions").isna().all()
    assert card.turnover.loc["mute"].isna().all()
    assert card.coverage.loc["mute", "speaks"] == 0.0
    assert np.isnan(card.coverage.loc["mute", "coverage"]) and pd.isna(card.coverage.loc["mute", "first_session"])
    assert np.isnan(card.correlation.loc["mute", "mute"]) and np.isnan(card.correlation.loc["mute", "one"])
    assert "without a score anywhere on this market: mute" in card.flags


def test_flags_are_those_of_the_market_first(market: MarketData, card: Scorecard) -> None:
    assert card.flags[: len(market.flags)] == market.flags
    assert "short sample: only 26 returns of 10 sessions do not overlap; errors are rough" in card.flags
    seldom = Given("seldom", lambda m: scores(m, 3, 0.8))
    assert any("less than half of member-sessions: seldom 2" in flag for flag in scorecard(market, seldom).flags)


def test_a_scorecard_tells_where_it_comes_from(market: MarketData, card: Scorecard) -> None:
    told = card.provenance
    assert told["name"] == "hand made"
    assert told["data"]["fingerprint"] == market.fingerprint
    assert told["parameters"]["horizon"] == 10 and told["parameters"]["horizons"] == list(SPANS)
    assert told["flags"] == list(card.flags)
    assert told["code"] and told["packages"]["pandas"] == pd.__version__


def test_it_shows_itself_as_text_and_html(card: Scorecard, market: MarketData) -> None:
    assert repr(card).startswith("Scorecard(hand made: one, two, manager; manager IC ")
    assert "made by hand" in repr(card)
    bad = "<script>alert(1)</script>"
    hostile = scorecard(replace(market, flags=(bad,)), Given(bad, lambda m: scores(m, 1)), horizon=5)
    shown = hostile._repr_html_()
    assert bad not in shown and "&lt;script&gt;" in shown


def test_bad_arguments_are_refused_in_words(market: MarketData) -> None:
    agent = Given("one", lambda m: scores(m, 1))
    for options in ({"horizon": 0}, {"horizons": (1, 2.5)}, {"horizons": ()}, {"quantiles": 1}, {"horizon": "21"}):
        with pytest.raises(ParamsError, match="scorecard: "):
            scorecard(market, agent, **options)
    with pytest.raises(DataError, match="260 sessions, the horizon is 260"):
        scorecard(market, agent, horizon=260)
    with pytest.raises(ParamsError, match="as the manager is"):
        scorecard(market, ap.AgentManager({"manager": agent}))
