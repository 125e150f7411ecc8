from __future__ import annotations

import pytest

from stash.errors import StashUnavailable
from stash.namesakes import Namesakes, names_in_doubt, parse_bearers, query_for, with_namesakes
from stash.scene import Performer, Scene
from tests.support.scenes import a_scene


def performer(number: int, name: str, disambiguation: str = "") -> Performer:
    return Performer(id=number, name=name, image_path="", disambiguation=disambiguation)


def with_performers(*performers: Performer) -> Scene:
    return a_scene(1, performers=performers)


def shown(scene: Scene) -> list[str]:
    return [each.distinct_name for each in scene.performers]


def test_only_performers_with_a_disambiguation_are_in_doubt_and_each_name_once() -> None:
    scenes = [
        with_performers(performer(1, "Ann Lee"), performer(2, "Ann Lee", "CZ"), performer(3, "Bea Ray", "x")),
        with_performers(performer(4, "Ann Lee", "US"), performer(5, "Cleo")),
    ]
    assert names_in_doubt(scenes) == ["Ann Lee", "Bea Ray"]


def test_the_disambiguation_is_shown_where_another_performer_bears_the_name() -> None:
    scene = with_performers(performer(1, "Ann Lee"), performer(2, "Ann Lee", "CZ"), performer(3, "Bea Ray", "x"))
    found = with_namesakes(scene, {"Ann Lee": {1: False, 2: True}, "Bea Ray": {3: True}})
    assert shown(found) == ["Ann Lee", "Ann Lee (CZ)", "Bea Ray"]
    assert [each.namesakes for each in found.performers] == [(), (1,), ()]


def test_a_performer_that_stash_does_not_list_keeps_its_bare_name() -> None:
    """As when it was renamed between the two queries: an event says so, and the scene is read again."""
    assert shown(with_namesakes(with_performers(performer(2, "Ann Lee", "CZ")), {"Ann Lee": {}})) == ["Ann Lee"]


def test_signs_that_stand_for_anything_in_stash_find_nobody_else() -> None:
    performers = [
        {"id": "1", "name": "Ann_Lee", "disambiguation": " x "},
        {"id": "2", "name": "ann_lee", "disambiguation": None},
        {"id": "3", "name": "Ann Lee", "disambiguation": ""},
    ]
    assert parse_bearers(["Ann_Lee"], {"n0": {"performers": performers}}) == {"Ann_Lee": {1: True, 2: False}}


def test_names_travel_as_variables() -> None:
    query, variables = query_for(['say "x"', "back\\slash"])
    assert variables == {"n0": 'say "x"', "n1": "back\\slash"}
    assert "slash" not in query


@pytest.mark.parametrize("answer", [{}, {"n0": None}, {"n0": {"performers": None}}, {"n0": {"performers": [1]}}])
def test_an_answer_of_another_shape_is_an_error(answer: dict[str, object]) -> None:
    with pytest.raises(StashUnavailable):
        parse_bearers(["Ann Lee"], answer)


def test_an_answer_is_believed_for_a_while_or_until_it_is_forgotten() -> None:
    now = [5.0]
    names = Namesakes(monotonic=lambda: now[0], kept_s=600.0)
    names.store({"Ann Lee": {1: True}})
    now[0] = 604.9
    names.store({"Bea Ray": {2: True}})
    assert set(names.known()) == {"Ann Lee", "Bea Ray"}
    now[0] = 605.0
    assert names.known() == {}
    names.store({"Ann Lee": {1: True}})
    names.forget()
    assert names.known() == {}
