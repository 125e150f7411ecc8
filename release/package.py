"""`plexsync.py package`: from the newest commit, what a source of plugins offers to Stash, in `dist/`.

`plexsync.zip` holds what runs; `index.yml` is the list that Stash reads, whose address is the source's;
`plexsync-full.zip` also has the packages that PlexSync and its demonstration need, for machines without a network.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
import time
from typing import TYPE_CHECKING, Final

from installation.packages import BUNDLED, REQUIREMENTS
from installation.pip import InstallFailed
from release.archive import zip_bytes
from release.checkout import CheckoutError, read_commit
from release.wheels import WheelError, runtime_packages

if TYPE_CHECKING:
    from collections.abc import Mapping

    from release.checkout import Commit

DIST = "dist"
PACKAGE, FULL_PACKAGE, INDEX = "plexsync.zip", "plexsync-full.zip", "index.yml"
MANIFEST = "plexsync.yml"
DEMO_REQUIREMENTS = "sim/requirements.txt"
# What serves those who change or read PlexSync; everything else runs. A name that begins with a dot never does.
LEFT_OUT: Final = (
    "tests", "bench", "docs", "release", "CONTRIBUTING.md", "README.md", "pyproject.toml", "ui/types.d.ts",
)  # fmt: skip
DATE_FORMAT = "%Y-%m-%d %H:%M:%S"  # as Stash reads it, in UTC
FAILED = 1


def run_package(root: str, *, url: str = "") -> int:
    """Build everything from the checkout at `root`; return the exit code.

    `url`: the address of the project's page, which the manifest in the packages then shows instead of its own.
    """
    try:
        commit = read_commit(root)
        _warn_of_uncommitted(commit)
        files = packed_files(commit.files, url=url)
        dist = _empty_dist(root)
        package = zip_bytes(files, date=commit.date, last=MANIFEST)
        _write(dist, PACKAGE, package)
        _write(dist, INDEX, index_text(files[MANIFEST].decode(), package, date=commit.date).encode())
        full = {**files, **bundle(files)}
        _write(dist, FULL_PACKAGE, zip_bytes(full, date=commit.date, last=MANIFEST))
    except InstallFailed as error:
        return _fail(f"{FULL_PACKAGE} is not built: {error}.")
    except (CheckoutError, WheelError, OSError) as error:
        return _fail(f"The packages cannot be built: {error}")
    return 0


def packed_files(files: Mapping[str, bytes], *, url: str = "") -> dict[str, bytes]:
    """Those files of a commit that run, by path."""
    packed = {path: content for path, content in files.items() if _runs(path)}
    if url:
        line = f"url: {json.dumps(url)}"
        packed[MANIFEST] = re.sub(rb"^url: .*$", lambda _: line.encode(), packed[MANIFEST], count=1, flags=re.MULTILINE)
    return packed


def _runs(path: str) -> bool:
    top = path.partition("/")[0]
    return not top.startswith(".") and top not in LEFT_OUT and path not in LEFT_OUT


def index_text(manifest: str, package: bytes, *, date: int) -> str:
    """The list of a source that offers this package alone. JSON's texts are YAML's too."""
    fields = {
        "id": os.path.splitext(MANIFEST)[0],
        "name": _field(manifest, "name"),
        "version": _field(manifest, "version"),
        "date": time.strftime(DATE_FORMAT, time.gmtime(date)),
        "path": PACKAGE,
        "sha256": hashlib.sha256(package).hexdigest(),
    }
    rows = "".join(f"  {name}: {json.dumps(value)}\n" for name, value in fields.items())
    description = json.dumps(_field(manifest, "description"))
    return f"- {rows[2:]}  metadata:\n    description: {description}\n"


def _field(manifest: str, name: str) -> str:
    """A field of the manifest that takes one line, as each of these has to."""
    found = re.search(rf'^{name}: "?(.+?)"?$', manifest, re.MULTILINE)
    return found[1] if found else ""


def bundle(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The packages of PlexSync and its demonstration as they lie in the full package, with the list that they fulfil.

    Raises InstallFailed, WheelError and OSError.
    """
    pinned = files[REQUIREMENTS] + files[DEMO_REQUIREMENTS]
    packages = {f"{BUNDLED}/{path}": content for path, content in runtime_packages(pinned).items()}
    return {**packages, f"{BUNDLED}/{REQUIREMENTS}": files[REQUIREMENTS]}


def _empty_dist(root: str) -> str:
    """The folder for the results, without those of an earlier run."""
    dist = os.path.join(root, DIST)
    os.makedirs(dist, exist_ok=True)
    for name in (PACKAGE, FULL_PACKAGE, INDEX):
        if os.path.exists(os.path.join(dist, name)):
            os.unlink(os.path.join(dist, name))
    return dist


def _warn_of_uncommitted(commit: Commit) -> None:
    if commit.uncommitted:
        sys.stderr.write(f"Left out, since it is not committed: {', '.join(commit.uncommitted)}\n")


def _write(dist: str, name: str, content: bytes) -> None:
    with open(os.path.join(dist, name), "wb") as file:
        file.write(content)
    sys.stdout.write(f"{os.path.join(DIST, name):24}{len(content):>10,} bytes\n")


def _fail(message: str) -> int:
    sys.stderr.write(f"{message}\n")
    return FAILED
