"""The run-time packages as files, downloaded by pip from the package index that this machine is configured for."""

from __future__ import annotations

import os
import tempfile
import zipfile

from installation import pip

_PURE = "Root-Is-Purelib: true"


class WheelError(Exception):
    """A package cannot be part of a package for every machine. The message names it."""


def runtime_packages(pinned: bytes) -> dict[str, bytes]:
    """What the packages of a requirements file consist of, by path. Raises InstallFailed, WheelError and OSError."""
    files: dict[str, bytes] = {}
    with tempfile.TemporaryDirectory(prefix="plexsync-package-") as folder:
        requirements = os.path.join(folder, "requirements.txt")
        with open(requirements, "wb") as file:
            file.write(pinned)
        pip.download(requirements, folder)
        for name in sorted(os.listdir(folder)):
            if name.endswith(".whl"):
                files.update(_unpack(os.path.join(folder, name)))
    return files


def _unpack(wheel: str) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        files = {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}
    metadata = next((content for name, content in files.items() if name.endswith(".dist-info/WHEEL")), b"")
    # Scripts and the like, which an installation would put elsewhere, lie in a folder *.data.
    if _PURE not in metadata.decode("utf-8", "replace") or any(".data/" in name for name in files):
        raise WheelError(f"{os.path.basename(wheel)} is not pure Python, or needs more than to be unpacked")
    return files
