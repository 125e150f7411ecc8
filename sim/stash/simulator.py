"""A simulated Stash v0.30: GraphQL and pictures over HTTP, and a plugin host that starts the real script.

Use `with StashSim(plugin=folder) as stash:` and edit as a user would; every edit goes over HTTP and returns when its
hooks have ended. The simulator refuses what it does not know; it never silently imitates part of something.
"""

from __future__ import annotations

import os
import secrets
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphql import build_schema

from sim.faults import FaultRule
from sim.port import HOST, Port
from sim.stash.access import Access
from sim.stash.administration import Administration
from sim.stash.disk import Disk
from sim.stash.entity_edits import EntityEdits
from sim.stash.graphql_engine import GraphQLEngine
from sim.stash.hook_input import scene_update
from sim.stash.jobs import StashJobQueue
from sim.stash.library import SceneGroup, StashLibrary
from sim.stash.manifest import ManifestError, read_manifest
from sim.stash.pictures import PictureFinder
from sim.stash.plugin_host import Output, PluginHost
from sim.stash.plugins import Address, Plugins, StashCall
from sim.stash.queries import Queries
from sim.stash.scene_edits import SceneEdits
from sim.stash.server import StashHandler, StashService
from sim.stash.user import GraphQLRefusedError, StashUser
from sim.stash.web import StashWeb

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import tzinfo

    from graphql import GraphQLSchema

    from sim.faults import Fault, Request
    from sim.stash.jobs import StashJob
    from sim.stash.plugin_host import Invocation, LogLine

__all__ = ["GraphQLRefusedError", "StashSim", "TaskResult"]

SCHEMA = Path(__file__).parent / "schema.graphql"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskResult:
    """How a task ended. Stash says FINISHED even if the plugin answered with an error; `error` has its text."""

    job: StashJob
    status: str
    progress: float
    output: Any
    error: str | None
    log: tuple[LogLine, ...]


