"""`python3 bench`: measures PlexSync against plain Python and a plain script, in the tests' environment.

Needs Python 3.10 or newer and its venv module, nothing else. Takes about six minutes; a quiet machine gives better
figures.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.__main__ import make_environment  # noqa: E402 - the checkout is importable only now


def main() -> int:
    try:
        python = str(make_environment())
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"could not make the environment: {error}")
        return 2
    return subprocess.run([python, "-m", "bench.report"], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
