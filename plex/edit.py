"""The content of PUTs: single changes to an item, and how many of them fit into one request line. Pure.

Adding a name to a list leaves the others, so a list may be divided over several requests. A name must not be removed
and added in one request, since it is unknown which of the two a server does first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from plex.fields import Field

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Parameters = tuple[tuple[str, str], ...]

# Proxies refuse longer request lines unless told otherwise (nginx and Apache: 8 KiB, answered with 414).
PREFERRED_LINE_BYTES = 8_000
# Plex itself refuses a request line of 31,000 bytes with a 400 (reported by several users).
LONGEST_LINE_BYTES = 24_600
# The rest of a request line: method, path, item, lock of the field.
_REST_OF_LINE_BYTES = 600
LONGEST_TEXT_BYTES = LONGEST_LINE_BYTES - _REST_OF_LINE_BYTES
# What is tried next when a server refuses a line for its length.
_SHORTER_LINES = (PREFERRED_LINE_BYTES, 4_000, 2_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetText:
    """The whole value of a text field, "" to empty it. `is_locked`, here and below: the field's lock afterwards."""

    field: Field
    value: str
    is_locked: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveName:
    """One name leaves a list."""

    field: Field
    name: str
    is_locked: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class AddName:
    """One name joins a list at its end. Of actors: `text` is the part played, `thumb` the address of a picture."""

    field: Field
    name: str
    text: str = ""
    thumb: str = ""
    is_locked: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class SetLock:
    """A field's lock alone. Of collections, it must not go with an edit of the list, after which Plex locks them."""

    field: Field
    is_locked: bool


Change = SetText | RemoveName | AddName | SetLock


def text_bytes_for(line_bytes: int) -> int:
    """How long a text may be, percent-encoded, so that it fits into a request line of this length by itself."""
    return line_bytes - _REST_OF_LINE_BYTES


def shorter_line(refused_bytes: int) -> int | None:
    """The limit to try after a server refused a line of `refused_bytes` for its length; None if no limit is shorter."""
    return next((limit for limit in _SHORTER_LINES if limit < refused_bytes), None)


def encoded_bytes(text: str) -> int:
    """The length of a value in a request line."""
    return len(quote(text, safe="", errors="replace"))


def parameters_of(changes: Sequence[Change]) -> Parameters:
    """The parameters of one PUT, not yet escaped, except for names to remove, which Plex unescapes twice."""
    sent: list[tuple[str, str]] = []
    for name in dict.fromkeys(change.field for change in changes):
        of_field = [change for change in changes if change.field is name]
        sent += _of_field(name, of_field)
        # Plex itself locks collections with each edit of them, whatever is sent.
        if name is not Field.COLLECTIONS or all(isinstance(change, SetLock) for change in of_field):
            sent.append((f"{name.value}.locked", str(int(of_field[-1].is_locked))))
    return tuple(sent)


def pack(changes: Sequence[Change], line_bytes: int) -> Iterator[tuple[Change, ...]]:
    """The changes in as few PUTs as possible, each of at most `line_bytes`. A longer text goes last and by itself.

    So whatever a server does with the long text, everything else has arrived.
    """
    room = line_bytes - _REST_OF_LINE_BYTES
    if changes and _bytes_of(changes) <= room:  # nearly always, and cheaper than one after the other
        yield tuple(changes)
        return
    long = [change for change in changes if _bytes_of([change]) > room]
    part: list[Change] = []
    for change in changes:
        if change in long:
            continue
        if part and _bytes_of([*part, change]) > room:
            yield tuple(part)
            part = []
        part.append(change)
    if part:
        yield tuple(part)
    for change in long:
        yield (change,)


def _of_field(name: Field, changes: Sequence[Change]) -> Iterator[tuple[str, str]]:
    gone = [change.name for change in changes if isinstance(change, RemoveName)]
    if gone:
        # Plex splits at commas. So commas within a name are escaped here, and again in the request, as in
        # python-plexapi (EditTagsMixin).
        yield f"{name.value}[].tag.tag-", ",".join(quote(each, safe="") for each in gone)
    added = [change for change in changes if isinstance(change, AddName)]
    for index, change in enumerate(added):
        yield f"{name.value}[{index}].tag.tag", change.name
        if change.text:
            yield f"{name.value}[{index}].tagging.text", change.text
        if change.thumb:
            yield f"{name.value}[{index}].tag.thumb", change.thumb
    yield from ((f"{name.value}.value", change.value) for change in changes if isinstance(change, SetText))


def _bytes_of(changes: Sequence[Change]) -> int:
    return sum(len(name) + encoded_bytes(value) + 2 for name, value in parameters_of(changes))
