"""Portfolios turn scores and risk estimates into target weights. A new allocator is one class and one line here."""

from __future__ import annotations

from alphapulse.core.ports import Allocator
from alphapulse.portfolio.black_litterman import BlackLitterman
from alphapulse.portfolio.cvar import MinCVaR
from alphapulse.portfolio.hierarchical import HierarchicalEqualRisk, HierarchicalRiskParity
from alphapulse.portfolio.mean_variance import MaxSharpe, MeanVariance, MinVariance
from alphapulse.portfolio.risk_parity import RiskParity
from alphapulse.portfolio.simple import BenchmarkMix, EqualWeight, InverseVolatility

ALLOCATORS: dict[str, type[Allocator]] = {
    "equal_weight": EqualWeight,
    "inverse_volatility": InverseVolatility,
    "benchmark_mix": BenchmarkMix,
    "min_variance": MinVariance,
    "mean_variance": MeanVariance,
    "max_sharpe": MaxSharpe,
    "risk_parity": RiskParity,
    "hrp": HierarchicalRiskParity,
    "herc": HierarchicalEqualRisk,
    "black_litterman": BlackLitterman,
    "min_cvar": MinCVaR,
}
