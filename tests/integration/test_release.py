"""`plexsync.py package` in a checkout of its own: what it writes, and what it says where it cannot."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

import pytest

from installation.packages import BUNDLED, RUNTIME, missing_packages
from sim.stash.manifest import parse_yaml
from tests.support.checkout import FIRST_COMMIT_AT, Checkout

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(not shutil.which("git"), reason="makes commits")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    made = Checkout(tmp_path_factory.mktemp("release"))
    made.commit()
    built = made.package()
    assert (built.returncode, built.stderr) == (0, "")
    return made


def contents(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def index_of(dist: Path) -> dict[str, str]:
    (entry,) = parse_yaml((dist / "index.yml").read_text())
    return dict(entry)


def test_the_index_belongs_to_the_package(checkout: Checkout) -> None:
    package = (checkout.dist / "plexsync.zip").read_bytes()
    assert index_of(checkout.dist)["sha256"] == hashlib.sha256(package).hexdigest()
    assert index_of(checkout.dist)["path"] == "plexsync.zip"


def test_a_package_has_one_manifest_and_no_file_of_the_name_that_stash_takes_for_its_own(checkout: Checkout) -> None:
    for name in ("plexsync.zip", "plexsync-full.zip"):
        files = list(contents(checkout.dist / name))
        assert [each for each in files if each.endswith(".yml")] == ["plexsync.yml"]
        assert files[-1] == "plexsync.yml"
        assert "manifest" not in files
        assert not [each for each in files if each.startswith(("/", "data/")) or ".." in each.split("/")]


def test_everything_in_the_package_can_be_imported_there(checkout: Checkout, tmp_path: Path) -> None:
    """No file in it needs one that was left out."""
    plugin = checkout.unpack("plexsync.zip", tmp_path)
    modules = [".".join(path.relative_to(plugin).with_suffix("").parts) for path in plugin.rglob("*.py")]
    code = "import sys; sys.path[0] = sys.argv[1]; [__import__(name) for name in sys.argv[2:]]"
    subprocess.run([sys.executable, "-c", code, str(plugin), *modules], cwd=tmp_path, check=True)


def test_the_full_package_adds_all_run_time_packages(checkout: Checkout, tmp_path: Path) -> None:
    plain, full = (contents(checkout.dist / name) for name in ("plexsync.zip", "plexsync-full.zip"))
    assert {name: content for name, content in full.items() if not name.startswith(f"{BUNDLED}/")} == plain
    assert full[f"{BUNDLED}/requirements.txt"] == full["requirements.txt"]
    plugin = checkout.unpack("plexsync-full.zip", tmp_path)
    assert missing_packages(RUNTIME, str(plugin / BUNDLED)) == ()
    assert [name for name in full if name.endswith((".so", ".pyd", ".pyc"))] == []


def test_the_same_commit_gives_the_same_bytes_elsewhere_and_later(checkout: Checkout, tmp_path: Path) -> None:
    clone = checkout.clone(tmp_path / "elsewhere")
    assert checkout.package(root=clone, TZ="Asia/Tokyo").returncode == 0
    for name in ("plexsync.zip", "plexsync-full.zip", "index.yml"):
        assert (clone / "dist" / name).read_bytes() == (checkout.dist / name).read_bytes()


def test_uncommitted_changes_are_left_out_and_named_and_a_new_commit_has_a_later_date(
    checkout: Checkout, tmp_path: Path
) -> None:
    """Even a commit of the same second."""
    clone, offline = checkout.clone(tmp_path / "clone"), {"PIP_FIND_LINKS": os.devnull}
    with (clone / "plexsync.py").open("a") as script:
        script.write("# changed\n")
    changed = checkout.package(root=clone, **offline)
    assert changed.stderr.startswith("Left out, since it is not committed: plexsync.py\n")
    assert (clone / "dist" / "index.yml").read_bytes() == (checkout.dist / "index.yml").read_bytes()
    commit = ["git", "-C", str(clone), "-c", "user.name=a", "-c", "user.email=b", "commit", "-qam", "a commit"]
    subprocess.run(commit, env={**checkout.env, "GIT_COMMITTER_DATE": f"{FIRST_COMMIT_AT} +0000"}, check=True)
    assert not checkout.package(root=clone, **offline).stderr.startswith("Left out")
    assert index_of(checkout.dist)["date"] == "2023-11-14 22:13:21"
    assert index_of(clone / "dist")["date"] == "2023-11-14 22:13:22"


def test_without_the_run_time_packages_only_the_full_package_is_missing(checkout: Checkout, tmp_path: Path) -> None:
    clone = checkout.clone(tmp_path / "clone")
    (clone / "dist").mkdir()
    (clone / "dist" / "plexsync-full.zip").write_text("of an older commit")
    built = checkout.package("--url", "https://plexsync.example/", root=clone, PIP_FIND_LINKS=os.devnull)
    assert built.returncode == 1
    assert built.stderr.startswith("plexsync-full.zip is not built: pip could not download them: ")
    assert sorted(os.listdir(clone / "dist")) == ["index.yml", "plexsync.zip"]
    assert b'\nurl: "https://plexsync.example/"\n' in contents(clone / "dist" / "plexsync.zip")["plexsync.yml"]


def test_a_shallow_clone_is_refused(checkout: Checkout, tmp_path: Path) -> None:
    built = checkout.package(root=checkout.clone(tmp_path / "clone", "--depth", "1"))
    assert built.returncode == 1
    assert "lacks older commits, from which the date of the package follows" in built.stderr


def test_a_copy_without_git_says_so(checkout: Checkout, tmp_path: Path) -> None:
    copy = shutil.copytree(checkout.root, tmp_path / "copy", ignore=shutil.ignore_patterns(".git", "dist"))
    built = checkout.package(root=copy)
    assert built.returncode == 1
    assert built.stderr.startswith(f"The packages cannot be built: git cannot read the newest commit of {copy}.")


def test_an_installed_copy_says_what_it_is(checkout: Checkout, tmp_path: Path) -> None:
    built = checkout.package(root=checkout.unpack("plexsync.zip", tmp_path))
    assert built.returncode == 1
    assert built.stderr == "`package` builds packages from a checkout of PlexSync; this is an installed copy.\n"
