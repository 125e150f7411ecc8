"""Profiles of Hypothesis: `full` as the whole suite runs, `quick` for a part of it; see tests/__main__.py."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# A busy machine makes examples slow, and slow examples say nothing about the code.
settings.register_profile("full", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("quick", settings.get_profile("full"), max_examples=15)
settings.load_profile("full")
