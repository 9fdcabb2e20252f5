"""One asset in depth: classic indicators by `ta` as a table, figures and their latest values. Needs the extra `lab`.

`ta` 0.11 has its ways, met here once: it runs on a plain row number, because its parabolic SAR goes wrong on dates, and
the dates are put back; `fillna` stays off, because filling looks ahead; what it writes into warm-up rows (zeros of ATR
and ADX, prices of the SAR, lines of half-filled windows) becomes NaN. KST and the shifted lines of Ichimoku put the
mean of the whole history into their first values: they are left out, and the sheet shows what they would have known.

Prices are traded ones, carried forward over splits and dividends from the first session, so that no later session
changes an earlier value. Values are evidence on one asset, not orders: what they are worth, a backtest says.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
import pandas as pd

from alphapulse.backtest.provenance import provenance
from alphapulse.core.checks import check_choice, check_count
from alphapulse.core.errors import DataError, ParamsError
from alphapulse.core.market import MarketData
from alphapulse.report.labels import count, number
from alphapulse.report.sheet import TearSheet
from alphapulse.report.tables import provenance_table
from alphapulse.report.technical_figures import technical_figures

BARS = ("high", "low", "close")
TURNED = 1e-9  # a price factor this near to 1 is rounding
LATEST = 5  # sessions shown as a table


@dataclass(frozen=True)
class Indicator:
    """One column by `ta`.

    compute: function of the library and the bars of traded sessions. first: sessions before the first value that
    counts. needs: panels without which it is left out. meaning: how it is read.
    """

    title: str
    compute: Callable[[Any, pd.DataFrame], "pd.Series[float]"]
    first: int
    needs: tuple[str, ...]
    meaning: str


INDICATORS: dict[str, Indicator] = {
    "rsi": Indicator(
        "RSI 14", lambda ta, b: ta.momentum.rsi(b["close"]).where(b["close"].diff().ne(0).cumsum() > 1), 14, ("close",),
        "Share of gains in the moves of the last weeks, 0 to 100. Above 70 the price ran up fast, below 30 it fell "
        "fast; in a trend it can stay there for long.",
    ),
    "macd": Indicator(
        "MACD 12, 26", lambda ta, b: ta.trend.macd(b["close"]), 25, ("close",),
        "Fast average less slow average, in units of price. Above 0 the last weeks were dearer than the last month.",
    ),
    "macd_signal": Indicator(
        "MACD signal 9", lambda ta, b: ta.trend.macd_signal(b["close"]), 33, ("close",),
        "Average of the MACD. The MACD crosses it when momentum turns, late by nature.",
    ),
    "bollinger_middle": Indicator(
        "Bollinger middle 20", lambda ta, b: ta.volatility.bollinger_mavg(b["close"]), 19, ("close",),
        "Average price of the last 20 sessions.",
    ),
    "bollinger_upper": Indicator(
        "Bollinger upper", lambda ta, b: ta.volatility.bollinger_hband(b["close"]), 19, ("close",),
        "Two standard deviations above the middle. Wide bands say turbulent, narrow ones say calm.",
    ),
    "bollinger_lower": Indicator(
        "Bollinger lower", lambda ta, b: ta.volatility.bollinger_lband(b["close"]), 19, ("close",),
        "Two standard deviations below the middle.",
    ),
    "atr": Indicator(
        "ATR 14", lambda ta, b: ta.volatility.average_true_range(b["high"], b["low"], b["close"]), 13, BARS,
        "How far the price reaches in a session, gaps included, in units of price.",
    ),
    "stochastic": Indicator(
        "Stochastic 14", lambda ta, b: ta.momentum.stoch(b["high"], b["low"], b["close"]), 13, BARS,
        "Where the close stands between the lowest low (0) and the highest high (100) of 14 sessions.",
    ),
    "adx": Indicator(
        "ADX 14", lambda ta, b: ta.trend.adx(b["high"], b["low"], b["close"]), 27, BARS,
        "Strength of a trend, up or down, 0 to 100; below 20 there is hardly one.",
    ),
    "psar": Indicator(
        "Parabolic SAR", lambda ta, b: ta.trend.PSARIndicator(b["high"], b["low"], b["close"]).psar(), 2, BARS,
        "A trailing stop: under the price in a rise, above it in a fall, and it jumps when the price reaches it.",
    ),
    "ichimoku_conversion": Indicator(
        "Ichimoku conversion 9", lambda ta, b: ta.trend.ichimoku_conversion_line(b["high"], b["low"]), 8, BARS,
        "Middle of the range of 9 sessions.",
    ),
    "ichimoku_base": Indicator(
        "Ichimoku base 26", lambda ta, b: ta.trend.ichimoku_base_line(b["high"], b["low"]), 25, BARS,
        "Middle of the range of 26 sessions. The conversion line above it is read as a rise.",
    ),
    "ichimoku_a": Indicator(
        "Ichimoku span A", lambda ta, b: ta.trend.ichimoku_a(b["high"], b["low"]), 25, BARS,
        "Mean of conversion and base, on the session that knows it (charts draw it 26 sessions later).",
    ),
    "ichimoku_b": Indicator(
        "Ichimoku span B", lambda ta, b: ta.trend.ichimoku_b(b["high"], b["low"]), 51, BARS,
        "Middle of the range of 52 sessions, on the session that knows it.",
    ),
    "obv": Indicator(
        "On-balance volume", lambda ta, b: ta.volume.on_balance_volume(b["close"], b["volume"]), 0, ("close", "volume"),
        "Shares traded, added when the close did not fall and subtracted when it fell. Its level means nothing.",
    ),
}  # fmt: skip

# Left out, because their first sessions know the mean of the whole history. With the row at which that is shown.
AHEAD: dict[str, tuple[Callable[[Any, pd.DataFrame], "pd.Series[float]"], int, tuple[str, ...]]] = {
    "KST": (lambda ta, b: ta.trend.kst(b["close"]), 35, ("close",)),
    "Ichimoku span A, shifted": (lambda ta, b: ta.trend.ichimoku_a(b["high"], b["low"], visual=True), 20, BARS),
}


def technical_sheet(market: MarketData, asset: str, *, sessions: int | None = None, theme: str = "light") -> TearSheet:
    """Return what classic indicators say of one asset: latest values, figures drawn in `theme`, tables.

    sessions: draw the last ones alone; the indicators know the whole history. Raises ParamsError for an unknown asset
    or when `ta` is absent, DataError for an asset that never traded twice.
    """
    drawn = slice(None) if sessions is None else slice(-check_count("sessions", sessions), None)
    bars = bars_of(market, asset)
    values, missing = indicator_table(bars)
    known = values.dropna(how="all")
    lacking = {"indicator": [INDICATORS[name].title for name in missing], "reason": list(missing.values())}
    tables = {
        "Latest sessions": _latest(known),
        "Left out: they look ahead": look_ahead_table(bars),
        "Left out: the data lacks": pd.DataFrame(lacking),
        "Provenance": provenance_table(provenance(asset, market, {"sheet": "technical"}, market.flags)),
    }
    return TearSheet(
        title=f"{asset}: technical indicators",
        subtitle=f"{bars.index[0].date()} to {bars.index[-1].date()}, {len(bars):,} traded sessions, "
        f"market {market.name}. Evidence on one asset, not orders",
        flags=market.flags,
        summary=_summary(known),
        figures=technical_figures(bars.iloc[drawn], values.iloc[drawn], theme),
        tables={name: table for name, table in tables.items() if len(table)},
    )


def bars_of(market: MarketData, asset: str) -> pd.DataFrame:
    """Return close and, where the market has them, high, low and volume of the asset's traded sessions.

    Carried forward over splits and dividends from the first session; on a market without them, the traded prices.
    """
    check_choice("asset", asset, market.assets)
    close = market.panel("close")[asset]
    traded = close.notna()
    if traded.sum() < 2:
        raise DataError(
            f"{asset}: {traded.sum()} sessions with a price", "at least two", "choose another asset or dates"
        )
    bars = pd.DataFrame(
        {name: market.panel(name)[asset][traded] for name in ("close", "high", "low", "volume") if name in market}
    )
    factor = (market.panel("total_return")[asset] / close)[traded]
    factor /= factor.iloc[0]
    if (factor - 1.0).abs().max() > TURNED:
        for name in bars:
            bars[name] = bars[name] / factor if name == "volume" else bars[name] * factor
    return bars


def indicator_table(bars: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, str]]:
    """Return the indicators of `bars`, sessions x names of INDICATORS, NaN in warm-up; and why others are left out."""
    ta = _library()
    found, missing = {}, {}
    for name, indicator in INDICATORS.items():
        absent = [need for need in indicator.needs if need not in bars]
        rows = bars[[need for need in indicator.needs if need in bars]].dropna()
        if absent:
            missing[name] = f"the market has no {', '.join(absent)}"
        elif len(rows) <= indicator.first + 1:
            missing[name] = f"{len(rows)} sessions are known, it needs more than {indicator.first + 1}"
        else:
            column = indicator.compute(ta, rows.reset_index(drop=True)).to_numpy(dtype=np.float64, copy=True)
            column[: indicator.first] = np.nan
            if np.isnan(column).all():
                missing[name] = "it has no value on these prices"
            else:
                found[name] = pd.Series(column, index=rows.index)
    return pd.DataFrame(found, index=bars.index), missing


def look_ahead_table(bars: pd.DataFrame) -> pd.DataFrame:
    """Return, for indicators that look ahead, an early value as known that day and as the whole history has it."""
    ta, lines = _library(), []
    for name, (compute, at, needs) in AHEAD.items():
        rows = bars[[need for need in needs if need in bars]].dropna()
        if rows.shape[1] == len(needs) and len(rows) > 2 * at:
            plain = rows.reset_index(drop=True)
            then, later = (compute(ta, known).iloc[at] for known in (plain.iloc[: at + 1], plain))
            lines.append((name, f"{rows.index[at]:%Y-%m-%d}", _written(then), _written(later)))
    return pd.DataFrame(lines, columns=["indicator", "session", "known that day", "by the whole history"])


def _library() -> Any:
    if find_spec("ta") is None:
        raise ParamsError(
            "technical_sheet: ta is not installed",
            "the extra `lab`, which brings ta",
            "pip install 'alphapulse[lab]'",
        )
    import ta

    return ta


def _summary(values: pd.DataFrame) -> pd.DataFrame:
    """Return the latest known value of each indicator as text, with how it is read."""
    names = [str(name) for name in values]
    return pd.DataFrame(
        {
            "measure": [INDICATORS[name].title for name in names],
            "value": [_written(values[name].dropna().iloc[-1], name) for name in names],
            "meaning": [INDICATORS[name].meaning for name in names],
        }
    )


def _latest(values: pd.DataFrame) -> pd.DataFrame:
    """Return the latest sessions as text, indicators x sessions."""
    names = [str(name) for name in values]
    days = {f"{day:%Y-%m-%d}": values.loc[day] for day in values.index[-LATEST:]}
    columns = {day: [_written(row[name], name) for name in names] for day, row in days.items()}
    return pd.DataFrame({"indicator": [INDICATORS[name].title for name in names], **columns})


def _written(value: float, name: str = "") -> str:
    return "-" if np.isnan(value) else count(value) if name == "obv" else number(value)
