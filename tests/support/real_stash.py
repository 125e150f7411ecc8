"""A real Stash with a scratch folder and a few generated videos, for the tests that compare against the original.

`PLEXSYNC_TEST_STASH` names the Stash executable; without it, or without ffmpeg to make the videos, these tests are
skipped. `with RealStash(plugins=[folder]) as stash:` starts it, migrates its new database and scans the videos.
"""

from __future__ import annotations

import glob
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

EXECUTABLE_VARIABLE = "PLEXSYNC_TEST_STASH"
STARTS_WITHIN_S = 60.0
ENDED = ("FINISHED", "CANCELLED", "FAILED")
NOT_OF_THE_PLUGIN = shutil.ignore_patterns(".*", "__pycache__", "data", "tests", "bench")


class GraphQLRefusedError(Exception):
    """Stash answered with `errors`. `messages` are their texts; `status` is the HTTP status, 200 or 422."""

    def __init__(self, status: int, errors: list[dict[str, Any]]) -> None:
        self.status = status
        self.messages = [str(error["message"]) for error in errors]
        super().__init__(f"{status}: {'; '.join(self.messages)}")


def reason_to_skip() -> str:
    """Why no real Stash can be started here; empty if one can."""
    named = os.environ.get(EXECUTABLE_VARIABLE, "")
    if not named:
        return f"{EXECUTABLE_VARIABLE} names no Stash executable"
    if not os.access(named, os.X_OK):
        return f"{EXECUTABLE_VARIABLE}={named} cannot be executed"
    return "" if shutil.which("ffmpeg") else "ffmpeg, which makes the videos, is not installed"


