"""Runs pip to install pinned packages into a folder of their own, completely or not at all.

`--target` works even where PEP 668 forbids installing into the system, needs write access only to the folder, and
affects no other program. If Python has no pip, the wheel that `ensurepip` would install is run directly.
"""

from __future__ import annotations

import glob
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from typing import Final

from local.system import quoted_for_shell

TIME_LIMIT_S = 300
# pip prints little, but an index may respond with a whole page.
OUTPUT_LIMIT_BYTES = 8_000

# The file lists every package with its hashes, so pip has nothing to resolve (--no-deps) and nothing to build.
_SELECTION: Final = ("--require-hashes", "--only-binary", ":all:", "--no-deps")
# A single retry and 15 s, so that an offline machine fails soon. The user's index, proxy and certificates still apply.
_BEHAVIOUR: Final = (
    "--no-input", "--disable-pip-version-check", "--no-cache-dir", "--no-color", "--quiet",
    "--progress-bar", "off", "--retries", "1", "--timeout", "15",
)  # fmt: skip
# The user's pip settings that contradict --target. PYTHONPATH contains Stash's plugins folder, whose content must not
# be mistaken for part of pip.
_UNSET_VARIABLES: Final = (
    "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_PYTHON", "PYTHONPATH",
)  # fmt: skip
# Variables come before pip's configuration files, empty ones excepted.
_SET_VARIABLES: Final = (
    ("PIP_USER", "0"), ("PIP_REQUIRE_VIRTUALENV", "0"), ("PIP_DRY_RUN", "0"), ("PIP_CONSTRAINT", os.devnull),
    ("PIP_REQUIREMENT", os.devnull), ("PIP_NO_BINARY", ":none:"), ("PIP_UPGRADE", "0"),
)  # fmt: skip
_NO_INDEX: Final = re.compile(r"no-index\s*=\s*['\"]?(?:1|true|yes|on)\b", re.IGNORECASE)

# What pip prints, and what it means. The first match wins.
_NO_PIP = "No module named pip"
_REASONS: Final = (
    (_NO_PIP, "this Python has no pip: first install it (Debian: apt install python3-pip, Alpine: apk add py3-pip)"),
    ("No space left on device", "the disk is full"),
    ("CERTIFICATE_VERIFY_FAILED", "the package index's certificate is not trusted (PIP_CERT names a CA file)"),
    ("DO NOT MATCH THE HASHES", "the package index delivers other files than those PlexSync was tested with"),
    ("NewConnectionError", "the package index cannot be reached (offline? PIP_INDEX_URL names a mirror)"),
    ("NameResolutionError", "the package index cannot be reached (offline? PIP_INDEX_URL names a mirror)"),
    ("ConnectTimeoutError", "the package index does not answer (offline? PIP_INDEX_URL names a mirror)"),
    ("ReadTimeoutError", "the package index does not answer"),
    ("ProxyError", "the proxy does not let pip through"),
    ("No matching distribution", "the package index does not have them for this Python"),
)
_CREDENTIALS: Final = re.compile(r"://[^/\s'\"]*@")



class InstallFailed(Exception):  # noqa: N818 - named for what happened, like all our errors
    """The message says why pip failed, without the credentials of an index."""


def install(requirements: str, folder: str, *, time_limit_s: float = TIME_LIMIT_S) -> None:
    """Install the packages that the file `requirements` pins by hash into `folder`, named `<Python>-<checksum>`.

    Sibling folders are removed, except those of other Pythons with the same checksum: the Python of a shell may be
    another than Stash's. The caller must hold a lock, because other siblings are taken for leftovers of older versions
    or killed runs. Raises InstallFailed, or OSError if the folder cannot be written.
    """
    parent = os.path.dirname(os.path.abspath(folder))
    _remove_folders(parent, keep=folder)
    with tempfile.TemporaryDirectory(prefix=".tmp-", dir=parent, ignore_cleanup_errors=True) as work:
        made = os.path.join(work, "packages")
        arguments = [*_install_arguments(os.path.abspath(requirements), made), *_no_other_place(made)]
        _run_pip(arguments, work, time_limit_s)
        if hasattr(os, "sync"):
            os.sync()  # or a power failure after the rename could leave empty modules
        if os.path.lexists(folder):
            os.replace(folder, os.path.join(work, "incomplete"))
        os.replace(made, folder)


def download(requirements: str, folder: str) -> None:
    """Download the wheels that the file `requirements` pins by hash. Raises InstallFailed, and OSError."""
    arguments = ["download", "--dest", os.path.abspath(folder), *_SELECTION, "-r", os.path.abspath(requirements)]
    _run_pip(arguments, folder, TIME_LIMIT_S)


