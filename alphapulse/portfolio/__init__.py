"""Portfolios turn scores and risk estimates into target weights. A new allocator is one class and one line here."""

from __future__ import annotations

from alphapulse.core.ports import Allocator
from alphapulse.portfolio.mean_variance import MaxSharpe, MinVariance
from alphapulse.portfolio.simple import EqualWeight, InverseVolatility

ALLOCATORS: dict[str, type[Allocator]] = {
    "equal_weight": EqualWeight,
    "inverse_volatility": InverseVolatility,
    "min_variance": MinVariance,
    "max_sharpe": MaxSharpe,
}
