"""The packages that the worker and the tasks import: used if installed, otherwise installed once into a private folder.

The check delays each start of the worker (by 1 ms, measured), so it imports nothing.
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

from local import lock
from local.data_directory import PACKAGES
from local.system import WHERE_TO_RUN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

NO_INSTALL = "PLEXSYNC_NO_INSTALL"
LOCK = "install.lock"
# Beside the script: what is needed, and, in the full package, a folder with all of it and the list that it fulfils.
REQUIREMENTS = "requirements.txt"
BUNDLED = "packages"


class PackagesMissing(Exception):  # noqa: N818 - named for what happened, like all our errors
    """The message says what is missing or broken and why it could not be installed; its second line, what to do."""

    def __init__(
        self, missing: tuple[str, ...], reason: str, requirements: str, folder: str, *, broken: str = ""
    ) -> None:
        from installation import pip  # noqa: PLC0415 - imports subprocess, which takes 5 ms

        self.missing = missing
        self.reason = reason.rstrip(".")
        what = f"needs Python packages that are not installed: {', '.join(missing)}"
        super().__init__(
            f"PlexSync {f'cannot load its Python packages: {broken}' if broken else what}. {self.reason}. Nothing is "
            "lost: changes wait until they are there.\n"
            f"To install them yourself, run{WHERE_TO_RUN}: {pip.command_for_users(requirements, folder)} (or "
            "unpack plexsync-full.zip, which has them inside, over the plugin)"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """A package counts as installed if the source of its `module` contains `text`.

    The name alone is not enough: other programs install other versions, and folders on PYTHONPATH may have such names.
    """

    package: str
    module: str
    text: bytes = b""


RUNTIME: Final = (
    Requirement(package="plexapi", module="plexapi.server", text=b"class PlexServer"),
    Requirement(package="stashapp-tools", module="stashapi.classes", text=b"class GQLWrapper"),
    Requirement(package="filelock", module="filelock", text=b"FileLock"),
    # 2.32 or later: earlier versions do not tell whether a connection was reused.
    Requirement(package="requests", module="requests.adapters", text=b"def get_connection_with_tls_context"),
    # `update(item, id)` stores a job's attempts; earlier versions have no place for them.
    Requirement(package="persist-queue", module="persistqueue.sqlackqueue", text=b"def update("),
    Requirement(package="certifi", module="certifi"),
    Requirement(package="idna", module="idna"),
    # 2 or later: earlier versions do not distinguish a failed name look-up from other failures.
    Requirement(package="urllib3", module="urllib3.exceptions", text=b"class NameResolutionError"),
)
# Whose import can fail only because a package is damaged, or another version than it should be.
PACKAGE_MODULES: Final = frozenset({"charset_normalizer", *(each.module.partition(".")[0] for each in RUNTIME)})


def requirements_beside(script: str) -> str:
    """The path of requirements.txt, which pins the packages, next to the plugin's script."""
    return os.path.join(os.path.dirname(script), REQUIREMENTS)


def activate_site() -> None:
    """Make installed packages importable in an interpreter started with -S; do nothing in any other.

    Under -S, `import site` alone does not call `site.main()`.
    """
    import site  # noqa: PLC0415 - under -S it would cost the hook 5 ms or more

    if site.ENABLE_USER_SITE is None:  # main() is what sets it
        site.main()


def ensure_packages(
    requirements: str,
    data_directory: str,
    report: Callable[[str], None],
    *,
    needed: Sequence[Requirement] = RUNTIME,
    broken: str = "",
) -> None:
    """Make sure that all `needed` packages can be imported; if not, install those pinned in the file `requirements`.

    All are installed into one private folder, first on sys.path, so that their versions never mix with others'.
    `report` is called before an installation starts, which takes seconds, at most 5 minutes. Raises PackagesMissing;
    the caller limits how often it tries again (every 10 minutes: each attempt asks the package index). Call this
    before importing any of the packages.

    `broken`: why those that are there cannot be loaded. They are installed anew; this process cannot use them.
    """
    missing = () if broken else use_available(requirements, data_directory, needed=needed)
    if not missing and not broken:
        return
    requirements = os.path.abspath(requirements)
    folder = os.path.join(os.path.abspath(data_directory), PACKAGES)
    try:
        folder = private_folder(requirements, data_directory)
        _install_once(requirements, folder, report, missing, needed, broken)
    except OSError as error:
        raise PackagesMissing(missing, str(error), requirements, folder, broken=broken) from error
    _put_first(folder)


