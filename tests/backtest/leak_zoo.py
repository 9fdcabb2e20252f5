"""The zoo of the leak detector: features that look ahead as people's features do, and honest ones that look odd.

A feature is a function of the market; LEAKS and CLEAN hold them by name. Nothing here is meant to earn anything.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.signal import fftconvolve
from ta.trend import KSTIndicator

import alphapulse as ap
from alphapulse.core.dated import as_of_panel

Function = Callable[[ap.MarketData], pd.DataFrame]


@dataclass(frozen=True)
class Feature:
    """The least that can be checked: a name and `score`."""

    name: str
    function: Function

    def score(self, market: ap.MarketData) -> pd.DataFrame:
        return self.function(market)


def returns(market: ap.MarketData) -> pd.DataFrame:
    return market.panel("total_return").pct_change(fill_method=None)


def month_return(market: ap.MarketData) -> pd.DataFrame:
    levels = market.panel("total_return").ffill()
    return levels / levels.shift(21) - 1.0


def index_returns(market: ap.MarketData) -> pd.Series:
    return market.benchmark.pct_change()


def spread(market: ap.MarketData, series: pd.Series) -> pd.DataFrame:
    """Return one column for every asset, times the asset's return, so that assets differ."""
    return returns(market).mul(series, axis=0)


def by_session(market: ap.MarketData, table: pd.DataFrame, session: pd.Series, values: pd.Series) -> pd.DataFrame:
    """Return the sum of values by session and asset, sessions x assets, 0 where there is none."""
    summed = values.groupby([session.to_numpy(), table["asset"].to_numpy()]).sum()
    return summed.unstack().reindex(index=market.sessions, columns=market.assets).fillna(0.0)  # noqa: PD010


# Leaks ---------------------------------------------------------------------------------------------------------------


def full_sample_pca(market: ap.MarketData) -> pd.DataFrame:
    known = returns(market).fillna(0.0)
    first = np.linalg.eigh(np.cov(known.to_numpy().T))[1][:, -1]
    return known - np.outer(known @ first, first)


def full_sample_beta(market: ap.MarketData) -> pd.DataFrame:
    own, index = returns(market), index_returns(market)
    beta = own.apply(lambda column: column.cov(index)) / index.var()
    return -beta + 0.0 * own


def full_sample_residual(market: ap.MarketData) -> pd.DataFrame:
    own, index = returns(market), index_returns(market)
    beta = own.apply(lambda column: column.cov(index)) / index.var()
    return own - np.outer(index, beta)


def trained_on_everything(market: ap.MarketData) -> pd.DataFrame:
    signal, later = month_return(market), returns(market).shift(-1)
    return signal * np.nanmean(signal * later) / np.nanmean(signal**2)


def detrended(market: ap.MarketData) -> pd.DataFrame:
    level = np.log(market.panel("total_return").ffill().bfill())
    time = np.arange(len(level))
    slope, start = np.polyfit(time, level.to_numpy(), 1)
    return level - (np.outer(time, slope) + start)


def joined(direction: str) -> Function:
    def feature(market: ap.MarketData) -> pd.DataFrame:
        figures = market.table("fundamentals").sort_values("session", kind="stable")
        grid = pd.DataFrame({"session": np.repeat(market.sessions, len(market.assets))})
        grid["asset"] = np.tile(market.assets, len(market.sessions))
        figures = figures.astype({"session": grid["session"].dtype})[["session", "asset", "equity"]]
        rows = pd.merge_asof(grid, figures, on="session", by="asset", direction=direction)
        values = rows["equity"].to_numpy().reshape(len(market.sessions), -1)
        return pd.DataFrame(values, market.sessions, market.assets)

    return feature


def figures_by_period_end(market: ap.MarketData) -> pd.DataFrame:
    table = market.table("fundamentals")
    at = market.sessions.searchsorted(pd.DatetimeIndex(table["period_end"]), side="right")
    inside = at < len(market.sessions)
    moved = table.loc[inside].assign(session=market.sessions[at[inside]]).sort_values("session", kind="stable")
    return as_of_panel(moved, "equity", market.sessions, market.assets)


