"""The accounts that may use the simulated Plex: its owner, and shared and home users."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sim.faults import is_write

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sim.faults import Request

OWNER_ID = 1
RATE_PATH = "/:/rate"
UNAUTHORIZED = 401


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """`edit_status`: the answer to requests that would change the library, including scans; None if they are allowed.
    `may_rate`: an account's ratings are its own, so they are not edits. `sees_files` False: Parts have no file.
    """

    id: int
    name: str
    edit_status: int | None = None
    may_rate: bool = True
    sees_files: bool = True

    @property
    def is_owner(self) -> bool:
        """Whether the server belongs to this account."""
        return self.id == OWNER_ID

    def refusal_of(self, request: Request) -> int | None:
        """The status that refuses a request; None if it is allowed."""
        is_scan = request.path.startswith("/library/sections") and request.path.endswith("/refresh")
        if request.path == RATE_PATH:
            return None if self.may_rate else self.edit_status
        return self.edit_status if is_scan or is_write(request) else None


OWNER = Account(id=OWNER_ID, name="owner")


class Accounts:
    """The accounts by token."""

    def __init__(self, owner_token: str) -> None:
        self.owner_token = owner_token
        self._users: dict[str, Account] = {}
        self._expired: dict[str, int] = {}

    def add(self, token: str, *, name: str, edit_status: int, may_rate: bool, sees_files: bool) -> Account:
        """Add a shared or home user with this token."""
        account = Account(
            id=OWNER_ID + 1 + len(self._users),
            name=name,
            edit_status=edit_status,
            may_rate=may_rate,
            sees_files=sees_files,
        )
        self._users[token] = account
        return account

    def expire(self, token: str, status: int) -> None:
        """Refuse the token with this status from now on."""
        self._expired[token] = status

    def behind(self, token: str) -> Account | int:
        """The account of a token, or the status that refuses it."""
        if token in self._expired:
            return self._expired[token]
        return OWNER if token == self.owner_token else self._users.get(token, UNAUTHORIZED)

    def __iter__(self) -> Iterator[Account]:
        return iter((OWNER, *self._users.values()))
