"""The placebo: a strategy on driftless noise must earn nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from html import escape
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from alphapulse.backtest.run import backtest
from alphapulse.core.checks import check_count
from alphapulse.data import load_market
from alphapulse.execution.costs import Costs
from alphapulse.risk.measures import sharpe
from alphapulse.strategy import Strategy

ASSETS, SESSIONS = 20, 2520
BAND = 3.2905  # standard normal quantile of a two-sided 99.9 % band


@dataclass(frozen=True, eq=False, repr=False)
class PlaceboReport:
    """What a strategy made of noise, before costs.

    sharpe: annualised Sharpe ratio by market. mean_return: arithmetic mean return per session by market. seeds: of
    the simulated markets. parameters: of the strategy.
    """

    sharpe: "pd.Series[float]"
    mean_return: "pd.Series[float]"
    parameters: Mapping[str, Any]

    @property
    def band(self) -> tuple[float, float]:
        """99.9 % band of the mean Sharpe ratio."""
        half = BAND * float(self.sharpe.std()) / np.sqrt(len(self.sharpe))
        return float(self.sharpe.mean()) - half, float(self.sharpe.mean()) + half

    @property
    def profitable(self) -> float:
        """Share of markets with a mean return above zero."""
        return float((self.mean_return > 0.0).mean())

    @property
    def ok(self) -> bool:
        """True when the band holds zero and the profitable share lies within its own 99.9 % band around one half."""
        low, high = self.band
        half = BAND * 0.5 / np.sqrt(len(self.sharpe))
        return low <= 0.0 <= high and abs(self.profitable - 0.5) <= half

    def summary(self) -> "pd.Series[Any]":
        """Return the figures of the report by label."""
        low, high = self.band
        return pd.Series(
            {
                "markets": len(self.sharpe),
                "mean_sharpe": float(self.sharpe.mean()),
                "band_low": low,
                "band_high": high,
                "profitable": self.profitable,
                "ok": self.ok,
            }
        )

    def __repr__(self) -> str:
        low, high = self.band
        return (
            f"PlaceboReport({'ok' if self.ok else 'NOT OK'}: {len(self.sharpe)} driftless markets, mean Sharpe "
            f"{self.sharpe.mean():.3f}, 99.9 % band {low:.3f} to {high:.3f}, {self.profitable:.0%} profitable)"
        )

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th>{escape(str(k))}</th><td>{escape(f'{v}')}</td></tr>" for k, v in self.summary().items()
        )
        return f"<table><caption>placebo on simulated, driftless markets</caption>{rows}</table>"


def placebo(strategy: Strategy, n: int = 100, seed: int = 0, *, progress: bool = False) -> PlaceboReport:
    """Run the strategy on `n` driftless simulated markets of 20 assets x 2,520 sessions, before costs and interest.

    The markets' seeds are drawn from `seed`. A mean Sharpe ratio away from zero means that the system looks ahead or
    counts what it did not earn.
    """
    check_count("placebo: n", n, least=2)
    free = replace(strategy, execution=replace(strategy.execution, costs=Costs()))
    ratios: dict[int, float] = {}
    means: dict[int, float] = {}
    for drawn in tqdm(np.random.SeedSequence(seed).generate_state(n), desc="placebo", disable=not progress):
        number = int(drawn)
        market = load_market("simulated", n_assets=ASSETS, n_sessions=SESSIONS, seed=number, drift_ann=0.0)
        live = backtest(market, free).live_returns
        ratios[number], means[number] = float(sharpe(live)), float(live.mean())
    return PlaceboReport(
        sharpe=pd.Series(ratios, name="sharpe").rename_axis("seed"),
        mean_return=pd.Series(means, name="mean_return").rename_axis("seed"),
        parameters=free.described(),
    )
