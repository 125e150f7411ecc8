"""docs/reference.md names every file that is in the data directory after some work, and every key of a state file."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

from local import inbox
from local.data_directory import CIRCUIT_BREAKER, PACKAGES, PACKAGES_NOTE, PLEX_SIGN_IN, STORAGE_CHECK
from sim.faults import Fault
from tests.support.reference import REFERENCE, headings_in, in_code_marks, keys_under, rows_under
from tests.support.task_runs import run_task

if TYPE_CHECKING:
    from tests.support.plugin_world import PluginWorld

# There only for a moment, only while packages are missing, or only after much more work than here.
SELDOM: Final = (
    PACKAGES, f"{PACKAGES}/install.lock", PACKAGES_NOTE, PLEX_SIGN_IN, STORAGE_CHECK, "plexsync.log.<number>",
    f"queue/inbox/{inbox.CLAIMED}<name>", f"{inbox.TEMPORARY}<name>",
)  # fmt: skip


def documented_names() -> list[str]:
    tables = (rows_under(REFERENCE, each) for each in ("Files in the data directory", "Names made from these"))
    return [name.rstrip("/") for rows in tables for cells in rows for name in in_code_marks(cells[0])]


def fits(name: str, path: str) -> bool:
    """Whether a documented name, in which `<word>` stands for anything, fits the path or its last part."""
    pattern = re.sub(r"<\w+>", ".+", re.escape(name))
    return any(re.fullmatch(pattern, each) for each in (path, path.rpartition("/")[2]))


def work(world: PluginWorld) -> None:
    """An outage, a clear and a restore, a reconciliation, a damaged state file, and a foreign file in the inbox."""
    scene = world.add_scene(title="pushed")
    run_task(world, "sync_all")
    run_task(world, "reconcile_all")
    world.configure(paused=True)
    world.edit_at_once({scene: "edited"})
    run_task(world, "clear_queue")
    run_task(world, "restore_cleared")
    world.stop_workers()
    (world.directory / CIRCUIT_BREAKER).write_text("{ not what it was")
    (world.directory / "queue" / "inbox" / "stranger").write_text("")
    world.configure()
    world.plex.fault(Fault.refused())
    run_task(world, "process_queue")
    world.wait_until((world.directory / "queue" / "malformed").exists, "the stranger to be set aside")
    world.stop_workers()


def test_every_file_and_every_key_of_a_state_file_is_documented(world: PluginWorld) -> None:
    work(world)
    run_task(world, "watch")
    world.stop_workers()
    paths = [path.relative_to(world.directory).as_posix() for path in world.directory.rglob("*")]
    # Entries, answers and backups are not listed one by one.
    listed = [path for path in paths if not path.startswith(("queue/inbox/", "queue/malformed/", "queue/answers/"))]
    names = documented_names()
    assert [path for path in listed if not any(fits(name, path) for name in (*names, "backups/<name>"))] == []
    assert {name for name in names if not any(fits(name, path) for path in paths)} <= set(SELDOM) <= set(names)
    for heading in headings_in(REFERENCE, "State files"):
        written = json.loads((world.directory / heading.strip("`")).read_text())
        documented = {key for key in keys_under(REFERENCE, heading) if not re.search(r"[.\[]", key)}
        assert written.keys() == documented, heading
