"""Shared by all tests: hypothesis profiles, and this folder on the import path for `random_markets`."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

SLOW = [HealthCheck.too_slow]
# The same examples at every run, so that a red run is a change; the evidence draws new and many ones.
settings.register_profile("test", deadline=None, max_examples=60, derandomize=True, suppress_health_check=SLOW)
settings.register_profile("evidence", deadline=None, max_examples=500, suppress_health_check=SLOW)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "test"))
