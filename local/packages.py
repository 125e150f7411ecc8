"""The packages that worker and tasks import: found where they are, else installed once, privately.

A worker's start waits for the look (measured: 1 ms), so nothing is imported to find out whether it is there.
"""

from __future__ import annotations

import importlib
import os
import sys
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.machinery import PathFinder
from typing import TYPE_CHECKING, Final

from local.data_directory import PACKAGES

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

NO_INSTALL = "PLEXSYNC_NO_INSTALL"
LOCK = "install.lock"
# Of 10 s each on Windows, longer than pip may run; elsewhere the first one waits as long as it takes.
LOCK_TRIES = 40


class PackagesMissing(Exception):  # noqa: N818 - named by what happened, as all our errors are
    """Says what is missing, why it could not be installed, and which command installs it."""

    def __init__(self, missing: tuple[str, ...], reason: str, requirements: str, folder: str) -> None:
        from local import pip  # noqa: PLC0415 - it needs subprocess, which costs 5 ms; once per installation

        self.missing = missing
        self.reason = reason.rstrip(".")
        super().__init__(
            f"PlexSync needs Python packages that are not installed: {', '.join(missing)}. {self.reason}. "
            f"To install them yourself, run: {pip.command_for_people(requirements, folder)}\n"
            "Nothing is lost: what is to be pushed stays queued until they are there."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Needed:
    """A package counts as there when the source of its `module` holds `text`.

    Other programs install other versions of the same packages, and folders on PYTHONPATH may carry their names.
    """

    package: str
    module: str
    text: bytes = b""


RUN_TIME: Final = (
    Needed(package="plexapi", module="plexapi.server", text=b"class PlexServer"),
    Needed(package="stashapp-tools", module="stashapi.classes", text=b"class GQLWrapper"),
    Needed(package="filelock", module="filelock", text=b"FileLock"),
    # From 2.32 on: earlier ones do not tell whether a connection was kept.
    Needed(package="requests", module="requests.adapters", text=b"def get_connection_with_tls_context"),
    # `update(item, id)` keeps a job's attempts; queues before it have nowhere to put them.
    Needed(package="persist-queue", module="persistqueue.sqlackqueue", text=b"def update("),
    Needed(package="certifi", module="certifi"),
    Needed(package="idna", module="idna"),
    # From 2 on: earlier ones do not tell a name that is not found from other failures.
    Needed(package="urllib3", module="urllib3.exceptions", text=b"class NameResolutionError"),
)


def requirements_beside(script: str) -> str:
    """The file that pins them, beside the plugin's script."""
    return os.path.join(os.path.dirname(script), "requirements.txt")


def activate_site() -> None:
    """Make installed packages importable in an interpreter started with -S; does nothing in any other.

    `import site` alone leaves everything to `site.main()` there.
    """
    import site  # noqa: PLC0415 - under -S it costs the hook 5 ms and more

    if site.ENABLE_USER_SITE is None:  # main() is what sets it
        site.main()


def ensure_packages(
    requirements: str,
    data_directory: str,
    say: Callable[[str], None],
    *,
    needed: Sequence[Needed] = RUN_TIME,
) -> None:
    """Return when all `needed` packages can be imported, installing those pinned in the file `requirements` if not.

    Prefers what is installed already. Otherwise all packages of `requirements` go into one private folder, first
    on sys.path, so that their versions never mix with others. `say` hears of an installation before it begins: it
    takes seconds, at most 5 minutes. Raises PackagesMissing; how soon to try again is the caller's to remember
    (10 minutes: each try asks the package index). Call it before anything imports one of the packages.
    """
    missing = missing_packages(needed)
    if not missing:
        return
    requirements = os.path.abspath(requirements)
    folder = os.path.join(os.path.abspath(data_directory), PACKAGES)
    try:
        folder = private_folder(requirements, data_directory)
        if missing_packages(needed, folder):
            _install_once(requirements, folder, say, missing, needed)
    except OSError as error:
        raise PackagesMissing(missing, str(error), requirements, folder) from error
    if folder not in sys.path:
        sys.path.insert(0, folder)


def missing_packages(needed: Sequence[Needed] = RUN_TIME, folder: str = "") -> tuple[str, ...]:
    """Names of the packages that cannot be imported from `folder`; empty: from sys.path."""
    path = [folder] if folder else None
    return tuple(each.package for each in needed if not _is_there(each, path))


def private_folder(requirements: str, data_directory: str) -> str:
    """Where the packages of this requirements file go, for this minor version of Python. Raises OSError."""
    with open(requirements, "rb") as file:
        checksum = zlib.crc32(file.read())
    return os.path.join(os.path.abspath(data_directory), PACKAGES, f"{sys.implementation.cache_tag}-{checksum:08x}")


def _is_there(needed: Needed, path: list[str] | None) -> bool:
    name = ""
    for part in needed.module.split("."):
        name = f"{name}.{part}" if name else part
        spec = PathFinder.find_spec(name, path)
        if spec is None:
            return False
        path = list(spec.submodule_search_locations or ())
    # Without a source file it is a namespace: any folder of that name.
    if spec is None or spec.origin is None or not spec.has_location:
        return False
    try:
        with open(spec.origin, "rb") as file:
            return needed.text in file.read()
    except OSError:
        return False


def _install_once(
    requirements: str, folder: str, say: Callable[[str], None], missing: tuple[str, ...], needed: Sequence[Needed]
) -> None:
    from local import pip  # noqa: PLC0415 - as above

    if _appeared(folder, needed):  # by the command that we told
        return
    if os.environ.get(NO_INSTALL, "") not in ("", "0"):
        raise PackagesMissing(missing, f"{NO_INSTALL} forbids installing them", requirements, folder)
    os.makedirs(os.path.dirname(folder), mode=0o700, exist_ok=True)
    with _install_lock(os.path.join(os.path.dirname(folder), LOCK), say):
        if _appeared(folder, needed):  # while we waited for the lock
            return
        say(f"Installing {', '.join(missing)} and what they need into {folder} (once; takes some seconds).")
        try:
            pip.install(requirements, folder)
        except pip.InstallFailed as error:
            raise PackagesMissing(missing, str(error), requirements, folder) from error
        if not _appeared(folder, needed):
            still = missing_packages(needed, folder)
            raise PackagesMissing(still, f"{requirements} does not bring them", requirements, folder)
        say("Installed.")


def _appeared(folder: str, needed: Sequence[Needed]) -> bool:
    # A path that did not exist when it was first looked at is remembered as such.
    importlib.invalidate_caches()
    return not missing_packages(needed, folder)


@contextmanager
def _install_lock(path: str, say: Callable[[str], None]) -> Iterator[None]:
    """Wait until no other process installs. The system's own lock: it goes with its holder, however that ends."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if not _lock(descriptor, wait=False):
            say("Another process is installing PlexSync's packages: waiting for it.")
            if not any(_lock(descriptor, wait=True) for _ in range(LOCK_TRIES)):
                raise OSError(f"another process holds {path}")
        yield
    finally:
        os.close(descriptor)


if sys.platform == "win32":

    def _lock(descriptor: int, *, wait: bool) -> bool:
        """LK_LOCK gives up after 10 s, and no error tells "held" from others."""
        try:
            msvcrt.locking(descriptor, msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:

    def _lock(descriptor: int, *, wait: bool) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            return False
        return True
