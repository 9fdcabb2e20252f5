"""RiskAnalyzer: what one return series tells of risk, beside its benchmark when there is one."""

from __future__ import annotations

from typing import Any

import pandas as pd

from alphapulse.core.checks import check_choice
from alphapulse.core.errors import DataError, ParamsError
from alphapulse.risk.bootstrap import bootstrap_bands
from alphapulse.risk.copula import monte_carlo_var
from alphapulse.risk.drawdowns import top_drawdowns
from alphapulse.risk.episodes import episode_returns
from alphapulse.risk.exposures import factor_exposures
from alphapulse.risk.headline import measure_table
from alphapulse.risk.var import METHODS, Tail, check_series, tail_risk, var_forecasts
from alphapulse.risk.var_tests import backtest_summary

ENOUGH_TO_TELL = 20  # sessions; in fewer, wild returns may be returns and not prices


class RiskAnalyzer:
    """Measures of a return series: simple returns per session, decimal, none unknown.

    benchmark: returns (not levels) of the benchmark over at least the same sessions. weights and asset_returns, both or
    neither: what is held now, fractions of equity by asset, and a window of the assets' own returns, sessions x assets.
    """

    def __init__(
        self,
        returns: "pd.Series[float]",
        benchmark: "pd.Series[float] | None" = None,
        *,
        weights: "pd.Series[float] | None" = None,
        asset_returns: pd.DataFrame | None = None,
    ) -> None:
        self.returns = returns
        self.benchmark = benchmark
        self.weights = weights
        self.asset_returns = asset_returns

    def summary(self) -> "pd.Series[float]":
        """Return the headline measures by name, decimals, NaN where undefined.

        Sharpe, alpha, Sortino and omega are over a rate of 0; `risk_free_ann` says so. `var_95` and `cvar_95` are
        historical and per session. `sessions` counts the returns.
        """
        if not isinstance(self.returns, pd.Series):
            raise DataError(
                f"returns: a {type(self.returns).__name__} came",
                "a Series of simple returns by session",
                "pass one column; measure_table takes a DataFrame",
            )
        if len(self.returns) >= ENOUGH_TO_TELL:
            check_series(self.returns)
        rows = pd.Series({"sessions": float(len(self.returns)), "risk_free_ann": 0.0})
        table = measure_table(self.returns.to_frame("returns"), self.benchmark)
        summary: pd.Series[float] = pd.concat([rows, table["returns"]])
        return summary

    def var(self, level: float = 0.95, method: str = "historical") -> float:
        """Return the session return that is undercut with probability 1 - level (negative is a loss).

        method: historical, normal, student_t, cornish_fisher or filtered_historical, on the returns (see `tail_risk`);
        monte_carlo, on weights and asset_returns (see `monte_carlo_var`).
        """
        return self._tail(level, method).var

    def cvar(self, level: float = 0.95, method: str = "historical") -> float:
        """Return the mean session return in the worst 1 - level of sessions; sign and methods as in `var`."""
        return self._tail(level, method).cvar

    def var_backtest(self, level: float = 0.95, method: str = "historical", window: int = 504) -> "pd.Series[Any]":
        """Forecast VaR and CVaR through the returns out of sample and return every backtest by name.

        Each session is forecast from the `window` sessions before it (see `var_forecasts`); rows as in
        `backtest_summary`.
        """
        return backtest_summary(self.returns, var_forecasts(self.returns, level, method, window), level)

    def bands(self, draws: int = 1000, confidence: float = 0.95, seed: int = 0) -> pd.DataFrame:
        """Return each headline measure with its confidence band, see `bootstrap_bands`."""
        return bootstrap_bands(self.returns, self.benchmark, draws=draws, confidence=confidence, seed=seed)

    def episodes(self) -> pd.DataFrame:
        """Return what the series did in each dated crisis, see `episode_returns`."""
        return episode_returns(self.returns, self.benchmark)

    def exposures(self, factors: pd.DataFrame, lags: int | None = None) -> pd.DataFrame:
        """Return the series' exposures to factor returns, see `factor_exposures`."""
        return factor_exposures(self.returns, factors, lags=lags)

    def drawdowns(self, top: int = 5) -> pd.DataFrame:
        """Return the deepest drawdowns, one a row: peak, trough, recovery, depth, length."""
        return top_drawdowns(self.returns, top)

    def _tail(self, level: float, method: str) -> Tail:
        if check_choice("method", method, [*METHODS, "monte_carlo"]) != "monte_carlo":
            return tail_risk(self.returns, level, method)
        if self.weights is None or self.asset_returns is None:
            raise ParamsError(
                'method = "monte_carlo" without holdings',
                "an analyzer that knows weights and asset_returns",
                "RiskAnalyzer(returns, weights=weights, asset_returns=window), or another method",
            )
        return monte_carlo_var(self.asset_returns, self.weights, level)
