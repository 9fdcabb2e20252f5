"""The contract suite: laws that every agent, allocator and limit keeps, ours and yours.

    from alphapulse.testing import check_agent
    check_agent(MyAgent())

Each check raises AssertionError naming the law, the first session and the asset at fault. AGENT_CHECKS,
ALLOCATOR_CHECKS and LIMIT_CHECKS hold them by name, to run one at a time.
"""

from alphapulse.core.alter import poisoned, renamed
from alphapulse.testing.agents import AGENT_CHECKS, check_agent
from alphapulse.testing.allocators import ALLOCATOR_CHECKS, check_allocator
from alphapulse.testing.examples import example_estimate, example_market, unusable
from alphapulse.testing.limits import LIMIT_CHECKS, check_limit, example_context

__all__ = [
    "AGENT_CHECKS",
    "ALLOCATOR_CHECKS",
    "LIMIT_CHECKS",
    "check_agent",
    "check_allocator",
    "check_limit",
    "example_context",
    "example_estimate",
    "example_market",
    "poisoned",
    "renamed",
    "unusable",
]
