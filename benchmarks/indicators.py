"""Eleven indicator panels of 500 assets: RSI, MACD (3), Bollinger (3), ATR, SMA 50, momentum 252, volatility 21.

Every contestant starts from the same high, low and close panels and ends with eleven panels as DataFrames. Each work
returns the sum of the last row over all panels, so that the numbers can be seen to agree: TA-Lib and ta define the
indicators as we do; vectorbt's RSI, MACD and ATR smooth in their own way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from alphapulse.agents.indicators import indicator_panels
from benchmarks.trading import prices

Panels = Mapping[str, pd.DataFrame]


def bars(quick: bool) -> dict[str, pd.DataFrame]:
    """Return closes with highs and lows around them, sessions x assets."""
    panels = prices(quick)
    random = np.random.default_rng(2)
    close, opening = panels["close"], panels["open"]
    above = 1.0 + 0.01 * random.random(close.shape)
    below = 1.0 - 0.01 * random.random(close.shape)
    return {"close": close, "high": np.maximum(close, opening) * above, "low": np.minimum(close, opening) * below}


def contestant(panels_of: Callable[[Panels], Panels], share: float = 1.0) -> Callable[[bool], Callable[[], float]]:
    """Prepare the bars of the first `share` of the assets, and the work of one way to compute."""

    def prepare(quick: bool) -> Callable[[], float]:
        whole = bars(quick)
        count = round(whole["close"].shape[1] * share)
        given = {name: panel.iloc[:, :count].copy() for name, panel in whole.items()}

        def work() -> float:
            found = panels_of(given)
            assert len(found) == 11
            return float(sum(panel.iloc[-1].sum() for panel in found.values()))

        return work

    return prepare


def ours(panels: Panels) -> Panels:
    return indicator_panels(**panels)


def pandas(panels: Panels) -> Panels:
    """Return them from rolling and exponential windows."""
    high, low, close = panels["high"], panels["low"], panels["close"]
    change, last = close.diff(), close.shift(1)
    gain = change.clip(lower=0.0).ewm(alpha=1 / 14, adjust=False).mean()
    loss = change.clip(upper=0.0).ewm(alpha=1 / 14, adjust=False).mean()
    line = close.ewm(span=12, adjust=False).mean() - close.ewm(span=26, adjust=False).mean()
    signal = line.ewm(span=9, adjust=False).mean()
    middle, deviation = close.rolling(20).mean(), close.rolling(20).std(ddof=0)
    reach = np.maximum(high, last) - np.minimum(low, last)
    return {
        "rsi": 100.0 * gain / (gain - loss),
        "macd": line,
        "macd_signal": signal,
        "macd_histogram": line - signal,
        "bollinger_middle": middle,
        "bollinger_upper": middle + 2.0 * deviation,
        "bollinger_lower": middle - 2.0 * deviation,
        "atr": reach.ewm(alpha=1 / 14, adjust=False).mean(),
        "sma": close.rolling(50).mean(),
        "momentum": close / close.shift(252) - 1.0,
        "volatility": (close / last - 1.0).rolling(21).std(),
    }


def vectorbt(panels: Panels) -> Panels:
    """Return them from its indicator factory."""
    import vectorbt as vbt

    close = panels["close"]
    macd, bands = vbt.MACD.run(close), vbt.BBANDS.run(close)
    return {
        "rsi": vbt.RSI.run(close, ewm=True).rsi,
        "macd": macd.macd,
        "macd_signal": macd.signal,
        "macd_histogram": macd.hist,
        "bollinger_middle": bands.middle,
        "bollinger_upper": bands.upper,
        "bollinger_lower": bands.lower,
        "atr": vbt.ATR.run(panels["high"], panels["low"], close, ewm=True).atr,
        "sma": vbt.MA.run(close, 50).ma,
        "momentum": close / close.shift(252) - 1.0,
        "volatility": close.vbt.pct_change().vbt.rolling_std(21),
    }


def by_asset(
    columns_of: Callable[[np.ndarray, np.ndarray, np.ndarray], list[np.ndarray]],
) -> Callable[[Panels], Panels]:
    """Compute one asset after the other, and join the columns to panels."""

    def panels_of(panels: Panels) -> Panels:
        close = panels["close"]
        high, low, price = (np.ascontiguousarray(panels[name].to_numpy().T) for name in ("high", "low", "close"))
        out = np.empty((11, *price.shape))
        for asset in range(len(price)):
            out[:, asset] = columns_of(high[asset], low[asset], price[asset])
        return {f"{number}": pd.DataFrame(part.T, close.index, close.columns) for number, part in enumerate(out)}

    return panels_of


def talib(high: np.ndarray, low: np.ndarray, close: np.ndarray) -> list[np.ndarray]:
    import talib as library

    deviation = np.full(len(close), np.nan)
    deviation[1:] = library.STDDEV(close[1:] / close[:-1] - 1.0, 21) * np.sqrt(21 / 20)
    return [
        library.RSI(close),
        *library.MACD(close),
        *library.BBANDS(close, 20, 2.0, 2.0),
        library.ATR(high, low, close),
        library.SMA(close, 50),
        library.ROCP(close, 252),
        deviation,
    ]


def ta(high: np.ndarray, low: np.ndarray, close: np.ndarray) -> list[np.ndarray]:
    import ta as library

    price, returns = pd.Series(close), pd.Series(close).pct_change()
    macd, bands = library.trend.MACD(price), library.volatility.BollingerBands(price)
    columns = [
        library.momentum.rsi(price),
        macd.macd(),
        macd.macd_signal(),
        macd.macd_diff(),
        bands.bollinger_mavg(),
        bands.bollinger_hband(),
        bands.bollinger_lband(),
        library.volatility.average_true_range(pd.Series(high), pd.Series(low), price),
        library.trend.sma_indicator(price, 50),
        library.momentum.roc(price, 252) / 100.0,
        returns.rolling(21).std(),
    ]
    return [column.to_numpy() for column in columns]
