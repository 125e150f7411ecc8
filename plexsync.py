"""The entry point: Stash starts this for every event and waits. See docs/architecture.md.

It answers one plugin input on standard input, or runs what the command line names. Keep it short: Python compiles it
at every start, because only imported modules are cached. Any Python down to 2.7 has to understand it, to be able to say
that it is too old.
"""

import os
import sys

if __name__ == "__main__":
    if sys.version_info < (3, 10):  # noqa: UP036 - see above
        WORDS = (  # noqa: UP032 - an f-string is too new
            "PlexSync needs Python 3.10 or later, and this is Python {} ({}). Enter the path of a newer one in Stash "
            "under Settings > System > Python Executable Path, then save the scenes that were changed meanwhile again."
        ).format(sys.version.split()[0], sys.executable)
        if len(sys.argv) > 1 or os.isatty(0):
            sys.exit(WORDS)
        while os.read(0, 1 << 20):
            pass  # or Stash, which is still writing, would report a broken pipe
        import json

        sys.stdout.write(json.dumps({"error": WORDS}) + "\n")
        sys.exit()

    SCRIPT = os.path.abspath(__file__)
    if sys.path[:1] != [os.path.dirname(SCRIPT)]:  # -P, -I and PYTHONSAFEPATH leave it out
        sys.path.insert(0, os.path.dirname(SCRIPT))
    if "demo" in sys.argv:
        sys.dont_write_bytecode = True  # it leaves no file behind
    from local.lock import occupy_standard_descriptors

    occupy_standard_descriptors()
    DIRECTORY = os.path.abspath(os.environ.get("PLEXSYNC_DATA_DIR") or os.path.join(os.path.dirname(SCRIPT), "data"))
    if len(sys.argv) > 1 or os.isatty(0):  # a terminal is no plugin input
        from shell.commands import run_command  # not on the hook's path

        sys.exit(run_command(sys.argv[1:], directory=DIRECTORY, script=SCRIPT))
    from hooks.receive import answer_standard_input  # not the worker's

    TASK_INPUT = answer_standard_input(directory=DIRECTORY, script=SCRIPT)
    if TASK_INPUT is None:
        os._exit(0)  # answered; skipping the interpreter's shutdown saves 2 ms
    from status.answer import answer  # not on the hook's path

    if answer(TASK_INPUT, directory=DIRECTORY, script=SCRIPT):
        os._exit(0)
    from installation.packages import activate_site  # not on the hook's path

    activate_site()  # Stash starts the script with -S
    from tasks.run import run_task  # needs what site makes importable

    run_task(TASK_INPUT, directory=DIRECTORY, script=SCRIPT)
