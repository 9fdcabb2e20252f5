"""Black and Litterman 1992: what the market's weights imply, moved by views as far as each is believed.

1. `prior_weights` are the market's; pi = delta S w are the mean returns that make them the best portfolio there is.
2. `scored_views` turns each score into a view of its asset: pi plus an alpha (Grinold 1994). Views of the user's own
   take the place of the score's.
3. The error of each view has a variance: from its confidence (Idzorek 2005), or its asset's (He and Litterman 1999).
4. `posterior.black_litterman_posterior` weighs prior and views by how sure each is.
5. The weights are those of the highest Sharpe ratio of what is then believed (`mean_variance.MaxSharpe`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from alphapulse.core.checks import check_choice, check_number, check_share, listed
from alphapulse.core.errors import ParamsError, RiskError
from alphapulse.core.estimates import RiskEstimate, score_alpha
from alphapulse.core.facts import PRIOR_SKILL
from alphapulse.core.stats import Array
from alphapulse.core.units import SESSIONS_PER_YEAR
from alphapulse.portfolio.case import Notes
from alphapulse.portfolio.constraints import Constraints, constraints_of
from alphapulse.portfolio.mean_variance import MaxSharpe
from alphapulse.portfolio.posterior import TAU, black_litterman_posterior
from alphapulse.portfolio.weights import RISK_AVERSION, market_shares, noted, values_on

AVERSIONS = (1.0, 10.0)  # premia of 2.6 to 26 % a year at a yearly volatility of 16 %
GOOD_SKILL = 0.05  # Grinold and Kahn 2000
STATED_CONFIDENCE = 0.5
NO_CONFIDENCE = 1e-6


@dataclass(frozen=True)
class BlackLitterman:
    """The portfolio of the highest Sharpe ratio of market-implied returns, moved by scores and by views of one's own.

    tau: uncertainty of the prior mean, a share of the covariance. prior: "market" weights assets by market value
    (`prior_weights`), "equal" all the same. risk_aversion: delta; None takes what the benchmark implies
    (`implied_risk_aversion`). omega: variance of a view's error: "idzorek" makes it tau x variance x (1 / confidence
    - 1), so that a view alone moves its asset's mean by the share `confidence` of the way; "he_litterman" makes it
    tau x variance whatever the confidence, which is a share of one half. views: mean yearly return by asset, in place
    of the view its score gives; confidences: in [0, 1] by asset of `views`, 0.5 unless given, and 1 is certain.
    constraints: see MinVariance.

    A confidence below 1e-6 is no view. Without views the weights are the prior's. Views that cannot hold together
    (certain, of assets that move as one) leave the prior alone, noted; those of assets that are not
    usable are noted. ParamsError on a tau outside (0, 1], unknown names, numbers out of range, or a confidence without
    a view.
    """

    tau: float = TAU
    prior: str = "market"
    risk_aversion: float | None = None
    omega: str = "idzorek"
    views: Mapping[str, float] = field(default_factory=dict)
    confidences: Mapping[str, float] = field(default_factory=dict)
    constraints: Constraints | Mapping[str, Any] = Constraints()

    needs: ClassVar[tuple[str, ...]] = ("market_value", "coverage", "skill")

    def __post_init__(self) -> None:
        check_share("black_litterman: tau", self.tau)
        check_choice("black_litterman: prior", self.prior, ("market", "equal"))
        check_choice("black_litterman: omega", self.omega, ("idzorek", "he_litterman"))
        if self.risk_aversion is not None:
            check_number("black_litterman: risk_aversion", self.risk_aversion, above=True, most=1e6)
        _check_views(self.views, self.confidences)
        object.__setattr__(self, "constraints", constraints_of(self.constraints))

    def allocate(
        self,
        estimate: RiskEstimate,
        scores: "pd.Series[float] | None" = None,
        current: "pd.Series[float] | None" = None,
    ) -> "pd.Series[float]":
        """Return weights by asset of the estimate, zero where unusable; all zero if none is usable."""
        believed = self.posterior(estimate, scores)
        weights = MaxSharpe(constraints=self.constraints).allocate(believed, scores, current)
        told = believed.notes[len(estimate.notes) :]
        return noted(weights, *dict.fromkeys((*told, *weights.attrs["notes"])))

    def posterior(self, estimate: RiskEstimate, scores: "pd.Series[float] | None" = None) -> RiskEstimate:
        """Return the estimate with the mean and covariance believed after the views, and what was assumed as notes.

        scores: by asset, in [-1, 1]; NaN is no view. Mean and covariance are per session, NaN for unusable assets.
        """
        known = estimate.restricted(estimate.usable)
        if not len(known.assets):
            return estimate
        covariance = known.covariance.to_numpy()
        weights, about_weights = prior_weights(known, self.prior)
        fixed = self.risk_aversion
        aversion, about_aversion = implied_risk_aversion(known) if fixed is None else (fixed, ())
        prior = aversion * (covariance @ weights)
        views, confidence, about_views = scored_views(known, prior, scores)
        if self.views:
            views, confidence, absent = self._stated(known.assets, views, confidence)
            about_views += absent
        at = np.flatnonzero(confidence >= NO_CONFIDENCE)
        omega = self.tau * np.diag(covariance)[at]
        if self.omega == "idzorek":
            omega = omega * (1.0 / confidence[at] - 1.0)
        notes = (*about_weights, *about_aversion, *about_views)
        try:
            mean, spread = black_litterman_posterior(covariance, prior, at, views[at], omega, self.tau)
        except RiskError as error:
            mean, spread = black_litterman_posterior(covariance, prior, at[:0], views[:0], omega[:0], self.tau)
            notes += (f"{error.came}: the prior alone",)
        return _on_all_assets(estimate, mean, spread, notes)

    def _stated(self, assets: pd.Index, views: Array, confidence: Array) -> tuple[Array, Array, Notes]:
        """Return views and confidences by asset with the user's own in the place of the scores'."""
        own = values_on(pd.Series(self.views, dtype=np.float64), assets) / SESSIONS_PER_YEAR
        sure = values_on(pd.Series(self.confidences, dtype=np.float64), assets)
        stated = ~np.isnan(own)
        absent = [name for name in self.views if name not in assets]
        return (
            np.where(stated, own, views),
            np.where(stated, np.where(np.isnan(sure), STATED_CONFIDENCE, sure), confidence),
            (f"views of assets that are not usable are left out: {listed(absent)}",) if absent else (),
        )


def prior_weights(estimate: RiskEstimate, prior: str = "market") -> tuple[Array, Notes]:
    """Return the prior's weights by asset of an estimate whose assets are all usable, and notes.

    prior: "market" takes the `market_shares` of `facts.market_value`; where there are none, equal weights, noted.
    "equal" takes equal weights.
    """
    size = len(estimate.assets)
    equal = np.full(size, 1.0 / size)
    if prior == "equal":
        return equal, ()
    shares = market_shares(estimate.facts.values("market_value", estimate.assets))
    if shares is not None:
        return shares, ()
    return equal, ("fallback: market values are not known of every asset, the prior is equal weights",)


def implied_risk_aversion(estimate: RiskEstimate) -> tuple[float, Notes]:
    """Return mean over variance of the benchmark's returns in the estimate's window, from 1 to 10, and notes.

    It is the aversion at which a holder of the market wants neither more nor less of it (Black and Litterman 1992). A
    value outside is clipped and noted: a falling market does not make its holders seek risk. Where fewer than half of
    the window's returns are known, or they do not vary, 2.5 (He and Litterman 1999), noted.
    """
    benchmark, sessions = estimate.facts.benchmark, estimate.window.index
    returns = np.array([]) if benchmark is None else values_on(benchmark, sessions)
    returns = returns[~np.isnan(returns)]
    variance = float(returns.var(ddof=1)) if len(returns) >= max(2.0, len(sessions) / 2.0) else 0.0
    if not variance > 0.0:
        return RISK_AVERSION, (f"returns of the benchmark are not known: risk aversion of {RISK_AVERSION:g} taken",)
    implied = float(returns.mean()) / variance
    taken = min(max(implied, AVERSIONS[0]), AVERSIONS[1])
    side = "below" if implied < taken else "above"
    clipped = f"the benchmark implies a risk aversion {side} {taken:g}: {taken:g} taken"
    return taken, (clipped,) if taken != implied else ()


def scored_views(
    estimate: RiskEstimate, prior_mean: Array, scores: "pd.Series[float] | None"
) -> tuple[Array, Array, Notes]:
    """Return the view that each score gives of its asset, the confidence in it in [0, 1] (0 is no view), and notes.

    View: prior mean + skill x volatility x z / sqrt(horizon), per session, where z is the score less the mean of all,
    over their deviation: the forecast of a score with an information coefficient of `facts.skill` over
    `facts.horizon` sessions (Grinold 1994, Alpha is volatility times IC times score). An unknown skill counts as 0.02.
    Confidence: coverage x skill / (skill + 0.05). It rises from 0 without skill through one half at the 0.05 that
    Grinold and Kahn 2000 call good; an unknown coverage counts as 1, since there is a score.

    estimate: all its assets usable. prior_mean: per session by asset. scores: by asset, NaN is no view. Scores that
    are all unknown or all the same, or a skill not above zero (a score that has been wrong is not turned round), give
    no views, noted.
    """
    none = np.zeros(len(prior_mean))
    if scores is None:
        return prior_mean, none, ()
    known = values_on(scores, estimate.assets)
    told = ~np.isnan(known)
    notes: Notes = ()
    skill = math.nan if estimate.facts.skill is None else estimate.facts.skill
    if math.isnan(skill):
        skill, notes = PRIOR_SKILL, (f"the skill of the scores is not known: {PRIOR_SKILL:g} taken",)
    if skill <= 0.0:
        return prior_mean, none, ("fallback: no views from scores, their skill is not above zero",)
    alpha = score_alpha(known, estimate.volatility, skill, estimate.facts.horizon)
    if alpha is None:
        why = "the scores do not differ" if told.any() else "no score is known"
        return prior_mean, none, (f"fallback: no views from scores, {why}",)
    coverage = estimate.facts.values("coverage", estimate.assets)
    covered = np.where(np.isnan(coverage), 1.0, np.clip(coverage, 0.0, 1.0))
    return prior_mean + alpha, np.where(told, covered * skill / (skill + GOOD_SKILL), 0.0), notes


def _on_all_assets(estimate: RiskEstimate, mean: Array, covariance: Array, notes: Notes) -> RiskEstimate:
    usable, assets = estimate.usable, estimate.assets
    if not usable.all():
        means, spreads = np.full(len(assets), np.nan), np.full((len(assets), len(assets)), np.nan)
        means[usable], spreads[np.ix_(usable, usable)] = mean, covariance
        mean, covariance = means, spreads
    return replace(
        estimate,
        mean=pd.Series(mean, index=assets),
        covariance=pd.DataFrame(covariance, index=assets, columns=assets, copy=False),
        notes=(*estimate.notes, *notes),
    )


def _check_views(views: Mapping[str, float], confidences: Mapping[str, float]) -> None:
    for name, given in (("views", views), ("confidences", confidences)):
        if not isinstance(given, Mapping):
            raise ParamsError(f"black_litterman: {name} = {given!r}", "a mapping by asset", "write {AAPL: 0.08}")
    for asset, value in views.items():
        check_number(
            f"black_litterman: views: {asset}", value, least=-1.0, most=2.0, next_step="8 per cent a year is 0.08"
        )
    for asset, value in confidences.items():
        check_number(f"black_litterman: confidences: {asset}", value, most=1.0, next_step="half sure is 0.5")
        if asset not in views:
            raise ParamsError(
                f"black_litterman: confidences: {asset} has no view",
                f"assets of views: {listed(views) or 'none'}",
                "add the view, or drop the confidence",
            )
