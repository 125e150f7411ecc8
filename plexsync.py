"""The entry point: Stash starts this for every event and waits. See docs/architecture.md.

Keep it short: Python compiles it at every start, because only imported modules are cached.
"""

import os
import sys

from local.lock import occupy_standard_descriptors


def main() -> None:
    """Answer one plugin input on standard input, or run what the command line names (worker, demo)."""
    occupy_standard_descriptors()
    script = os.path.abspath(__file__)
    if len(sys.argv) > 1:
        from tasks.command_line import run_command  # noqa: PLC0415 - not on the hook's path

        sys.exit(run_command(sys.argv[1:], script=script))
    from hooks.receive import answer_standard_input  # noqa: PLC0415 - not the worker's

    directory = os.path.abspath(os.environ.get("PLEXSYNC_DATA_DIR") or os.path.join(os.path.dirname(script), "data"))
    task_input = answer_standard_input(directory=directory, script=script)
    if task_input is None:
        os._exit(0)  # answered; skipping the interpreter's shutdown saves 2 ms
    from local.packages import activate_site  # noqa: PLC0415 - not on the hook's path

    activate_site()  # Stash starts the script with -S
    from tasks.run import run_task  # noqa: PLC0415 - needs what site makes importable

    run_task(task_input, directory=directory, script=script)


if __name__ == "__main__":
    main()