def restated_at_first_date(market: ap.MarketData) -> pd.DataFrame:
    table = market.table("fundamentals")
    latest = table.groupby(["asset", "period_end"])["net_income"].transform("last")
    return as_of_panel(table.assign(net_income=latest), "net_income", market.sessions, market.assets)


def todays_members(market: ap.MarketData) -> pd.DataFrame:
    return month_return(market).where(market.membership.iloc[-1], axis=1)


def survivors_only(market: ap.MarketData) -> pd.DataFrame:
    return month_return(market).loc[:, market.panel("close").iloc[-1].notna()]


def todays_large(market: ap.MarketData) -> pd.DataFrame:
    traded = (market.panel("close") * market.panel("volume")).ffill().iloc[-1]
    return month_return(market).where(traded >= traded.median(), axis=1)


def month_total(market: ap.MarketData) -> pd.DataFrame:
    return returns(market).fillna(0.0).groupby(market.sessions.to_period("M")).transform("sum")


def week_last(market: ap.MarketData) -> pd.DataFrame:
    return market.panel("total_return").groupby(market.sessions.to_period("W")).transform("last")


def back_adjusted(name: str) -> Function:
    def feature(market: ap.MarketData) -> pd.DataFrame:
        close = market.panel("close")
        if name == "split":
            factor = 1.0 / market.panel("split")
        else:
            factor = 1.0 - (market.panel("dividend") / close.shift(1)).fillna(0.0)
        later = factor[::-1].cumprod()[::-1] / factor
        return (close * later).ffill()

    return feature


def forward_backward(market: ap.MarketData) -> pd.DataFrame:
    once = returns(market).ewm(span=10).mean()
    return once[::-1].ewm(span=10).mean()[::-1]


def gradient(market: ap.MarketData) -> pd.DataFrame:
    level = market.panel("total_return").ffill()
    return pd.DataFrame(np.gradient(level.to_numpy(), axis=0), level.index, level.columns)


