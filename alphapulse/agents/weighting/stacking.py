"""The stacked weighting: a model learns from all scores together which of them foretold returns.

1. `_lessons` pairs, once a holding period, the ranks of all scores with the ranks of the returns that followed.
2. At each session of the calendar `weights` takes the lessons of the window whose labels were known `embargo` sessions
   before: purged and embargoed (Lopez de Prado, Advances in Financial Machine Learning, 2018, chapter 7).
3. MODELS fits them. Whatever it learns ends as one coefficient an agent, so the combined score stays a weighted sum.
4. `_errors` gives the coefficients' standard errors, sessions as clusters; `votes.compared` does the rest.

An agent that abstains enters as 0, the middle rank; assets on which all abstain are left out. The rows of a lesson are
sorted by what they hold, so the order of assets changes no sum.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from alphapulse.agents.evidence import market_returns
from alphapulse.agents.information import period_returns
from alphapulse.agents.ranks import ranked
from alphapulse.agents.weighting.votes import DOUBT, LEAST_PERIODS, compared, held
from alphapulse.core.checks import check_choice, check_count, check_number
from alphapulse.core.market import MarketData
from alphapulse.core.panel import Panel
from alphapulse.core.stats import Array

PENALTY = 0.3  # of the ridge, in units of the mean square of one agent's ranks: shrinks twins towards each other
# The trees are shallow and few: the signal is weak, and what they learn is projected on the scores anyway.
TREES, LEAVES, RATE, LEAST_LEAF = 30, 4, 0.1, 0.02


@dataclass(frozen=True)
class Lesson:
    """One holding period: centred ranks of scores, assets x agents, 0 abstains; centred ranks of returns, by asset."""

    scores: Array
    returns: Array


@dataclass(frozen=True)
class Stacked:
    """Weighs agents by the coefficients of a model of all scores, in units of their standard errors.

    model: "ridge" (linear) or "boosting" (trees, whose predictions are projected on the scores). horizon: sessions a
    score is held. window: sessions of lessons. every: sessions between trainings. embargo: sessions between the end of
    the last label and the training, by default the horizon. seed: of the trees. doubt: see TrailingIC. Agents that
    spoke in fewer than LEAST_PERIODS lessons keep their equal share.

    Wolpert 1992, Neural Networks 5; Breiman 1996, Machine Learning 24.
    """

    model: str = "ridge"
    horizon: int = 21
    window: int = 1260
    every: int = 63
    embargo: int | None = None
    doubt: float = DOUBT
    seed: int = 0

    def __post_init__(self) -> None:
        check_choice("weighting stacked: model", self.model, MODELS)
        check_count("weighting stacked: horizon", self.horizon)
        check_count("weighting stacked: every", self.every)
        check_count("weighting stacked: embargo", self.waits, least=0)
        check_count("weighting stacked: window", self.window, least=(LEAST_PERIODS + 1) * self.horizon + self.waits)
        check_number("weighting stacked: doubt", self.doubt, above=True)
        check_count("weighting stacked: seed", self.seed, least=0)

    @property
    def waits(self) -> int:
        """Sessions between the end of the last label and the training."""
        return self.horizon if self.embargo is None else self.embargo

    def weights(self, scores: Mapping[str, Panel], market: MarketData) -> pd.DataFrame:
        """Return the weight of each agent, sessions x agents (see `votes.Weighting`)."""
        lessons = _lessons(scores, market, self.horizon)

        def strengths(row: int) -> Array | None:
            last = (row - self.waits) // self.horizon  # lesson k ended at session k x horizon
            first = -(-(row + 1 - self.window) // self.horizon) + 1
            return self._learnt(lessons[max(first, 1) : max(last + 1, 1)])

        return held(scores, market, self.every, strengths)

    def _learnt(self, lessons: list[Lesson]) -> Array | None:
        spoke = np.array([(lesson.scores != 0.0).any(axis=0) for lesson in lessons if len(lesson.returns)])
        if len(spoke) < LEAST_PERIODS:
            return None
        judged = spoke.sum(axis=0) >= LEAST_PERIODS
        out = np.full(len(judged), np.nan)
        if judged.any():
            parts = [Lesson(lesson.scores[:, judged], lesson.returns) for lesson in lessons]
            ranks = np.concatenate([part.scores for part in parts])
            returns = np.concatenate([part.returns for part in parts])
            penalty = PENALTY * float((ranks**2).sum(axis=0).max())
            learnt = MODELS[self.model](ranks, returns, penalty, self.seed)
            out[judged] = compared(learnt, _errors(parts, learnt, penalty), self.doubt)
        return out


def _ridge(ranks: Array, returns: Array, penalty: float, seed: int) -> Array:
    from sklearn.linear_model import Ridge
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):  # sums must not depend on the number of processors
        model = Ridge(alpha=penalty, fit_intercept=False, solver="cholesky").fit(ranks, returns)
    return np.asarray(model.coef_, dtype=np.float64)


def _boosting(ranks: Array, returns: Array, penalty: float, seed: int) -> Array:
    """Fit trees, and project what they say of their own lessons on the ranks: trends stay, interactions are lost."""
    from sklearn.ensemble import HistGradientBoostingRegressor
    from threadpoolctl import threadpool_limits

    model = HistGradientBoostingRegressor(
        max_iter=TREES,
        max_leaf_nodes=LEAVES,
        learning_rate=RATE,
        min_samples_leaf=max(int(LEAST_LEAF * len(returns)), 1),
        early_stopping=False,
        random_state=seed,
    )
    with threadpool_limits(limits=1):
        said = model.fit(ranks, returns).predict(ranks)
    return _ridge(ranks, said, penalty, seed)


MODELS: dict[str, Callable[[Array, Array, float, int], Array]] = {"ridge": _ridge, "boosting": _boosting}


def _lessons(scores: Mapping[str, Panel], market: MarketData, horizon: int) -> list[Lesson]:
    """Return lesson k, about the returns from session (k - 1) x horizon to k x horizon; the first is empty."""
    earned = period_returns(market_returns(market), horizon)
    thin = [score.iloc[::horizon].iloc[: len(earned)] for score in scores.values()]
    ranks = np.stack([ranked(score.to_numpy()) for score in thin], axis=2)
    spoken = np.zeros(earned.shape, dtype=bool)
    spoken[1:] = ~np.isnan(ranks[:-1]).all(axis=2)
    target = ranked(np.where(spoken, earned, np.nan))
    lessons = [Lesson(np.empty((0, len(scores))), np.empty(0))]
    for row in range(1, len(ranks)):
        usable = ~np.isnan(target[row])
        given, returns = np.nan_to_num(ranks[row - 1][usable]), target[row][usable]
        order = np.lexsort((*given.T, returns))
        lessons.append(Lesson(given[order], returns[order]))
    return lessons


def _errors(lessons: list[Lesson], learnt: Array, penalty: float) -> Array:
    """Return the standard error of each coefficient, by agent, with each lesson as one cluster.

    Assets move together, so a lesson counts as one observation, not as one an asset (Liang and Zeger 1986, Biometrika
    73).
    """
    square = np.zeros((len(learnt), len(learnt)))
    swings = np.zeros_like(square)
    for lesson in lessons:
        square += lesson.scores.T @ lesson.scores
        swing = lesson.scores.T @ (lesson.returns - lesson.scores @ learnt)
        swings += np.outer(swing, swing)
    inverse = np.linalg.inv(square + penalty * np.eye(len(learnt)))
    errors: Array = np.sqrt(np.maximum(np.diag(inverse @ swings @ inverse), 0.0))
    return errors
