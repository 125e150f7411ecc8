"""Gaps: what Plex lacks of a scene. A scene has a gap if there is anything to push. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from plex.altered import NOTHING_ALTERED
from plex.plan import plan

if TYPE_CHECKING:
    from collections.abc import Iterable

    from plex.altered import Alterations
    from plex.fields import Field, Value
    from plex.model import PlexItem
    from plex.plan import Owned, Wanted

# By field: the value in Plex, and the value that PlexSync would set.
Changes = Mapping["Field", "tuple[Value, Value]"]


class GapType(str, Enum):
    """The public names, most severe first."""

    MISSING = "missing"  # no Plex item holds a file of the scene
    EMPTY = "empty"  # a field has a value in Stash and none in Plex
    STALE = "stale"  # Plex shows a different value


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """If several items differ in the same field, `changes` has the first of them."""

    scene_id: int
    type: GapType
    changes: Changes = field(default_factory=dict)


def changes_of(
    item: PlexItem,
    wanted: Wanted,
    owned: Owned,
    *,
    keep_plex_edits: bool,
    altered: Alterations = NOTHING_ALTERED,
) -> Changes:
    """The changes that a push would make to the item. `owned`: what PlexSync wrote to it.

    Values that a person added in Plex, those that `keep_plex_edits` preserves, and those that Plex is known to alter
    are not part of the plan and so are no gap.
    """
    return plan(item, wanted, owned, keep_plex_edits=keep_plex_edits, altered=altered).changes


def gap_of(scene_id: int, changes_by_item: Iterable[Changes]) -> Gap | None:
    """The gap of a scene, from the changes that its items need; None if they need none."""
    changes: dict[Field, tuple[Value, Value]] = {}
    for changes_of_item in changes_by_item:
        changes = {**changes_of_item, **changes}
    if not changes:
        return None
    is_empty = any(new and not old for old, new in changes.values())
    return Gap(scene_id=scene_id, type=GapType.EMPTY if is_empty else GapType.STALE, changes=changes)
