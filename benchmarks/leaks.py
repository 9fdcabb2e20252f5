"""The leak detector at full scale: 20 honest features of 500 assets over ten years."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pandas as pd

import alphapulse as ap
from alphapulse.backtest.leaks import leak_check as checked

FEATURES = 20
KINDS: tuple[Callable[[pd.DataFrame, int], pd.DataFrame], ...] = (
    lambda levels, window: levels / levels.shift(window) - 1.0,
    lambda levels, window: levels.pct_change(fill_method=None).rolling(window).mean(),
    lambda levels, window: levels.pct_change(fill_method=None).rolling(window).std(),
    lambda levels, window: levels / levels.rolling(window).max() - 1.0,
    lambda levels, window: levels.pct_change(fill_method=None).ewm(span=window).mean().rank(axis=1, pct=True),
)


@dataclass(frozen=True)
class Feature:
    """One of KINDS over a window of sessions."""

    kind: int
    window: int
    needs: tuple[str, ...] = ("total_return",)

    def score(self, market: ap.MarketData) -> pd.DataFrame:
        return KINDS[self.kind](market.panel("total_return"), self.window)


def leak_check(quick: bool) -> Callable[[], float]:
    """Check 20 features on a simulated market of 500 x 2,520 with listings, splits, filings, headlines and macro."""
    assets, sessions = (50, 630) if quick else (500, 2_520)
    features = [Feature(number % len(KINDS), 10 + 5 * number) for number in range(FEATURES)]

    market = ap.load_market(
        "simulated", n_assets=assets, n_sessions=sessions, actions=True, fundamentals=True, news=True, macro=True
    )

    def check() -> float:
        new = replace(market)  # so that nothing kept for an earlier call helps
        reports = [checked(feature, new) for feature in features]
        if not all(report.ok for report in reports):
            raise AssertionError("an honest feature was accused")
        return float(sum(report.evaluations for report in reports))

    return check
