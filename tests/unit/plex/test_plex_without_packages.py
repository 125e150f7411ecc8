from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
NEED_PACKAGES = {"plex.account", "plex.answer", "plex.client", "plex.health", "plex.translate", "plex.transport"}
# -I ignores PYTHONPATH and the current directory, -S leaves site-packages out.
STANDARD_LIBRARY_ONLY = (sys.executable, "-I", "-S", "-c")
REPORT_FAILING_IMPORTS = """
import sys
sys.path.insert(0, sys.argv[1])
for name in sys.argv[2:]:
    try:
        __import__(name)
    except ModuleNotFoundError as error:
        print(name, error.name)
"""


def test_only_modules_that_talk_to_plex_need_packages() -> None:
    names = [f"plex.{path.stem}" for path in sorted((ROOT / "plex").glob("*.py")) if path.stem != "__init__"]
    command = [*STANDARD_LIBRARY_ONLY, REPORT_FAILING_IMPORTS, str(ROOT), *names]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    missing = dict(line.split() for line in lines)
    assert missing.keys() == NEED_PACKAGES
    assert set(missing.values()) <= {"plexapi", "requests", "urllib3"}
