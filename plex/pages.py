"""Reads lists of Plex page by page: while entries are deleted, in small pages if need be, and never without an end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.clock import SYSTEM, Stopwatch
from plex.errors import OversizedAnswer, PlexServerError
from plex.model import whole_number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from xml.etree.ElementTree import Element

    from plex.transport import Page

# The libraries, or a hundred items, mostly come in one page.
_SHORT_LIST_PAGES, _SHORT_LIST_S = 10, 10.0


def short_list(ask: Callable[[Page], Element], page_size: int, name: str) -> Iterator[Element]:
    """The pages of a list that is never long. A server that does not page announces no total."""
    took, start = Stopwatch(SYSTEM), 0
    took.start()
    for _ in range(_SHORT_LIST_PAGES):
        page = ask((start, page_size))
        yield page
        start += len(page)
        if not len(page) or start >= (total_of(page) or 0):
            return
        if took.passed_s > _SHORT_LIST_S:
            break
    raise PlexServerError(f"{name}: the list does not end after {start} entries.")


def listing(ask: Callable[[Page], Element], page_size: int, name: str) -> Iterator[Element]:
    """The pages of a library. Entries may come twice; one is left out only if others are added while it is deleted.

    Raises PlexServerError rather than ending early, or never.
    """
    start, first_total, last_total, lost = 0, None, None, 0
    before: list[str] = []
    while True:
        page, page_size = _one_page(ask, start, page_size)
        total = total_of(page)
        first_total = total if first_total is None else first_total
        announced = total if total is not None else first_total or 0
        deleted, last_total = max(0, (last_total or announced) - announced), announced
        lost += deleted
        if lost > ((first_total or 0) + 1) // 2 or (not len(page) and start < announced):
            # Nobody deletes that many items during a sweep. Items that are not listed must not count as missing.
            raise PlexServerError(f"{name} ends after {start} of {first_total} items")
        if start and deleted:
            # As many of those that follow have moved up, past this page if those before it were deleted.
            start, before = max(0, start - deleted), []
            continue
        keys = [each.get("ratingKey", "") for each in page]
        if keys and keys == before:
            raise PlexServerError(f"{name} repeats itself")
        yield page
        before = keys
        start += len(page)
        # Without a total: a page that is not exactly full is the last one, or the server does not page. One that
        # says where it begins may be shorter than was asked, as Plex documents.
        is_short = page.get("offset") is None and len(page) != page_size
        if not len(page) or (start >= total if total is not None else is_short):
            return


def total_of(page: Element) -> int | None:
    """How many entries the whole list has, None if the server does not say."""
    return whole_number(page.get("totalSize", ""))


def _one_page(ask: Callable[[Page], Element], start: int, size: int) -> tuple[Element, int]:
    """A page, and its size: a smaller one where the answer would be too large."""
    try:
        return ask((start, size)), size
    except OversizedAnswer:
        if size == 1:
            raise
        return _one_page(ask, start, max(1, size // 4))
