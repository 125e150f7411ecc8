"""Why a run ends without a result.

Exception
└── RunRefused    what was found before anything was queued makes no sense
"""

from __future__ import annotations


class RunRefused(Exception):  # noqa: N818 - named as what the user is told
    """One side is suddenly empty, or what was asked for does not exist. The message is the answer: what and why."""
