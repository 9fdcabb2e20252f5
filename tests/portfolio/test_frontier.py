"""The efficient frontier against PyPortfolioOpt; its shape, its ends and what it does where there is none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from alphapulse.core.errors import ParamsError, RiskError
from alphapulse.core.estimates import RiskEstimate
from alphapulse.core.stats import session_returns
from alphapulse.data import load_market
from alphapulse.portfolio.frontier import frontier
from alphapulse.portfolio.mean_variance import MaxSharpe, MinVariance
from alphapulse.risk.covariance import estimate_risk
from alphapulse.testing import example_estimate, unusable


@pytest.fixture(scope="module")
def sample() -> RiskEstimate:
    window = session_returns(load_market("sample").panel("total_return")).loc[:"2022-12-28"].iloc[-756:]
    return estimate_risk(window)


def test_the_frontier_equals_pyportfolioopt(sample: RiskEstimate) -> None:
    from pypfopt import EfficientFrontier

    ours = frontier(sample, 20)
    for row in (3, 9, 15):
        lab = EfficientFrontier(
            252 * sample.mean,
            252 * sample.covariance,
            solver="CLARABEL",
            solver_options={"tol_gap_abs": 1e-10, "tol_gap_rel": 1e-10, "tol_feas": 1e-10},
        )
        theirs = pd.Series(lab.efficient_risk(ours.loc[row, "volatility_ann"]))
        reward, risk, sharpe = lab.portfolio_performance(risk_free_rate=0.0)
        np.testing.assert_allclose(ours.loc[row, sample.assets], theirs, atol=1e-5)
        measured = ours.loc[row, ["return_ann", "volatility_ann", "sharpe"]]
        np.testing.assert_allclose(measured, [reward, risk, sharpe], atol=1e-5)


def test_the_frontier_runs_from_least_risk_to_most_return(sample: RiskEstimate) -> None:
    found = frontier(sample)
    assert found.columns.tolist() == ["volatility_ann", "return_ann", "sharpe", *sample.assets]
    assert len(found) == 20
    np.testing.assert_allclose(found.loc[0, sample.assets], MinVariance().allocate(sample))
    assert found.loc[19, sample.mean.idxmax()] == 1.0
    assert np.ptp(np.diff(found["volatility_ann"])) < 1e-9
    assert (np.diff(found["return_ann"]) > 0.0).all()
    assert (np.diff(found["return_ann"], 2) < 1e-12).all(), "the frontier is not concave"
    best = MaxSharpe().allocate(sample)
    sharpe = float(best @ sample.mean / np.sqrt(best @ sample.covariance @ best) * np.sqrt(252))
    assert found["sharpe"].max() <= sharpe + 1e-12
    assert found["sharpe"].max() == pytest.approx(sharpe, rel=1e-2)


def test_the_frontier_keeps_constraints_and_leaves_out_the_unusable(sample: RiskEstimate) -> None:
    found = frontier(unusable(sample, "KO"), 5, constraints={"upper": 0.2})
    weights = found[sample.assets]
    assert weights.to_numpy().max() <= 0.2 + 1e-12
    assert (weights["KO"] == 0.0).all()
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, atol=1e-12)
    assert found["return_ann"].iloc[-1] < frontier(sample, 5)["return_ann"].iloc[-1]


def test_a_frontier_of_equal_means_or_one_asset_is_one_portfolio() -> None:
    estimate = example_estimate()
    flat = frontier(replace(estimate, mean=0.0 * estimate.mean + 1e-3))
    assert len(flat) == 1
    np.testing.assert_allclose(flat.loc[0, estimate.assets], MinVariance().allocate(estimate), atol=1e-12)
    assert frontier(example_estimate(1))["A00"].tolist() == [1.0]


def test_no_frontier_without_assets_or_points() -> None:
    with pytest.raises(RiskError, match="no usable asset"):
        frontier(unusable(example_estimate(1), "A00"))
    with pytest.raises(ParamsError, match="points"):
        frontier(example_estimate(), 1)
