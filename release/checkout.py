"""The newest commit of a git checkout: its files, and the date by which Stash tells a newer package.

Packages are made of what is committed, so that everybody who has the commit can make the same ones.
"""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# Set while git runs a hook: they would lead to another repository than the one of the folder.
_ELSEWHERE: Final = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE")


class CheckoutError(Exception):
    """Nothing can be packed here. The message says why, and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """`files` by path, with slashes; `date` in epoch seconds; `uncommitted`: paths whose changes are not in it."""

    files: Mapping[str, bytes]
    date: int
    uncommitted: tuple[str, ...]


def read_commit(root: str) -> Commit:
    """Read the newest commit of the checkout whose top is `root`. Raises CheckoutError."""
    prefix, shallow = _git(root, "rev-parse", "--show-prefix", "--is-shallow-repository").decode().split("\n")[:2]
    if prefix:
        raise CheckoutError(f"{root} is not a checkout of PlexSync, but a folder inside another repository.")
    if shallow == "true":
        raise CheckoutError(
            "This checkout lacks older commits, from which the date of the package follows. "
            "Fetch them: git fetch --unshallow"
        )
    history = _git(root, "log", "--topo-order", "--reverse", "--format=%H %ct %P").decode()
    status = _git(root, "status", "--porcelain", "-z").decode("utf-8", "replace")
    return Commit(
        files=_files(root),
        date=rising_date(history.splitlines()),
        uncommitted=tuple(entry[3:] for entry in status.split("\0") if entry[2:3] == " "),
    )


def rising_date(history: Iterable[str]) -> int:
    """The date of the last commit: its own, but later than the dates of all the commits that lead to it.

    `history`: `<commit> <epoch seconds> <parents>` a line, parents first. Two commits may be made within a second, or
    with a clock that was set back; Stash offers an update only if its date is later.
    """
    date, dates = 0, dict[str, int]()
    for line in history:
        commit, own, *parents = line.split()
        date = max(int(own), *(dates[parent] + 1 for parent in parents), 0)
        dates[commit] = date
    return date


def _files(root: str) -> dict[str, bytes]:
    # Not with the line ends that this machine prefers.
    archive = _git(root, "-c", "core.autocrlf=false", "-c", "core.eol=lf", "archive", "--format=tar", "HEAD")
    files = {}
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        for member in tar:
            content = tar.extractfile(member) if member.isfile() else None
            if content is not None:
                files[member.name] = content.read()
    return files


def _git(root: str, *arguments: str) -> bytes:
    environment = {name: value for name, value in os.environ.items() if name not in _ELSEWHERE}
    command = ["git", "-C", root, *arguments]
    try:
        done = subprocess.run(command, env=environment, capture_output=True, check=False)  # noqa: S603 - fixed words
    except FileNotFoundError:
        raise CheckoutError("git is needed to read the newest commit, and it is not installed.") from None
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip()
        raise CheckoutError(f"git cannot read the newest commit of {root}. It said: {said}")
    return done.stdout
