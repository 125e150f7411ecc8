"""A git checkout with the files of this one as they are now, committed or not, from which packages can be made."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

from tests.support.sources import ROOT, list_files
from tests.support.wheels import wheel_of_installed

if TYPE_CHECKING:
    from pathlib import Path

FIRST_COMMIT_AT = 1_700_000_000
PINNED = re.compile(r"^([\w.-]+)==", re.MULTILINE)


class Checkout:
    """`wheels`: the packages of this environment that its files of requirements pin; no index is asked."""

    def __init__(self, folder: Path) -> None:
        self.root, self.wheels, self._now = folder / "checkout", folder / "wheels", FIRST_COMMIT_AT
        for name in list_files():
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, self.root / name)
        self.wheels.mkdir()
        for pinned in ("requirements.txt", "sim/requirements.txt"):
            names = PINNED.findall((ROOT / pinned).read_text())
            (self.root / pinned).write_text("".join(wheel_of_installed(self.wheels, name) for name in names))
        subprocess.run(["git", "init", "-q", self.root], env=self.env, check=True)
        self.commit()

    @property
    def env(self) -> dict[str, str]:
        """The variables with which pip finds the wheels and nothing else."""
        kept = {name: text for name, text in os.environ.items() if not name.startswith(("PIP_", "GIT_"))}
        offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.wheels), "PIP_CONFIG_FILE": os.devnull}
        return {**kept, **offline}

    def git(self, *arguments: str, at: int = FIRST_COMMIT_AT) -> str:
        """Never in another repository, whatever folders are above this one."""
        names = [f"GIT_{role}_{part}" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")]
        dates = {"GIT_AUTHOR_DATE": f"{at} +0000", "GIT_COMMITTER_DATE": f"{at} +0000"}
        env = {**self.env, **dict.fromkeys(names, "tests@localhost"), **dates, "GIT_CONFIG_GLOBAL": os.devnull}
        command = ["git", f"--git-dir={self.root / '.git'}", f"--work-tree={self.root}", *arguments]
        return subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout

    def clone(self, target: Path, *options: str) -> Path:
        command = ["git", "clone", "-q", *options, self.root.as_uri(), str(target)]
        subprocess.run(command, env=self.env, check=True, capture_output=True)
        return target

    def commit(self, *, seconds_later: int = 0) -> None:
        """Commit everything that was changed; `seconds_later` than the commit before."""
        self._now += seconds_later
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "a commit", at=self._now)

    def change(self, name: str, old: str, new: str) -> None:
        text = (self.root / name).read_text(encoding="utf-8")
        assert old in text
        (self.root / name).write_text(text.replace(old, new), encoding="utf-8")

    def package(self, *arguments: str, root: Path | None = None, **env: str) -> subprocess.CompletedProcess[str]:
        """Run the command, here or in another folder."""
        command = [sys.executable, str((root or self.root) / "plexsync.py"), "package", *arguments]
        return subprocess.run(command, env={**self.env, **env}, capture_output=True, text=True, check=False)

    @property
    def dist(self) -> Path:
        return self.root / "dist"

    def unpack(self, name: str, target: Path) -> Path:
        """Unpack one of the packages as a user does. Returns the folder."""
        with zipfile.ZipFile(self.dist / name) as archive:
            archive.extractall(target)
        return target