def fourier(market: ap.MarketData) -> pd.DataFrame:
    own = returns(market).fillna(0.0)
    waves = np.fft.rfft(own.to_numpy(), axis=0)
    waves[len(waves) // 10 :] = 0.0
    return pd.DataFrame(np.fft.irfft(waves, len(own), axis=0), own.index, own.columns)


def local_polynomial(market: ap.MarketData) -> pd.DataFrame:
    weights = np.array([-3.0, 12.0, 17.0, 12.0, -3.0]) / 35.0
    level = market.panel("total_return").ffill()
    return level.apply(lambda column: np.convolve(column.fillna(1.0), weights, mode="same"))


def spared_delistings(market: ap.MarketData) -> pd.DataFrame:
    going = market.panel("delisting").notna()[::-1].rolling(60, min_periods=1).max()[::-1] > 0.0
    return month_return(market).where(~going)


def news_a_day_early(market: ap.MarketData) -> pd.DataFrame:
    table = market.table("news")
    at = market.sessions.get_indexer(pd.Index(table["session"])) - 1
    good = table["headline"].str.contains("beats|upgrade|record|lifts|excellent").astype(float)
    return by_session(market, table, pd.Series(market.sessions[np.maximum(at, 0)]), good)


def macro_by_period(market: ap.MarketData) -> pd.DataFrame:
    rows = market.table("macro").loc[lambda table: table["series"] == "core_cpi"]
    values = rows.drop_duplicates("period_end").set_index("period_end")["value"]
    return spread(market, values.reindex(market.sessions, method="ffill"))


def macro_standardised(market: ap.MarketData) -> pd.DataFrame:
    series = market.macro("vix")
    return spread(market, (series - series.mean()) / series.std())


def know_sure_thing(market: ap.MarketData) -> pd.DataFrame:
    level = market.panel("total_return").ffill()

    def of(column: pd.Series) -> pd.Series:
        known = column.dropna()
        return pd.Series(KSTIndicator(known.reset_index(drop=True)).kst().to_numpy(), known.index)

    return pd.DataFrame({asset: of(level[asset]) for asset in level}).reindex(market.sessions)


def turbulent_months(market: ap.MarketData) -> pd.DataFrame:
    turbulence = index_returns(market).rolling(21).std()
    return month_return(market).where(turbulence > turbulence.median(), 0.0, axis=0)


LEAKS: dict[str, Function] = {
    "negative shift": lambda market: returns(market).shift(-1),
    "centred window": lambda market: returns(market).rolling(11, center=True).mean(),
    "reversed window": lambda market: returns(market)[::-1].rolling(20).std()[::-1],
    "backward fill of gaps": lambda market: market.panel("total_return").bfill(limit=3),
    "backward fill of the warm-up": lambda market: returns(market).rolling(20).mean().bfill(limit=15),
    "interpolation across gaps": lambda market: market.panel("total_return").interpolate(limit_area="inside"),
    "full-sample z-score": lambda market: (
        (month_return(market) - month_return(market).mean()) / month_return(market).std()
    ),
    "full-sample min-max": lambda market: (
        (month_return(market) - month_return(market).min()) / (month_return(market).max() - month_return(market).min())
    ),
    "full-sample volatility": lambda market: returns(market) / returns(market).std(),
    "full-sample principal component": full_sample_pca,
    "full-sample quantile": lambda market: (month_return(market) > month_return(market).quantile(0.9)).astype(float),
    "full-sample winsorising": lambda market: returns(market).clip(
        returns(market).quantile(0.01), returns(market).quantile(0.99), axis=1
    ),
    "full-sample regression residual": full_sample_residual,
    "full-sample beta": full_sample_beta,
    "full-sample rank over time": lambda market: month_return(market).rank(pct=True),
    "full-sample trend": detrended,
    "full-sample median regime": turbulent_months,
    "trained on everything": trained_on_everything,
    "column mean for missing": lambda market: returns(market).fillna(returns(market).mean()),
    "forward as-of join": joined("forward"),
    "nearest as-of join": joined("nearest"),
    "figures by period end": figures_by_period_end,
    "restated figures at the first date": restated_at_first_date,
    "today's members": todays_members,
    "survivors only": survivors_only,
    "today's large companies": todays_large,
    "membership before it began": lambda market: month_return(market).where(
        market.membership.shift(-5, fill_value=False)
    ),
    "month total over its month": month_total,
    "week's last value over its week": week_last,
    "adjusted for later splits": back_adjusted("split"),
    "adjusted for later dividends": back_adjusted("dividend"),
    "forward-backward smoothing": forward_backward,
    "central difference": gradient,
    "Fourier filter": fourier,
    "centred polynomial filter": local_polynomial,
    "highest price of the whole history": lambda market: market.panel("close") / market.panel("close").max(),
    "target among the inputs": lambda market: month_return(market) + 1e-6 * returns(market).shift(-1).fillna(0.0),
    "spared before a delisting": spared_delistings,
    "headlines a day early": news_a_day_early,
    "macro by period end": macro_by_period,
    "macro standardised over everything": macro_standardised,
    "ta's KST": know_sure_thing,
}

# Honest features -----------------------------------------------------------------------------------------------------


def recursion(step: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Function:
    """Return the feature state = step(state, today's returns), from a state of zeros."""

    def feature(market: ap.MarketData) -> pd.DataFrame:
        own = returns(market).fillna(0.0)
        state, rows = np.zeros(own.shape[1]), []
        for row in own.to_numpy():
            state = step(state, row)
            rows.append(state)
        return pd.DataFrame(rows, own.index, own.columns)

    return feature


def relative_strength(market: ap.MarketData) -> pd.DataFrame:
    own = returns(market)
    up = own.clip(lower=0.0).ewm(alpha=1 / 14, adjust=False).mean()
    return up / (up + (-own.clip(upper=0.0)).ewm(alpha=1 / 14, adjust=False).mean())


def true_range(market: ap.MarketData) -> pd.DataFrame:
    before = market.panel("close").shift(1)
    return np.maximum(market.panel("high"), before) / np.minimum(market.panel("low"), before) - 1.0


def stochastic(market: ap.MarketData) -> pd.DataFrame:
    low, high = market.panel("low").rolling(14).min(), market.panel("high").rolling(14).max()
    return (market.panel("close") - low) / (high - low)


def bollinger(market: ap.MarketData) -> pd.DataFrame:
    level = market.panel("total_return")
    return (level - level.rolling(20).mean()) / level.rolling(20).std()


def rolling_beta(market: ap.MarketData) -> pd.DataFrame:
    own, index = returns(market), index_returns(market)
    return own.rolling(63, min_periods=40).cov(index).div(index.rolling(63).var(), axis=0)


def unexplained(market: ap.MarketData) -> pd.DataFrame:
    own, index = returns(market), index_returns(market)
    return (own - rolling_beta(market).shift(1).mul(index, axis=0)).rolling(42, min_periods=20).std()


def sector_neutral(market: ap.MarketData) -> pd.DataFrame:
    signal = month_return(market)
    return signal - signal.T.groupby(market.sectors).transform("mean").T


def on_balance(market: ap.MarketData) -> pd.DataFrame:
    traded = np.sign(returns(market)) * market.panel("volume") * market.panel("close")
    return traded.fillna(0.0).cumsum()


def illiquidity(market: ap.MarketData) -> pd.DataFrame:
    traded = market.panel("volume") * market.panel("close")
    return (returns(market).abs() / traded.where(traded > 0.0)).rolling(21, min_periods=10).mean()


def volume_surprise(market: ap.MarketData) -> pd.DataFrame:
    volume = np.log1p(market.panel("volume"))
    return (volume - volume.rolling(60).mean()) / volume.rolling(60).std()


def since_high(market: ap.MarketData) -> pd.DataFrame:
    level = market.panel("total_return").ffill()
    row = pd.DataFrame(np.arange(len(level))[:, None] + 0.0 * level.to_numpy(), level.index, level.columns)
    return row - row.where(level >= level.cummax()).ffill()


def earnings_yield(market: ap.MarketData) -> pd.DataFrame:
    return market.fundamental("net_income") / (market.fundamental("shares") * market.panel("close"))


def sales_growth(market: ap.MarketData) -> pd.DataFrame:
    sales = market.fundamental("revenue")
    return sales / sales.shift(252) - 1.0


def filing_age(market: ap.MarketData) -> pd.DataFrame:
    table = market.table("fundamentals")
    filed = by_session(market, table, table["session"], pd.Series(1.0, table.index)) > 0.0
    row = pd.DataFrame(np.arange(len(filed))[:, None] * np.ones(filed.shape), filed.index, filed.columns)
    return row - row.where(filed).ffill()


def first_filings(market: ap.MarketData) -> pd.DataFrame:
    table = market.table("fundamentals").drop_duplicates(["asset", "period_end"], keep="first")
    return as_of_panel(table, "net_income", market.sessions, market.assets)


def restatements(market: ap.MarketData) -> pd.DataFrame:
    table = market.table("fundamentals")
    again = table.loc[table.duplicated(["asset", "period_end"], keep="first")]
    return by_session(market, again, again["session"], pd.Series(1.0, again.index)).cumsum()


def headlines(words: str) -> Function:
    def feature(market: ap.MarketData) -> pd.DataFrame:
        table = market.table("news")
        hit = table["headline"].str.contains(words).astype(float)
        return by_session(market, table, table["session"], hit)

    return feature


def macro_beta(market: ap.MarketData) -> pd.DataFrame:
    change = market.macro("vix").diff()
    own = returns(market)
    return own.expanding(60).cov(change).div(change.expanding(60).var(), axis=0)


def expanding_standardised(market: ap.MarketData) -> pd.DataFrame:
    signal = month_return(market)
    return (signal - signal.expanding(20).mean()) / signal.expanding(20).std()


def month_to_date(market: ap.MarketData) -> pd.DataFrame:
    level = market.panel("total_return").ffill()
    return level / level.groupby(market.sessions.to_period("M")).transform("first") - 1.0


def last_month(market: ap.MarketData) -> pd.DataFrame:
    """The last whole month's return: month ends are used from the first session of the next month on."""
    level, month = market.panel("total_return").ffill(), market.sessions.to_period("M")
    ends = level.groupby(month).last().pct_change(fill_method=None).shift(1)
    return ends.reindex(month).set_axis(market.sessions)


def turn_of_month(market: ap.MarketData) -> pd.DataFrame:
    return month_return(market).mul(pd.Series(market.sessions.day <= 3, market.sessions), axis=0)


def refitted_component(market: ap.MarketData) -> pd.DataFrame:
    """The residual to the first component, estimated anew every 63 sessions from the sessions before."""
    own = returns(market).fillna(0.0).to_numpy()
    out = np.full(own.shape, np.nan)
    for start in range(126, len(own), 63):
        first = np.linalg.eigh(np.cov(own[:start].T))[1][:, -1]
        part = own[start : start + 63]
        out[start : start + 63] = part - np.multiply.outer((part * first).sum(axis=1), first)
    return pd.DataFrame(out, market.sessions, market.assets)


def trained_on_the_past(market: ap.MarketData) -> pd.DataFrame:
    """A slope of returns on the signal of the session before, from pairs that were complete."""
    signal, own = month_return(market), returns(market)
    pairs = (signal.shift(1) * own).sum(axis=1).cumsum() / (signal.shift(1) ** 2).sum(axis=1).cumsum()
    return signal.mul(pairs, axis=0)


def hashed(market: ap.MarketData) -> pd.DataFrame:
    """Noise, seeded by the date, so that a session has the same at every call."""
    day = market.sessions.to_numpy().astype("datetime64[D]").astype(int)
    rows = [np.random.default_rng(int(number)).standard_normal(len(market.assets)) for number in day]
    return pd.DataFrame(rows, market.sessions, market.assets).where(market.members)


def buckets(market: ap.MarketData) -> pd.DataFrame:
    return np.floor(month_return(market).rank(axis=1, pct=True) * 4.999)


def causal_convolution(market: ap.MarketData) -> pd.DataFrame:
    own = returns(market).fillna(0.0)
    kernel = (0.9 ** np.arange(60))[:, None]
    # the transform carries rounding, and nothing else, from later rows to earlier ones
    return pd.DataFrame(fftconvolve(own.to_numpy(), kernel, axes=0)[: len(own)], own.index, own.columns)


def streak(state: np.ndarray, row: np.ndarray) -> np.ndarray:
    return np.where(np.sign(row) == np.sign(state), state + np.sign(row), np.sign(row))


def level(market: ap.MarketData) -> pd.DataFrame:
    return market.panel("total_return")


CLEAN: dict[str, Function] = {
    "last return": returns,
    "month return": month_return,
    "momentum without the last month": lambda market: level(market).shift(21) / level(market).shift(252) - 1.0,
    "reversal": lambda market: 1.0 - level(market).ffill() / level(market).ffill().shift(5),
    "rolling mean": lambda market: returns(market).rolling(20).mean(),
    "rolling deviation": lambda market: returns(market).rolling(20, min_periods=10).std(),
    "rolling skewness": lambda market: returns(market).rolling(60).skew(),
    "rolling kurtosis": lambda market: returns(market).rolling(60).kurt(),
    "rolling median": lambda market: returns(market).rolling(21).median(),
    "rolling quantile": lambda market: returns(market).rolling(63).quantile(0.1),
    "rolling rank": lambda market: returns(market).rolling(63, min_periods=30).rank(pct=True),
    "distance to the year's high": lambda market: level(market) / level(market).rolling(252, min_periods=60).max(),
    "distance to the month's low": lambda market: level(market) / level(market).rolling(21).min(),
    "expanding mean": lambda market: returns(market).expanding().mean(),
    "expanding deviation": lambda market: returns(market).expanding(20).std(),
    "expanding rank": lambda market: month_return(market).expanding().rank(pct=True),
    "expanding quantile": lambda market: month_return(market) - month_return(market).expanding(20).quantile(0.9),
    "expanding z-score": expanding_standardised,
    "drawdown from the highest so far": lambda market: level(market) / level(market).cummax() - 1.0,
    "lowest so far": lambda market: level(market) / level(market).cummin(),
    "exponential mean": lambda market: returns(market).ewm(span=20).mean(),
    "exponential deviation": lambda market: returns(market).ewm(halflife=30).std(),
    "MACD": lambda market: level(market).ewm(span=12).mean() - level(market).ewm(span=26).mean(),
    "RSI": relative_strength,
    "true range": true_range,
    "stochastic oscillator": stochastic,
    "Bollinger position": bollinger,
    "rank across assets": lambda market: month_return(market).rank(axis=1),
    "z-score across assets": lambda market: month_return(market).sub(month_return(market).mean(axis=1), axis=0),
    "buckets across assets": buckets,
    "median across members": lambda market: month_return(market).sub(
        month_return(market).where(market.members).median(axis=1), axis=0
    ),
    "sector neutral": sector_neutral,
    "rolling beta": rolling_beta,
    "unexplained volatility": unexplained,
    "rolling correlation": lambda market: returns(market).rolling(63, min_periods=40).corr(index_returns(market)),
    "autocorrelation": lambda market: returns(market).rolling(63).corr(returns(market).shift(1)),
    "illiquidity": illiquidity,
    "volume surprise": volume_surprise,
    "on-balance value": on_balance,
    "overnight gap": lambda market: market.panel("open") / market.panel("close").shift(1) - 1.0,
    "intraday return": lambda market: market.panel("close") / market.panel("open") - 1.0,
    "range volatility": lambda market: np.log(market.panel("high") / market.panel("low")).rolling(21).mean(),
    "lagged volatility scaling": lambda market: returns(market) / returns(market).rolling(42).std().shift(1),
    "streak of rises": recursion(streak),
    "local level filter": recursion(lambda state, row: state + 0.05 * (row - state)),
    "variance recursion": recursion(lambda state, row: 0.94 * state + 0.06 * row**2),
    "age since listing": lambda market: market.panel("close").notna().cummax().cumsum().astype(float),
    "sessions since the high": since_high,
    "share of halts": lambda market: market.panel("close").isna().rolling(63).mean(),
    "gone already": lambda market: market.panel("delisting").notna().cummax().astype(float),
    "time in the index": lambda market: market.membership.cumsum().astype(float),
    "yield of the last year": lambda market: (
        market.panel("dividend").rolling(252, min_periods=1).sum() / market.panel("close")
    ),
    "splits so far": lambda market: market.panel("split").fillna(1.0).cumprod(),
    "earnings yield": earnings_yield,
    "book to market": lambda market: (
        market.fundamental("equity", max_age=300) / (market.fundamental("shares") * market.panel("close"))
    ),
    "sales growth": sales_growth,
    "age of the filing": filing_age,
    "first filings only": first_filings,
    "restatements so far": restatements,
    "backward as-of join": joined("backward"),
    "headlines of a month": lambda market: headlines("")(market).rolling(21, min_periods=1).sum(),
    "decaying good news": lambda market: headlines("beats|upgrade|record")(market).ewm(halflife=5).mean(),
    "macro level": lambda market: spread(market, market.macro("core_cpi")),
    "macro change": lambda market: spread(market, market.macro("vix").diff(21)),
    "macro beta": macro_beta,
    "month to date": month_to_date,
    "last whole month": last_month,
    "turn of the month": turn_of_month,
    "component of the past": refitted_component,
    "trained on the past": trained_on_the_past,
    "noise seeded by the date": hashed,
    "causal convolution": causal_convolution,
    "central difference a day late": lambda market: gradient(market).shift(1),
    "centred window, half a window late": lambda market: returns(market).rolling(11, center=True).mean().shift(5),
    "reversed twice": lambda market: returns(market)[::-1][::-1].rolling(10).mean(),
}


def zoo_market() -> ap.MarketData:
    """Return a small simulated market with everything features stumble over."""
    return ap.load_market(
        "simulated", n_assets=16, n_sessions=600, actions=True, fundamentals=True, news=True, macro=True, seed=0
    )


def stamped_at_period_end(market: ap.MarketData) -> ap.MarketData:
    """Return the market with its latest figures known on the evening of their period's end, as vendors sell them."""
    table = market.table("fundamentals").drop_duplicates(["asset", "period_end"], keep="last")
    known = pd.DatetimeIndex(table["period_end"]).tz_localize("UTC") + pd.Timedelta(hours=22)
    at = market.sessions.searchsorted(pd.DatetimeIndex(table["period_end"]), side="right")
    inside = at < len(market.sessions)
    moved = table.loc[inside].assign(known=known[inside], session=market.sessions[at[inside]])
    return replace(market, tables={**market.tables, "fundamentals": moved.sort_values("session", ignore_index=True)})
