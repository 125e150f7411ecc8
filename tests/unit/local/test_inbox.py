import os
from pathlib import Path

from local import inbox

NOW = 1_700_000_000.0


def leave(directory: Path, name: str, age_s: float = 0.0) -> None:
    path = Path(inbox.folder(str(directory))) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"{}")
    os.utime(path, (NOW - age_s, NOW - age_s))


def names(directory: Path) -> list[tuple[str, str]]:
    return [(entry.kind, entry.key) for entry in inbox.list_entries(str(directory), NOW)[0]]


def test_later_event_replaces_an_earlier_one(tmp_path: Path) -> None:
    inbox.publish(str(tmp_path), "scene-12", b"first")
    inbox.publish(str(tmp_path), "scene-12", b"second")
    entries, strangers = inbox.list_entries(str(tmp_path), NOW)
    assert [Path(entry.path).read_bytes() for entry in entries] == [b"second"]
    assert strangers == []


def test_entries_are_listed_oldest_first(tmp_path: Path) -> None:
    leave(tmp_path, "scene-1", 1)
    leave(tmp_path, "tag-5", 3)
    leave(tmp_path, "connection", 2)
    leave(tmp_path, "batch-1-2")
    assert names(tmp_path) == [("tag", "5"), ("connection", ""), ("scene", "1"), ("batch", "1-2")]


def test_temporary_file_of_a_killed_hook_counts_as_an_entry_after_a_minute(tmp_path: Path) -> None:
    leave(tmp_path, ".tmp-scene-12-400-17000000", age_s=59)
    assert names(tmp_path) == []
    leave(tmp_path, ".tmp-scene-12-400-17000000", age_s=61)
    assert names(tmp_path) == [("scene", "12")]


def test_a_clock_set_back_delays_no_temporary_file_of_a_killed_hook(tmp_path: Path) -> None:
    leave(tmp_path, ".tmp-scene-12-400-17000000", age_s=-59)
    assert names(tmp_path) == []
    leave(tmp_path, ".tmp-scene-12-400-17000000", age_s=-3600)
    assert names(tmp_path) == [("scene", "12")]


def test_files_that_no_hook_writes_are_listed_separately(tmp_path: Path) -> None:
    for name in ("scene-x", "scene-", "scene", "notes.txt", "scene-\u0661"):
        leave(tmp_path, name)
    entries, strangers = inbox.list_entries(str(tmp_path), NOW)
    assert entries == []
    assert len(strangers) == 5


def test_id_that_no_database_can_store_is_not_an_entry(tmp_path: Path) -> None:
    leave(tmp_path, f"scene-{2**63 - 1}")
    leave(tmp_path, f"scene-{2**63}")
    leave(tmp_path, f"tag-{10**30}")
    entries, strangers = inbox.list_entries(str(tmp_path), NOW)
    assert [entry.key for entry in entries] == [str(2**63 - 1)]
    assert len(strangers) == 2


def test_only_the_owner_may_read_the_inbox(tmp_path: Path) -> None:
    inbox.publish(str(tmp_path / "data"), "scene-1", b"cookie")
    assert {oct(p.stat().st_mode & 0o777) for p in (tmp_path / "data").rglob("*") if p.is_dir()} == {"0o700"}
    assert (tmp_path / "data/queue/inbox/scene-1").stat().st_mode & 0o777 == 0o600


def test_missing_inbox_counts_as_empty(tmp_path: Path) -> None:
    assert inbox.list_entries(str(tmp_path), NOW) == ([], [])
    assert not inbox.has_news(str(tmp_path))


def test_claimed_entry_stays_and_a_new_event_makes_another(tmp_path: Path) -> None:
    inbox.publish(str(tmp_path), "tag-5", b"first")
    claimed = inbox.claim(inbox.list_entries(str(tmp_path), NOW)[0][0])
    assert not inbox.has_news(str(tmp_path))
    assert names(tmp_path) == [("tag", "5")]
    inbox.publish(str(tmp_path), "tag-5", b"second")
    assert inbox.has_news(str(tmp_path))
    assert names(tmp_path) == [("tag", "5"), ("tag", "5")]
    assert inbox.claim(claimed).path == claimed.path


def test_file_that_is_not_an_entry_can_be_set_aside(tmp_path: Path) -> None:
    leave(tmp_path, "notes.txt")
    _, (stranger,) = inbox.list_entries(str(tmp_path), NOW)
    assert Path(inbox.set_aside(str(tmp_path), stranger)).exists()
    assert inbox.list_entries(str(tmp_path), NOW) == ([], [])