class StashSim(StashUser):
    """One simulated Stash. The `plugin` folder is used in place, nothing is copied; `home` is Stash's own folder.

    `env` is added to this process's environment for the plugin. `host` is the address given to plugins, for example
    `0.0.0.0`; the server listens at 127.0.0.1 in any case. `zone` is the time zone of its times.
    """

    def __init__(
        self,
        plugin: str | os.PathLike[str] | None = None,
        *,
        python: str = sys.executable,
        env: Mapping[str, str] | None = None,
        home: str | os.PathLike[str] | None = None,
        host: str = HOST,
        zone: tzinfo | None = None,
        parallel_tasks: int = 2,
    ) -> None:
        self._own_home = tempfile.mkdtemp(prefix="stash-sim-") if home is None else ""
        self.home = os.path.abspath(home or self._own_home)
        os.makedirs(self.home, exist_ok=True)
        self.log: list[LogLine] = []
        self.library = StashLibrary() if zone is None else StashLibrary(zone=zone)
        self._port, self._access, self._jobs = Port(StashHandler, daemon_threads=True), Access(), StashJobQueue()
        super().__init__(self._port.number, secrets.token_urlsafe())
        whole_env = {**os.environ, **(env or {})}
        self._host = PluginHost(python=python, cwd=self.home, env=whole_env, on_line=self.log.append)
        address = Address(host=host, port=self._port.number, home=self.home)
        self._folder = folder = None if plugin is None else Path(plugin).resolve()
        self.manifest = None if folder is None else read_manifest(_manifest_of(folder))
        self._plugins = Plugins(self.manifest, folder, self._host, self._access, address)
        self._disk = Disk(self.library, self._plugins, self._jobs, parallel_tasks=parallel_tasks)
        self._edits = SceneEdits(self.library, self._plugins, self._disk.remove)
        self._service = self._make_service()

    def _make_service(self) -> StashService:
        self._administration = Administration(
            library=self.library,
            access=self._access,
            plugins=self._plugins,
            jobs=self._jobs,
            home=self.home,
            new_key=lambda: secrets.token_urlsafe(96),
        )
        found = Queries(self.library).resolvers()
        found["Query"] |= self._administration.queries()
        found["ConfigResult"] = {"plugins": self._administration.select_settings}
        found["Mutation"] = {
            **self._edits.resolvers(),
            **EntityEdits(self.library, self._plugins).resolvers(),
            **self._administration.mutations(),
            **self._disk.resolvers(),
        }
        self.resolvers = found
        engine = GraphQLEngine(_schema(), found)
        pictures = PictureFinder(self.library)
        return StashService(access=self._access, ask=engine.answer, pictures=pictures, test_key=self._key)

    # --- start and stop ---

    def __enter__(self) -> StashSim:  # noqa: PYI034 - Python 3.10 has no typing.Self
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Listen at the same port as before."""
        self._port.open(self._service)

    def serve_page(self, node_modules: Path, omit: Sequence[str] = ()) -> None:
        """Serve a page to browsers, with the plugin in it. `omit`: names that this Stash's plugin API lacks."""
        if self._folder is None or self.manifest is None:
            raise ValueError("a page needs a plugin")
        self._service.web = StashWeb(self._folder, self.manifest.plugin_id, node_modules, omit)

    def stop(self) -> None:
        """Refuse connections, cancel jobs and kill running hooks; the data stays."""
        self._port.close()
        self._jobs.stop()
        self._host.kill_all()

    def restart(self) -> None:
        """Stop and start again."""
        self.stop()
        self.start()

    def close(self) -> None:
        """Stop for good; release the port and remove the simulator's own folder."""
        self.stop()
        self._jobs.close()
        self._port.release()
        if self._own_home:
            shutil.rmtree(self._own_home, ignore_errors=True)

    # --- what has happened ---

    @property
    def invocations(self) -> list[Invocation]:
        """Every start of the plugin, oldest first."""
        return self._host.invocations

    @property
    def requests(self) -> list[Any]:
        """Every request except the tests' own, oldest first."""
        return self._service.requests

    # --- faults ---

    def fail(
        self, fault: Fault, *, when: Callable[[Request], bool] | None = None, times: int | None = None
    ) -> FaultRule:
        """Apply a fault to the next requests (`times` of them, those that `when` selects) until `heal()` ends it."""
        rule = FaultRule(fault=fault, when=when or (lambda _: True), left=times)
        self._service.faults.add(rule)
        return rule

    def heal(self, rule: FaultRule | None = None) -> None:
        """End one fault, or all."""
        self._service.faults.heal(rule)

    # --- existing data: fires no hooks ---

    def add_entity(self, kind: str, name: str, **fields: Any) -> int:
        """The id of a tag, performer, studio or group of that name, made if there is none."""
        with self.library.lock:
            found = next((each for each in self.library.entities[kind].values() if each.name == name), None)
            return (found or self.library.add_entity(kind, name, **fields)).id

    def add_scene(
        self,
        path: str | None = None,
        size: int = 1000,
        *,
        tags: tuple[str, ...] = (),
        performers: tuple[str, ...] = (),
        groups: tuple[str, ...] = (),
        studio: str = "",
        more_files: tuple[tuple[str, int], ...] = (),
        **fields: Any,
    ) -> int:
        """Add a scene older than the plugin, with entities by name and other fields as in `SimulatedScene`."""
        files = [] if path is None else [(path, size), *more_files]
        with self.library.lock:
            on_disk = [(each, size, self._disk.put(each, size).oshash) for each, size in files]
            scene = self.library.add_scene(on_disk, **fields)
            scene.tag_ids = [self.add_entity("tag", name) for name in tags]
            scene.performer_ids = [self.add_entity("performer", name) for name in performers]
            scene.groups = [SceneGroup(self.add_entity("group", name)) for name in groups]
            scene.studio_id = self.add_entity("studio", studio) if studio else None
            return scene.id

    # --- files, and the jobs that read them ---

    def scan_new(self, *paths: str, size: int = 1000) -> list[int]:
        """Create files and scan; returns the ids of their scenes."""
        for path in paths:
            self._disk.put(path, size)
        self.scan()
        by_path = {file.path: scene.id for scene in self.library.scenes.values() for file in scene.files}
        return [by_path[path] for path in paths]

    def rename_file(self, scene_id: int, new_path: str) -> None:
        """Move the scene's first file and scan: a hook fires, `updated_at` stays."""
        self._disk.move(self.library.scene(scene_id).files[0].path, new_path)
        self.scan()

    def move_file(self, path: str, new_path: str) -> None:
        """Move a file on disk; Stash notices at its next scan."""
        self._disk.move(path, new_path)

    def copy_file(self, path: str, new_path: str) -> None:
        """Copy a file; a scan makes the copy a second file of the same scene."""
        self._disk.files[new_path] = self._disk.files[path]

    def change_file(self, path: str, size: int) -> None:
        """Replace the content of a file; a scan fires an Update hook and leaves `updated_at`."""
        self._disk.put(path, size)

    def remove_file(self, path: str) -> None:
        """Delete a file; Stash notices at its next clean."""
        self._disk.remove(path)

    def scan(self) -> StashJob:
        """Add what is new on disk, several files at a time."""
        return self._run_job("mutation { job: metadataScan(input: {}) }")

    def clean(self) -> StashJob:
        """Remove what is gone from disk."""
        return self._run_job("mutation { job: metadataClean(input: {dryRun: false}) }")

    def auto_tag(self) -> StashJob:
        """Apply all entities to all scenes; fires no hook."""
        return self._run_job('mutation { job: metadataAutoTag(input: {performers: "*", studios: "*", tags: "*"}) }')

    def identify(self, scene_id: int, **fields: Any) -> StashJob:
        """Set the values a scraper found, as the Identify task does; the hook lists these fields, but not `id`."""

        def work(job: StashJob) -> None:
            with self.library.lock:
                self._edits.edit(self.library.scene(scene_id), fields)
            form = scene_update({"id": str(scene_id), **fields})
            call = StashCall(user=self._access.username, is_cancelled=job.stopping.is_set)
            self._plugins.fire(call, "Scene.Update.Post", scene_id, form, fields)
            job.progress = 1.0

        job = self._jobs.add("Identifying...", work)
        return self.wait_for_job(job.id)

    def _run_job(self, mutation: str) -> StashJob:
        return self.wait_for_job(int(self.gql(mutation)["job"]))

    # --- the plugin ---

    def start_task(self, name: str, args: Mapping[str, Any] | None = None) -> int:
        """Queue a task behind the existing jobs; returns the job's id."""
        query = "mutation($p: ID!, $t: String, $a: Map) { runPluginTask(plugin_id: $p, task_name: $t, args_map: $a) }"
        return int(self.gql(query, {"p": self._plugin_id(), "t": name, "a": dict(args or {})})["runPluginTask"])

    def run_task(self, name: str, args: Mapping[str, Any] | None = None, *, timeout_s: float = 120.0) -> TaskResult:
        """Run a task to its end. Raises TimeoutError."""
        began = time.time()
        job = self.wait_for_job(self.start_task(name, args), timeout_s)
        mine = [each for each in self.invocations if each.started_at >= began and each.why == f"task {name}"]
        output = job.output or Output()
        return TaskResult(
            job=job,
            status=job.status,
            progress=job.progress,
            output=output.output,
            error=output.error or job.error,
            log=tuple(mine[-1].log) if mine else (),
        )

    def wait_for_job(self, job_id: int, timeout_s: float = 120.0) -> StashJob:
        """Wait for a job to end. Raises TimeoutError."""
        job = self._jobs.find(job_id)
        if job is None or not self._jobs.wait(job, timeout_s):
            raise TimeoutError(f"job {job_id} has not ended within {timeout_s} s")
        return job

    def stop_job(self, job_id: int) -> None:
        """Kill a job at once, with SIGKILL."""
        self.gql("mutation($id: ID!) { stopJob(job_id: $id) }", {"id": str(job_id)})

    def operation(self, **args: Any) -> Any:
        """`runPluginOperation`, which is not queued. Raises GraphQLRefusedError with the plugin's error."""
        query = "mutation($p: ID!, $a: Map) { answer: runPluginOperation(plugin_id: $p, args: $a) }"
        return self.gql(query, {"p": self._plugin_id(), "a": args})["answer"]

    def configure_plugin(self, **settings: Any) -> None:
        """Replace the whole settings map of the plugin."""
        query = "mutation($p: ID!, $i: Map!) { configurePlugin(plugin_id: $p, input: $i) }"
        self.gql(query, {"p": self._plugin_id(), "i": settings})

    def _plugin_id(self) -> str:
        return self.manifest.plugin_id if self.manifest else ""

    # --- credentials ---

    def protect(self, username: str, password: str) -> str:
        """Require credentials from now on; returns the API key."""
        self._access.username, self._access.password = username, password
        return str(self.gql("mutation { generateAPIKey(input: {}) }")["generateAPIKey"])

    def clear_api_key(self) -> None:
        """Accept only cookies from now on."""
        self.gql("mutation { generateAPIKey(input: {clear: true}) }")

    def session_cookie(self, *, second: int | None = None) -> str:
        """The cookie a plugin would be given now, or in that second since the epoch."""
        return self._access.new_session(self._access.username, {}, second=second)

    def expire_sessions(self) -> None:
        """Refuse every cookie issued so far."""
        self._access.expire_sessions()


@cache
def _schema() -> GraphQLSchema:
    return build_schema(SCHEMA.read_text(encoding="utf-8"))


def _manifest_of(folder: Path) -> Path:
    """The only .yml beside the plugin's script. Raises ManifestError."""
    found = sorted(folder.glob("*.yml"))
    if len(found) != 1:
        raise ManifestError(f"{len(found)} manifests in {folder}: exactly one is wanted")
    return found[0]
