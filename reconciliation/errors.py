"""Why a run ends without a result.

Exception
└── RunRefused    one side looks wrong, or the request names something that does not exist
"""

from __future__ import annotations


class RunRefused(Exception):  # noqa: N818 - named as what the user is told
    """One side is suddenly empty, or what was asked for does not exist.

    The message is what the task answers; it says what happened and what to do.
    """
