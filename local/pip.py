"""One run of pip: pinned packages into a folder of their own, there whole or not at all.

`--target` is allowed where PEP 668 forbids installing into the system, needs no rights beyond the folder, and
touches no other program. Where Python comes without pip, the copy that `ensurepip` would unpack is run as it is.
"""

from __future__ import annotations

import glob
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from typing import Final

TIME_LIMIT_S = 300
# pip says little, but an index may answer with a whole page.
OUTPUT_LIMIT_BYTES = 8_000

# All packages are listed with their hashes, so pip has nothing to resolve (--no-deps) and nothing to build.
_WHAT: Final = ("--require-hashes", "--only-binary", ":all:", "--no-deps")
# One retry of 15 s: an offline machine shall say so soon. The index, proxy and certificate settings stay the user's.
_HOW: Final = (
    "--no-input", "--disable-pip-version-check", "--no-cache-dir", "--no-color", "--quiet",
    "--progress-bar", "off", "--no-warn-script-location", "--retries", "1", "--timeout", "15",
)  # fmt: skip
# Settings for the user's own installations which contradict --target. PYTHONPATH holds Stash's plugins folder:
# whatever lies there shall not be taken for a part of pip.
_DROPPED: Final = (
    "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_CONSTRAINT", "PIP_REQUIREMENT", "PIP_DRY_RUN", "PYTHONPATH",
)  # fmt: skip
_SET: Final = (("PIP_USER", "0"), ("PIP_REQUIRE_VIRTUALENV", "0"))

# What pip prints, and what it means; the first that fits.
_NO_PIP = "No module named pip"
_REASONS: Final = (
    (_NO_PIP, "this Python has no pip: install it first (Debian: python3-pip, Alpine: py3-pip)"),
    ("No space left on device", "the disk is full"),
    ("CERTIFICATE_VERIFY_FAILED", "the package index's certificate is not trusted (PIP_CERT names a CA file)"),
    ("DO NOT MATCH THE HASHES", "the package index delivers other files than those PlexSync was tested with"),
    ("NewConnectionError", "the package index cannot be reached (offline? a mirror is set by PIP_INDEX_URL)"),
    ("NameResolutionError", "the package index cannot be reached (offline? a mirror is set by PIP_INDEX_URL)"),
    ("ConnectTimeoutError", "the package index does not answer (offline? a mirror is set by PIP_INDEX_URL)"),
    ("ReadTimeoutError", "the package index does not answer"),
    ("ProxyError", "the proxy does not let pip through"),
    ("No matching distribution", "the package index does not have them for this Python"),
)
_CREDENTIALS: Final = re.compile(r"://[^/\s'\"]*@")


class InstallFailed(Exception):  # noqa: N818 - named by what happened, as all our errors are
    """Why pip could not do it, in words; no credentials of an index in it."""


def install(requirements: str, folder: str, *, time_limit_s: float = TIME_LIMIT_S) -> None:
    """Install what the file `requirements` pins by hash into `folder`, and remove the folders beside it.

    Call it under a lock: everything beside `folder` is taken for left over from older versions or from a run that
    was killed. Raises InstallFailed; OSError when the folder cannot be written.
    """
    parent = os.path.dirname(os.path.abspath(folder))
    _remove_folders(parent, keep=folder)
    with tempfile.TemporaryDirectory(prefix=".tmp-", dir=parent, ignore_cleanup_errors=True) as work:
        made = os.path.join(work, "packages")
        _run_pip(os.path.abspath(requirements), made, work, time_limit_s)
        if hasattr(os, "sync"):
            os.sync()  # a power cut after the rename must not leave empty modules behind
        if os.path.lexists(folder):
            os.replace(folder, os.path.join(work, "incomplete"))
        os.replace(made, folder)


def command_for_people(requirements: str, folder: str) -> str:
    """The command line by which a person does what `install` does."""
    command = _arguments([_python(), "-m", "pip"], requirements, folder)
    return subprocess.list2cmdline(command) if os.name == "nt" else shlex.join(command)


def describe_failure(output: str) -> str:
    """What the end of pip's output means, with pip's own last error; credentials in URLs are taken out."""
    output = _CREDENTIALS.sub("://***@", output)
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    # "ERROR: Exception:" heads a traceback, whose last line is the error.
    errors = [line for line in lines if line.startswith("ERROR:") and line != "ERROR: Exception:"] or lines
    said = errors[-1] if errors else "nothing"
    for text, meaning in _REASONS:
        if text in output:
            return f"pip could not install them: {meaning}. It said: {said}"
    return f"pip could not install them. It said: {said}"


def _python() -> str:
    return sys.executable or "python3"


def _arguments(pip: list[str], requirements: str, folder: str) -> list[str]:
    return [*pip, "install", "--target", folder, *_WHAT, "-r", requirements]


def _run_pip(requirements: str, target: str, work: str, time_limit_s: float) -> None:
    def attempt(pip: list[str]) -> str | None:
        return _try_pip([*_arguments(pip, requirements, target), *_HOW], work, time_limit_s)

    output = attempt([_python(), "-m", "pip"])
    bundled = bundled_pip()
    if output is not None and _NO_PIP in output and bundled:
        output = attempt([_python(), os.path.join(bundled, "pip")])  # a wheel is a zip file: Python runs from it
    if output is not None:
        raise InstallFailed(describe_failure(output))


def _try_pip(command: list[str], work: str, time_limit_s: float) -> str | None:
    """None when it succeeded, else the end of what it printed. All that pip leaves anywhere is in `work`."""
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
    kept = {name: value for name, value in os.environ.items() if name not in _DROPPED}
    # A container may have no writable /tmp.
    return {**kept, **dict(_SET), "TMPDIR": work, "TEMP": work, "TMP": work}


def bundled_pip() -> str:
    """The newest pip wheel that came with this Python, or ""; its place is the same as `ensurepip`'s."""
    places = [
        os.path.join(os.path.dirname(os.__file__), "ensurepip", "_bundled"),
        sysconfig.get_config_var("WHEEL_PKG_DIR") or "",
    ]
    wheels = [wheel for place in places if place for wheel in glob.glob(os.path.join(place, "pip-*.whl"))]
    return max(wheels, key=os.path.getmtime, default="")


def _remove_folders(parent: str, *, keep: str) -> None:
    with os.scandir(parent) as listing:
        stale = [entry.path for entry in listing if entry.is_dir() and entry.name != os.path.basename(keep)]
    for path in stale:
        shutil.rmtree(path, ignore_errors=True)
