"""One step of a plan as PUTs: they are prepared, sent, and where Plex rejects one, sent field by field.

Whoever sends them need not have prepared them, as long as both have the same connection.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from plex.edit import PREFERRED_LINE_BYTES, pack, parameters_of
from plex.errors import Rejected, RequestTooLong

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plex.edit import Change
    from plex.model import PlexItem
    from plex.transport import PreparedWrite, Transport

MOVIE_TYPE = ("type", "1")
_TOO_LONG = (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.REQUEST_URI_TOO_LONG)
# A 400 to a longer line may be about its length: Plex gives the same answer to that and to a bad value.
_REFUSED_AS_BAD = PREFERRED_LINE_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class _Put:
    """Some changes of an item, and the request that makes them."""

    part: Sequence[Change]
    write: PreparedWrite


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedEdit:
    """The PUTs of one step, in order."""

    item: PlexItem
    puts: tuple[_Put, ...]


def prepare_edit(
    transport: Transport, item: PlexItem, changes: Sequence[Change], *, line_bytes: int
) -> PreparedEdit:
    """As few PUTs as request lines of `line_bytes` allow."""
    parts = pack(changes, min(line_bytes, PREFERRED_LINE_BYTES))
    return PreparedEdit(item=item, puts=tuple(_prepare(transport, item, part) for part in parts))


def send_edit(transport: Transport, edit: PreparedEdit) -> None:
    """Raises RequestTooLong after everything shorter has arrived, and Rejected after all fields that are accepted."""
    rejected: Rejected | None = None
    has_written = False
    for put in edit.puts:
        try:
            _send(transport, put)
        except Rejected as error:  # noqa: PERF203 - one try each is the point
            if error.status == HTTPStatus.NOT_FOUND or isinstance(error, RequestTooLong):
                raise
            of_part = _send_field_by_field(transport, edit.item, put.part, error)
            has_written = has_written or of_part is None or of_part.has_written
            rejected = of_part or rejected
        else:
            has_written = True
    if rejected:
        rejected.has_written = has_written
        raise rejected


def _send_field_by_field(
    transport: Transport, item: PlexItem, part: Sequence[Change], rejected: Rejected
) -> Rejected | None:
    """Send each field of a rejected part by itself. Return the first error, None if Plex accepts each."""
    names = dict.fromkeys(change.field for change in part)
    if len(names) == 1:
        return rejected
    first: Rejected | None = None
    has_written = False
    for name in names:
        try:
            _send(transport, _prepare(transport, item, [change for change in part if change.field is name]))
        except Rejected as error:  # noqa: PERF203 - one try each is the point
            first = first or error
        else:
            has_written = True
    if first:
        first.has_written = has_written
    return first


def _prepare(transport: Transport, item: PlexItem, part: Sequence[Change]) -> _Put:
    parameters = (MOVIE_TYPE, ("id", str(item.rating_key)), *parameters_of(part))
    path = f"/library/sections/{item.section_key}/all"
    return _Put(part=part, write=transport.prepare(path, parameters, method="put"))


def _send(transport: Transport, put: _Put) -> None:
    try:
        transport.send(put.write)
    except Rejected as error:
        line_bytes = len(f"PUT {put.write.request.path_url} HTTP/1.1")
        if error.status in _TOO_LONG or (error.status == HTTPStatus.BAD_REQUEST and line_bytes > _REFUSED_AS_BAD):
            raise RequestTooLong(error, line_bytes) from error
        raise
