"""Black-Litterman against PyPortfolioOpt and skfolio; what views, skill and coverage do; its fallbacks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphapulse.core.errors import ParamsError
from alphapulse.core.estimates import RiskEstimate
from alphapulse.core.facts import Facts
from alphapulse.core.ports import Allocator
from alphapulse.core.stats import session_returns
from alphapulse.data import load_market
from alphapulse.portfolio.black_litterman import BlackLitterman, implied_risk_aversion
from alphapulse.portfolio.mean_variance import MinVariance
from alphapulse.portfolio.posterior import black_litterman_posterior
from alphapulse.risk.covariance import estimate_risk
from alphapulse.testing import ALLOCATOR_CHECKS, example_estimate, unusable

TAU = 0.05


@pytest.fixture(scope="module")
def sample() -> RiskEstimate:
    """Return 756 sessions to 2022-12-28 of the sample with market values, coverage, benchmark and skill."""
    market = load_market("sample")
    window = session_returns(market.panel("total_return")).loc[:"2022-12-28"].iloc[-756:]
    random = np.random.default_rng(7)
    facts = Facts(
        market_value=pd.Series(random.lognormal(25.0, 1.0, 20), index=market.assets),
        coverage=pd.Series(random.uniform(0.2, 1.0, 20), index=market.assets),
        benchmark=market.benchmark.pct_change(fill_method=None),
        skill=0.04,
    )
    return replace(estimate_risk(window), facts=facts)


@pytest.fixture(scope="module")
def scores(sample: RiskEstimate) -> pd.Series:
    return pd.Series(np.random.default_rng(8).uniform(-1.0, 1.0, 20), index=sample.assets)


def stated(sample: RiskEstimate, scores: pd.Series, delta: float) -> tuple[pd.Series, pd.Series, pd.Series]:
    """Return prior mean, views and confidences of the sample by asset, from the formulas, one asset at a time."""
    shares = sample.facts.market_value / sample.facts.market_value.sum()
    prior, views, confidences = {}, {}, {}
    for asset in sample.assets:
        prior[asset] = delta * sum(sample.covariance.loc[asset, other] * shares[other] for other in sample.assets)
        z = (scores[asset] - scores.mean()) / scores.std(ddof=0)
        alpha = 0.04 * sample.covariance.loc[asset, asset] ** 0.5 * z / 21**0.5
        views[asset] = prior[asset] + alpha
        confidences[asset] = sample.facts.coverage[asset] * 0.04 / 0.09
    return pd.Series(prior), pd.Series(views), pd.Series(confidences)


@pytest.mark.parametrize("omega", ["idzorek", "he_litterman"])
def test_posterior_and_weights_equal_pyportfolioopt(sample: RiskEstimate, scores: pd.Series, omega: str) -> None:
    from pypfopt import BlackLittermanModel, EfficientFrontier

    prior, views, confidences = stated(sample, scores, 3.0)
    theirs = BlackLittermanModel(
        sample.covariance,
        pi=prior,
        absolute_views=views.to_dict(),
        omega="idzorek" if omega == "idzorek" else "default",
        view_confidences=confidences.to_numpy(),
        tau=TAU,
        risk_aversion=3.0,
    )
    allocator = BlackLitterman(risk_aversion=3.0, omega=omega)
    ours = allocator.posterior(sample, scores)
    np.testing.assert_allclose(ours.mean, theirs.bl_returns(), rtol=1e-9)
    np.testing.assert_allclose(ours.covariance, theirs.bl_cov(), rtol=1e-9)
    frontier = EfficientFrontier(252 * theirs.bl_returns(), 252 * theirs.bl_cov())
    best = pd.Series(frontier.max_sharpe(risk_free_rate=0.0))
    np.testing.assert_allclose(allocator.allocate(sample, scores), best, atol=1e-5)


@pytest.mark.parametrize("omega", ["idzorek", "he_litterman"])
def test_posterior_equals_skfolio(sample: RiskEstimate, omega: str) -> None:
    from skfolio.moments import EquilibriumMu, LedoitWolf
    from skfolio.prior import BlackLitterman as Theirs
    from skfolio.prior import EmpiricalPrior

    views = {"AAPL": 0.25, "JPM": -0.05, "WMT": 0.10}
    confidences = {"AAPL": 0.3, "JPM": 0.8, "WMT": 0.55}
    theirs = Theirs(
        [f"{asset} = {value / 252:.18f}" for asset, value in views.items()],
        prior_estimator=EmpiricalPrior(
            mu_estimator=EquilibriumMu(risk_aversion=2.5, covariance_estimator=LedoitWolf()),
            covariance_estimator=LedoitWolf(),
        ),
        tau=TAU,
        view_confidences=list(confidences.values()) if omega == "idzorek" else None,
    ).fit(sample.window)
    allocator = BlackLitterman(prior="equal", risk_aversion=2.5, omega=omega, views=views, confidences=confidences)
    ours = allocator.posterior(sample)
    np.testing.assert_allclose(ours.mean, theirs.return_distribution_.mu, rtol=1e-9)
    np.testing.assert_allclose(ours.covariance, theirs.return_distribution_.covariance, rtol=1e-9)


def test_risk_aversion_equals_pyportfolioopt(sample: RiskEstimate) -> None:
    from pypfopt.black_litterman import market_implied_risk_aversion

    prices = load_market("sample").benchmark.loc[:"2022-12-28"].iloc[-757:]
    assert implied_risk_aversion(sample) == (pytest.approx(market_implied_risk_aversion(prices), rel=1e-12), ())


@pytest.mark.parametrize("prior", ["market", "equal"])
def test_without_views_the_prior_is_held(sample: RiskEstimate, prior: str) -> None:
    shares = sample.facts.market_value if prior == "market" else pd.Series(1.0, index=sample.assets)
    shares = shares / shares.sum()
    allocator = BlackLitterman(prior=prior, risk_aversion=2.5)
    believed = allocator.posterior(sample)
    np.testing.assert_allclose(believed.mean, 2.5 * sample.covariance @ shares, rtol=1e-12)
    np.testing.assert_allclose(believed.covariance, (1 + TAU) * sample.covariance, rtol=1e-12)
    weights = allocator.allocate(sample)
    np.testing.assert_allclose(weights, shares, atol=1e-9)
    assert weights.attrs["notes"] == ()


@given(confidence=st.floats(0.001, 1.0), view=st.floats(-0.5, 1.0), seed=st.integers(0, 50))
def test_a_view_alone_goes_its_confidence_of_the_way(confidence: float, view: float, seed: int) -> None:
    """Idzorek 2005: a confidence of 25 % moves the asset's mean by a quarter of the way from the prior to the view."""
    estimate = example_estimate(seed=seed)
    prior = BlackLitterman().posterior(estimate).mean["A03"]
    believed = BlackLitterman(views={"A03": view}, confidences={"A03": confidence}).posterior(estimate)
    expected = prior + confidence * (view / 252 - prior)
    assert believed.mean["A03"] == pytest.approx(expected, rel=1e-9, abs=1e-15)


