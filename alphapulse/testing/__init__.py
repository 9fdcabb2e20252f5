"""The contract suite: laws that every agent and allocator keeps, ours and yours.

    from alphapulse.testing import check_agent
    check_agent(MyAgent())

Each check raises AssertionError naming the law, the first session and the asset at fault. AGENT_CHECKS and
ALLOCATOR_CHECKS hold them by name, to run one at a time.
"""

from alphapulse.core.alter import poisoned, renamed
from alphapulse.testing.agents import AGENT_CHECKS, check_agent
from alphapulse.testing.allocators import ALLOCATOR_CHECKS, check_allocator
from alphapulse.testing.examples import example_estimate, example_market, unusable

__all__ = [
    "AGENT_CHECKS",
    "ALLOCATOR_CHECKS",
    "check_agent",
    "check_allocator",
    "example_estimate",
    "example_market",
    "poisoned",
    "renamed",
    "unusable",
]
