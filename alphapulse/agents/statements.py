"""What accounting research reads off two years of statements: Piotroski's F and Altman's Z.

Every argument is a number or an array of one shape; NaN is unknown. Flows are of a year, stocks at its end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np

from alphapulse.core.stats import Array

# With fewer of the nine tests answered, the share that passed says too little.
LEAST_TESTS = 6
LARGEST_RETURN = 1.0


@dataclass(frozen=True, eq=False)
class Year:
    """One fiscal year. assets_before: at its beginning; the other stocks at its end; revenue and flows over it."""

    net_income: Array
    cfo: Array
    revenue: Array
    gross_profit: Array
    assets_before: Array
    assets: Array
    current_assets: Array
    current_liabilities: Array
    long_term_debt: Array
    shares: Array


def ratio(numerator: Array, denominator: Array) -> Array:
    """Return numerator / denominator where the denominator is above zero, NaN elsewhere."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return cast(Array, np.where(denominator > 0.0, numerator / denominator, np.nan))


def believable(earned: Array) -> Array:
    """Return the returns within +-100 %, NaN beyond: capital that small is no base to reckon from."""
    return cast(Array, np.where(np.abs(earned) <= LARGEST_RETURN, earned, np.nan))


def piotroski_tests(this: Year, last: Year, *, rounding: float = 0.0) -> Array:
    """Return the nine signals, 9 x the shape of a figure: 1 passed, 0 failed, NaN unknown.

    In the order of Piotroski 2000, "Value investing", Journal of Accounting Research 38, section 2.2: ROA, CFO, change
    in ROA, accruals, change in leverage, change in liquidity, equity offering, change in margin, change in turnover.
    rounding: growth of the share count, as a fraction, that is no offering.
    """
    roa, roa_last = ratio(this.net_income, this.assets_before), ratio(last.net_income, last.assets_before)
    cash = ratio(this.cfo, this.assets_before)
    leverage = ratio(this.long_term_debt, (this.assets + this.assets_before) / 2.0)
    leverage_last = ratio(last.long_term_debt, (last.assets + last.assets_before) / 2.0)
    liquidity = ratio(this.current_assets, this.current_liabilities)
    liquidity_last = ratio(last.current_assets, last.current_liabilities)
    margin, margin_last = ratio(this.gross_profit, this.revenue), ratio(last.gross_profit, last.revenue)
    turnover, turnover_last = ratio(this.revenue, this.assets_before), ratio(last.revenue, last.assets_before)
    changes = (
        roa,
        cash,
        roa - roa_last,
        cash - roa,
        leverage_last - leverage,
        liquidity - liquidity_last,
        last.shares * (1.0 + rounding) - this.shares,
        margin - margin_last,
        turnover - turnover_last,
    )
    passed = [np.where(np.isnan(change), np.nan, change > 0.0) for change in changes]
    passed[6] = np.where(np.isnan(changes[6]), np.nan, changes[6] >= 0.0)  # no new shares passes
    return np.stack(np.broadcast_arrays(*passed))


def piotroski_f(this: Year, last: Year, *, rounding: float = 0.0) -> Array:
    """Return the F-score from 0 to 9; where up to three tests are unknown, nine times the share of those passed."""
    tests = piotroski_tests(this, last, rounding=rounding)
    known = np.sum(~np.isnan(tests), axis=0)
    with np.errstate(invalid="ignore"):
        share = np.nansum(tests, axis=0) / known
    return cast(Array, np.where(known >= LEAST_TESTS, 9.0 * share, np.nan))


def altman_z(
    *,
    working_capital: Array,
    retained_earnings: Array,
    ebit: Array,
    market_value: Array,
    liabilities: Array,
    revenue: Array,
    assets: Array,
) -> Array:
    """Return Altman's Z: below 1.81 distress, above 2.99 safety, NaN where a part is unknown.

    Z = 1.2 X1 + 1.4 X2 + 3.3 X3 + 0.6 X4 + 0.999 X5, Altman 1968, "Financial ratios, discriminant analysis and the
    prediction of corporate bankruptcy", Journal of Finance 23, equation I, with ratios as decimals.
    """
    return (
        1.2 * ratio(working_capital, assets)
        + 1.4 * ratio(retained_earnings, assets)
        + 3.3 * ratio(ebit, assets)
        + 0.6 * ratio(market_value, liabilities)
        + 0.999 * ratio(revenue, assets)
    )