def test_a_certain_view_is_the_mean(sample: RiskEstimate, scores: pd.Series) -> None:
    believed = BlackLitterman(views={"KO": 0.07, "GE": -0.02}, confidences={"KO": 1, "GE": 1}).posterior(sample, scores)
    np.testing.assert_allclose(252 * believed.mean[["KO", "GE"]], [0.07, -0.02], rtol=1e-9)


def test_own_views_take_the_place_of_the_scores(sample: RiskEstimate, scores: pd.Series) -> None:
    prior, views, confidences = stated(sample, scores, 2.5)
    views["KO"], confidences["KO"] = 0.30 / 252, 0.5
    omega = TAU * np.diag(sample.covariance) * (1 / confidences - 1)
    expected, _ = black_litterman_posterior(
        sample.covariance.to_numpy(), prior.to_numpy(), np.eye(20), views.to_numpy(), omega.to_numpy(), TAU
    )
    ours = BlackLitterman(risk_aversion=2.5, views={"KO": 0.30}).posterior(sample, scores)
    np.testing.assert_allclose(ours.mean, expected, rtol=1e-9)


@pytest.mark.parametrize("silent", ["unscored", "uncovered"])
def test_who_is_not_covered_has_no_view(sample: RiskEstimate, scores: pd.Series, silent: str) -> None:
    quiet, coverage = scores.copy(), sample.facts.coverage.copy()
    if silent == "unscored":
        quiet["XOM"] = np.nan
    else:
        coverage["XOM"] = 0.0
    prior, views, confidences = stated(sample, quiet, 2.5)
    omega = TAU * np.diag(sample.covariance) * (1 / confidences - 1)
    rest = sample.assets != "XOM"
    expected = black_litterman_posterior(
        sample.covariance.to_numpy(), prior.to_numpy(), np.eye(20)[rest], views[rest].to_numpy(), omega[rest].to_numpy()
    )
    facts = replace(sample.facts, coverage=coverage)
    ours = BlackLitterman(risk_aversion=2.5).posterior(replace(sample, facts=facts), quiet)
    np.testing.assert_allclose(ours.mean, expected[0], rtol=1e-9)
    np.testing.assert_allclose(ours.covariance, expected[1], rtol=1e-9)


