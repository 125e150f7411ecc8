"""Settings, credentials, jobs and plugins, as the administrator of the simulated Stash sees them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from sim.stash.go_json import sorted_keys
from sim.stash.queries import number

if TYPE_CHECKING:
    from collections.abc import Callable

    from sim.stash.access import Access
    from sim.stash.graphql_engine import Resolver
    from sim.stash.jobs import StashJob, StashJobQueue
    from sim.stash.library import StashLibrary
    from sim.stash.plugins import Plugins, StashCall

VERSION = {"version": "v0.30.1", "hash": "cf3489ef", "build_time": "2026-01-11 00:00:00"}
SCHEMA = 75


class Administration:
    """Resolvers for everything except scenes and entities."""

    def __init__(
        self,
        *,
        library: StashLibrary,
        access: Access,
        plugins: Plugins,
        jobs: StashJobQueue,
        home: str,
        new_key: Callable[[], str],
    ) -> None:
        self._library, self._access, self._plugins, self._jobs = library, access, plugins, jobs
        self._home, self._new_key = home, new_key
        self.general: dict[str, Any] = {"parallelTasks": 1, "pythonPath": ""}

    def queries(self) -> dict[str, Resolver]:
        """Resolvers of `Query`, by field."""
        return {
            "version": lambda *_: VERSION,
            "systemStatus": lambda *_: self._system_status(),
            "configuration": lambda *_: {"general": self._general(), "plugins": self._plugins.settings},
            "plugins": lambda *_: self._list_plugins(),
            "jobQueue": lambda *_: [self._show(job) for job in self._jobs.pending()] or None,
            "findJob": self._find_job,
        }

    def mutations(self) -> dict[str, Resolver]:
        """Resolvers of `Mutation`, by field."""
        return {
            "configureGeneral": self._configure,
            "generateAPIKey": self._generate_key,
            "configurePlugin": self._configure_plugin,
            "setPluginsEnabled": self._set_plugins_enabled,
            "runPluginOperation": lambda _, call, args: self._plugins.operation(
                call, args["plugin_id"], args.get("args")
            ),
            "runPluginTask": self._run_task,
            "stopJob": self._stop_job,
            "stopAllJobs": self._stop_all,
        }

    @staticmethod
    def select_settings(configuration: Any, _call: StashCall, args: dict[str, Any]) -> dict[str, Any]:
        """`plugins(include:)`: the settings of these plugins, or of all; a plugin without settings is absent."""
        settings, include = configuration["plugins"], args.get("include")
        return {key: settings[key] for key in sorted(settings) if include is None or key in include}

    def _general(self) -> dict[str, Any]:
        return {
            **self.general,
            "stashes": [],
            "databasePath": f"{self._home}/stash-go.sqlite",
            "configFilePath": f"{self._home}/config.yml",
            "pluginsPath": f"{self._home}/plugins",
            "apiKey": self._access.api_key,
            "username": self._access.username,
            "maxSessionAge": int(self._access.max_session_age_s),
        }

    def _system_status(self) -> dict[str, Any]:
        paths = {"databasePath": f"{self._home}/stash-go.sqlite", "configPath": f"{self._home}/config.yml"}
        place = {"os": "linux", "workingDir": self._home, "homeDir": self._home, "ffmpegPath": "", "ffprobePath": ""}
        return {"status": "OK", "appSchema": SCHEMA, "databaseSchema": SCHEMA, **paths, **place}

    def _list_plugins(self) -> list[dict[str, Any]]:
        manifest = self._plugins.manifest
        if manifest is None:
            return []
        tasks = [{"name": task.name, "description": task.description} for task in manifest.tasks]
        hooks = [
            {"name": hook.name, "description": hook.description, "hooks": list(hook.triggered_by)}
            for hook in manifest.hooks
        ]
        settings = [
            {"name": key, "display_name": name or None, "description": text or None, "type": manifest.settings[key]}
            for key, (name, text) in manifest.setting_words.items()
        ]
        about = {"name": manifest.name, "description": manifest.description, "version": manifest.version}
        what = {"tasks": tasks, "hooks": hooks, "settings": settings}
        is_enabled = self._plugins.is_enabled(manifest.plugin_id)
        return [{"id": manifest.plugin_id, "enabled": is_enabled, **about, **what}]

    # --- settings and credentials ---

    def _configure(self, _root: Any, _call: StashCall, args: dict[str, Any]) -> dict[str, Any]:
        given = dict(args["input"])
        for name in ("username", "password"):
            if given.get(name) is not None:
                setattr(self._access, name, given[name])
            given.pop(name, None)
        if given.get("maxSessionAge") is not None:
            self._access.max_session_age_s = float(given.pop("maxSessionAge"))
        self.general |= given
        return self._general()

    def _generate_key(self, _root: Any, _call: StashCall, args: dict[str, Any]) -> str:
        self._access.api_key = "" if args["input"].get("clear") else self._new_key()
        return self._access.api_key

    def _configure_plugin(self, _root: Any, _call: StashCall, args: dict[str, Any]) -> dict[str, Any]:
        """Replaces the whole settings map of the plugin; any plugin id is accepted."""
        self._plugins.settings[args["plugin_id"]] = settings = sorted_keys(args["input"])
        return dict(settings)

    def _set_plugins_enabled(self, _root: Any, _call: StashCall, args: dict[str, Any]) -> bool:
        for plugin_id, is_enabled in args["enabledMap"].items():
            self._plugins.switch(plugin_id, on=bool(is_enabled))
        return True

    # --- jobs ---

    def add_task(self, call: StashCall, plugin_id: str, name: str | None, args: dict[str, Any]) -> StashJob:
        """Queue a task of a plugin; an unknown task fails when its turn comes."""
        def work(job: StashJob) -> None:
            run = self._plugins.start_task(call, plugin_id, name, args)
            job.on_stop = run.kill
            if job.stopping.is_set():  # stopped before `on_stop` was set
                run.kill()
            job.live_progress = lambda: run.progress
            job.output = self._plugins.finish_task(run, job.stopping.is_set)
            job.progress = run.progress or 0.0

        return self._jobs.add(f"Running plugin task: {name or plugin_id}", work)

    def _run_task(self, _root: Any, call: StashCall, args: dict[str, Any]) -> int:
        return self.add_task(call, args["plugin_id"], args.get("task_name"), args.get("args_map") or {}).id

    def _find_job(self, _root: Any, _call: StashCall, args: dict[str, Any]) -> dict[str, Any] | None:
        job = self._jobs.find(number(args["input"]["id"]))
        return None if job is None else self._show(job)

    def _stop_job(self, _root: Any, _call: StashCall, args: dict[str, Any]) -> bool:
        self._jobs.stop(number(args["job_id"]))
        return True

    def _stop_all(self, _root: Any, _call: StashCall, _args: dict[str, Any]) -> bool:
        self._jobs.stop()
        return True

    def _show(self, job: StashJob) -> dict[str, Any]:
        times = {"addTime": job.add_time, "startTime": job.start_time, "endTime": job.end_time}
        shown = {key: None if at is None else self._fine_time(at) for key, at in times.items()}
        known = {"id": job.id, "status": job.status, "description": job.description, "error": job.error}
        return {**known, **shown, "subTasks": None, "progress": job.seen_progress()}

    def _fine_time(self, at: float) -> str:
        return datetime.fromtimestamp(at, self._library.zone).isoformat().replace("+00:00", "Z")
