"""Errors between PlexSync and Stash.

StashError
├── StashUnavailable    Stash gives no usable answer now: down, slow, restarting; the job waits, no attempt counted
│   ├── StashAnswerTooLarge    it says more at once than is of use
│   ├── StashLoginNeeded    it rejects the session cookie or the API key
│   ├── PluginDisabled      PlexSync is disabled in it, so that nothing may be done for it
│   └── StashLacks          this version of Stash does not know what the query asks for, whatever the scene
└── StashRefused        Stash answers this request with an error; other requests may succeed
    └── SceneTooLarge       it says more about one scene than can be read
"""

from __future__ import annotations

NEEDS_STASH = "this needs Stash, which does not answer as it should"


class StashError(Exception):
    """Base class. Messages are one line and contain no secrets."""


class StashUnavailable(StashError):  # noqa: N818 - named for the state of Stash, as in the log
    """No usable answer: refused, timed out, dropped, 5xx, redirected, or nothing that Stash would send."""


class StashAnswerTooLarge(StashUnavailable):
    """More bytes, or more values, than any answer that is of use has; a smaller question may get a smaller answer."""


class StashLoginNeeded(StashUnavailable):
    """The session cookie has expired (one hour by default) or the API key was changed."""


class PluginDisabled(StashUnavailable):
    """The user has disabled PlexSync on Stash's page of plugins."""

    def __init__(self) -> None:
        super().__init__("PlexSync is disabled in Stash")


class StashLacks(StashUnavailable):
    """The query names a field or an argument that this version of Stash does not have.

    `answer`: what Stash says about it, in one line.
    """

    def __init__(self, answer: str) -> None:
        super().__init__(
            f"PlexSync needs Stash 0.26 or newer; this one answers: {answer} Update Stash, or PlexSync if it is older"
        )
        self.answer = answer


class StashRefused(StashError):  # noqa: N818 - named for what Stash did, as in the log
    """A GraphQL error, a picture that does not exist, or a scene of an unexpected shape."""


class SceneTooLarge(StashRefused):
    """All that Stash says about one scene is too much for one answer."""
