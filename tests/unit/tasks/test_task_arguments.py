from __future__ import annotations

import pytest

from push.advice import advice_for
from store.judgement import ERROR_CLASSES
from tasks.arguments import days_of, error_types_of, library_of, outage_of, preview_of, scene_id_of, scope_of
from tasks.context import TaskError


@pytest.mark.parametrize(("given", "wanted"), [("12", 12), (12, 12), (12.0, 12), (" 7 ", 7)])
def test_scene_ids_are_text_or_number(given: object, wanted: int) -> None:
    assert scene_id_of({"scene_id": given}) == wanted


@pytest.mark.parametrize("given", [None, "", "x", 0, -1, "1.5", True, 1.5, "٣", 2**63])
def test_a_bad_scene_id_is_named(given: object) -> None:
    with pytest.raises(TaskError, match="scene_id is"):
        scene_id_of({"scene_id": given})


def test_error_types_are_a_list_in_any_case() -> None:
    assert error_types_of({}) == ("PlexServerDown",)
    assert error_types_of({"error_types": " plextimeout,NOTINPLEX ,plextimeout"}) == ("PlexTimeout", "NotInPlex")
    assert error_types_of({"error_types": "ALL"}) == ERROR_CLASSES
    assert error_types_of({"error_types": ["Bug"]}) == ("Bug",)


@pytest.mark.parametrize("given", ["Plex", "PlexTimeout,Timeout", ",", 5])
def test_unknown_error_types_are_an_error(given: object) -> None:
    with pytest.raises(TaskError, match="error_types is"):
        error_types_of({"error_types": given})


def test_outage_and_days_have_defaults_and_limits() -> None:
    assert (outage_of({}), outage_of({"outage": "3"})) == (None, 3)
    assert (days_of({}), days_of({"days": "0.5"}), days_of({"days": 7})) == (30.0, 0.5, 7.0)
    for bad in ("-1", "nan", "inf", "x", True):
        with pytest.raises(TaskError, match="days is"):
            days_of({"days": bad})
    with pytest.raises(TaskError, match="outage is"):
        outage_of({"outage": "last"})


def test_scope_and_library_have_defaults_and_the_scope_its_limits() -> None:
    assert (scope_of({}, "24h"), scope_of({"scope": "ALL"}, "24h"), scope_of({"scope": "7d"}, "all")) == (
        "24h", "all", "7days",
    )  # fmt: skip
    assert (library_of({}), library_of({"library": None}), library_of({"library": " Movies "})) == ("", "", "Movies")
    with pytest.raises(TaskError, match="scope is"):
        scope_of({"scope": "nonsense"}, "all")


def test_each_error_class_has_its_own_advice() -> None:
    assert len({advice_for(name) for name in ERROR_CLASSES}) == len(ERROR_CLASSES)


@pytest.mark.parametrize(
    ("given", "wanted"), [(True, True), ("TRUE ", True), (False, False), ("false", False), ("", False)]
)
def test_preview_is_true_or_false(given: object, wanted: bool) -> None:
    assert preview_of({"preview": given}) is wanted
    assert preview_of({}) is False


@pytest.mark.parametrize("given", ["treu", 1, "yes", ["true"]])
def test_anything_else_for_preview_is_an_error(given: object) -> None:
    with pytest.raises(TaskError, match="preview is"):
        preview_of({"preview": given})
