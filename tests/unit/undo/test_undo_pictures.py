"""Which picture an item shows again, and whose choice the one that it shows is."""

from __future__ import annotations

import pytest

from plex.model import Pictures
from push.cover import FormerPicture, Upload
from undo.pictures import STUCK, PictureReturn, plan_picture

AGENT, SECOND = "media://1/thumb1.jpg", "media://1/thumb2.jpg"
OURS, OLD, HERS = "upload://posters/ours", "upload://posters/old", "upload://posters/hers"


def upload(former: FormerPicture | None, *earlier: str) -> Upload:
    return Upload(shown="ours", ours=(OURS,), earlier=earlier, former=former)


def shown(selected: str, *uploads: str, others: tuple[str, ...] = (AGENT, SECOND)) -> Pictures:
    return Pictures(uploads=uploads, selected=selected, others=others)


CHOSEN, LOCKED = FormerPicture(key=HERS, is_locked=True), FormerPicture(key=AGENT, is_locked=True)
UNCHOSEN = FormerPicture(key="", is_locked=False)


@pytest.mark.parametrize(
    ("done", "current", "selected", "is_locked"),
    [
        (upload(CHOSEN), shown(OURS, HERS, OURS), HERS, True),
        (upload(CHOSEN, HERS), shown(OURS, HERS, OURS), HERS, True),
        (upload(LOCKED), shown(OURS, HERS, OURS), AGENT, True),
        (upload(UNCHOSEN), shown(OURS, OURS), AGENT, False),
        (upload(UNCHOSEN), shown(OURS, HERS, OURS), HERS, False),
        (upload(UNCHOSEN, OLD), shown(OURS, OLD, OURS), AGENT, False),
        (upload(UNCHOSEN, OLD), shown(OLD, OLD, OURS), AGENT, False),
        (upload(CHOSEN), shown(OURS, OURS), AGENT, True),
        (upload(None), shown(OURS, OLD, OURS), AGENT, False),
    ],
    ids=[
        "an upload that was chosen", "one that became a cover in Stash, too", "the agent's that was chosen",
        "nothing was chosen", "an upload on a server that locks none", "covers before the last one",
        "one of these chosen again", "the one that was chosen is gone", "of an older version",
    ],
)  # fmt: skip
def test_what_was_selected_before_is_selected_again(
    done: Upload, current: Pictures, selected: str, is_locked: bool
) -> None:
    expected = PictureReturn(shown=current.selected, selected=selected, is_locked=is_locked)
    assert plan_picture(done, current, is_locked=True) == expected


@pytest.mark.parametrize(("former", "is_locked"), [(CHOSEN, True), (FormerPicture(key=HERS, is_locked=False), False)])
def test_a_picture_that_is_back_needs_its_lock_alone(former: FormerPicture, is_locked: bool) -> None:
    again = plan_picture(upload(former), shown(HERS, HERS, OURS), is_locked=True)
    assert again == PictureReturn(shown=HERS, is_locked=is_locked)


def test_another_picture_that_is_locked_is_a_persons_choice() -> None:
    assert plan_picture(upload(UNCHOSEN), shown(HERS, OURS, HERS), is_locked=True).is_kept
    assert plan_picture(upload(UNCHOSEN), shown(AGENT, OURS), is_locked=False) == PictureReturn(shown=AGENT)


def test_plexsyncs_picture_stays_where_plex_has_no_other() -> None:
    stays = plan_picture(upload(UNCHOSEN), shown(OURS, OURS, others=()), is_locked=True)
    assert stays == PictureReturn(shown=OURS, is_locked=False, problem=STUCK)
