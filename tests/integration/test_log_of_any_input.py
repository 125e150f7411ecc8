"""Whatever titles, paths, names and answers hold, each record of the log is one line without control characters."""

from __future__ import annotations

import io
import logging
import re
import tempfile
import unicodedata
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local.log_text import OneLineFormatter
from local.redact import Redactor
from news.collect import WarningCollector
from sim.faults import Fault, is_write
from stash.protocol import StashLogHandler
from stash.scene import Named, Performer, Studio
from tests.support.worker_here import LOG, worker_here
from worker.serve import open_log

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.worker_here import WorkerHere

FORGED = "2026-01-01 00:00:00,000 ERROR forged"
# Beginnings of a second record, of an escape sequence and of a Stash level, among any other characters.
NASTY = st.lists(
    st.one_of(
        st.text(max_size=5),
        st.sampled_from([f"\n{FORGED}", f"\r{FORGED}", f"\u2028{FORGED}", "\x1b[2J", "\x01e\x02", "\x9b1m", "\u202e"]),
    ),
    min_size=1,
    max_size=4,
).map("".join)  # fmt: skip
RECORD = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} (DEBUG|INFO|WARNING|ERROR) (?!forged)")
STASH_RECORD = re.compile(rb"\x01[tdiwe]\x02")


@contextmanager
def logs_of(folder: str) -> Iterator[io.BytesIO]:
    """The worker's log, and what would go to Stash's; everything is logged."""
    stream, level = io.BytesIO(), LOG.level
    of_stash = StashLogHandler(stream)
    of_stash.setFormatter(OneLineFormatter("%(message)s"))
    root = logging.getLogger()
    before = root.handlers[:], root.level
    open_log(folder, Redactor(), WarningCollector(), f"{folder}/plexsync.py")
    root.addHandler(of_stash)
    LOG.setLevel(logging.DEBUG)
    try:
        yield stream
    finally:
        LOG.setLevel(level)
        for handler in root.handlers[:]:
            root.removeHandler(handler)
            handler.close()
        for handler in before[0]:
            root.addHandler(handler)
        root.setLevel(before[1])


def work(here: WorkerHere, text: str) -> None:
    """Push a scene, have Plex refuse another in these words, and lack the file of a third."""
    named = Named(id=1, name=text)
    for scene_id in (here.add_scene(), here.add_scene(), here.add_scene(is_in_plex=False)):
        here.stash.scenes[scene_id] = replace(
            here.stash.scenes[scene_id],
            details=text, tags=(named,), groups=(named,), studio=Studio(id=1, name=text, parent=named),
            performers=(Performer(id=1, name=text, image_path=""),),
        )  # fmt: skip
    missing = here.stash.scenes[3]
    here.stash.scenes[3] = replace(missing, files=(replace(missing.files[0], path=f"/media/{text}.mp4"),))
    here.edit(1, text)
    here.run(3)
    body = text.encode("utf-8", "replace")
    rule = here.plex.fault(Fault.answer(400, body=body), when=is_write)
    here.edit(2, text)
    here.edit(3, text)
    here.run(60)
    here.plex.heal(rule)
    here.plex.fault(Fault.answer(500, body=body))
    here.edit(1, text + "!")
    here.run(30)


@given(NASTY)
@settings(max_examples=8, suppress_health_check=list(HealthCheck))
def test_no_input_makes_a_second_record_or_an_escape_sequence(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder, logs_of(folder) as of_stash:
        with worker_here(Path(folder), debug_logging=True) as here:
            work(here, text)
        written = (Path(folder) / "plexsync.log").read_bytes().decode()
        assert written.count("scene 3") > 1
        assert "\ufdd0" not in written
        lines = written.removesuffix("\n").split("\n")
        assert [line for line in lines if not (RECORD.match(line) or line.startswith("    "))] == []
        assert {c for line in lines for c in line if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp")} == set()
        records = of_stash.getvalue().removesuffix(b"\n").split(b"\n")
        assert [line for line in records if len(STASH_RECORD.findall(line)) != 1] == []