def use_available(
    requirements: str, data_directory: str, *, needed: Sequence[Requirement] = RUNTIME
) -> tuple[str, ...]:
    """Make the packages importable that were installed privately or came with the plugin; otherwise those of this
    Python are used. Returns the names of those that are missing everywhere.

    Privately installed ones come first: they were installed because something was wrong with the others.
    """
    # Python caches that a path did not exist.
    importlib.invalidate_caches()
    for folder in _folders_of_our_own(os.path.abspath(requirements), data_directory):
        if os.path.isdir(folder) and not missing_packages(needed, folder):
            _put_first(folder)
            return ()
    return missing_packages(needed)


def _folders_of_our_own(requirements: str, data_directory: str) -> Iterator[str]:
    try:
        yield private_folder(requirements, data_directory)
    except OSError:
        return  # without the list nobody knows what they should hold
    if bundled := bundled_folder(requirements):
        yield bundled


def _put_first(folder: str) -> None:
    if folder not in sys.path:
        sys.path.insert(0, folder)


def missing_packages(needed: Sequence[Requirement] = RUNTIME, folder: str = "") -> tuple[str, ...]:
    """Names of the packages that cannot be imported from `folder`, or from sys.path if it is ""."""
    path = [folder] if folder else None
    return tuple(each.package for each in needed if not _is_installed(each, path))


def private_folder(requirements: str, data_directory: str) -> str:
    """The folder for the packages of this requirements file and this minor version of Python. Raises OSError."""
    with open(requirements, "rb") as file:
        checksum = zlib.crc32(file.read())
    return os.path.join(os.path.abspath(data_directory), PACKAGES, f"{sys.implementation.cache_tag}-{checksum:08x}")


def bundled_folder(requirements: str) -> str:
    """The folder of the packages that came with the plugin, or "" if none did, or another version's."""
    folder = os.path.join(os.path.dirname(requirements), BUNDLED)
    try:
        with open(os.path.join(folder, REQUIREMENTS), "rb") as fulfilled, open(requirements, "rb") as wanted:
            return folder if fulfilled.read() == wanted.read() else ""
    except OSError:
        return ""


def _is_installed(needed: Requirement, path: list[str] | None) -> bool:
    name = ""
    for part in needed.module.split("."):
        name = f"{name}.{part}" if name else part
        spec = PathFinder.find_spec(name, path)
        if spec is None:
            return False
        path = list(spec.submodule_search_locations or ())
    # Without a source file it is a namespace package: any folder with that name.
    if spec is None or spec.origin is None or not spec.has_location:
        return False
    try:
        with open(spec.origin, "rb") as file:
            return needed.text in file.read()
    except OSError:
        return False


def _install_once(  # noqa: PLR0917 - what ensure_packages knows
    requirements: str,
    folder: str,
    report: Callable[[str], None],
    missing: tuple[str, ...],
    needed: Sequence[Requirement],
    broken: str,
) -> None:
    from installation import pip  # noqa: PLC0415 - as above

    if os.environ.get(NO_INSTALL, "") not in ("", "0"):
        raise PackagesMissing(missing, f"{NO_INSTALL} forbids installing them", requirements, folder, broken=broken)
    os.makedirs(os.path.dirname(folder), mode=0o700, exist_ok=True)
    with _install_lock(os.path.join(os.path.dirname(folder), LOCK), report):
        if not broken and _can_import_now(folder, needed):  # by the process that held the lock
            return
        names = ", ".join(missing) or "the Python packages"
        report(f"Installing {names} and what they need into {folder} (once; takes some seconds).")
        try:
            pip.install(requirements, folder)
        except pip.InstallFailed as error:
            raise PackagesMissing(missing, str(error), requirements, folder, broken=broken) from error
        if not _can_import_now(folder, needed):
            still = missing_packages(needed, folder)
            raise PackagesMissing(still, f"{requirements} does not bring them", requirements, folder)
        report("Installed.")


def _can_import_now(folder: str, needed: Sequence[Requirement]) -> bool:
    importlib.invalidate_caches()  # as above
    return not missing_packages(needed, folder)


@contextmanager
def _install_lock(path: str, report: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock, after waiting for other installations."""
    descriptor = lock.try_take_file(path)
    if descriptor is None:
        report("Another process is installing PlexSync's packages: waiting for it.")
        descriptor = lock.take_file(path)
    try:
        yield
    finally:
        lock.release(descriptor)
