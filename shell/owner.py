"""Whose files the data directory's are: a shell is often root's, and Stash could not use what root leaves there."""

from __future__ import annotations

import os

from local import system
from local.hide_paths import as_path
from tasks.context import TaskError


def become_owner(directory: str) -> None:
    """Go on as the user to whom the data directory belongs, so that every file there stays Stash's.

    Raises TaskError if that is not possible, or if there is no such directory.
    """
    system.become(check_owner(directory))


def check_owner(directory: str) -> os.stat_result:
    """Raises TaskError if there is no such directory, or if this user cannot become its owner."""
    try:
        owner = os.stat(directory)
    except FileNotFoundError:
        raise TaskError(
            f"There is no data directory {as_path(directory)}: PlexSync has not run yet, or PLEXSYNC_DATA_DIR names "
            "another one for Stash. Set it here as it is set there."
        ) from None
    if not system.may_become(owner):
        raise TaskError(
            f"The data directory {as_path(directory)} belongs to another user (number {owner.st_uid}), as whom Stash "
            "runs. Run this as that user, or as root."
        )
    return owner


def give_to_owner_of(directory: str, copy: str) -> None:
    """Give a copied folder and all in it to the owner of the original."""
    system.give(copy, os.stat(directory))