def test_unknown_coverage_counts_as_full(sample: RiskEstimate, scores: pd.Series) -> None:
    full = replace(sample.facts, coverage=pd.Series(1.0, index=sample.assets))
    means = [
        BlackLitterman().posterior(replace(sample, facts=facts), scores).mean
        for facts in (full, replace(sample.facts, coverage=None), replace(full, coverage=full.coverage.iloc[:5]))
    ]
    np.testing.assert_array_equal(means[0], means[1])
    np.testing.assert_array_equal(means[0], means[2])


@pytest.mark.parametrize("skill", [None, float("nan")])
def test_unknown_skill_is_taken_as_two_percent_and_noted(
    sample: RiskEstimate, scores: pd.Series, skill: float | None
) -> None:
    unknown, low = (replace(sample, facts=replace(sample.facts, skill=value)) for value in (skill, 0.02))
    weights = BlackLitterman().allocate(unknown, scores)
    np.testing.assert_array_equal(weights, BlackLitterman().allocate(low, scores))
    assert weights.attrs["notes"] == ("the skill of the scores is not known: 0.02 taken",)


def test_a_better_score_is_believed_more_with_more_skill(sample: RiskEstimate) -> None:
    scores = pd.Series(0.0, index=sample.assets)
    scores["MRK"] = 1.0
    means = [
        BlackLitterman().posterior(replace(sample, facts=replace(sample.facts, skill=skill)), scores).mean["MRK"]
        for skill in (0.0, 0.01, 0.05, 0.2)
    ]
    assert means == sorted(means)
    assert means[3] > means[0]


@pytest.mark.parametrize(
    ("given_scores", "skill", "note"),
    [
        (np.nan, 0.04, "no score is known"),
        (0.3, 0.04, "the scores do not differ"),
        ("various", -0.01, "skill is not above zero"),
        ("various", 0.0, "skill is not above zero"),
    ],
)
def test_scores_that_say_nothing_leave_the_prior(
    sample: RiskEstimate, scores: pd.Series, given_scores: object, skill: float, note: str
) -> None:
    told = scores if given_scores == "various" else pd.Series(given_scores, index=sample.assets, dtype=float)
    estimate = replace(sample, facts=replace(sample.facts, skill=skill))
    weights = BlackLitterman().allocate(estimate, told)
    np.testing.assert_array_equal(weights, BlackLitterman().allocate(estimate))
    assert note in weights.attrs["notes"][0]


@pytest.mark.parametrize("value", [0.0, -5.0, np.nan, np.inf])
def test_a_market_value_that_cannot_be_makes_the_prior_equal(sample: RiskEstimate, value: float) -> None:
    values = sample.facts.market_value.copy()
    values["PG"] = value
    weights = BlackLitterman().allocate(replace(sample, facts=replace(sample.facts, market_value=values)))
    np.testing.assert_allclose(weights, 0.05, atol=1e-9)
    assert weights.attrs["notes"] == (
        "fallback: market values are not known of every asset, the prior is equal weights",
    )


def test_market_values_of_unusable_assets_are_not_asked_for(sample: RiskEstimate) -> None:
    values = sample.facts.market_value.copy()
    values["PG"] = np.nan
    gone = replace(unusable(sample, "PG"), facts=replace(sample.facts, market_value=values))
    weights = BlackLitterman().allocate(gone)
    np.testing.assert_allclose(weights, (values / values.sum()).fillna(0.0), atol=1e-9)
    assert np.isnan(BlackLitterman().posterior(gone).mean["PG"])


@pytest.mark.parametrize(
    ("returns", "aversion", "note"),
    [
        (None, 2.5, "are not known"),
        ([0.01] * 40, 2.5, "are not known"),
        ([np.nan] * 21 + [0.01, -0.01] * 9 + [0.0], 2.5, "are not known"),
        ([0.01, -0.02] * 20, 1.0, "implies a risk aversion below 1: 1 taken"),
        ([0.01, -0.005] * 20, 10.0, "implies a risk aversion above 10: 10 taken"),
    ],
)
def test_risk_aversion_has_a_default_and_a_range(returns: list[float] | None, aversion: float, note: str) -> None:
    estimate = example_estimate(sessions=40)
    benchmark = None if returns is None else pd.Series(returns, index=estimate.window.index)
    found, notes = implied_risk_aversion(replace(estimate, facts=Facts(benchmark=benchmark)))
    assert found == aversion
    assert note in notes[0]


def test_nothing_after_the_window_is_read(sample: RiskEstimate, scores: pd.Series) -> None:
    wild = sample.facts.benchmark.copy()
    wild.loc["2022-12-29":] = 0.5
    wild.loc[: sample.window.index[0] - pd.Timedelta(days=1)] = -0.5
    weights = BlackLitterman().allocate(replace(sample, facts=replace(sample.facts, benchmark=wild)), scores)
    np.testing.assert_array_equal(weights, BlackLitterman().allocate(sample, scores))


