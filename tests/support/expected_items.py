"""What a Plex item must show for a scene of the simulated Stash, and what of it is a person's own.

Written from the promises in README.md, not from the plugin's code.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sim.plex.simulator import ItemView
    from sim.stash.library import SimulatedScene, StashLibrary

TEXTS = ("title", "summary", "originally_available_at", "studio", "user_rating")
LISTS = ("genres", "actors", "directors", "collections")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A scene's values as Plex shows them: texts by field ("" for none), names by list. `stems`: of its files."""

    scene_id: int
    files: frozenset[str]
    texts: dict[str, str]
    names: dict[str, tuple[str, ...]]
    stems: frozenset[str]
    poster: str

    @property
    def is_bare(self) -> bool:
        """Whether Stash knows nothing but the file, so that nothing is pushed unless something was pushed before."""
        return not any(self.texts.values()) and not any(self.names.values())


@dataclass(slots=True, kw_only=True)
class OwnValues:
    """What is not PlexSync's in one item.

    `former`: texts of Plex itself or of a person, which may come back when Stash has none. `texts`: what a person
    entered last, until PlexSync is seen to have replaced it. `kept`: those of them that must stay, since *Keep edits
    made in Plex* was on ever since. `names`: of a person or of Plex itself; they always stay. `removed`: Stash's names
    that a person removed.
    """

    former: dict[str, set[str]] = field(default_factory=lambda: {name: set() for name in TEXTS})
    texts: dict[str, str] = field(default_factory=dict)
    kept: set[str] = field(default_factory=set)
    names: dict[str, set[str]] = field(default_factory=lambda: {name: set() for name in LISTS})
    removed: dict[str, set[str]] = field(default_factory=lambda: {name: set() for name in LISTS})


def wanted_of(library: StashLibrary, scene: SimulatedScene) -> Wanted:
    """What Plex should show for the scene as it is in Stash now."""

    def names(kind: str) -> tuple[str, ...]:
        return tuple(library.entities[kind][each].name for each in library.references(kind, scene))

    studio = names("studio")
    texts = {
        "title": scene.title,
        "summary": scene.details,
        "originally_available_at": scene.date or "",
        "studio": studio[0] if studio else "",
        "user_rating": f"{scene.rating100 / 10:g}" if scene.rating100 else "",
    }
    lists = {
        "genres": names("tag"),
        "actors": names("performer"),
        "directors": (scene.director,) if scene.director else (),
        "collections": (*studio, *names("group")),
    }
    digest = hashlib.sha1(scene.cover or b"", usedforsecurity=False).hexdigest()
    return Wanted(
        scene_id=scene.id,
        files=frozenset(file.path for file in scene.files),
        texts=texts,
        names=lists,
        stems=frozenset(PurePosixPath(file.path).stem for file in scene.files),
        poster=f"upload://posters/{digest}" if scene.cover else "",
    )


def differences(view: ItemView, wanted: Wanted, own: OwnValues, *, is_strict: bool) -> list[str]:
    """How the item differs from what is wanted, apart from a person's values that may stay.

    `is_strict`: every scene was reconciled since, without *Keep edits made in Plex*: no text of a person is left.
    """
    found = [
        f"{name} is {shown(view, name)!r}, wanted {sorted(allowed)}"
        for name in TEXTS
        if shown(view, name) not in (allowed := _allowed_texts(name, wanted, own, is_strict=is_strict))
    ]
    for name in LISTS:
        in_plex, in_stash = _keys(getattr(view, name)), _keys(wanted.names[name])
        if lacking := in_stash - in_plex - _keys(own.removed[name]):
            found.append(f"{name} lacks {sorted(lacking)}")
        if left := in_plex - in_stash - _keys(own.names[name]):
            found.append(f"{name} still has {sorted(left)}")
    return found


def lost_values(view: ItemView, own: OwnValues) -> list[str]:
    """What a person put into the item and PlexSync must never touch, but which is not there."""
    lost = [
        f"{name} is {shown(view, name)!r}, a person entered {own.texts[name]!r}"
        for name in own.kept
        if shown(view, name) != own.texts[name]
    ]
    lists = {name: _keys(own.names[name]) - _keys(getattr(view, name)) for name in LISTS}
    return lost + [f"{name} lost a person's {sorted(names)}" for name, names in lists.items() if names]


def _allowed_texts(name: str, wanted: Wanted, own: OwnValues, *, is_strict: bool) -> set[str]:
    if name in own.kept:
        return {own.texts[name]}
    if wanted.texts[name]:
        persons = {own.texts[name]} if name in own.texts and not is_strict else set()
        return {wanted.texts[name], *persons}
    return own.former[name] | (wanted.stems if name == "title" else {""})


def shown(view: ItemView, name: str) -> str:
    """A text of the item, the rating among them."""
    value = getattr(view, name)
    if name == "user_rating":
        return "" if value is None else f"{value:g}"
    return str(value)


def back_with_lock(view: ItemView, wanted: Wanted, own: OwnValues) -> dict[str, str]:
    """The former texts that are there again, since Stash has none, and that *Keep edits made in Plex* keeps."""
    there = {name: shown(view, name) for name in TEXTS if not wanted.texts[name]}
    return {name: text for name, text in there.items() if text in own.former[name] and _is_locked(view, name)}


def _is_locked(view: ItemView, name: str) -> bool:
    """A rating has no lock, and stays too."""
    return name == "user_rating" or {"originally_available_at": "originallyAvailableAt"}.get(name, name) in view.locked


def _keys(names: Iterable[str]) -> set[str]:
    return {name.casefold() for name in names}
