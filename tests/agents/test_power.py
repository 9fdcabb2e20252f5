"""Power and placebo of the weightings: planted alpha is recovered and believed, driftless noise prefers nobody."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import alphapulse as ap
from alphapulse.agents.information import information_coefficients, newey_west
from alphapulse.agents.manager import AgentManager
from alphapulse.agents.technical import TechnicalAgent
from alphapulse.agents.value import ValueAgent
from alphapulse.agents.weighting.stacking import Stacked
from alphapulse.agents.weighting.trailing import Regime, TrailingIC
from alphapulse.agents.weighting.votes import Weighting
from alphapulse.core.market import MarketData
from alphapulse.core.stats import Array, session_returns

ALPHA, START = 0.03, 253  # planted from that session on
LAGS = 5  # returns of one session do not overlap; volatility that persists is all that neighbours share
LEARNED: dict[str, Weighting] = {
    "trailing_ic": TrailingIC(),
    "ridge": Stacked("ridge"),
    "boosting": Stacked("boosting"),
    "regime": Regime(),
}


class Noise:
    """Scores drawn at random, the same ones for the same session."""

    name = "noise"
    needs = ("close",)
    warmup = 0

    def score(self, market: MarketData) -> pd.DataFrame:
        drawn = np.random.default_rng(0).uniform(-1.0, 1.0, market.members.shape)
        return pd.DataFrame(drawn, market.sessions, market.assets).where(market.members)

    def coverage(self, market: MarketData) -> pd.DataFrame:
        return market.members.astype(float)


def momentum_agent() -> TechnicalAgent:
    return TechnicalAgent({"momentum": 1.0})


def in_own_volatility(market: MarketData) -> Array:
    """Returns in units of each asset's volatility over the whole sample: the unit the alpha is planted in."""
    returns = session_returns(market.panel("total_return"))
    return (returns / returns.std()).to_numpy()


@pytest.fixture(scope="module")
def planted() -> MarketData:
    return ap.load_market("simulated", n_assets=100, n_sessions=2520, alpha=ALPHA)


def test_the_planted_correlation_is_recovered(planted: MarketData) -> None:
    """Pearson's correlation of the score with the next return in units of volatility, as it was planted.

    Planted is the correlation with standardised momentum; the agent's score is its rank, and the correlation of a
    normal variable with its rank is the square root of 3 / pi.
    """
    score, unit = momentum_agent().score(planted).to_numpy()[START:-1], in_own_volatility(planted)[START + 1 :]
    found = [np.corrcoef(row, earned)[0, 1] for row, earned in zip(score, unit, strict=True)]
    mean, error = newey_west(np.array(found), LAGS)
    assert abs(mean - ALPHA * np.sqrt(3.0 / np.pi)) < 2.0 * error
    assert mean > 8.0 * error


def test_the_information_coefficient_is_recovered(planted: MarketData) -> None:
    """The agent's rank IC over one session is that of the planted correlation among returns with these tails.

    Among normal returns it would be 6 / pi asin(rho / 2). Heavy tails leave the order more telling than the size, so
    the value wanted is measured: the correlation planted by hand in the same noise, less what the noise gave alone.
    """
    score = momentum_agent().score(planted)
    found = information_coefficients(score, planted.panel("total_return"), 1)[START + 1 :]
    mean, error = newey_west(found, LAGS)
    noise = in_own_volatility(ap.load_market("simulated", n_assets=100, n_sessions=2520))[START + 1 :]
    signal = np.random.default_rng(0).standard_normal(noise.shape)
    steered = noise + ALPHA * noise.std(axis=1, keepdims=True) * signal
    wanted = rank_correlation(signal, steered) - rank_correlation(signal, noise)
    normal = 6.0 / np.pi * np.arcsin(ALPHA / 2.0)
    assert normal < wanted < 1.2 * normal
    assert abs(mean - wanted) < 2.0 * error


def rank_correlation(one: Array, other: Array) -> float:
    ranks = [pd.DataFrame(values).rank(axis=1).to_numpy() for values in (one, other)]
    apart = [values - values.mean(axis=1, keepdims=True) for values in ranks]
    return float(np.mean((apart[0] * apart[1]).mean(axis=1) / (apart[0].std(axis=1) * apart[1].std(axis=1))))


@pytest.mark.parametrize("name", LEARNED)
def test_the_agent_with_planted_alpha_gets_the_largest_weight(name: str, planted: MarketData) -> None:
    manager = AgentManager(
        {
            "value": ValueAgent(),
            "reversal": TechnicalAgent({"reversal": 1.0}),
            "momentum": momentum_agent(),
            "noise": Noise(),
        },
        LEARNED[name],
    )
    late = manager.weights(planted).iloc[1260:].mean()
    assert late.idxmax() == "momentum"
    assert late["momentum"] > 2.0 * late.drop("momentum").max()


@pytest.mark.slow
def test_driftless_markets_prefer_no_agent() -> None:
    """100 markets of martingales: the mean weight of each of five real agents is a fifth, within a 99.9 % band.

    They resemble each other to different degrees, move at different speeds, and one of them is low volatility, which
    ranks of compounded returns would reward on noise.
    """
    names = ("momentum", "reversal", "low_volatility", "trend_slow", "volatility_state")
    agents = {name: TechnicalAgent({name: 1.0}) for name in names}
    found: dict[str, list[pd.Series]] = {name: [] for name in LEARNED}
    for seed in range(100):
        market = ap.load_market("simulated", n_assets=20, n_sessions=1500, seed=seed, drift_ann=0.0)
        scores = {name: agent.score(market) for name, agent in agents.items()}
        for name, weighting in LEARNED.items():
            found[name].append(weighting.weights(scores, market).iloc[750:].mean())
    for name, means in found.items():
        frame = pd.DataFrame(means)
        errors = frame.std() / np.sqrt(len(frame))
        assert ((frame.mean() - 0.2).abs() < 3.29 * errors).all(), (name, frame.mean(), errors)
