from __future__ import annotations

import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release.archive import zip_bytes
from release.checkout import rising_date
from release.package import index_text, packed_files
from sim.stash.manifest import parse_yaml
from tests.support.sources import ROOT

DATE = 1_700_000_001


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[int, int, list[int]]]:
    """Commits with any times and any parents among the earlier ones."""
    count = draw(st.integers(1, 12))
    times = draw(st.lists(st.integers(0, 20), min_size=count, max_size=count))
    parents = [draw(st.lists(st.integers(0, number - 1), max_size=3)) if number else [] for number in range(count)]
    return list(zip(range(count), times, parents, strict=True))


def lines(history: list[tuple[int, int, list[int]]]) -> list[str]:
    return [" ".join([f"c{number}", str(time), *(f"c{each}" for each in parents)]) for number, time, parents in history]


@given(histories())
def test_each_commit_has_a_later_date_than_those_before_it(history: list[tuple[int, int, list[int]]]) -> None:
    dates = [rising_date(lines(history[: number + 1])) for number in range(len(history))]
    for number, time, parents in history:
        assert dates[number] >= time
        assert all(dates[number] > dates[parent] for parent in parents)


def test_the_date_of_a_commit_is_its_own_where_the_clock_was_right() -> None:
    assert rising_date(["a 100", "b 200 a", "c 150 a", "d 300 b c"]) == 300
    assert rising_date(["a 100", "b 100 a", "c 90 b"]) == 102


def test_a_zip_file_is_the_same_in_any_order_and_its_last_file_comes_last() -> None:
    files = {"plexsync.yml": b"m", "worker/a.py": b"a" * 1000, "local/b.py": b""}
    packed = zip_bytes(files, date=DATE, last="plexsync.yml")
    assert packed == zip_bytes(dict(reversed(files.items())), date=DATE, last="plexsync.yml")
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        assert archive.namelist() == ["local/b.py", "worker/a.py", "plexsync.yml"]
        assert {name: archive.read(name) for name in archive.namelist()} == files
        assert {entry.external_attr >> 16 for entry in archive.infolist()} == {0o100644}
        assert {entry.date_time for entry in archive.infolist()} == {(2023, 11, 14, 22, 13, 20)}


def test_the_index_names_what_stash_needs() -> None:
    manifest = (ROOT / "plexsync.yml").read_text(encoding="utf-8")
    fields = parse_yaml(manifest)
    index = parse_yaml(index_text(manifest, b"the package", date=DATE))
    assert index == [
        {
            "id": "plexsync",
            "name": fields["name"],
            "version": fields["version"],
            "date": "2023-11-14 22:13:21",
            "path": "plexsync.zip",
            "sha256": "ab326f16dec533ba65139949246581c016b9d4c77d0de0046e65f48e575372a3",
            "metadata": {"description": fields["description"]},
        }
    ]


@pytest.mark.parametrize(
    ("path", "is_packed"),
    [
        ("plexsync.py", True), ("plexsync.yml", True), ("requirements.txt", True), ("LICENSE", True),
        ("worker/loop.py", True), ("demo/run.py", True), ("sim/stash/schema.graphql", True), ("ui/page.js", True),
        ("ui/plexsync.css", True), ("status/answer.py", True), ("ui/types.d.ts", False),
        ("tests/unit/a.py", False), ("bench/hooks.py", False), ("docs/reference.md", False), (".ci/run", False),
        (".gitignore", False), ("release/package.py", False), ("pyproject.toml", False), ("README.md", False),
    ],
)  # fmt: skip
def test_what_runs_is_packed(path: str, *, is_packed: bool) -> None:
    assert (path in packed_files({path: b""})) is is_packed


def test_a_given_address_replaces_that_of_the_manifest() -> None:
    packed = packed_files({"plexsync.yml": b"name: PlexSync\nurl: https://a.example/\nversion: 1\n"}, url=r"https://b\1/")
    assert packed["plexsync.yml"] == b'name: PlexSync\nurl: "https://b\\\\1/"\nversion: 1\n'
