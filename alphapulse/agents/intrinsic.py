"""What a company is worth by its own figures: residual income, and free cash flow with fading growth.

Every argument is a number or an array of one shape, in one currency; NaN is unknown and makes the value unknown.
"""

from __future__ import annotations

import numpy as np

from alphapulse.core.stats import Array

# A cost of equity for all: Frankel and Lee 1998 find that the choice hardly moves the ranking.
COST_OF_EQUITY = 0.09
LONG_RUN_GROWTH = 0.025
FADE_YEARS = 10


def residual_income_value(
    book: Array,
    return_on_equity: Array,
    payout: Array,
    *,
    cost: float = COST_OF_EQUITY,
    years: int = FADE_YEARS,
    fade: bool = True,
) -> Array:
    """Return book equity plus the present value of what it earns above its cost over `years`.

    V = B0 + sum over t of (ROE_t - cost) B_(t-1) / (1 + cost)^t, with B_t = B_(t-1) (1 + ROE_t (1 - payout)), Ohlson
    1995, Contemporary Accounting Research 11; Frankel and Lee 1998. fade: ROE moves on a straight line to the cost,
    after which the company earns just that; otherwise it stays, and the residual income ends after `years`.
    """
    value = np.array(book, dtype=np.float64)
    held = value.copy()
    for year in range(1, years + 1):
        earned = return_on_equity + (cost - return_on_equity) * (((year - 1) / years) if fade else 0.0)
        value = value + (earned - cost) * held / (1.0 + cost) ** year
        held = held * (1.0 + earned * (1.0 - payout))
    return value


def fading_growth_value(
    cash_flow: Array,
    growth: Array,
    *,
    cost: float = COST_OF_EQUITY,
    long_run: float = LONG_RUN_GROWTH,
    years: int = FADE_YEARS,
) -> Array:
    """Return the present value of free cash flow to equity whose growth fades on a straight line to `long_run`.

    The flow of year t is the one before times 1 + g_t, with g_t from `growth` in year 1 to `long_run` after `years`;
    from then on it grows for ever (Gordon 1962; the fade is that of Fuller and Hsia 1984, taken year by year).
    """
    flow = np.array(cash_flow, dtype=np.float64)
    value = np.zeros_like(flow)
    for year in range(1, years + 1):
        flow = flow * (1.0 + growth + (long_run - growth) * ((year - 1) / years))
        value = value + flow / (1.0 + cost) ** year
    final: Array = flow * (1.0 + long_run) / (cost - long_run) / (1.0 + cost) ** years
    return value + final
