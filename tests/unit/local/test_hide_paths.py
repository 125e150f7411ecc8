from __future__ import annotations

import logging

import pytest

from local.hide_paths import PathHider, hide_paths


@pytest.mark.parametrize(
    "path",
    [
        "/media/films/A b, c (2004).mp4",
        "/a.mkv",
        "C:\\Films\\Ein Film.avi",
        "\\\\nas\\films\\x y.mp4",
        "/media/no ending at all/x.mp4",
    ],
)
@pytest.mark.parametrize("around", ["Plex has no item with the file {}; scan", "{}", "'{}' failed", "at {}"])
def test_whole_path_is_replaced_except_for_its_extension(path: str, around: str) -> None:
    shown = hide_paths(around.format(path))
    for part in path.replace("\\", "/").removesuffix(path[-4:]).split("/"):
        assert len(part) < 2 or part not in shown
    assert shown.startswith(around.split("{}", maxsplit=1)[0] + "<path ")
    assert f">{path[-4:]}" in shown


@pytest.mark.parametrize(
    "text",
    [
        "Plex at http://127.0.0.1:32400/library answers 500",
        '"A and/or B" (scene 12) is in Plex now (item 5, 12 ms)',
        "5/6 jobs",
        "",
    ],
)
def test_other_text_is_unchanged(text: str) -> None:
    assert hide_paths(text) == text


def test_each_path_has_its_own_stable_placeholder() -> None:
    assert hide_paths("x /a/b.mp4") == hide_paths("x /a/b.mp4") != hide_paths("x /a/c.mp4")


def test_filter_changes_records_only_while_it_is_on() -> None:
    hider = PathHider()
    record = logging.LogRecord("n", logging.INFO, "p", 1, "file %s", ("/a/b.mp4",), None)
    assert hider.filter(record)
    assert record.getMessage() == "file /a/b.mp4"
    hider.is_on = True
    assert hider.filter(record)
    assert "/a/b" not in record.getMessage()
