"""The sample, 756 sessions to 2022-12-28: weights beside PyPortfolioOpt's and skfolio's on the same inputs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from skfolio import RiskMeasure
from skfolio.moments import EmpiricalCovariance, LedoitWolf
from skfolio.optimization import MeanRisk, ObjectiveFunction
from skfolio.prior import BlackLitterman as TheirBlackLitterman
from skfolio.prior import EmpiricalPrior
from sklearn.covariance import ledoit_wolf

import alphapulse as ap
from alphapulse.core.estimates import RiskEstimate
from alphapulse.core.stats import session_returns
from alphapulse.portfolio.black_litterman import BlackLitterman

INTERIOR = 1e-5  # what an interior-point solver leaves
TIGHT = {"tol_gap_abs": 1e-13, "tol_gap_rel": 1e-13, "tol_feas": 1e-12}  # its defaults stop at 4e-5 of a weight
VIEWS = {"AAPL": 0.20, "XOM": 0.02, "JPM": 0.10}


@pytest.fixture(scope="module")
def window() -> pd.DataFrame:
    market = ap.load_market("sample", end="2022-12-28")
    return session_returns(market.panel("total_return")).iloc[-756:]


@pytest.fixture(scope="module", params=["sample", "ledoit_wolf"])
def inputs(request: pytest.FixtureRequest, window: pd.DataFrame):
    theirs = {"sample": EmpiricalCovariance(), "ledoit_wolf": LedoitWolf()}[request.param]
    return ap.estimate_risk(window, request.param), EmpiricalPrior(covariance_estimator=theirs)


def skfolio_weights(window: pd.DataFrame, prior, objective: ObjectiveFunction) -> np.ndarray:
    model = MeanRisk(
        objective_function=objective,
        risk_measure=RiskMeasure.VARIANCE,
        prior_estimator=prior,
        solver="CLARABEL",
        solver_params=TIGHT,
    )
    return model.fit(window).weights_


def test_the_window_is_the_one_meant(window: pd.DataFrame) -> None:
    assert (len(window), window.index[-1]) == (756, pd.Timestamp("2022-12-28")) and window.notna().all(axis=None)


def test_ledoit_wolf_is_scikit_learns(window: pd.DataFrame) -> None:
    theirs, _ = ledoit_wolf(window.to_numpy())
    np.testing.assert_allclose(ap.estimate_risk(window).covariance, theirs, rtol=1e-12, atol=1e-16)


def test_min_variance_and_max_sharpe(inputs, window: pd.DataFrame) -> None:
    from pypfopt import EfficientFrontier

    estimate, prior = inputs
    for name, objective in (
        ("min_variance", ObjectiveFunction.MINIMIZE_RISK),
        ("max_sharpe", ObjectiveFunction.MAXIMIZE_RATIO),
    ):
        ours = ap.ALLOCATORS[name]().allocate(estimate)
        np.testing.assert_allclose(ours, skfolio_weights(window, prior, objective), atol=INTERIOR)
        frontier = EfficientFrontier(252 * estimate.mean, 252 * estimate.covariance, solver="CLARABEL")
        theirs = frontier.min_volatility() if name == "min_variance" else frontier.max_sharpe(risk_free_rate=0.0)
        np.testing.assert_allclose(ours, pd.Series(theirs), atol=INTERIOR)
        assert (ours >= 0.0).all() and ours.sum() == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("omega", ["he_litterman"])
def test_black_litterman(inputs, window: pd.DataFrame, omega: str) -> None:
    from pypfopt import EfficientFrontier
    from pypfopt.black_litterman import BlackLittermanModel

    estimate, _ = inputs
    ours = BlackLitterman(prior="equal", risk_aversion=2.5, omega=omega, views=VIEWS).allocate(estimate)
    count = len(estimate.assets)
    implied = 2.5 * estimate.covariance @ np.full(count, 1.0 / count)
    model = BlackLittermanModel(
        252 * estimate.covariance, pi=252 * implied, absolute_views=VIEWS, tau=0.05, risk_aversion=2.5
    )
    frontier = EfficientFrontier(model.bl_returns(), model.bl_cov(), solver="CLARABEL")
    np.testing.assert_allclose(ours, pd.Series(frontier.max_sharpe(risk_free_rate=0.0)), atol=INTERIOR)
    theirs = TheirBlackLitterman(
        views=[f"{asset} == {view / 252}" for asset, view in VIEWS.items()],
        tau=0.05,
        prior_estimator=EquilibriumPrior(implied.to_numpy(), estimate),
    )
    weights = skfolio_weights(window, theirs, ObjectiveFunction.MAXIMIZE_RATIO)
    np.testing.assert_allclose(ours, weights, atol=INTERIOR)


class EquilibriumPrior(EmpiricalPrior):
    """The implied returns of equal weights, so that both sides start from the same prior."""

    def __init__(self, implied: np.ndarray | None = None, estimate: RiskEstimate | None = None) -> None:
        super().__init__()
        self.implied = implied
        self.estimate = estimate

    def fit(self, X, y=None, **params):
        from dataclasses import replace

        super().fit(X, y)
        covariance = self.estimate.covariance.to_numpy()
        self.return_distribution_ = replace(self.return_distribution_, mu=self.implied, covariance=covariance)
        return self
