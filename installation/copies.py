"""Other plugins with PlexSync's id below Stash's plugins folder: of those, Stash runs the first that it finds.

It looks into every folder and takes the name of a `.yml` file for the id, in any case. So a copy made by hand and the
package get in each other's way, and so does CommunityScripts' plugin PlexSync.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from local.data_directory import LEDGER
from local.hide_paths import as_path, mark_paths
from local.system import quoted_for_shell

if TYPE_CHECKING:
    from collections.abc import Iterator

# Packages lie in the plugins folder or one level below it; people also unpack archives with a folder inside.
DEPTH = 3
_MANIFEST = "plexsync.yml"
# Stash's own list of what it has installed, beside the files of a package.
_INSTALLED = "manifest"
_NOT_LOOKED_INTO = frozenset({"data", "node_modules", "packages", "__pycache__", ".git"})


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginCopy:
    """A folder with a manifest of PlexSync's id. `is_ours`: it is PlexSync, of whatever version."""

    folder: str
    is_ours: bool
    is_package: bool
    has_ledger: bool


def copy_in(folder: str) -> PluginCopy:
    """What lies in a folder."""
    return PluginCopy(
        folder=folder,
        is_ours=os.path.exists(os.path.join(folder, "plexsync.py")),
        is_package=os.path.exists(os.path.join(folder, _INSTALLED)),
        has_ledger=os.path.exists(os.path.join(folder, "data", LEDGER)),
    )


def other_copies(own: str, plugins: str) -> tuple[PluginCopy, ...]:
    """The copies that Stash ignores while it runs the one in the folder `own`. `plugins`: Stash's plugins folder."""
    if not (os.path.isabs(own) and os.path.isabs(plugins)):
        return ()  # relative to where Stash was started, which is not known
    found = {os.path.realpath(folder): folder for folder in _folders_with_manifest(plugins, DEPTH)}
    if found.pop(os.path.realpath(own), None) is None:
        return ()  # not below this folder, so it is not from there that Stash runs it
    return tuple(copy_in(folder) for _, folder in sorted(found.items()))


def _folders_with_manifest(folder: str, depth: int) -> Iterator[str]:
    try:
        with os.scandir(folder) as listing:
            entries = list(listing)
    except OSError:
        return
    if any(entry.name.lower() == _MANIFEST for entry in entries):
        yield folder
    for entry in entries:
        if depth and entry.name not in _NOT_LOOKED_INTO and entry.is_dir():
            yield from _folders_with_manifest(entry.path, depth - 1)


def copies_in_the_way(own: str, plugins: str) -> tuple[str, ...]:
    """A warning for each other copy: which of the two runs, and how to end up with one. Arguments: see above."""
    this = copy_in(own)
    return tuple(
        f"There are two plugins with the id of PlexSync: Stash runs the one in {as_path(own)} and ignores the one in "
        f"{as_path(other.folder)}. {_cure(this, other)}"
        for other in other_copies(own, plugins)
    )


def _cure(own: PluginCopy, other: PluginCopy) -> str:
    if not other.is_ours:
        return "The other is a different plugin: uninstall it, or delete its folder."
    if other.is_package and not own.is_package:
        return f"To switch to that one, which is the package, run: {_take_over(other, own)}"
    if other.has_ledger:
        return (
            f"To keep this one, with the data of the other, run: {_take_over(own, other)} "
            "(or, if you do not need that data, delete the other folder)"
        )
    return "To keep this one, delete the other folder."


def _take_over(stays: PluginCopy, goes: PluginCopy) -> str:
    from installation.pip import this_python  # noqa: PLC0415 - imports subprocess, which takes 5 ms

    command = [this_python(), os.path.join(stays.folder, "plexsync.py"), "take-over", goes.folder]
    return mark_paths(quoted_for_shell(command), (command[0], command[1], command[3]))
