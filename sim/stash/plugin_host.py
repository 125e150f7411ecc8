"""Starts a plugin's script as Stash does, writes its input, reads its output, and kills it.

Standard output is read to its end, so the host waits for any process that keeps it open. Standard error is read by
lines of up to 64 KiB and closed when the script has ended. A kill hits the script only, not its children.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import threading
import time
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

LEVELS = {"t": "trace", "d": "debug", "i": "info", "w": "warning", "e": "error"}
PROGRESS = "p"
LONGEST_LINE_BYTES = 64 * 1024 - 1  # Go's bufio.Scanner gives up at 64 KiB without a line feed
CHECK_EVERY_S = 0.02  # how soon a cancelled request or a stopped job is noticed
CHUNK_BYTES = 65536
PIPES = {"stdin": selectors.EVENT_WRITE, "stdout": selectors.EVENT_READ, "stderr": selectors.EVENT_READ}


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """A line of Stash's log. `plugin` is the plugin's name, "" for Stash's own lines; `at` is in epoch seconds."""

    level: str
    text: str
    plugin: str
    at: float


@dataclass(slots=True, kw_only=True)
class Invocation:
    """One start of a plugin. `exit_code` is negative after a signal, None while the script runs."""

    why: str
    stdin: bytes
    started_at: float
    pid: int = 0
    duration_s: float | None = None
    stdout: bytes = b""
    exit_code: int | None = None
    log: list[LogLine] = field(default_factory=list)

    @property
    def args(self) -> dict[str, Any]:
        """The `args` of its input."""
        return dict(json.loads(self.stdin)["args"])


@dataclass(frozen=True, slots=True)
class Output:
    """What Stash makes of a plugin's standard output and exit status."""

    output: Any = None
    error: str | None = None


def read_output(stdout: bytes, exit_code: int) -> Output:
    """Read one JSON object with `output` or `error`. Anything else is passed on as text, unless the exit status is not
    0.
    """
    text = stdout.decode("utf-8", "replace")
    try:
        parsed = json.loads(text)
    except ValueError:
        found = Output(text)
    else:
        found = Output(text) if parsed is not None and not isinstance(parsed, dict) else _of_object(parsed or {}, text)
    if exit_code == 0 or found.error is not None:
        return found
    named = {-signal.SIGKILL: "killed", -signal.SIGTERM: "terminated", -signal.SIGSEGV: "segmentation fault"}
    if exit_code < 0:
        return Output(None, f"signal: {named.get(exit_code, str(-exit_code))}")
    return Output(None, f"exit status {exit_code}")


def _of_object(parsed: dict[str, Any], text: str) -> Output:
    """Go matches keys in any case, and replaces an `error` that is not a string by an empty one."""
    lower = {key.lower(): value for key, value in parsed.items()}
    error = lower.get("error")
    return Output(lower.get("output"), error) if error is None or isinstance(error, str) else Output(text, "")


