"""Makes wheels, of made-up packages and of installed ones, and the lines that pin them: tests of pip need no index."""

from __future__ import annotations

import hashlib
import zipfile
from importlib.metadata import distribution
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# What pip adds when it installs a wheel.
ADDED_BY_PIP = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json")


def make_wheel(folder: Path, name: str, modules: dict[str, str], *, version: str = "1.0") -> str:
    """Write the wheel of a package into `folder`; `modules` maps file names to sources. Returns its pinned line."""
    info = f"{name}-{version}.dist-info"
    files = {
        **modules,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    return _write(folder, info, {path: text.encode() for path, text in files.items()})


def wheel_of_installed(folder: Path, name: str) -> str:
    """Write the wheel of a pure Python package of this environment into `folder`. Returns its pinned line."""
    files, info = {}, ""
    for path in distribution(name).files or ():
        is_of_pip = path.parts[0].endswith(".dist-info") and path.name in ADDED_BY_PIP
        if ".." not in path.parts and "__pycache__" not in path.parts and not is_of_pip:
            files[path.as_posix()] = path.read_binary()
        if path.parts[0].endswith(".dist-info"):
            info = path.parts[0]
    return _write(folder, info, files)


def _write(folder: Path, info: str, files: Mapping[str, bytes]) -> str:
    record = "".join(f"{path},,\n" for path in (*files, f"{info}/RECORD"))
    name, version = info.removesuffix(".dist-info").rsplit("-", 1)
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for file_name, content in {**files, f"{info}/RECORD": record.encode()}.items():
            wheel.writestr(file_name, content)
    return f"{name}=={version} --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"
