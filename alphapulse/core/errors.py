"""The error tree. Every message says what came, what is accepted and the next step.

AlphaPulseError
├── DataError            market data that cannot be used as it is
│   └── MissingField     a panel or table that this market does not have
├── ParamsError          a parameter with a wrong name, type, unit or value
├── RiskError            a risk estimate or limit that cannot be computed or met
│   └── Infeasible       constraints that contradict each other
├── ExecutionError       orders or weights that cannot be traded as asked
├── RunError             a run that did not finish
└── StoreError           a stored run that cannot be written or read
"""

from __future__ import annotations


class AlphaPulseError(Exception):
    """Base of every error this package raises on purpose.

    `came` names the field, date and asset met; `accepted` the form that is accepted; `next_step` what to do.
    """

    def __init__(self, came: str, accepted: str, next_step: str) -> None:
        super().__init__(came, accepted, next_step)
        self.came = came
        self.accepted = accepted
        self.next_step = next_step

    def __str__(self) -> str:
        return f"{self.came}\n  accepted: {self.accepted}\n  next: {self.next_step}"


class DataError(AlphaPulseError):
    """Market data that cannot be used as it is."""


class MissingField(DataError):
    """A panel or table that this market does not have."""


class ParamsError(AlphaPulseError):
    """A parameter with a wrong name, type, unit or value."""


class RiskError(AlphaPulseError):
    """A risk estimate or limit that cannot be computed or met."""


class Infeasible(RiskError):
    """Constraints that contradict each other."""


class ExecutionError(AlphaPulseError):
    """Orders or weights that cannot be traded as asked."""


class RunError(AlphaPulseError):
    """A run that did not finish."""


class StoreError(AlphaPulseError):
    """A stored run that cannot be written or read."""
