"""Levels: from the confidence level of a VaR to its tail."""

from __future__ import annotations

from statistics import NormalDist

from alphapulse.core.checks import check_number
from alphapulse.core.errors import ParamsError

NEXT_STEP = "write 95 per cent as 0.95"


def tail_share(level: float) -> float:
    """Return 1 - level, the share of sessions in the tail; ParamsError on a level outside (0, 1]."""
    share = 1.0 - check_number("level", level, most=1.0, above=True, next_step=NEXT_STEP)
    return round(share, 12)  # 1 - 0.9 is a little less than 0.1


def normal_quantile(level: float) -> float:
    """Return the standard normal quantile at 1 - level, not above 0; ParamsError on a level outside [0.5, 1)."""
    if check_number("level", level, least=0.5, most=1.0, next_step=NEXT_STEP) == 1.0:
        raise ParamsError("level = 1", "a level from 0.5 and below 1: a normal loss has no bound", NEXT_STEP)
    return NormalDist().inv_cdf(tail_share(level))