def test_asset_order_does_not_matter_with_scores(sample: RiskEstimate, scores: pd.Series) -> None:
    order = sample.assets[::-1]
    moved = RiskEstimate(
        sample.window[order], sample.mean[order], sample.covariance.loc[order, order], facts=sample.facts
    )
    weights = BlackLitterman().allocate(sample, scores)
    np.testing.assert_allclose(BlackLitterman().allocate(moved, scores)[sample.assets], weights, atol=1e-9)


@pytest.mark.parametrize("omega", ["idzorek", "he_litterman"])
@pytest.mark.parametrize("check", ALLOCATOR_CHECKS)
def test_the_contract_of_allocators_holds(check: str, omega: str) -> None:
    allocator = BlackLitterman(omega=omega)
    assert isinstance(allocator, Allocator)
    ALLOCATOR_CHECKS[check](allocator, 1e-9)


def test_constraints_are_kept(sample: RiskEstimate, scores: pd.Series) -> None:
    free = BlackLitterman().allocate(sample, scores)
    capped = BlackLitterman(constraints={"upper": 0.1}).allocate(sample, scores)
    assert free.max() > 0.1
    assert capped.max() <= 0.1 + 1e-12
    assert capped.sum() == pytest.approx(1.0, abs=1e-12)


def test_one_asset_takes_all_whatever_is_said_of_it() -> None:
    one = example_estimate(1)
    weights = BlackLitterman(views={"A00": 0.5}).allocate(one, pd.Series([0.7], index=one.assets))
    assert weights.tolist() == [1.0]
    assert any("do not differ" in note for note in weights.attrs["notes"])


def test_views_of_losses_alone_give_minimum_variance() -> None:
    estimate = example_estimate()
    losing = dict.fromkeys(estimate.assets, -0.5)
    weights = BlackLitterman(views=losing, confidences=dict.fromkeys(losing, 1.0)).allocate(estimate)
    np.testing.assert_allclose(weights, MinVariance().allocate(estimate), atol=1e-9)
    assert any("minimum variance instead" in note for note in weights.attrs["notes"])


def twins() -> RiskEstimate:
    """Return an estimate whose first two assets move as one."""
    estimate = example_estimate()
    covariance = estimate.covariance.copy()
    covariance.loc["A01"] = covariance.loc["A00"].to_numpy()
    covariance["A01"] = covariance["A00"].to_numpy()
    return RiskEstimate(estimate.window, estimate.mean, covariance)


def test_a_singular_covariance_is_allocated_with_views() -> None:
    estimate = twins()
    weights = BlackLitterman().allocate(estimate, pd.Series(np.linspace(-1.0, 1.0, 7), index=estimate.assets))
    assert weights.sum() == pytest.approx(1.0)
    assert (weights >= 0.0).all()
    assert any("singular" in note for note in weights.attrs["notes"])


def test_certain_views_that_contradict_leave_the_prior() -> None:
    sure = BlackLitterman(views={"A00": 0.1, "A01": 0.2}, confidences={"A00": 1.0, "A01": 1.0})
    believed, prior = sure.posterior(twins()), BlackLitterman().posterior(twins())
    np.testing.assert_array_equal(believed.mean, prior.mean)
    np.testing.assert_array_equal(believed.covariance, prior.covariance)
    assert any("cannot hold together" in note for note in sure.allocate(twins()).attrs["notes"])


def test_views_of_assets_that_are_not_there_are_noted(sample: RiskEstimate) -> None:
    weights = BlackLitterman(views={"NOPE": 0.1}).allocate(sample)
    np.testing.assert_array_equal(weights, BlackLitterman().allocate(sample))
    assert weights.attrs["notes"] == ("views of assets that are not usable are left out: NOPE",)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"tau": 0.0}, "tau"),
        ({"tau": 2}, "tau"),
        ({"prior": "markets"}, "did you mean market"),
        ({"omega": "idzorec"}, "did you mean idzorek"),
        ({"risk_aversion": -1.0}, "risk_aversion"),
        ({"views": {"KO": 8}}, "8 per cent a year is 0.08"),
        ({"views": {"KO": float("nan")}}, "views: KO"),
        ({"views": [0.1]}, "a mapping by asset"),
        ({"views": {"KO": 0.1}, "confidences": {"KO": 50}}, "half sure is 0.5"),
        ({"views": {"KO": 0.1}, "confidences": {"PEP": 0.5}}, "PEP has no view"),
        ({"constraints": {"uper": 0.1}}, "did you mean upper"),
    ],
)
def test_wrong_parameters_are_refused(options: dict, match: str) -> None:
    with pytest.raises(ParamsError, match=match):
        BlackLitterman(**options)
