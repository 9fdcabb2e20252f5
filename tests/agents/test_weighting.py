"""Weightings: causal, held on a calendar, fair to strangers, neutral on noise, and each true to its idea."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest

from alphapulse.agents.weighting import WEIGHTINGS, CorrelationAware, Fixed, build_weighting
from alphapulse.agents.weighting.stacking import Stacked
from alphapulse.agents.weighting.trailing import Regime, TrailingIC, turbulent
from alphapulse.agents.weighting.votes import ALWAYS_HEARD, Weighting, compared, shares
from alphapulse.core.errors import ParamsError
from alphapulse.core.market import MarketData

Scores = dict[str, pd.DataFrame]
LEARNED: dict[str, Weighting] = {
    "trailing_ic": TrailingIC(horizon=5, window=250, every=10),
    "correlation_aware": CorrelationAware(window=250, every=10),
    "ridge": Stacked("ridge", horizon=5, window=250, every=20),
    "boosting": Stacked("boosting", horizon=5, window=250, every=20),
    "regime": Regime(horizon=5, window=400, every=10, lookback=21),
}
ALL: dict[str, Weighting] = {**LEARNED, "equal": build_weighting("equal", None, {}), "fixed": Fixed({"a": 2, "b": 1})}


def noise_market(seed: int = 0, sessions: int = 600, assets: int = 12) -> MarketData:
    """Prices that are martingales with a common part."""
    random = np.random.default_rng(seed)
    shocks = 0.01 * random.standard_normal((sessions, 1)) + 0.02 * random.standard_normal((sessions, assets))
    names = [f"A{number:02d}" for number in range(assets)]
    close = pd.DataFrame(50.0 * np.cumprod(1.0 + shocks, axis=0), pd.bdate_range("2001-01-01", periods=sessions), names)
    return MarketData({"close": close})


def noise_scores(market: MarketData, names: str = "ab", seed: int = 1) -> Scores:
    random = np.random.default_rng(seed)
    shape = (len(market.sessions), len(market.assets))
    return {name: pd.DataFrame(random.uniform(-1, 1, shape), market.sessions, market.assets) for name in names}


def foresight(market: MarketData, horizon: int, strength: float = 0.2, seed: int = 2) -> pd.DataFrame:
    """Scores that know a part of the next `horizon` sessions, as no agent could."""
    levels = market.panel("total_return")
    ahead = (levels.shift(-horizon) / levels).rank(axis=1, pct=True) * 2.0 - 1.0
    random = np.random.default_rng(seed)
    return (strength * ahead + (1.0 - strength) * random.uniform(-1, 1, levels.shape)).fillna(0.0)


def cut(scores: Mapping[str, pd.DataFrame], sessions: pd.DatetimeIndex) -> Scores:
    return {name: score.loc[sessions] for name, score in scores.items()}


def test_the_table_names_every_weighting() -> None:
    assert list(WEIGHTINGS) == ["equal", "fixed", "trailing_ic", "correlation_aware", "stacked", "regime"]
    assert all(isinstance(build_weighting(name, None, {}), Weighting) for name in WEIGHTINGS if name != "fixed")


@pytest.mark.parametrize("name", ALL)
def test_weights_are_shares_and_all_are_heard(name: str) -> None:
    market = noise_market()
    weights = ALL[name].weights(noise_scores(market), market)
    assert weights.index.equals(market.sessions)
    assert list(weights.columns) == ["a", "b"]
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, rtol=1e-14)
    assert (weights >= ALWAYS_HEARD / 2).all(axis=None)


@pytest.mark.parametrize("name", ALL)
def test_later_sessions_change_nothing(name: str) -> None:
    market = noise_market()
    scores = noise_scores(market) | {"b": foresight(market, 5)}
    whole = ALL[name].weights(scores, market)
    for last in (0, 7, 333, 334, 340, 555):
        past = market.until(market.sessions[last])
        part = ALL[name].weights(cut(scores, past.sessions), past)
        pd.testing.assert_frame_equal(part, whole.loc[past.sessions], check_exact=True)


@pytest.mark.parametrize("name", LEARNED)
def test_the_order_of_assets_changes_nothing(name: str) -> None:
    market = noise_market()
    scores = noise_scores(market)
    order = np.random.default_rng(5).permutation(len(market.assets))
    names = market.assets
    moved = MarketData({"close": market.panel("close").iloc[:, order].set_axis(names, axis=1)})
    turned = {agent: score.iloc[:, order].set_axis(names, axis=1) for agent, score in scores.items()}
    pd.testing.assert_frame_equal(
        LEARNED[name].weights(turned, moved), LEARNED[name].weights(scores, market), rtol=1e-12, atol=1e-12
    )


@pytest.mark.parametrize("name", LEARNED)
def test_weights_are_equal_first_and_held_between_judgements(name: str) -> None:
    market = noise_market()
    weights = LEARNED[name].weights(noise_scores(market), market)
    changed = np.flatnonzero((weights.diff().abs() > 0.0).any(axis=1))
    assert (weights.iloc[:50] == 0.5).all(axis=None)
    assert len(changed) > 5
    assert (changed % LEARNED[name].every == 0).all()  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", LEARNED)
def test_an_agent_that_never_spoke_keeps_its_equal_share(name: str) -> None:
    market = noise_market()
    scores = noise_scores(market, "abcd")
    scores["d"] = scores["d"] * np.nan
    weights = LEARNED[name].weights(scores, market)
    np.testing.assert_allclose(weights["d"], 0.25, rtol=1e-14)
    assert weights["a"].nunique() > 5
    silent = {agent: score * np.nan for agent, score in scores.items()}
    assert (LEARNED[name].weights(silent, market) == 0.25).all(axis=None)


@pytest.mark.parametrize("name", ["trailing_ic", "ridge", "boosting", "regime"])
def test_skill_is_found_and_without_it_weights_stay_close(name: str) -> None:
    market = noise_market()
    scores = noise_scores(market, "ab") | {"seer": foresight(market, 5)}
    late = LEARNED[name].weights(scores, market).iloc[300:].mean()
    assert late["seer"] > 0.6
    assert late[["a", "b"]].min() > 0.03


@pytest.mark.parametrize(("name", "unseen"), [("trailing_ic", 5), ("regime", 5), ("ridge", 10), ("boosting", 10)])
def test_no_label_is_seen_before_it_is_known(name: str, unseen: int) -> None:
    """Scores given within the last `unseen` sessions have no label yet; those of the period before have."""
    market = noise_market()
    scores = noise_scores(market)
    at = 400  # a session of judgement, and the end of a holding period
    before = LEARNED[name].weights(scores, market).iloc[at]

    def flipped(first: int, last: int) -> pd.Series:
        changed = {agent: score.copy() for agent, score in scores.items()}
        changed["a"].iloc[first:last] *= -1.0
        return LEARNED[name].weights(changed, market).iloc[at]

    pd.testing.assert_series_equal(flipped(at - unseen + 1, 600), before, check_exact=True)
    assert not flipped(at - unseen, at - unseen + 1).equals(before)


def test_the_embargo_keeps_labels_away_from_the_training() -> None:
    market = noise_market()
    scores = noise_scores(market)
    close = market.panel("close").copy()
    close.iloc[391:] = close.iloc[391:].to_numpy()[:, ::-1]
    other = MarketData({"close": close})
    for embargo, same in ((10, True), (5, False), (0, False)):
        weighting = Stacked(horizon=5, window=250, every=20, embargo=embargo)
        one, two = (weighting.weights(scores, there).iloc[400] for there in (market, other))
        assert one.equals(two) == same, embargo
    assert Stacked(horizon=5).waits == 5


def test_agents_that_say_the_same_share_one_vote() -> None:
    market = noise_market()
    scores = noise_scores(market, "ab")
    twins = {"a": scores["a"], "a again": scores["a"] * 0.5, "b": scores["b"]}
    late = CorrelationAware(shrink=0.01).weights(twins, market).iloc[300:].mean()
    assert late["a"] == pytest.approx(late["a again"])
    assert late["a"] + late["a again"] == pytest.approx(0.5, abs=0.03)
    shrunk = CorrelationAware(shrink=1.0).weights(twins, market).iloc[-1]
    np.testing.assert_allclose(shrunk, 1.0 / 3.0, rtol=1e-12)


def test_the_vote_follows_the_regime() -> None:
    """One agent foresees calm months, the other wild ones."""
    random = np.random.default_rng(0)
    wild = (np.arange(1600) // 100) % 2 == 1
    shocks = np.where(wild, 0.03, 0.005)[:, None] * random.standard_normal((1600, 1))
    shocks = shocks + 0.01 * random.standard_normal((1600, 12))
    sessions = pd.bdate_range("2001-01-01", periods=1600)
    market = MarketData({"close": pd.DataFrame(np.cumprod(1.0 + shocks, axis=0), sessions, list("ABCDEFGHIJKL"))})
    seer, noise = foresight(market, 5, 0.4), noise_scores(market, "ab")
    mask = np.tile(wild[:, None], (1, 12))
    scores = {"calm": noise["a"].where(mask, seer), "wild": seer.where(mask, noise["b"])}
    state = turbulent(market, 21)
    assert (state.to_numpy()[200:] == wild[200:]).mean() > 0.8
    weights = Regime(horizon=5, every=5, lookback=21).weights(scores, market).iloc[600:]
    settled = pd.Series(wild, market.sessions).rolling(40).mean().iloc[600:]
    assert weights.loc[settled == 0.0, "calm"].mean() > 0.65
    assert weights.loc[settled == 1.0, "wild"].mean() > 0.65
    alike = Regime(horizon=5, window=250, every=10, elsewhere=1.0).weights(scores, market)
    pd.testing.assert_frame_equal(alike, LEARNED["trailing_ic"].weights(scores, market))


def test_turbulence_knows_the_past_alone() -> None:
    market = noise_market()
    whole = turbulent(market, 21)
    assert not whole.iloc[:21].any()
    past = market.until(market.sessions[300])
    pd.testing.assert_series_equal(turbulent(past, 21), whole.iloc[:301], check_exact=True)


def test_shares_leave_strangers_their_part() -> None:
    np.testing.assert_allclose(shares(np.array([1.0, 3.0])), [0.2625, 0.7375])
    np.testing.assert_allclose(shares(np.array([1.0, 3.0, np.nan, np.nan]))[2:], 0.25)
    np.testing.assert_allclose(shares(np.array([-1.0, 3.0])), [0.025, 0.975])
    assert shares(np.array([-1.0, -2.0])).tolist() == [0.5, 0.5]
    assert shares(np.array([np.nan])).tolist() == [1.0]


def test_evidence_counts_in_units_of_its_own_error() -> None:
    quiet, loud = np.array([0.02, 0.0]), np.array([0.2, 0.0])
    np.testing.assert_allclose(compared(quiet, np.array([0.01, 1.0]), 2.0), [1.5, 0.5])
    np.testing.assert_allclose(compared(loud, np.array([0.1, 1.0]), 2.0), [1.5, 0.5])
    assert np.isnan(compared(np.array([np.nan, 1.0]), np.array([1.0, 0.0]), 2.0)).all()
    np.testing.assert_allclose(compared(np.array([99.0, 0.0]), np.ones(2), 5.0), [2.0, 0.0])  # cut at ten errors


@pytest.mark.parametrize("name", LEARNED)
def test_noise_earns_no_agent_a_larger_share(name: str) -> None:
    """Over 100 markets the mean share of each of three agents with random scores is a third, within a 99.9 % band."""
    weighting = LEARNED[name]
    if isinstance(weighting, Stacked):
        weighting = Stacked(weighting.model, horizon=5, window=250, every=200)  # two trainings a market
    means = []
    for seed in range(100):
        market = noise_market(seed, 500)
        means.append(weighting.weights(noise_scores(market, "abc", seed + 1000), market).iloc[300:].mean())
    frame = pd.DataFrame(means)
    errors = frame.std() / np.sqrt(len(frame))
    assert (errors > 0.0).all()
    assert ((frame.mean() - 1.0 / 3.0).abs() < 3.29 * errors).all(), (frame.mean(), errors)


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("trailing_ik", {}, "did you mean trailing_ic"),
        ("trailing_ic", {"horizn": 5}, "did you mean horizon"),
        ("trailing_ic", {"horizon": 0}, "trailing_ic: horizon"),
        ("trailing_ic", {"horizon": 63, "window": 756}, "window = 756"),
        ("trailing_ic", {"doubt": 0.0}, "doubt"),
        ("regime", {"elsewhere": 1.5}, "elsewhere"),
        ("regime", {"lookback": "month"}, "lookback"),
        ("correlation_aware", {"shrink": 0.0}, "shrink"),
        ("correlation_aware", {"window": 10}, "window"),
        ("stacked", {"model": "ridg"}, "did you mean ridge"),
        ("stacked", {"embargo": -1}, "embargo"),
        ("stacked", {"window": 100}, "window"),
        ("equal", {"horizon": 5}, "leave them out"),
        ("fixed", {}, "votes by agent"),
        ("fixed", {"votes": {"a": 1.0}}, "one vote for each agent"),
        ("fixed", {"votes": {"a": -1.0, "b": 1.0}}, "votes: a"),
        ("fixed", {"votes": {"a": 0, "b": 0}}, "one above 0"),
        ("fixed", {"votes": [1, 2]}, "votes by agent"),
    ],
)
def test_wrong_options_are_refused(name: str, options: dict[str, object], words: str) -> None:
    with pytest.raises(ParamsError, match=words):
        build_weighting(name, options, {"a": None, "b": None})


def test_objects_take_no_options_and_need_weights() -> None:
    with pytest.raises(ParamsError, match="put them into the weighting"):
        build_weighting(TrailingIC(), {"horizon": 5}, {})
    with pytest.raises(ParamsError, match="choose a name"):
        build_weighting(3, None, {})  # type: ignore[arg-type]
