"""`plex_sign_in`: a sign-in at plex.tv that is under way, between two tasks. It holds what gives access to the account.

Standard library only.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass, field

from local.data_directory import PLEX_SIGN_IN
from local.files import write_atomically
from store.state_file import from_json

_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """`pin_id`, `client`: whoever knows both gets the token once `code` was entered. `token`: the account's then, ""
    before. `expires_at`: epoch seconds.
    """

    pin_id: str = field(repr=False)
    client: str = field(repr=False)
    code: str
    expires_at: float
    token: str = field(default="", repr=False)


def read_sign_in(directory: str, now: float) -> SignIn | None:
    """The sign-in that is under way; None if there is none. One that has expired is deleted."""
    try:
        with open(_path(directory), "rb") as file:
            found = from_json(SignIn, json.load(file))
    except (OSError, ValueError, TypeError, RecursionError):
        found = None
    if found is None or found.expires_at <= now:
        forget_sign_in(directory)
        return None
    return found


def write_sign_in(directory: str, sign_in: SignIn) -> None:
    """Keep it for the next task; only its owner may read the file. Raises OSError."""
    write_atomically(_path(directory), json.dumps({"version": _VERSION, **asdict(sign_in)}).encode())


def forget_sign_in(directory: str) -> None:
    """Delete it."""
    with suppress(OSError):
        os.unlink(_path(directory))


def _path(directory: str) -> str:
    return os.path.join(directory, PLEX_SIGN_IN)