class StderrReader:
    """Turns standard error into log lines and progress, as far as Stash would read it."""

    def __init__(self, plugin: str, default_level: str, on_line: Callable[[LogLine], None]) -> None:
        self.progress: float | None = None
        self.has_given_up = False
        self._plugin, self._default, self._on_line = plugin, default_level, on_line
        self._rest = b""

    def feed(self, data: bytes) -> None:
        """Take the next bytes; lines may be split anywhere."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if self.has_given_up or len(line) > LONGEST_LINE_BYTES:
                self.has_given_up = True
                return
            self._line(line.removesuffix(b"\r").decode("utf-8", "replace"))
        self.has_given_up = len(self._rest) > LONGEST_LINE_BYTES

    def end(self) -> None:
        """Take in a last line that has no line feed."""
        if self._rest and not self.has_given_up:
            self._line(self._rest.decode("utf-8", "replace"))
        self._rest = b""

    def _line(self, line: str) -> None:
        has_level = len(line) > 3 and line[0] == "\x01" and line[2] == "\x02" and line[1] in {*LEVELS, PROGRESS}  # noqa: PLR2004 - SOH, letter, STX, and at least one character
        if not has_level:
            if line:
                self._say(self._default, line, self._plugin)
        elif line[1] == PROGRESS:
            self._note_progress(line[3:].strip())
        else:
            self._say(LEVELS[line[1]], line[3:].strip(), self._plugin)

    def _note_progress(self, text: str) -> None:
        try:
            self.progress = min(1.0, max(0.0, float(text)))
        except ValueError:
            self._say("error", f"Error parsing progress value '{text}'", "")

    def _say(self, level: str, text: str, plugin: str) -> None:
        self._on_line(LogLine(level=level, text=text, plugin=plugin, at=time.time()))


class RunningScript:
    """One running script. `wait()` serves its pipes; `kill()` may be called from another thread."""

    def __init__(self, process: subprocess.Popen[bytes], invocation: Invocation, stderr_reader: StderrReader) -> None:
        self.invocation = invocation
        self._process, self._stderr_reader = process, stderr_reader
        self._stopped = threading.Event()
        self._began = time.monotonic()
        self._unsent = memoryview(invocation.stdin)
        self._selector = selectors.DefaultSelector()
        for name, event in PIPES.items():
            os.set_blocking(self._pipe(name).fileno(), False)
            self._selector.register(self._pipe(name), event, name)

    @property
    def progress(self) -> float | None:
        """The progress last reported, 0 to 1; None before the first report."""
        return self._stderr_reader.progress

    def kill(self) -> None:
        """Send SIGKILL, to this process alone; `wait()` returns within CHECK_EVERY_S."""
        self._stopped.set()
        self._process.kill()

    def wait(self, is_cancelled: Callable[[], bool] = lambda: False) -> Output:
        """Wait until standard output has ended and the script has exited, or it was killed."""
        process = self._process
        while not self._pipe("stdout").closed and not self._stopped.is_set():
            self._serve(CHECK_EVERY_S)
            if is_cancelled():
                self.kill()
        pause_s = 0.0005
        while process.poll() is None and not self._stopped.is_set():
            self._serve(pause_s)
            pause_s = min(2 * pause_s, CHECK_EVERY_S)
            if is_cancelled():
                self.kill()
        process.wait()
        self._serve(0)  # what the script wrote just before it ended
        self._stderr_reader.end()
        return self._finish()

    def _serve(self, timeout_s: float) -> None:
        if not self._selector.get_map():
            time.sleep(timeout_s)
            return
        for key, _ in self._selector.select(timeout_s):
            {"stdin": self._send, "stdout": self._take_output, "stderr": self._take_log}[key.data]()

    def _send(self) -> None:
        try:
            self._unsent = self._unsent[os.write(self._pipe("stdin").fileno(), self._unsent[:CHUNK_BYTES]) :]
        except BrokenPipeError:
            self._unsent = self._unsent[:0]
        if not self._unsent:
            self._close(self._pipe("stdin"))

    def _take_output(self) -> None:
        data = os.read(self._pipe("stdout").fileno(), CHUNK_BYTES)
        self.invocation.stdout += data
        if not data:
            self._close(self._pipe("stdout"))

    def _take_log(self) -> None:
        """Read all there is. A line that is too long ends the reading, and the script's next write fails."""
        while True:
            try:
                data = os.read(self._pipe("stderr").fileno(), CHUNK_BYTES)
            except BlockingIOError:
                return
            self._stderr_reader.feed(data)
            if not data or self._stderr_reader.has_given_up:
                self._close(self._pipe("stderr"))
                return

    def _pipe(self, name: str) -> IO[bytes]:
        pipe: IO[bytes] = getattr(self._process, name)
        return pipe

    def _close(self, pipe: IO[bytes]) -> None:
        self._selector.unregister(pipe)
        pipe.close()

    def _finish(self) -> Output:
        for key in list(self._selector.get_map().values()):
            self._close(self._pipe(key.data))
        self._selector.close()
        self.invocation.exit_code = self._process.returncode
        self.invocation.duration_s = time.monotonic() - self._began
        return read_output(self.invocation.stdout, self._process.returncode)


class PluginHost:
    """Starts scripts with one interpreter, working directory and environment; records every start."""

    def __init__(self, *, python: str, cwd: str, env: Mapping[str, str], on_line: Callable[[LogLine], None]) -> None:
        self.invocations: list[Invocation] = []
        self._python, self._cwd, self._env, self._on_line = python, cwd, dict(env), on_line
        self._running: set[RunningScript] = set()
        self._lock = threading.Lock()

    def start(
        self, command: Sequence[str], stdin: bytes, *, plugin: str, level: str, plugins: str, why: str
    ) -> RunningScript:
        """`plugins`: the folder above the plugin's, for PYTHONPATH. Raises OSError if the script cannot be started."""
        argv = [self._python, *command[1:]] if command[0] in {"python", "python3"} else list(command)
        python_path = os.pathsep.join(part for part in (self._env.get("PYTHONPATH", ""), plugins) if part)
        invocation = Invocation(why=why, stdin=stdin, started_at=time.time())

        def on_line(line: LogLine) -> None:
            invocation.log.append(line)
            self._on_line(line)

        pipe = subprocess.PIPE
        env = {**self._env, "PYTHONPATH": python_path}
        process = subprocess.Popen(argv, cwd=self._cwd, env=env, stdin=pipe, stdout=pipe, stderr=pipe, bufsize=0)
        invocation.pid = process.pid
        run = RunningScript(process, invocation, StderrReader(plugin, level, on_line))
        with self._lock:
            self.invocations.append(invocation)
            self._running.add(run)
        return run

    def wait(self, run: RunningScript, is_cancelled: Callable[[], bool] = lambda: False) -> Output:
        """The script's answer, once it has ended or was killed."""
        try:
            return run.wait(is_cancelled)
        finally:
            with self._lock:
                self._running.discard(run)

    def note(self, level: str, text: str) -> None:
        """Add a line of Stash's own to the log."""
        self._on_line(LogLine(level=level, text=text, plugin="", at=time.time()))

    def kill_all(self) -> None:
        """Kill every running script."""
        with self._lock:
            for run in self._running:
                run.kill()
