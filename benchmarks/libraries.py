"""What a user of PyPortfolioOpt, skfolio or Riskfolio-Lib would write, from a window of returns to weights by asset.

Settings are the library's own, but for what makes the problem the same: Ledoit and Wolf's covariance, arithmetic means,
a risk-free rate of 0, a tree by single linkage. A failed optimisation gives NaN.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from alphapulse.core.stats import Array
from benchmarks.objectives import AVERSION, CAP, COST, LEVEL, SECTORS, SPAN
from benchmarks.portfolios import Seen
from benchmarks.solvers import TAU, believed

YEAR = 252


def pypfopt_min_variance(seen: Seen) -> Array:
    from pypfopt import EfficientFrontier

    frontier = EfficientFrontier(None, _pypfopt_covariance(seen))
    return _by_asset(seen, frontier.min_volatility())


def pypfopt_max_sharpe(seen: Seen) -> Array:
    return _pypfopt_ratio(seen, _pypfopt_mean(seen), _pypfopt_covariance(seen))


def pypfopt_hrp(seen: Seen) -> Array:
    from pypfopt import HRPOpt

    return _by_asset(seen, HRPOpt(cov_matrix=_pypfopt_covariance(seen)).optimize())


def pypfopt_black_litterman(seen: Seen) -> Array:
    from pypfopt import BlackLittermanModel, black_litterman

    covariance = _pypfopt_covariance(seen)
    assets = seen.window.columns
    prior = black_litterman.market_implied_prior_returns(seen.facts.market_value, AVERSION, covariance, 0.0)
    _, views, confidences = believed(seen, covariance.to_numpy() / YEAR, 1.0)
    model = BlackLittermanModel(
        covariance,
        pi=prior,
        absolute_views=dict(zip(assets, YEAR * views, strict=True)),
        omega="idzorek",
        view_confidences=confidences,
        tau=TAU,
    )
    return _pypfopt_ratio(seen, model.bl_returns(), model.bl_cov())


def pypfopt_min_cvar(seen: Seen) -> Array:
    from pypfopt import EfficientCVaR

    frontier = EfficientCVaR(None, seen.window, beta=LEVEL)
    frontier.min_cvar()
    return np.asarray(frontier.weights)


def pypfopt_utility(seen: Seen) -> Array:
    from pypfopt import EfficientFrontier, objective_functions

    frontier = EfficientFrontier(_pypfopt_mean(seen), _pypfopt_covariance(seen), weight_bounds=(0.0, CAP))
    sectors = dict(zip(seen.window.columns, seen.facts.sectors(seen.window.columns), strict=True))
    least, most = (dict.fromkeys(SECTORS, bound) for bound in SPAN)
    frontier.add_sector_constraints(sectors, least, most)
    frontier.add_objective(objective_functions.transaction_cost, w_prev=seen.current.to_numpy(), k=YEAR * COST)
    return _by_asset(seen, frontier.max_quadratic_utility(AVERSION))


def skfolio_min_variance(seen: Seen) -> Array:
    return _skfolio(seen)


def skfolio_max_sharpe(seen: Seen) -> Array:
    from skfolio.optimization import ObjectiveFunction

    return _skfolio(seen, objective_function=ObjectiveFunction.MAXIMIZE_RATIO)


def skfolio_hrp(seen: Seen) -> Array:
    """With leaves put in order, as its single linkage always does."""
    from skfolio.cluster import HierarchicalClustering, LinkageMethod
    from skfolio.distance import CovarianceDistance
    from skfolio.optimization import HierarchicalRiskParity
    from skfolio.seriation import HierarchicalSeriation

    single = HierarchicalClustering(linkage_method=LinkageMethod.SINGLE)
    model = HierarchicalRiskParity(
        prior_estimator=_skfolio_prior(),
        distance_estimator=CovarianceDistance(covariance_estimator="precomputed"),
        seriation_estimator=HierarchicalSeriation(hierarchical_clustering_estimator=single),
    )
    return np.asarray(model.fit(seen.window).weights_)


def skfolio_black_litterman(seen: Seen) -> Array:
    from skfolio.moments import EquilibriumMu, LedoitWolf
    from skfolio.optimization import ObjectiveFunction
    from skfolio.prior import BlackLitterman, EmpiricalPrior

    covariance = LedoitWolf().fit(seen.window).covariance_
    _, views, confidences = believed(seen, covariance, 1.0)
    values = seen.facts.market_value
    equilibrium = EquilibriumMu(AVERSION, (values / values.sum()).to_numpy(), covariance_estimator=LedoitWolf())
    prior = BlackLitterman(
        [f"{asset} == {view!r}" for asset, view in zip(seen.window.columns, views.tolist(), strict=True)],
        prior_estimator=EmpiricalPrior(mu_estimator=equilibrium, covariance_estimator=LedoitWolf()),
        tau=TAU,
        view_confidences=confidences,
    )
    return _skfolio(seen, objective_function=ObjectiveFunction.MAXIMIZE_RATIO, prior_estimator=prior)


def skfolio_min_cvar(seen: Seen) -> Array:
    from skfolio import RiskMeasure

    return _skfolio(seen, risk_measure=RiskMeasure.CVAR, cvar_beta=LEVEL)


def skfolio_constrained(seen: Seen) -> Array:
    from skfolio.optimization import ObjectiveFunction

    return _skfolio(seen, objective_function=ObjectiveFunction.MAXIMIZE_RATIO, **_skfolio_constraints(seen))


def skfolio_utility(seen: Seen) -> Array:
    """Its aversion multiplies the whole variance, ours half of it."""
    from skfolio.optimization import ObjectiveFunction

    return _skfolio(
        seen,
        objective_function=ObjectiveFunction.MAXIMIZE_UTILITY,
        risk_aversion=AVERSION / 2.0,
        **_skfolio_constraints(seen),
    )


def riskfolio_min_variance(seen: Seen) -> Array:
    return _riskfolio(seen, "MV", "MinRisk")


def riskfolio_max_sharpe(seen: Seen) -> Array:
    return _riskfolio(seen, "MV", "Sharpe")


def riskfolio_hrp(seen: Seen) -> Array:
    import riskfolio

    covariance = riskfolio.ParamsEstimation.covar_matrix(seen.window, method="ledoit")
    given = {"codependence": "custom_cov", "method_cov": "custom_cov", "custom_cov": covariance}
    portfolio = riskfolio.HCPortfolio(returns=seen.window)
    return _column(seen, portfolio.optimization(model="HRP", rm="MV", linkage="single", leaf_order=False, **given))


def riskfolio_min_cvar(seen: Seen) -> Array:
    return _riskfolio(seen, "CVaR", "MinRisk")


def _by_asset(seen: Seen, weights: Mapping[str, float]) -> Array:
    return pd.Series(weights)[seen.window.columns].to_numpy()


def _pypfopt_covariance(seen: Seen) -> pd.DataFrame:
    from pypfopt import CovarianceShrinkage

    return CovarianceShrinkage(seen.window, returns_data=True).ledoit_wolf()


def _pypfopt_mean(seen: Seen) -> "pd.Series[float]":
    from pypfopt import expected_returns

    return expected_returns.mean_historical_return(seen.window, returns_data=True, compounding=False)


def _pypfopt_ratio(seen: Seen, mean: "pd.Series[float]", covariance: pd.DataFrame) -> Array:
    from pypfopt import EfficientFrontier
    from pypfopt.exceptions import OptimizationError

    try:
        return _by_asset(seen, EfficientFrontier(mean, covariance).max_sharpe(risk_free_rate=0.0))
    except OptimizationError:
        return np.full(len(mean), np.nan)


def _skfolio(seen: Seen, **options: Any) -> Array:
    from skfolio.optimization import MeanRisk

    model = MeanRisk(**{"prior_estimator": _skfolio_prior(), "raise_on_failure": False} | options)
    found = model.fit(seen.window).weights_
    return np.full(seen.window.shape[1], np.nan) if found is None else np.asarray(found)


def _skfolio_prior() -> Any:
    from skfolio.moments import LedoitWolf
    from skfolio.prior import EmpiricalPrior

    return EmpiricalPrior(covariance_estimator=LedoitWolf())


def _skfolio_constraints(seen: Seen) -> dict[str, Any]:
    sectors = seen.facts.sectors(seen.window.columns)
    return {
        "max_weights": CAP,
        "groups": [[name.replace(" ", "") for name in sectors]],
        "linear_constraints": [
            f"{name.replace(' ', '')} {sign} {bound}"
            for name in SECTORS
            for sign, bound in zip((">=", "<="), SPAN, strict=True)
        ],
        "transaction_costs": COST,
        "previous_weights": seen.current.to_numpy(),
    }


def _riskfolio(seen: Seen, measure: str, objective: str) -> Array:
    import riskfolio

    portfolio = riskfolio.Portfolio(returns=seen.window, alpha=1.0 - LEVEL)
    portfolio.assets_stats(method_mu="hist", method_cov="ledoit")
    return _column(seen, portfolio.optimization(model="Classic", rm=measure, obj=objective, rf=0.0, hist=True))


def _column(seen: Seen, found: pd.DataFrame | None) -> Array:
    size = seen.window.shape[1]
    return np.full(size, np.nan) if found is None else found["weights"][seen.window.columns].to_numpy()