def command_for_users(requirements: str, folder: str) -> str:
    """The command line with which a user can install the same packages, quoted for their shell."""
    return quoted_for_shell([this_python(), "-m", "pip", *_install_arguments(requirements, folder)])


def describe_failure(output: str, action: str = "install") -> str:
    """Explain the end of pip's output, quoting pip's last error. Credentials in URLs are removed.

    `action`: what pip was to do, install or download.
    """
    output = _CREDENTIALS.sub("://***@", output)
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    # "ERROR: Exception:" starts a traceback; the error is its last line.
    errors = [line for line in lines if line.startswith("ERROR:") and line != "ERROR: Exception:"] or lines
    said = errors[-1] if errors else "nothing"
    for text, meaning in _REASONS:
        if text in output:
            return f"pip could not {action} them: {meaning}. It said: {said}"
    return f"pip could not {action} them. It said: {said}"


def this_python() -> str:
    """The interpreter that runs this, which Stash has chosen."""
    return sys.executable or "python3"


def _install_arguments(requirements: str, folder: str) -> list[str]:
    return ["install", "--target", folder, *_SELECTION, "-r", requirements]


def _run_pip(arguments: list[str], work: str, time_limit_s: float) -> None:
    """Raises InstallFailed. pip writes its temporary files, and `output`, into the folder `work`."""

    def attempt(pip: list[str]) -> str | None:
        return _try_pip([*pip, *arguments, *_BEHAVIOUR], work, time_limit_s)

    output = attempt([this_python(), "-m", "pip"])
    bundled = bundled_pip()
    if output is not None and _NO_PIP in output and bundled:
        output = attempt([this_python(), os.path.join(bundled, "pip")])  # Python can run from a zip file
    if output is not None:
        raise InstallFailed(describe_failure(output, arguments[0]) + _describe_configuration(work))


def _no_other_place(target: str) -> tuple[str, ...]:
    """Options that override those of pip's configuration files which contradict --target."""
    return "--prefix", "", "--root", os.path.splitdrive(os.path.abspath(target))[0] + os.sep


def _describe_configuration(work: str) -> str:
    """What in the user's settings of pip keeps it from the package index; "" if nothing does."""
    command = [this_python(), "-m", "pip", "config", "list", "--disable-pip-version-check"]
    try:
        listed = subprocess.run(  # noqa: S603 - our own interpreter
            command, env=_environment(work), cwd=work, check=False, timeout=30,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return ""
    if not _NO_INDEX.search(listed.stdout[:OUTPUT_LIMIT_BYTES].decode(errors="replace")):
        return ""
    return ". pip's settings forbid the package index (no-index): find-links there has to lead to these packages"


def _try_pip(command: list[str], work: str, time_limit_s: float) -> str | None:
    """None if pip succeeded, otherwise the end of its output. pip writes only below `work`."""
    with open(os.path.join(work, "output"), "w+b") as output:
        try:
            result = subprocess.run(  # noqa: S603 - our own interpreter
                command, env=_environment(work), cwd=work, check=False, timeout=time_limit_s,
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise InstallFailed(f"pip did not finish within {time_limit_s:g} s") from None
        if result.returncode == 0:
            return None
        output.seek(max(0, output.seek(0, os.SEEK_END) - OUTPUT_LIMIT_BYTES))
        return output.read().decode(errors="replace")


def _environment(work: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in _UNSET_VARIABLES}
    # Some containers have no writable /tmp.
    return {**kept, **dict(_SET_VARIABLES), "TMPDIR": work, "TEMP": work, "TMP": work}


def bundled_pip() -> str:
    """The newest pip wheel that came with this Python, or "". Looks where `ensurepip` looks."""
    places = [
        os.path.join(os.path.dirname(os.__file__), "ensurepip", "_bundled"),
        sysconfig.get_config_var("WHEEL_PKG_DIR") or "",
    ]
    wheels = [wheel for place in places if place for wheel in glob.glob(os.path.join(place, "pip-*.whl"))]
    return max(wheels, key=os.path.getmtime, default="")


def _remove_folders(parent: str, *, keep: str) -> None:
    checksum = os.path.basename(keep).rpartition("-")[2]
    with os.scandir(parent) as listing:
        stale = [entry.path for entry in listing if entry.is_dir() and entry.name.rpartition("-")[2] != checksum]
    for path in stale:
        shutil.rmtree(path, ignore_errors=True)
