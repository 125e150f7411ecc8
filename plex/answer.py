"""Reads Plex's answers within limits, so that parsing one takes little memory, whatever it holds.

The limits are several times what a page of a listing or a batch of whole items has.
"""

from __future__ import annotations

import io
import re
from http import HTTPStatus
from typing import TYPE_CHECKING

from network.bounded import AnswerTooLarge, read_body, read_start

if TYPE_CHECKING:
    import requests

# Text takes up to nine times as much memory: decoded, encoded again for the parser, and parsed.
BODY_BYTES = 5 << 20
# Each element takes up to 300 bytes more, each attribute up to 100, and 400 if no other has its name.
_ELEMENTS, _ATTRIBUTES, _NAMES = 60_000, 300_000, 100_000
_NAME_BYTES = 100
# Of a refusal, of which little is shown.
_ERROR_PAGE_BYTES = 4096
# Plex writes UTF-8 and no entities of its own. In another alphabet, elements could not be counted.
_FOREIGN = re.compile(rb"<!DOCTYPE|\A[^>]*\bencoding\s*=\s*(?![\"']utf-8[\"'])", re.IGNORECASE)
_START_BYTES = 1024


def read_answer(response: requests.Response) -> None:
    """Read the body, so that no more of it follows. Raises AnswerTooLarge, and what urllib3 raises."""
    if response.status_code < HTTPStatus.MULTIPLE_CHOICES:
        body = read_body(response, BODY_BYTES)
        _check(body)
    else:
        body = _start_of_page(response)
    response.raw = io.BytesIO(body)


def _start_of_page(response: requests.Response) -> bytes:
    try:
        return read_start(response, _ERROR_PAGE_BYTES)
    except Exception:  # noqa: BLE001 - the status says enough
        response.raw.close()
        return b""


def _check(body: bytes) -> None:
    attributes = body.count(b"=")  # or more
    if body.count(b"<") > 2 * _ELEMENTS or attributes > _ATTRIBUTES:
        raise AnswerTooLarge("more elements than any answer of Plex has")
    if attributes > _NAMES and _count_names(body) > _NAMES:
        raise AnswerTooLarge("more names of attributes than Plex has")
    if _FOREIGN.search(body[:_START_BYTES]):
        raise AnswerTooLarge("an alphabet or entities that Plex does not use")


def _count_names(body: bytes) -> int:
    """How many different words stand before a sign of equality."""
    return len({b"".join(piece[-_NAME_BYTES:].split()[-1:]) for piece in body.split(b"=")})
