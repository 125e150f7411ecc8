"""What Plex lacks of a scene: a gap is a plan that is not empty. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from plex.plan import plan

if TYPE_CHECKING:
    from collections.abc import Iterable

    from plex.model import PlexItem
    from plex.plan import Field, Owned, Value, Wanted


class GapType(str, Enum):
    """The public names, the gravest first."""

    MISSING = "missing"  # no Plex item holds a file of the scene
    EMPTY = "empty"  # Plex has no value for a field that Stash has
    STALE = "stale"  # Plex shows another value


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """`changes`: by field, what Plex has and what it shall have; of several items the first that differs."""

    scene_id: int
    type: GapType
    changes: Mapping[Field, tuple[Value, Value]] = field(default_factory=dict)


Changes = Mapping["Field", "tuple[Value, Value]"]


def changes_of(item: PlexItem, wanted: Wanted, owned: Owned, *, keep_plex_edits: bool) -> Changes:
    """By field, what the item has and what it shall have. `owned`: what PlexSync put into it.

    What a person added by hand, and what `keep_plex_edits` keeps, is no part of the plan, so it is no gap.
    """
    return plan(item, wanted, owned, keep_plex_edits=keep_plex_edits).changes


def gap_of(scene_id: int, changes_of_items: Iterable[Changes]) -> Gap | None:
    """The gap of a scene, from what its items need; None when they need nothing."""
    changes: dict[Field, tuple[Value, Value]] = {}
    for changes_of_item in changes_of_items:
        changes = {**changes_of_item, **changes}
    if not changes:
        return None
    is_empty = any(new and not old for old, new in changes.values())
    return Gap(scene_id=scene_id, type=GapType.EMPTY if is_empty else GapType.STALE, changes=changes)
