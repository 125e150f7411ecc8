"""The operation `marks`: which of the scenes that somebody sees need a person. One start for all cards of a page."""

from __future__ import annotations

from status.arguments import scene_ids_of
from status.scenes_reader import ScenesReader

TYPE_CHECKING = False  # the module `typing` takes time to load
if TYPE_CHECKING:
    from status.answers import MarksAnswer
    from status.look import Asked


def marks(asked: Asked) -> MarksAnswer:
    """Look the scenes up. Raises Refused for a bad argument."""
    scene_ids, reader = scene_ids_of(asked.arguments), ScenesReader(asked.directory, is_brief=True)
    return {
        "dead": reader.dead_among(scene_ids),
        "missing": reader.missing_among(scene_ids),
        "problems": reader.problems,
    }
