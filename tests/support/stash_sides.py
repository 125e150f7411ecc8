"""A simulated and a real Stash side by side: both get the same operations, and the results are made comparable."""

from __future__ import annotations

import os
import re
import shutil
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.stash.simulator import GraphQLRefusedError as SimRefusedError
from sim.stash.simulator import StashSim
from tests.support.real_stash import ENDED, GraphQLRefusedError, HttpAnswer, NoRedirect, RealStash, make_video
from tests.support.recorder import recorded

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.support.stash_operations import Operation

JOB = "query($id: ID!) { findJob(input: {id: $id}) { status progress error description } }"


class Side:
    """What both have in common. `media` is the folder of the videos, `seen` where the recorder writes."""

    def __init__(self, stash: RealStash | StashSim, seen: Path, media: str) -> None:
        self.stash, self.seen, self.media = stash, seen, media
        self._counted = 0

    def new_inputs(self) -> list[dict[str, Any]]:
        """The inputs of the plugin since the last call."""
        everything = recorded(self.seen)
        new, self._counted = everything[self._counted :], len(everything)
        return [comparable_input(each["stdin"], self.media) for each in new]

    def do(self, operation: Operation) -> dict[str, Any]:
        """Run an operation; returns its answer and the inputs of the plugin."""
        refused: dict[str, Any] = {}
        data: Any = None
        try:
            data = without_sizes(self.stash.gql(operation.query, operation.variables))
        except (GraphQLRefusedError, SimRefusedError) as error:
            refused = {"status": error.status, "messages": error.messages if operation.has_same_words else []}
        return {"data": data, "refused": refused, "plugin": self.new_inputs()}

    def job(self, mutation: str, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Start a job, under the name `job`, and wait for it. Returns how it ended and the plugin's inputs
        meanwhile.
        """
        job_id = str(self.stash.gql(mutation, variables)["job"])
        if isinstance(self.stash, RealStash):
            self.stash.wait_for_job(job_id)
        else:
            self.stash.wait_for_job(int(job_id))
        found = self.stash.gql(JOB, {"id": job_id})["findJob"]
        assert found["status"] in ENDED
        return {**found, "plugin": sorted(self.new_inputs(), key=str)}

    def http(self, path: str, headers: Mapping[str, str] | None = None, data: bytes | None = None) -> HttpAnswer:
        """Send one request without credentials of its own; redirects are not followed."""
        request = urllib.request.Request(self.stash.url + path, data=data, headers=dict(headers or {}))
        try:
            with urllib.request.build_opener(NoRedirect).open(request, timeout=30) as answer:
                return HttpAnswer(answer.status, dict(answer.headers.items()), answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return HttpAnswer(error.code, dict(error.headers.items()), error.read())

    def move(self, name: str, new_name: str) -> None:
        """Rename a video without Stash's knowledge."""
        old, new = os.path.join(self.media, name), os.path.join(self.media, new_name)
        if isinstance(self.stash, RealStash):
            os.rename(old, new)
        else:
            self.stash.move_file(old, new)

    def copy(self, name: str, new_name: str) -> None:
        """Make a second file with the same content."""
        old, new = os.path.join(self.media, name), os.path.join(self.media, new_name)
        if isinstance(self.stash, RealStash):
            shutil.copy(old, new)
        else:
            self.stash.copy_file(old, new)

    def change(self, name: str) -> None:
        """Replace the content of a file."""
        path = os.path.join(self.media, name)
        if isinstance(self.stash, RealStash):
            make_video(Path(path), 99)
            later = time.time() + 5
            os.utime(path, (later, later))
        else:
            self.stash.change_file(path, 5000)

    def remove(self, name: str) -> None:
        """Delete a video without Stash's knowledge."""
        path = os.path.join(self.media, name)
        if isinstance(self.stash, RealStash):
            os.remove(path)
        else:
            self.stash.remove_file(path)


def comparable_input(stdin: bytes, media: str) -> dict[str, Any]:
    """Its `args` in order, with `inputFields` apart, whose order is random, and without values that always differ."""
    text = re.sub(rb'("oshash":)"[0-9a-f]+"', rb'\1"OSHASH"', stdin).decode().replace(media, "MEDIA")
    found = re.search(r',"inputFields":(\[[^\]]*\])', text)
    fields = sorted(re.findall(r'"(\w+)"', found[1])) if found else []
    arguments = text.split(',"args":', 1)[1]
    return {"args": arguments.replace(found[0], "") if found else arguments, "inputFields": fields}


def without_sizes(data: Any) -> Any:
    """Replace the sizes of files: one side has real videos."""
    if isinstance(data, dict):
        return {key: without_sizes(part) for key, part in data.items() if key != "size"}
    return [without_sizes(part) for part in data] if isinstance(data, list) else data
