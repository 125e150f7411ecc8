"""What a run that was broken off says: how far it came and why no further, what is queued, what to do. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.words import sentence

if TYPE_CHECKING:
    from reconciliation.state import Request


def words_for_break_off(request: Request, why: str, *, checked: int, total: int) -> str:
    """`checked` and `total` are scenes, 0 of 0 before they are counted."""
    reason = sentence(why)
    again = "It is started again by itself." if request.is_scheduled else "Run it again once that is over."
    if not checked:
        return f"The reconciliation stopped before it compared any scene: {reason} Nothing was queued. {again}"
    queued = "Nothing was queued." if request.is_preview else "What it had found is queued and goes out by itself."
    return (
        f"The reconciliation stopped after {checked} of {total} scenes: {reason} {queued} {again} What was compared "
        "and does not change is not read again."
    )
