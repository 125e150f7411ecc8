"""Which picture an item shows again instead of PlexSync's. Pure.

Plex deletes no upload, so PlexSync's pictures stay among those that can be chosen. What is selected again is stored as
what was there before, before it is selected; so what a killed worker selected is not taken for a person's choice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from plex.model import Pictures
    from push.cover import Upload

STUCK = "Plex has no other picture to show instead of PlexSync's"


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureReturn:
    """What becomes of an item's picture of one kind. `shown`: the key of the one that it shows now.

    `selected`: the key of the picture that it shows again; "" to leave it. `is_locked`: the field's lock afterwards,
    None to leave it. `is_kept`: a person has chosen another picture since. `problem`: why PlexSync's stays, or "".
    """

    shown: str
    selected: str = ""
    is_locked: bool | None = None
    is_kept: bool = False
    problem: str = ""


def plan_picture(upload: Upload, current: Pictures, *, is_locked: bool) -> PictureReturn:
    """`upload`: with its keys resolved (see push/cover.py). `is_locked`: whether the field is locked now."""
    former = upload.former
    lock = former.is_locked if former else False
    if former and former.key and current.selected == former.key:
        return PictureReturn(shown=current.selected, is_locked=lock)
    if current.selected not in (*upload.ours, *upload.earlier):
        # Where nothing is locked, Plex itself has chosen the picture, at a refresh.
        return PictureReturn(shown=current.selected, is_kept=is_locked and bool(current.selected))
    before = _before(upload, current)
    return PictureReturn(shown=current.selected, selected=before, is_locked=lock, problem="" if before else STUCK)


def _before(upload: Upload, current: Pictures) -> str:
    """The picture that was selected, as far as that is known; "" if Plex has none but PlexSync's.

    Where nobody had locked the field, what somebody had uploaded was selected all the same, on a server that locks no
    uploads. Where an older version sent the first cover, other uploads may be its own.
    """
    if upload.former and upload.former.key in (*current.uploads, *current.others):
        return upload.former.key
    ours = {*upload.ours, *upload.earlier}
    uploads = [key for key in current.uploads if key not in ours] if upload.former else []
    return next(iter((*reversed(uploads), *current.others)), "")
