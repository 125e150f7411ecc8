"""Has the worker ignore scenes that need somebody, or no longer ignore them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.words import counted
from status.scenes_reader import ScenesReader
from tasks.answers import IgnoreAnswer
from tasks.arguments import error_class_of, group_of, scene_ids_of
from tasks.context import TaskError
from tasks.worker_link import ask_worker

if TYPE_CHECKING:
    from tasks.context import Context


def ignore(context: Context) -> IgnoreAnswer:
    """Ignore the scenes, or all of a group, but for those that are on their way to Plex."""
    answer = ask_worker(context, IgnoreAnswer, "ignore", {"scene_ids": _chosen(context)})
    context.log.info("Ignored: %s.", counted(len(answer.scene_ids), "scene"))
    return answer


def stop_ignoring(context: Context) -> IgnoreAnswer:
    """The scenes, or all that are ignored, need somebody again. Nothing else is pushed by that."""
    answer = ask_worker(context, IgnoreAnswer, "stop_ignoring", {"scene_ids": _chosen(context)})
    context.log.info("No longer ignored: %s.", counted(len(answer.scene_ids), "scene"))
    return answer


def _chosen(context: Context) -> list[int]:
    scene_ids, group = scene_ids_of(context.input.args), group_of(context.input.args)
    error_class = error_class_of(context.input.args)
    if bool(scene_ids) is bool(group):
        raise TaskError("Either scene_ids, the numbers of scenes, or group, with error_class, is needed.")
    return scene_ids or ScenesReader(context.directory).ids_of_group(group, error_class, context.now)
