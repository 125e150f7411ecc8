"""Which performers of Stash bear the same name: how to ask, and for how long an answer is believed.

Two performers of one name are two, so they must never become one actor. Stash lets several performers bear a name if
their disambiguations differ. One without a disambiguation is shown by the bare name; one with a disambiguation is shown
with it while another performer bears the name. Whether that is so, only Stash can tell.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from stash.errors import StashUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from stash.scene import Performer, Scene

# Catch-up finds performers that changed without an event as often as this.
KEPT_S = 600.0
NAMES_PER_QUERY = 100
# For Stash, % and _ in a name stand for anything, so a query may find more performers than the bearers of the name.
_FOUND_PER_NAME = 100
_FIELDS = "performers { id name disambiguation }"

# By name, the ids of its bearers; True for those that have a disambiguation to tell them apart by.
Bearers = Mapping[str, Mapping[int, bool]]


class Namesakes:
    """The bearers of names, as last read. An answer is believed for `kept_s` at most.

    `forget` it when a performer has changed: a performer's name and disambiguation may be those of another one now.
    """

    def __init__(self, *, monotonic: Callable[[], float], kept_s: float) -> None:
        self._monotonic = monotonic
        self._kept_s = kept_s
        self._bearers: dict[str, Mapping[int, bool]] = {}
        self._first_read_at = 0.0

    def known(self) -> Bearers:
        """What is still believed."""
        if self._bearers and self._monotonic() - self._first_read_at >= self._kept_s:
            self.forget()
        return self._bearers

    def store(self, bearers: Bearers) -> None:
        """Believe this from now on."""
        if not self._bearers:
            self._first_read_at = self._monotonic()
        self._bearers.update(bearers)

    def forget(self) -> None:
        """Believe nothing, so that Stash is asked again."""
        self._bearers.clear()


def names_in_doubt(scenes: Iterable[Scene]) -> list[str]:
    """The names of the performers that may need their disambiguation, each once."""
    performers = (performer for scene in scenes for performer in scene.performers)
    return list(dict.fromkeys(performer.name for performer in performers if performer.disambiguation))


def with_namesakes(scene: Scene, bearers: Bearers) -> Scene:
    """The scene, its performers with their namesakes."""
    if not any(performer.disambiguation for performer in scene.performers):
        return scene
    performers = (replace(performer, namesakes=_others(performer, bearers)) for performer in scene.performers)
    return replace(scene, performers=tuple(performers))


def _others(performer: Performer, bearers: Bearers) -> tuple[int, ...]:
    found = bearers.get(performer.name, {}) if performer.disambiguation else {}
    return tuple(sorted(found.keys() - {performer.id}))


# Queries


def query_for(names: Sequence[str]) -> tuple[str, dict[str, str]]:
    """The query for the bearers of these names, and its variables."""
    variables = {f"n{number}": name for number, name in enumerate(names)}
    parts = (
        f"{key}: findPerformers(performer_filter: {{name: {{value: ${key}, modifier: EQUALS}}}}, "
        f"filter: {{per_page: {_FOUND_PER_NAME}}}) {{ {_FIELDS} }}"
        for key in variables
    )
    return f"query({', '.join(f'${key}: String!' for key in variables)}) {{ {' '.join(parts)} }}", variables


def parse_bearers(names: Sequence[str], answer: Mapping[str, object]) -> dict[str, Mapping[int, bool]]:
    """The response to `query_for`. Raises StashUnavailable if it has another shape."""
    return {name: _bearers_of(name, answer.get(f"n{number}")) for number, name in enumerate(names)}


def _bearers_of(name: str, found: object) -> dict[int, bool]:
    performers = found.get("performers") if isinstance(found, Mapping) else None
    if not isinstance(performers, list) or not all(isinstance(performer, Mapping) for performer in performers):
        raise StashUnavailable("Stash's list of performers is not a list")
    return {
        int(str(performer.get("id"))): bool(str(performer.get("disambiguation") or "").strip())
        for performer in performers
        if str(performer.get("name")).casefold() == name.casefold() and str(performer.get("id")).isdigit()
    }
