"""Whose files the data directory's are: a shell is often root's, and Stash could not use what root leaves there."""

from __future__ import annotations

import os

from local.hide_paths import as_path
from tasks.context import TaskError


def become_owner(directory: str) -> None:
    """Go on as the user to whom the data directory belongs, so that every file there stays Stash's.

    Raises TaskError if that is not possible, or if there is no such directory.
    """
    owner = check_owner(directory)
    if os.name != "posix" or os.geteuid() == owner.st_uid:
        return
    os.setgroups([owner.st_gid])
    os.setgid(owner.st_gid)
    os.setuid(owner.st_uid)
    os.environ.pop("HOME", None)  # root's; without it, the user's own is looked up


def check_owner(directory: str) -> os.stat_result:
    """Raises TaskError if there is no such directory, or if this user cannot become its owner."""
    try:
        owner = os.stat(directory)
    except FileNotFoundError:
        raise TaskError(
            f"There is no data directory {as_path(directory)}: PlexSync has not run yet, or PLEXSYNC_DATA_DIR names "
            "another one for Stash. Set it here as it is set there."
        ) from None
    if os.name == "posix" and os.geteuid() not in (0, owner.st_uid):
        raise TaskError(
            f"The data directory {as_path(directory)} belongs to another user (number {owner.st_uid}), as whom Stash "
            "runs. Run this as that user, or as root."
        )
    return owner


def give_to_owner_of(directory: str, copy: str) -> None:
    """Give a copied folder and all in it to the owner of the original."""
    if os.name != "posix" or os.geteuid() != 0:
        return
    owner = os.stat(directory)
    for folder, _, names in os.walk(copy):
        for path in (folder, *(os.path.join(folder, name) for name in names)):
            os.chown(path, owner.st_uid, owner.st_gid)
