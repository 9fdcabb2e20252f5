"""Limits: small frozen objects that shrink proposed weights and say what they changed. A new limit is one class and
one line here.

What a limit takes goes to cash: no position grows or changes its sign, so a trade that reduces risk always passes.
Applying a limit twice changes nothing more. Most limits stay within their bound however a book shrinks afterwards; net
exposure, beta, VaR and CVaR do not, since cutting a hedge raises them, so `RiskManager` goes round until all hold.
Each limit holds for positions plus open orders, see `proposal`.

There is no limit on leverage: weights are fractions of equity, so gross exposure (`max_gross`) is the leverage. Nor
one on volatility: `PositionSizer` scales the book to a target.
"""

from __future__ import annotations

from alphapulse.core.ports import Limit
from alphapulse.risk.limits.concentration import MaxConcentration
from alphapulse.risk.limits.equity import MaxDailyLoss, MaxDrawdown
from alphapulse.risk.limits.exposure import MaxGross, MaxNet, MaxPosition, MaxSector
from alphapulse.risk.limits.factor import MaxBeta, MaxCorrelation
from alphapulse.risk.limits.tail import MaxCvar, MaxVar
from alphapulse.risk.limits.trading import MaxDaysOfVolume, MaxTurnover

LIMITS: dict[str, type[Limit]] = {
    "max_position": MaxPosition,
    "max_days_of_volume": MaxDaysOfVolume,
    "max_daily_loss": MaxDailyLoss,
    "max_turnover": MaxTurnover,
    "max_correlation": MaxCorrelation,
    "max_concentration": MaxConcentration,
    "max_sector": MaxSector,
    "max_gross": MaxGross,
    "max_drawdown": MaxDrawdown,
    "max_net": MaxNet,
    "max_beta": MaxBeta,
    "max_var": MaxVar,
    "max_cvar": MaxCvar,
}
