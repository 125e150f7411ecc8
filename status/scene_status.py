"""The operation `scene_status`: what PlexSync knows of one scene, without asking Plex."""

from __future__ import annotations

from push.advice import advice_for
from status.arguments import scene_id_of
from status.scenes_reader import ScenesReader

TYPE_CHECKING = False  # the module `typing` takes time to load
if TYPE_CHECKING:
    from status.answers import BuriedJob, PendingJob, SceneStatusAnswer
    from status.look import Asked


def scene_status(asked: Asked) -> SceneStatusAnswer:
    """Look the scene up. Raises Refused for a bad argument."""
    reader, scene_id = ScenesReader(asked.directory, is_brief=True), scene_id_of(asked.arguments)
    verdict, settled_at = reader.verdict_of(scene_id)
    return {
        "scene_id": scene_id,
        "verdict": verdict,
        "settled_at": settled_at,
        "server": reader.server(),
        "items": [
            {"rating_key": rating_key, "pushed_at": pushed_at} for rating_key, pushed_at in reader.items_of(scene_id)
        ],
        "job": _job(reader, scene_id, asked.now),
        "dead_letter": _letter(reader, scene_id),
        "problems": reader.problems,
    }


def _job(reader: ScenesReader, scene_id: int, now: float) -> PendingJob | None:
    row = reader.job_of(scene_id, now)
    if row is None:
        return None
    is_in_progress, attempts, due_at, error_class, error_text = row
    return {
        "is_in_progress": bool(is_in_progress),
        "attempts": attempts,
        "due_at": due_at,
        "error_class": error_class,
        "error_text": error_text,
    }


def _letter(reader: ScenesReader, scene_id: int) -> BuriedJob | None:
    row = reader.letter_of(scene_id)
    if row is None:
        return None
    error_class, error_text, attempts, failed_last_at = row
    return {
        "error_class": error_class,
        "error_text": error_text,
        "attempts": attempts,
        "failed_last_at": failed_last_at,
        "advice": advice_for(error_class),
    }
