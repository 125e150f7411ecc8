"""The operation `push_again`: queues scenes that wait for a person, and makes sure that a worker runs."""

from __future__ import annotations

import json
import os

from local import inbox
from status.arguments import error_class_of, group_of, scene_ids_of
from status.look import Refused
from status.scenes_reader import ScenesReader
from status.wake import start_worker_if_none

TYPE_CHECKING = False  # the module `typing` takes time to load
if TYPE_CHECKING:
    from status.answers import PushAgainAnswer
    from status.look import Asked

# Such a job always reads the item, and is tried as often as an edit.
_REASON = "recovery"
# Each of many missing scenes is looked for once, and is missing again, or its file is awaited for days.
_REASON_IF_MISSING = "sync"


def push_again(asked: Asked) -> PushAgainAnswer:
    """Queue the scenes, or all of a group. Raises OSError, and Refused for a bad argument.

    A dead letter stays until its scene is settled, so nothing is lost if the worker is killed in between.
    """
    scene_ids, error_class = scene_ids_of(asked.arguments), error_class_of(asked.arguments)
    group = group_of(asked.arguments) or ("dead" if error_class else "")
    if bool(scene_ids) is bool(group):
        raise Refused("push_again needs either scene_ids, the numbers of scenes, or group and error_class of scenes.")
    if group:
        scene_ids = ScenesReader(asked.directory, is_brief=True).ids_of_group(group, error_class, asked.now)
    if scene_ids:
        name = f"{inbox.BATCH}-{os.urandom(6).hex()}"
        reason = _REASON_IF_MISSING if group == "missing" else _REASON
        inbox.publish(asked.directory, name, json.dumps({"reason": reason, "scene_ids": scene_ids}).encode())
        start_worker_if_none(asked)
    return {"queued": len(scene_ids)}
