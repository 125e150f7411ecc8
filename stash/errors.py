"""What can go wrong between PlexSync and Stash.

StashError
├── StashUnavailable    Stash cannot be asked now: down, slow, restarting, unreadable; the job waits, uncharged
│   └── StashLoginNeeded    it answers, but neither session cookie nor API key lets us in (any more)
└── StashRefused        Stash understood this question and answers it with an error; others may fare better
"""

from __future__ import annotations


class StashError(Exception):
    """Base of all errors of this room. Messages are one line and hold no secret."""


class StashUnavailable(StashError):  # noqa: N818 - named for what Stash is, as in the log
    """No usable answer: refused, timed out, dropped, 5xx, redirected, or not what Stash would say."""


class StashLoginNeeded(StashUnavailable):
    """The session cookie has expired (one hour by default) or the API key was changed."""


class StashRefused(StashError):  # noqa: N818 - named for what Stash did, as in the log
    """A GraphQL error, a picture that does not exist, or a scene of a shape that nobody expects."""
