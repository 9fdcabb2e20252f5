"""Seeded markets and estimates to check parts on."""

from __future__ import annotations

import numpy as np
import pandas as pd

from alphapulse.core.dated import date_facts
from alphapulse.core.estimates import RiskEstimate
from alphapulse.core.market import MarketData


def example_market(sessions: int = 1500, assets: int = 9, seed: int = 0) -> MarketData:
    """Return a seeded market with bars, volume, a late listing, a delisting, halts, changing membership and facts.

    Facts: quarterly filings with late ones, restatements, gaps and losses; headlines; VIX and credit spread; sectors.
    """
    random = np.random.default_rng(seed)
    index = pd.bdate_range("2001-01-01", periods=sessions)
    names = pd.Index([f"A{number:02d}" for number in range(assets)])
    shape = (sessions, assets)
    returns = 0.01 * random.standard_normal((sessions, 1)) + 0.02 * random.standard_normal(shape)
    close = 50.0 * np.exp(np.cumsum(returns - 0.5 * returns.var(), axis=0))
    spread = np.abs(0.005 * random.standard_normal((2, *shape)))
    opening = close * np.exp(0.005 * random.standard_normal(shape))
    bars = {
        "close": close,
        "open": opening,
        "high": np.maximum(close, opening) * (1.0 + spread[0]),
        "low": np.minimum(close, opening) * (1.0 - spread[1]),
        "volume": np.round(random.lognormal(12.0, 0.5, shape)),
    }
    missing = random.random(shape) < 0.002
    missing[: sessions // 3, 1 % assets] = True
    missing[-sessions // 5 :, 2 % assets] = True
    membership = pd.DataFrame(True, index=index, columns=names)
    membership.iloc[sessions // 2 :, 3 % assets] = False
    panels = {name: pd.DataFrame(np.where(missing, np.nan, bar), index, names) for name, bar in bars.items()}
    benchmark = pd.Series(1000.0 * np.exp(np.cumsum(returns.mean(axis=1))), index=index)
    return MarketData(
        panels,
        benchmark=benchmark,
        membership=membership,
        tables={
            "fundamentals": _filings(index, names, np.random.default_rng(seed + 1)),
            "news": _headlines(index, names, np.random.default_rng(seed + 2)),
            "macro": _series(index, np.random.default_rng(seed + 3)),
        },
        sectors=pd.Series([("Makers", "Services")[number % 2] for number in range(assets)], index=names),
        name="example",
    )


FIGURES = (
    *("revenue", "gross_profit", "operating_income", "net_income", "eps_diluted", "shares", "assets", "current_assets"),
    *("current_liabilities", "equity", "retained_earnings", "cash", "debt", "cfo", "capex", "dividends"),
)
HEADLINES = (
    *("{} beats profit forecasts", "{} cuts its outlook", "{} names a new chairman", "{} wins a large order"),
    *(
        "{} faces a lawsuit",
        "Fund takes 6 percent stake in {}",
        "{} to hold its annual meeting",
        "{} recalls a product",
    ),
)


def _dated(rows: pd.DataFrame, index: pd.DatetimeIndex) -> pd.DataFrame:
    return date_facts(rows, (index + pd.Timedelta(hours=14, minutes=30)).tz_localize("UTC"), index)


def _filings(index: pd.DatetimeIndex, names: pd.Index, random: np.random.Generator) -> pd.DataFrame:
    ends = pd.date_range(index[0] - pd.DateOffset(years=2), index[-1], freq="QE")
    rows = pd.MultiIndex.from_product([ends, names], names=["period_end", "asset"]).to_frame(index=False)
    size = 1e9 * np.exp(0.1 * random.standard_normal(len(rows)))
    share = random.uniform(-0.1, 1.0, (len(rows), len(FIGURES)))
    for figure, part in zip(FIGURES, share.T, strict=True):
        rows[figure] = np.where(random.random(len(rows)) < 0.05, np.nan, size * part)
    rows["shares"] = rows["shares"].abs() / 50.0
    rows["eps_diluted"] = rows["net_income"] / rows["shares"]
    late = random.random(len(rows)) < 0.1
    lag = np.where(late, 150, 35) + random.integers(0, 30, len(rows))
    rows["known"] = (rows["period_end"] + pd.to_timedelta(lag, unit="D")).dt.tz_localize("UTC")
    again = rows.loc[random.random(len(rows)) < 0.1].copy()
    again["net_income"] *= 0.8
    again["known"] += pd.Timedelta(days=200)
    return _dated(pd.concat([rows, again], ignore_index=True), index)


def _headlines(index: pd.DatetimeIndex, names: pd.Index, random: np.random.Generator) -> pd.DataFrame:
    count = len(index) * len(names) // 20
    asset = names[random.integers(0, len(names), count)]
    known = index[random.integers(0, len(index), count)] + pd.to_timedelta(random.integers(0, 1440, count), unit="min")
    text = [HEADLINES[at].format(name) for at, name in zip(random.integers(0, 8, count), asset, strict=True)]
    return _dated(pd.DataFrame({"asset": asset, "headline": text, "known": known.tz_localize("UTC")}), index)


def _series(index: pd.DatetimeIndex, random: np.random.Generator) -> pd.DataFrame:
    days = {"vix": index, "credit_spread": pd.date_range(index[0], index[-1], freq="ME")}
    level = {"vix": 18.0, "credit_spread": 1.0}
    rows = []
    for name, dates in days.items():
        value = level[name] * np.exp(0.2 * random.standard_normal(len(dates)))
        known = (dates + pd.Timedelta(hours=21)).tz_localize("UTC")
        rows.append(pd.DataFrame({"series": name, "period_end": dates, "value": value, "known": known}))
    return _dated(pd.concat(rows, ignore_index=True), index)


def example_estimate(assets: int = 7, sessions: int = 300, seed: int = 0, *, scale: float = 1.0) -> RiskEstimate:
    """Return a seeded estimate (sample mean and covariance) of correlated assets with volatilities from 1 to 3 %."""
    random = np.random.default_rng(seed)
    names = pd.Index([f"A{number:02d}" for number in range(assets)])
    volatility = np.linspace(0.01, 0.03, assets)
    returns = (random.standard_normal((sessions, 1)) + random.standard_normal((sessions, assets))) * volatility
    returns = (returns + 0.03 * volatility * random.standard_normal(assets) + 0.001) * scale
    window = pd.DataFrame(returns, pd.bdate_range("2001-01-01", periods=sessions), names)
    return RiskEstimate(window, window.mean(), window.cov())


def unusable(estimate: RiskEstimate, asset: str) -> RiskEstimate:
    """Return the estimate with `asset` unusable: no mean, no covariance, no returns."""
    mean, covariance, window = estimate.mean.copy(), estimate.covariance.copy(), estimate.window.copy()
    mean[asset] = np.nan
    covariance.loc[asset] = np.nan
    covariance[asset] = np.nan
    window[asset] = np.nan
    return RiskEstimate(window, mean, covariance)
