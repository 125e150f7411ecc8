from __future__ import annotations

import unicodedata
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from plex.client import filter_text
from plex.errors import NotInPlex, PlexServerDown
from plex.find import SWEEP_FROM, Finder
from plex.model import LeanItem, PartFile, Section

if TYPE_CHECKING:
    from collections.abc import Iterator


def lean(rating_key: int, *paths: str, section: int = 1, updated_at: int = 5) -> LeanItem:
    parts = tuple(PartFile(path=path, size=1) for path in paths)
    return LeanItem(
        rating_key=rating_key, section_key=section, title="", parts=parts, updated_at=updated_at, added_at=0
    )


class Library:
    """Listings in memory that counts what is asked of it."""

    def __init__(self, *items: LeanItem, filters: bool = True) -> None:
        self.items = list(items)
        self.filters = filters
        self.asked = Counter[str]()
        self.breaks_after: int | None = None

    def sections(self) -> tuple[Section, ...]:
        return tuple(Section(key=key, title=str(key), type="movie", locations=()) for key in (1, 2))

    def find_by_name(self, section: Section, file_name: str) -> tuple[LeanItem, ...] | None:
        self.asked["file"] += 1
        found = [item for item in self._of(section) if any(file_name in part.path for part in item.parts)]
        return tuple(found) if self.filters else None

    def sweep(self, section: Section, *, since: int | None = None) -> Iterator[LeanItem]:
        self.asked["sweep" if since is None else "refresh"] += 1
        items = sorted(self._of(section), key=lambda item: item.updated_at, reverse=True)
        for count, item in enumerate(item for item in items if since is None or item.updated_at >= since):
            if count + 1 == self.breaks_after:
                raise PlexServerDown("gone")
            yield item

    def _of(self, section: Section) -> list[LeanItem]:
        return [item for item in self.items if item.section_key == section.key]


def keys(items: tuple[LeanItem, ...]) -> list[int]:
    return [item.rating_key for item in items]


@pytest.mark.parametrize("count", [1, SWEEP_FROM])
@pytest.mark.parametrize("filters", [True, False])
def test_each_item_that_holds_a_file_is_found_in_every_library(*, count: int, filters: bool) -> None:
    library = Library(
        lean(1, "/media/x/a.mp4"),
        lean(2, "/media/x/other.mp4", "/media/x/b.mp4"),
        lean(3, "/media/x/a.mp4", section=2),
        lean(4, "/media/y/a.mp4"),
        filters=filters,
    )
    finder = Finder(library, [("/data", "/media")])
    finder.prefetch(count)
    assert sorted(keys(finder.find([("/data/x/a.mp4", 1), ("/data/x/b.mp4", 1)]))) == [1, 2, 3]


def test_a_name_alone_is_never_enough() -> None:
    with pytest.raises(NotInPlex) as raised:
        Finder(Library(lean(1, "/media/y/a.mp4")), [("/data", "/media")]).find([("/data/x/a.mp4", 1)])
    assert raised.value.paths == ("/media/x/a.mp4",)


def test_a_scene_without_files_is_not_in_plex() -> None:
    with pytest.raises(NotInPlex):
        Finder(Library()).find([])


def test_few_scenes_are_looked_up_and_many_swept_once() -> None:
    library = Library(lean(1, "/a.mp4"), lean(2, "/a.mp4", section=2))
    finder = Finder(library)
    finder.prefetch(SWEEP_FROM - 1)
    assert library.asked == {}
    finder.prefetch(SWEEP_FROM)
    finder.prefetch(SWEEP_FROM)
    assert library.asked == {"sweep": 2}
    finder.find([("/a.mp4", 1)])
    assert library.asked == {"sweep": 2}


@pytest.mark.parametrize("filters", [True, False])
def test_absence_is_never_remembered(*, filters: bool) -> None:
    library = Library(filters=filters)
    finder = Finder(library)
    finder.prefetch(SWEEP_FROM)
    with pytest.raises(NotInPlex):
        finder.find([("/a.mp4", 1)])
    library.items.append(lean(1, "/a.mp4"))
    assert keys(finder.find([("/a.mp4", 1)])) == [1]


def test_a_forgotten_item_is_looked_up_again() -> None:
    library = Library(lean(1, "/a.mp4"))
    finder = Finder(library)
    finder.prefetch(SWEEP_FROM)
    library.items[:] = [lean(2, "/a.mp4")]
    assert keys(finder.find([("/a.mp4", 1)])) == [1]
    finder.forget(1)
    assert keys(finder.find([("/a.mp4", 1)])) == [2]


def test_without_a_filter_a_miss_costs_a_refresh_and_not_a_sweep() -> None:
    library = Library(lean(1, "/a.mp4"), lean(9, "/b.mp4", section=2), filters=False)
    finder = Finder(library)
    finder.prefetch(SWEEP_FROM)
    for _ in range(3):
        with pytest.raises(NotInPlex):
            finder.find([("/c.mp4", 1)])
    library.items[0] = lean(1, "/c.mp4", updated_at=6)
    assert keys(finder.find([("/c.mp4", 1)])) == [1]
    with pytest.raises(NotInPlex):
        finder.find([("/a.mp4", 1)])
    assert library.asked["sweep"] == 2


@pytest.mark.parametrize("swept", [True, False])
def test_a_sweep_that_breaks_off_hides_nothing_from_the_next(*, swept: bool) -> None:
    library = Library(lean(9, "/b.mp4"), filters=False)
    finder = Finder(library)
    if swept:
        finder.prefetch(SWEEP_FROM)
    library.items += [lean(2, "/c.mp4", updated_at=99), lean(1, "/a.mp4", updated_at=50)]
    library.breaks_after = 2
    with pytest.raises(PlexServerDown):
        finder.find([("/a.mp4", 1)])
    library.breaks_after = None
    assert keys(finder.find([("/a.mp4", 1)])) == [1]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("/x/plain name.mp4", "plain name.mp4"),
        ("a,the longer part,b.mp4", "the longer part"),
        ("C:\\x\\a.mp4", "a.mp4"),
        ("=>odd.mp4", "odd.mp4"),
        ("Pokémon film.mp4", "mon film.mp4"),
        (unicodedata.normalize("NFD", "Pokémon film.mp4"), "mon film.mp4"),
        ("日本語.mp4", "日本語.mp4"),
        ("100% & more.mp4", "100% & more.mp4"),
        (",,", ""),
        ("", ""),
    ],
)
def test_the_filter_gets_what_has_one_spelling_and_no_comma(name: str, text: str) -> None:
    assert filter_text(name) == text
