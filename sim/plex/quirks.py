"""What differs between Plex servers or is unknown about them; tests can change it at any time."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

# Plex was seen to refuse request lines of this length with 400; a proxy in front of it may refuse 8,000 bytes.
REQUEST_LINE_BYTES = 31_000


class TagOrder(Enum):
    """What a PUT that removes and adds tags does first. One of them is Plex's order, but nobody knows which."""

    REMOVE_FIRST = "remove first"
    ADD_FIRST = "add first"


@dataclass(slots=True, kw_only=True)
class Quirks:
    """`file_filter` False: `file=` is ignored and everything is listed. `edit_of_missing`: the status of an edit by
    section for an item that is gone. `tag_order`: matters for a tag that one PUT both removes and adds. `uploads_lock`:
    whether an upload locks `thumb` or `art`; it is selected in any case.

    `request_line_bytes` and `body_bytes` are limits, None for none: a longer line is answered with `long_line_status`
    (400 by Plex, 414 by proxies), a larger body with 413. `needs_page`: listings and reads of items without
    X-Plex-Container-Start and -Size are answered with 400. `page_items`: the most items in one answer.

    `shown`: maps Plex's name of a field or tag kind to a function that turns a stored value into the one shown.
    """

    file_filter: bool = True
    edit_of_missing: int = 404
    tag_order: TagOrder = TagOrder.REMOVE_FIRST
    uploads_lock: bool = True
    request_line_bytes: int | None = REQUEST_LINE_BYTES
    long_line_status: int = 400
    body_bytes: int | None = None
    needs_page: bool = False
    page_items: int | None = None
    shown: dict[str, Callable[[str], str]] = field(default_factory=dict)


def days_later(days: int) -> Callable[[str], str]:
    """For `Quirks.shown`: shows a date this many days later, as servers have been seen to do."""

    def show(date: str) -> str:
        return (dt.date.fromisoformat(date) + dt.timedelta(days=days)).isoformat() if date else date

    return show
