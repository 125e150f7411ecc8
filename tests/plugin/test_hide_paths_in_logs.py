"""With *Hide file paths*, neither log shows any part of a file's path, whatever its name is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.faults import Fault, is_write
from tests.support.task_runs import run_task

if TYPE_CHECKING:
    from tests.support.plugin_world import PluginWorld

NAMES = ("Jane's Secret Video.mp4", "a;b?.E02 Secret.mp4", 'no "Secret" ending', "Secret, too | <x>")
FOLDER = "/media/Private Films"


def test_no_part_of_a_path_is_in_a_log(world: PluginWorld) -> None:
    world.configure(hide_paths=True, debug_logging=True, scan_plex=True)
    world.plex.add_item(world.section, files=[(f"/media/one/{NAMES[0]}", 7), (f"/media/two/{NAMES[0]}", 7)])
    scenes = [world.stash.add_scene(f"{FOLDER}/{name}", 7) for name in NAMES]
    (rejected,) = world.add_scenes(1)
    world.plex.fault(Fault.answer(400, body=f"cannot write {FOLDER}/{NAMES[1]}".encode()), when=is_write)
    for scene in (*scenes, rejected):
        world.stash.update_scene(scene, title="Title")
    world.wait_until(lambda: world.log_text().count("<path ") >= len(NAMES), "the paths of all scenes")
    world.wait_until(lambda: "given up" in world.log_text(), "the refusal")
    modes = ("queue_status", "reconcile_all", "reconcile_preview", "process_queue", "preview", "nonsense /media/Jane")
    runs = [run_task(world, mode, scene_id=scenes[0]) for mode in modes]
    said = [text for run in runs for text in (str(run.error), *(line for _, line in run.log))]
    for text in (world.log_text(), "\n".join(line.text for line in world.stash.log), *said):
        for part in ("Secret", "Private", "Jane", "E02", "\ufdd0"):
            assert part not in text, text
