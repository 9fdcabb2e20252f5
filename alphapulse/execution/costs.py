"""What trading and holding cost."""

from __future__ import annotations

from dataclasses import dataclass

from alphapulse.core.checks import check_number
from alphapulse.core.units import BPS

_CEILING = {
    "commission_bps": 1_000.0,
    "spread_bps": 1_000.0,
    "impact": 10.0,
    "borrow_bps_ann": 10_000.0,
    "cash_rate_ann": 1.0,
}


@dataclass(frozen=True)
class Costs:
    """Costs of trading and holding, all zero by default.

    commission_bps: of the traded value. spread_bps: the quoted bid-ask spread; each trade pays half of it.
    impact: coefficient of the square-root law, cost = impact x volatility x sqrt(shares / average daily volume) of the
    traded value, with the volatility per session and the volume of the 21 sessions before (Almgren et al. 2005; Toth
    et al. 2011; a value near 1 is usual). borrow_bps_ann: yearly, on the value sold short. cash_rate_ann: yearly
    simple interest on cash, charged when cash is negative. Yearly rates accrue by 1/252 each session on the balance
    held overnight.
    """

    commission_bps: float = 0.0
    spread_bps: float = 0.0
    impact: float = 0.0
    borrow_bps_ann: float = 0.0
    cash_rate_ann: float = 0.0

    def __post_init__(self) -> None:
        for name, most in _CEILING.items():
            check_number(
                f"costs: {name}",
                getattr(self, name),
                least=-most if name == "cash_rate_ann" else 0.0,
                most=most,
                next_step="one basis point is 1 in a field that ends in _bps; rates are decimals (0.02 is 2 %)",
            )

    @property
    def linear(self) -> float:
        """Commission and half-spread as a fraction of the traded value."""
        return (self.commission_bps + self.spread_bps / 2.0) * BPS
