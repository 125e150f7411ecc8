"""Starts tasks as Stash does, and checks what must hold for every answer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.support.plugin_world import PluginWorld

MODES = (
    "process_queue", "health_check", "queue_status", "outage_summary", "recover_outage_jobs", "sync_all", "sync_recent",
    "clear_queue", "clear_dlq", "purge_dlq", "restore_cleared", "sync_scene", "preview", "undo_all",
    "link_plex",
)  # fmt: skip
ARGUMENTS: tuple[tuple[str, dict[str, object]], ...] = (
    ("sync_scene", {"scene_id": "1"}),
    ("preview", {"scene_id": "1"}),
    ("undo_all", {"preview": "true"}),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRun:
    """The result of a task: `output` or `error`, and its log lines as (level letter, text)."""

    output: Any
    error: str | None
    log: tuple[tuple[str, str], ...]
    took_s: float

    @property
    def said(self) -> str:
        """The lines of level info and above."""
        return "\n".join(text for level, text in self.log if level in "iwe")


def task_input(world: PluginWorld, mode: str, **arguments: object) -> bytes:
    """The script's input as Stash writes it."""
    given = json.loads(world.hook_input(1))
    given["args"] = {"mode": mode, **arguments}
    return json.dumps(given, separators=(",", ":")).encode()


def run_task(world: PluginWorld, mode: str, **arguments: object) -> TaskRun:
    """Run a task to its end. Asserts one JSON object, prefixed log lines, and no traceback."""
    answer = world.run_script(task_input(world, mode, **{**dict(ARGUMENTS).get(mode, {}), **arguments}), timeout=120)
    assert answer.exit_code == 0, answer
    parsed = answer.json
    assert isinstance(parsed, dict)
    assert set(parsed) in ({"output"}, {"error"})
    lines = answer.stderr.decode().splitlines()
    assert all(line[0] == "\x01" and line[2] == "\x02" and line[1] in "tdiwep" for line in lines), lines
    log = tuple((line[1], line[3:]) for line in lines if line[1] != "p")
    assert not any("Traceback" in text for level, text in log if level in "iwe"), log
    return TaskRun(output=parsed.get("output"), error=parsed.get("error"), log=log, took_s=answer.took_s)


def start_task(world: PluginWorld, mode: str, **arguments: object) -> subprocess.Popen[bytes]:
    """Start a task without waiting, so that it can be killed."""
    process = subprocess.Popen(
        [sys.executable, "-S", str(world.script)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        env={**os.environ, **world.env}, cwd=world.folder,
    )  # fmt: skip
    assert process.stdin is not None
    process.stdin.write(task_input(world, mode, **arguments))
    process.stdin.close()
    process.stdin = None  # otherwise communicate() would flush it
    return process