def executables() -> list[str]:
    """The one that the variable names, and others beside it, as `stash-0.26.2`."""
    named = os.environ.get(EXECUTABLE_VARIABLE, "")
    beside = glob.glob(os.path.join(os.path.dirname(named), "stash-*")) if named else []
    return [path for path in dict.fromkeys((named, *sorted(beside))) if os.access(path, os.X_OK)]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def make_video(path: Path, number: int) -> None:
    """Make a video of one second that differs for each number, so that Stash makes a scene of each."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = f"testsrc=duration=1:size=160x90:rate=5,hue=h={number * 17 % 360}"
    command = ["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", picture, "-metadata", f"title=take {number}"]
    subprocess.run([*command, "-pix_fmt", "yuv420p", str(path)], check=True)


class RealStash:
    """One Stash process with its own home folder; home and port survive `stop()` and `start()`."""

    def __init__(
        self,
        home: Path,
        *,
        plugins: Iterable[Path] = (),
        scenes: int = 4,
        python: str = sys.executable,
        env: Mapping[str, str] | None = None,
        host: str = "127.0.0.1",
        executable: str = "",
    ) -> None:
        self.executable = executable or os.environ[EXECUTABLE_VARIABLE]
        self.home, self.media, self.plugins = home, home / "media", home / "plugins"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.env = {**os.environ, **(env or {})}
        self.headers: dict[str, str] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self.media.mkdir(parents=True)
        self.plugins.mkdir()
        for plugin in plugins:
            shutil.copytree(plugin, self.plugins / plugin.resolve().name, ignore=NOT_OF_THE_PLUGIN)
        for number in range(1, scenes + 1):
            make_video(self.media / "a" / f"scene {number:02d}.mp4", number)
        self._write_configuration(host, python)

    def _write_configuration(self, host: str, python: str) -> None:
        settings = {
            "host": host, "port": self.port, "nobrowser": True,
            "stash": [{"path": str(self.media), "excludevideo": False, "excludeimage": True}],
            "database": str(self.home / "stash.sqlite"), "generated": str(self.home / "generated"),
            "cache": str(self.home / "cache"), "blobs_storage": "DATABASE", "plugins_path": str(self.plugins),
            "scrapers_path": str(self.home / "scrapers"), "loglevel": "Debug", "logfile": str(self.home / "stash.log"),
            "python_path": python,
        }  # fmt: skip
        # JSON is YAML as well.
        (self.home / "config.yml").write_text(json.dumps(settings))

    def __enter__(self) -> RealStash:  # noqa: PYI034 - Python 3.10 has no typing.Self
        try:
            self.start()
            self.scan()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        command = [self.executable, "--config", str(self.home / "config.yml"), "--nobrowser"]
        with (self.home / "console.log").open("ab") as console:
            self._process = subprocess.Popen(command, cwd=self.home, env=self.env, stdout=console, stderr=console)
        if self._wait_for_status() == "NEEDS_MIGRATION":
            self.gql('mutation { migrate(input: {backupPath: ""}) }')
            while self._status() != "OK":
                time.sleep(0.1)

    def _status(self) -> str:
        return str(self.gql("{ systemStatus { status } }")["systemStatus"]["status"])

    def _wait_for_status(self) -> str:
        end = time.monotonic() + STARTS_WITHIN_S
        while True:
            try:
                return self._status()
            except OSError as error:  # noqa: PERF203 - the loop waits for these to end
                assert self._process is not None
                if self._process.poll() is not None or time.monotonic() > end:
                    console = (self.home / "console.log").read_text(errors="replace")
                    raise RuntimeError(f"Stash did not start: {console[-2000:]}") from error
                time.sleep(0.1)

    def stop(self) -> None:
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def http(self, path: str, *, data: bytes | None = None, headers: Mapping[str, str] | None = None) -> HttpAnswer:
        """Send one request with this class's credentials; returns any status, does not follow redirects."""
        request = urllib.request.Request(self.url + path, data=data, headers={**self.headers, **(headers or {})})
        opener = urllib.request.build_opener(NoRedirect)
        try:
            with opener.open(request, timeout=120) as answer:
                return HttpAnswer(answer.status, dict(answer.headers.items()), answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return HttpAnswer(error.code, dict(error.headers.items()), error.read())

    def gql(self, query: str, variables: Mapping[str, object] | None = None) -> dict[str, Any]:
        body = json.dumps({"query": query, "variables": variables or {}}).encode()
        answer = self.http("/graphql", data=body, headers={"Content-Type": "application/json"})
        got: dict[str, Any] = json.loads(answer.body) if answer.body else {"errors": [{"message": "an empty answer"}]}
        if got.get("errors"):
            raise GraphQLRefusedError(answer.status, got["errors"])
        return dict(got["data"])

    def wait_for_job(self, job_id: str, timeout_s: float = 120.0) -> dict[str, Any] | None:
        """Wait for a job to end; returns its last state."""
        query = "query($id: ID!) { findJob(input: {id: $id}) { id status progress error description } }"
        end = time.monotonic() + timeout_s
        while time.monotonic() < end:
            job: dict[str, Any] | None = self.gql(query, {"id": job_id})["findJob"]
            if job is None or job["status"] in ENDED:
                return job
            time.sleep(0.05)
        raise TimeoutError(f"job {job_id} did not end within {timeout_s} s")

    def scan(self) -> None:
        self.wait_for_job(self.gql("mutation { metadataScan(input: {}) }")["metadataScan"])

    def update_scene(self, scene_id: int, **fields: object) -> None:
        query = "mutation($input: SceneUpdateInput!) { sceneUpdate(input: $input) { id } }"
        self.gql(query, {"input": {"id": str(scene_id), **fields}})

    def run_task(self, plugin: str, name: str, args: Mapping[str, object] | None = None) -> dict[str, Any] | None:
        query = "mutation($p: ID!, $t: String, $a: Map) { runPluginTask(plugin_id: $p, task_name: $t, args_map: $a) }"
        return self.wait_for_job(self.gql(query, {"p": plugin, "t": name, "a": args})["runPluginTask"])

    def operation(self, plugin: str, **args: object) -> Any:
        query = "mutation($p: ID!, $a: Map) { runPluginOperation(plugin_id: $p, args: $a) }"
        return self.gql(query, {"p": plugin, "a": args})["runPluginOperation"]

    def has_mutation(self, name: str) -> bool:
        """Whether this version of Stash knows the mutation."""
        known = self.gql("{ __schema { mutationType { fields { name } } } }")["__schema"]["mutationType"]["fields"]
        return name in [each["name"] for each in known]

    def configure_plugin(self, plugin: str, **settings: object) -> None:
        query = "mutation($p: ID!, $i: Map!) { configurePlugin(plugin_id: $p, input: $i) }"
        self.gql(query, {"p": plugin, "i": settings})

    def protect(self, username: str, password: str) -> str:
        """Set credentials, use the API key from now on, and return it."""
        query = "mutation($i: ConfigGeneralInput!) { configureGeneral(input: $i) { username } }"
        self.gql(query, {"i": {"username": username, "password": password}})
        self.headers = {"Cookie": self.log_in(username, password)}
        key = str(self.gql("mutation { generateAPIKey(input: {}) }")["generateAPIKey"])
        self.headers = {"ApiKey": key}
        return key

    def log_in(self, username: str, password: str) -> str:
        """Log in with the form; returns the session cookie, `session=…`, or "" if the form is refused."""
        form = urllib.parse.urlencode({"username": username, "password": password, "returnURL": "/"}).encode()
        return self.http("/login", data=form).headers.get("Set-Cookie", "").split(";")[0]

    def log(self) -> str:
        file = self.home / "stash.log"
        return file.read_text(errors="replace") if file.exists() else ""


class HttpAnswer:
    """Status, headers as sent, and the whole body."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """Returns a redirect instead of following it."""

    def redirect_request(self, *_: object) -> None:
        """None makes urllib return the redirect itself."""
