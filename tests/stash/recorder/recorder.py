"""A plugin that writes its standard input to a file and does what its arguments ask for.

Each start leaves `seen/<time in ns>.json`: input as latin-1 text, working directory, arguments, PYTHONPATH, and whether
it leads a session or process group of its own.
"""

from __future__ import annotations

import json
import os
import sys
import time


def record(data: bytes) -> None:
    seen = os.environ.get("RECORDER_FOLDER") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "seen")
    os.makedirs(seen, exist_ok=True)
    facts = {
        "stdin": data.decode("latin-1"),
        "cwd": os.getcwd(),
        "argv": sys.argv,
        "pythonpath": os.environ.get("PYTHONPATH", ""),
        "own_session": os.getsid(0) == os.getpid(),
        "own_group": os.getpgid(0) == os.getpid(),
        "same_group_as_parent": os.getpgid(0) == os.getpgid(os.getppid()),
    }
    name = os.path.join(seen, f"{time.time_ns()}-{os.getpid()}")
    with open(name, "w", encoding="utf-8") as file:
        json.dump(facts, file)
    os.rename(name, name + ".json")


def obey(args: dict[str, object]) -> int:
    """`stderr`, `stdout`: text to write; `sleep_s`; `exit`: the exit status."""
    sys.stderr.write(str(args.get("stderr", "")))
    sys.stderr.flush()
    time.sleep(float(str(args.get("sleep_s", 0))))
    sys.stdout.write(str(args.get("stdout", '{"output": "recorded"}')))
    return int(str(args.get("exit", 0)))


def main() -> int:
    data = sys.stdin.buffer.read()
    record(data)
    return obey(json.loads(data)["args"])


if __name__ == "__main__":
    sys.exit(main())
