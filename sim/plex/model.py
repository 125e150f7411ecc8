"""The contents of a Plex library: sections, items, their files, tags and pictures; and an item as a test sees it.

All values are frozen: an edit makes a new `Item`. Names of fields and tag kinds are Plex's own, as in the edit
parameters and in `<Field name="…">`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# The fields that accept `name.value=`, in the order of Plex's attributes.
FIELDS = (
    "studio", "title", "titleSort", "originalTitle", "contentRating", "summary", "rating", "audienceRating",
    "tagline", "editionTitle", "originallyAvailableAt",
)  # fmt: skip

# Tag kinds as the edit parameters name them, with their elements, in Plex's order.
TAG_ELEMENTS: Mapping[str, str] = {
    "genre": "Genre",
    "country": "Country",
    "collection": "Collection",
    "director": "Director",
    "writer": "Writer",
    "actor": "Role",
    "producer": "Producer",
    "label": "Label",
}

# Picture kinds as the paths name them, with the field that each locks.
PICTURE_LOCKS: Mapping[str, str] = {"posters": "thumb", "arts": "art"}

LOCKABLE = frozenset({*FIELDS, *TAG_ELEMENTS, *PICTURE_LOCKS.values(), "addedAt", "userRating", "clearLogo", "theme"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedSection:
    """A library as the Plex user sees it; `type` is movie, show, artist or photo, `agent` one of Plex's."""

    key: int
    title: str
    type: str
    agent: str
    locations: tuple[str, ...]
    uuid: str
    created_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One file of a version; the size is in bytes."""

    id: int
    file: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """One version of an item: one file, or several in sequence (cd1, cd2).

    `optimized_for`: Plex itself made this version for such a device; it lies in a folder "Plex Versions".
    """

    id: int
    parts: tuple[Part, ...]
    optimized_for: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tag:
    """A genre, person, collection… shared by all its items, including its picture."""

    id: int
    kind: str
    name: str
    thumb: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadedPicture:
    """An uploaded picture; `key` is `upload://posters/<SHA-1 of the bytes>`."""

    key: str
    data: bytes = field(repr=False)
    source_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What edits can change and an agent can supply: fields by name, tag ids by kind; by tag id, an actor's role and
    the tagKey that links an agent's person to the page about them.
    """

    fields: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    roles: Mapping[int, str] = field(default_factory=dict)
    tag_keys: Mapping[int, str] = field(default_factory=dict)


_ASCII_FOLD = str.maketrans({chr(code): chr(code + 32) for code in range(ord("A"), ord("Z") + 1)})


def ascii_fold(text: str) -> str:
    """Fold A to Z only, as Plex's database does when it compares: `Ä` and `ä` stay different."""
    return text.lower() if text.isascii() else text.translate(_ASCII_FOLD)


def sort_title(fields: Mapping[str, str]) -> str:
    """The sort title if there is one, else the title without a leading English article."""
    if fields.get("titleSort"):
        return fields["titleSort"]
    title = fields.get("title", "")
    article, _, rest = title.partition(" ")
    return rest if rest and article.lower() in {"a", "an", "the"} else title


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One film. `agent` is what a metadata refresh restores where nothing is locked; times are epoch seconds.

    The rating belongs to an account and the guid: it is filled in for the account that looks at the item.
    """

    rating_key: int
    section_key: int
    guid: str
    subtype: str
    media: tuple[Media, ...]
    facts: Facts
    agent: Facts
    added_at: int
    updated_at: int
    locked: frozenset[str] = frozenset()
    user_rating: float | None = None
    last_rated_at: int | None = None
    pictures: Mapping[str, tuple[UploadedPicture, ...]] = field(default_factory=dict)
    selected: Mapping[str, str] = field(default_factory=dict)  # picture kind -> key; absent: the agent's own
    picture_at: int = 0
    sort_key: str = field(init=False)
    files_folded: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        # Stored with the item: sorting and searching 100,000 items must not compute these again.
        object.__setattr__(self, "sort_key", sort_title(self.facts.fields).casefold())
        object.__setattr__(self, "files_folded", tuple(ascii_fold(path) for path in self.files))

    @property
    def files(self) -> tuple[str, ...]:
        """The paths of all parts of all versions."""
        return tuple(part.file for media in self.media for part in media.parts)

    @property
    def year(self) -> int | None:
        """The year of the release date."""
        date = self.facts.fields.get("originallyAvailableAt", "")
        return int(date[:4]) if date else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Credit:
    """A person's part in an item: the picture belongs to the tag and so to all of its items, the role to this item.
    Only an agent gives a `tag_key`.
    """

    name: str
    thumb: str = ""
    role: str = ""
    tag_key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """The values of an item as a test writes them; what is empty is not set."""

    title: str = ""
    title_sort: str = ""
    original_title: str = ""
    summary: str = ""
    tagline: str = ""
    studio: str = ""
    content_rating: str = ""
    originally_available_at: str = ""
    genres: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    directors: tuple[str | Credit, ...] = ()
    writers: tuple[str | Credit, ...] = ()
    producers: tuple[str | Credit, ...] = ()
    labels: tuple[str, ...] = ()
    collections: tuple[str, ...] = ()
    actors: tuple[str | Credit, ...] = ()


# The two vocabularies: attribute of `Values` -> Plex's field or tag kind.
VALUE_FIELDS: Mapping[str, str] = {
    "title": "title",
    "title_sort": "titleSort",
    "original_title": "originalTitle",
    "summary": "summary",
    "tagline": "tagline",
    "studio": "studio",
    "content_rating": "contentRating",
    "originally_available_at": "originallyAvailableAt",
}
VALUE_TAGS: Mapping[str, str] = {
    "genres": "genre",
    "countries": "country",
    "directors": "director",
    "writers": "writer",
    "producers": "producer",
    "labels": "label",
    "collections": "collection",
    "actors": "actor",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemView:
    """One item as it is now, with every tag, lock and picture."""

    rating_key: int
    section_key: int
    guid: str
    title: str
    title_sort: str
    original_title: str
    summary: str
    tagline: str
    studio: str
    content_rating: str
    originally_available_at: str
    user_rating: float | None
    genres: tuple[str, ...]
    countries: tuple[str, ...]
    directors: tuple[str, ...]
    writers: tuple[str, ...]
    producers: tuple[str, ...]
    labels: tuple[str, ...]
    collections: tuple[str, ...]
    roles: tuple[Credit, ...]
    locked: frozenset[str]
    media: tuple[Media, ...]
    posters: tuple[UploadedPicture, ...]
    arts: tuple[UploadedPicture, ...]
    selected_poster: str
    selected_art: str
    added_at: int
    updated_at: int

    @property
    def actors(self) -> tuple[str, ...]:
        """The names of the roles, in order."""
        return tuple(role.name for role in self.roles)

    @property
    def files(self) -> tuple[tuple[str, int], ...]:
        """Path and size in bytes of every part of every version."""
        return tuple((part.file, part.size) for media in self.media for part in media.parts)
