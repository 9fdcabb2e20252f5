"""Liquidity: how long a book takes to sell, and its VaR until it is sold, with the spread paid."""

from __future__ import annotations

import numpy as np
import pandas as pd

from alphapulse.core.checks import check_number, check_share
from alphapulse.core.errors import MissingField, ParamsError
from alphapulse.core.estimates import RiskEstimate
from alphapulse.core.stats import Array
from alphapulse.core.units import BPS
from alphapulse.risk.held import check_weights, held, unknown_note
from alphapulse.risk.levels import normal_quantile


def days_to_liquidate(
    weights: "pd.Series[float]", traded_value: "pd.Series[float]", equity: float, *, participation: float = 0.10
) -> "pd.Series[float]":
    """Return the sessions each position takes to sell (or buy back) at a share of what is traded, by asset.

    weights: fractions of equity by asset. traded_value: mean value traded a session by asset, same currency as equity.
    participation: share of it that we may trade, in (0, 1]. Infinite where something is held and nothing, or nobody
    knows what, is traded; 0 where nothing is held.
    """
    check_number("equity", equity, above=True)
    check_share("participation", participation)
    position = np.abs(check_weights(weights)) * equity
    rate = participation * np.asarray(traded_value.reindex(weights.index).to_numpy(), dtype=np.float64)
    days = np.where(position > 0.0, np.inf, 0.0)
    np.divide(position, rate, out=days, where=rate > 0.0)
    return pd.Series(days, index=weights.index, name="days")


def liquidity_var(
    weights: "pd.Series[float]",
    estimate: RiskEstimate,
    equity: float,
    level: float = 0.95,
    *,
    spread_bps: "float | pd.Series[float]",
    participation: float = 0.10,
) -> pd.DataFrame:
    """Return the VaR of a book that has to be sold, one asset a row; each column of figures sums to the book's.

    weights: fractions of equity by asset, negative when short. equity: currency. spread_bps: quoted bid-ask spread,
    one for all or by asset; for the cost in a stressed market pass mean plus a multiple of the spread's deviation.
    participation: see `days_to_liquidate`; the value traded is `estimate.facts.traded_value`.

    Columns: weight; days (sessions to sell); var (contribution to the VaR of one session: normal, mean 0, negative is
    a loss); horizon_var (the same until all is sold); spread_cost (half the spread on the position, negative); total
    (horizon_var plus spread_cost). Fractions of equity.

    Each position is sold at a steady rate from the first close on, so the variance of the book over the horizon is
    the sum over sessions of that of what is left. For one position sold in d whole sessions this scales VaR by
    sqrt((1 + d)(1 + 2d) / (6d)) (Malz 2011, chapter 12); one sold within a session keeps the VaR of that session.
    Spread: Bangia, Diebold, Schuermann and Stroughair (1999), equation 5.

    A position that cannot be sold (days infinite), without a risk estimate or without a spread has NaN in `total` and
    in what is unknown of it; all other figures are of the rest, and `attrs["notes"]` name it. MissingField when the
    facts hold no traded value; ParamsError on a level outside [0.5, 1) or a negative spread.
    """
    quantile = normal_quantile(level)
    if estimate.facts.traded_value is None:
        raise MissingField(
            "the estimate's facts hold no traded value",
            "facts.traded_value, mean value traded a session by asset, in currency",
            "a market with a panel of volume gives it",
        )
    book = held(weights, estimate)
    table = pd.DataFrame({"weight": book.weights}, index=book.assets)
    table["days"] = days_to_liquidate(weights, estimate.facts.traded_value, equity, participation=participation)
    days = np.asarray(table["days"].to_numpy(), dtype=np.float64)
    sold, known = np.isfinite(days), book.known
    table["var"] = book.on_all(quantile * _components(book.exposed, book.covariance))
    until_sold = _components(np.where(sold, book.weights, 0.0)[known], book.covariance * _remaining(days[known]))
    table["horizon_var"] = np.where(sold, book.on_all(quantile * until_sold), np.nan)
    table["spread_cost"] = -np.abs(book.weights) * _spread(spread_bps, book.assets) * BPS / 2.0
    table["total"] = table["horizon_var"] + table["spread_cost"]
    quoted = table["spread_cost"].notna().to_numpy()
    table.attrs["notes"] = (
        *book.notes,
        *unknown_note("cannot be sold, or nobody knows what is traded", book.assets, book.weights, sold),
        *unknown_note("no spread", book.assets, book.weights, quoted),
    )
    return table


def _remaining(days: Array) -> Array:
    """Return, for each pair, the sum over sessions of the product of the shares left at their start.

    Of a position sold in d sessions 1 - k / d is left at the start of session k = 0, 1, ... while that is positive.
    A position never sold counts for one session.
    """
    rate = 1.0 / np.where(np.isfinite(days) & (days > 1.0), days, 1.0)
    last = np.ceil(1.0 / np.maximum.outer(rate, rate))
    first_powers = last * (last - 1.0) / 2.0
    squares = first_powers * (2.0 * last - 1.0) / 3.0
    overlap: Array = last - np.add.outer(rate, rate) * first_powers + np.outer(rate, rate) * squares
    return overlap


def _components(weights: Array, covariance: Array) -> Array:
    """Return contributions that sum to the standard deviation of the weights; 0 where nothing is held."""
    slope = covariance @ weights
    variance = float(weights @ slope)
    return weights * slope / np.sqrt(variance) if variance > 0.0 else np.zeros(len(weights))


def _spread(spread_bps: "float | pd.Series[float]", assets: pd.Index) -> Array:
    if not isinstance(spread_bps, pd.Series):
        return np.full(len(assets), check_number("spread_bps", spread_bps, next_step="10 basis points are 10"))
    spread = np.asarray(spread_bps.reindex(assets).to_numpy(), dtype=np.float64)
    if (spread < 0.0).any():
        at = int(np.argmax(spread < 0.0))
        raise ParamsError(f"spread_bps = {spread[at]:g} for {assets[at]}", "spreads from 0", "correct the quotes")
    return spread
