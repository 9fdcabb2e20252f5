"""Units, stated once.

Returns are simple and decimal (0.01 is one per cent). Volatility is per session unless a name ends in `_ann`.
Costs are in basis points (names end in `_bps`). Weights are fractions of equity and cash is the rest. Sessions are
time-zone-naive dates of the exchange; knowledge times are UTC.
"""

from __future__ import annotations

SESSIONS_PER_YEAR = 252
BPS = 1e-4
