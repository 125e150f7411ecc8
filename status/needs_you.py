"""The operation `needs_you`: scenes that are not in Plex as they should be, in groups, one of which page by page."""

from __future__ import annotations

from push.advice import advice_for
from status.arguments import error_class_of, group_of, limit_of, offset_of
from status.scenes_reader import ScenesReader

TYPE_CHECKING = False  # the module `typing` takes time to load
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from status.answers import GroupOfScenes, NeedsYouAnswer, SceneInNeed
    from status.look import Asked
    from store.reader import QueueCounts

_WAITING_ADVICE = "They are tried again by themselves."
_IGNORED_ADVICE = (
    "They do not count, and PlexSync leaves them alone. An edit of such a scene in Stash, or a push, ends that."
)


def needs_you(asked: Asked) -> NeedsYouAnswer:
    """The groups, and of the one that was asked for the scenes from `offset` on. Raises Refused for a bad argument."""
    reader = ScenesReader(asked.directory, is_brief=True)
    group, error_class = group_of(asked.arguments), error_class_of(asked.arguments)
    limit, offset = limit_of(asked.arguments), offset_of(asked.arguments)
    counts = reader.counts(asked.now)
    judged = reader.scenes_by_verdict()
    groups = [
        *_dead(counts), *_waiting(counts), *_judged(judged, "missing", "NotInPlex", advice_for("NotInPlex")),
        *_judged(judged, "ignored", "", _IGNORED_ADVICE),
    ]  # fmt: skip
    scenes: list[SceneInNeed] = []
    if group:
        scenes = list(_scenes(reader.scenes_in_need(group, error_class, limit=limit, offset=offset, now=asked.now)))
    return {"groups": groups, "scenes": scenes, "problems": reader.problems}


def _dead(counts: QueueCounts) -> Iterable[GroupOfScenes]:
    for error_class, count in counts.dead_letters.items():
        yield {"group": "dead", "error_class": error_class, "count": count, "advice": advice_for(error_class)}


def _waiting(counts: QueueCounts) -> Iterable[GroupOfScenes]:
    for error_class, count in counts.waiting_by_error.items():
        yield {"group": "waiting", "error_class": error_class, "count": count, "advice": _WAITING_ADVICE}


def _judged(
    judged: Mapping[str, tuple[int, float]], verdict: str, error_class: str, advice: str
) -> Iterable[GroupOfScenes]:
    count = judged.get(verdict, (0, None))[0]
    if count:
        yield {"group": verdict, "error_class": error_class, "count": count, "advice": advice}


def _scenes(rows: Iterable[tuple[int, str, str, str, int, float | None, float | None]]) -> Iterable[SceneInNeed]:
    for scene_id, title, path, error_text, attempts, failed_last_at, due_at in rows:
        yield {
            "scene_id": scene_id,
            "title": title,
            "path": path,
            "error_text": error_text,
            "attempts": attempts,
            "failed_last_at": failed_last_at,
            "due_at": due_at,
        }
