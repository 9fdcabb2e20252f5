"""Position sizing: how much of the target portfolio to hold. A new rule is one function and one line in SIZERS."""

from __future__ import annotations

from alphapulse.risk.sizing.rules import SIZERS
from alphapulse.risk.sizing.sizer import PositionSizer

__all__ = ["SIZERS", "PositionSizer"]
