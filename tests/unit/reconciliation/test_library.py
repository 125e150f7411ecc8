from __future__ import annotations

import pytest

from plex.model import Section
from reconciliation.errors import RunRefused
from reconciliation.library import choose_library

CONFIGURED = tuple(
    Section(key=key, title=title, type="movie", locations=())
    for key, title in enumerate(("Movies", " Movies", "Films, old", "Clips"), 1)
)


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("", {1, 2, 3, 4}),
        ("Movies", {1}),
        ('" Movies"', {2}),
        ("Films, old", {3}),
        ('"Films, old"', {3}),
        ("CLIPS ", {4}),
    ],
)
def test_the_argument_means_one_library(name: str, keys: set[int]) -> None:
    chosen = choose_library(CONFIGURED, name, ())  # type: ignore[arg-type]  # no scene is looked for
    assert set(chosen.keys) == keys
    assert chosen.is_all == (len(keys) == len(CONFIGURED))


@pytest.mark.parametrize("name", ["MOVIES", "Films", "Films, old, Clips"])
def test_a_name_that_means_none_or_several_is_refused_with_those_that_can_be_given(name: str) -> None:
    with pytest.raises(RunRefused, match='Movies, " Movies", "Films, old", Clips'):
        choose_library(CONFIGURED, name, ())  # type: ignore[arg-type]  # as above
