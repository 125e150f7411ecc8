"""The plugin of the simulated Stash: its hooks, tasks and operations, and the input they are started with."""

from __future__ import annotations

import os
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sim.stash.access import COOKIE_NAME
from sim.stash.go_json import encode, sorted_keys, without_whole_floats
from sim.stash.library import ResolverError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from sim.stash.access import Access
    from sim.stash.manifest import Manifest, Operation
    from sim.stash.plugin_host import Output, PluginHost, RunningScript

DEEPEST_LOOP = 10
NEVER = "0001-01-01T00:00:00Z"
NIL_POINTER = "Internal system error. Error <runtime error: invalid memory address or nil pointer dereference>"


@dataclass(frozen=True, slots=True, kw_only=True)
class StashCall:
    """The request that causes an action; `is_cancelled` says whether its client has gone."""

    base_url: str = ""
    user: str = ""
    visited: Mapping[str, int] = field(default_factory=dict)
    is_cancelled: Callable[[], bool] = lambda: False


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """The address of Stash that plugins are given."""

    host: str
    port: int
    home: str


class Plugins:
    """At most one plugin, the one in `folder`."""

    def __init__(
        self, manifest: Manifest | None, folder: Path | None, host: PluginHost, access: Access, address: Address
    ) -> None:
        self.manifest, self.host = manifest, host
        self.settings: dict[str, dict[str, Any]] = {}
        self._folder, self._access, self._address = folder, access, address
        self._disabled: set[str] = set()
        self._order = random.Random(0)

    def is_enabled(self, plugin_id: str) -> bool:
        """Whether the plugin is not disabled; unknown ones are not."""
        return plugin_id not in self._disabled

    def switch(self, plugin_id: str, *, on: bool) -> None:
        """Enable or disable a plugin. What it runs already goes on."""
        (self._disabled.discard if on else self._disabled.add)(plugin_id)

    def fire_for_each(
        self, call: StashCall, hook_type: str, told: Iterable[tuple[int, Any, Iterable[str]]]
    ) -> None:
        """Fire for each (id, `given`, `fields`) in turn. If the client goes away, the rest get no hook and
        ResolverError is raised, though everything has been stored.
        """
        for entity_id, given, fields in told:
            self.fire(call, hook_type, entity_id, given, fields)
            if call.is_cancelled():
                raise ResolverError("context canceled")

    def fire(
        self, call: StashCall, hook_type: str, entity_id: int, given: Any = None, fields: Iterable[str] | None = None
    ) -> None:
        """Run the plugin's hooks of this type one after another and wait for each, as a save does.

        `given` is the hook's `input`; `fields` are the keys that were sent, in the random order of Go's maps.
        """
        context: dict[str, Any] = {"id": entity_id, "type": hook_type, "input": without_whole_floats(given)}
        names = sorted(fields or ())
        if names:
            context["inputFields"] = self._order.sample(names, len(names))
        for hook in self._hooks(hook_type):
            key = f"{self._manifest().plugin_id} {hook_type}"
            if call.visited.get(key, 0) >= DEEPEST_LOOP:
                self.host.note("warning", f"plugin {key} has been visited {DEEPEST_LOOP} times: not executing")
                continue
            visited = dict(Counter(call.visited) + Counter([key]))
            try:
                run = self._start(hook, {"hookContext": context}, call.user, visited, hook_type)
            except OSError as error:
                self.host.note("error", f"error executing post hooks: error running plugin: {error}")
                return
            output = self.host.wait(run, call.is_cancelled)
            if call.is_cancelled():
                self.host.note("error", "error executing post hooks: operation cancelled")
                return
            if output.error is not None:
                self.host.note("error", f"{hook_type} [{self._manifest().name}]: returned error: {output.error}")

    def operation(self, call: StashCall, plugin_id: str, args: dict[str, Any] | None) -> Any:
        """`runPluginOperation`: the caller waits, and an error of the plugin is passed to it."""
        if not self.is_enabled(plugin_id):
            raise ResolverError(f"plugin {plugin_id} is disabled")
        if self.manifest is None or plugin_id != self.manifest.plugin_id:
            raise ResolverError(NIL_POINTER)
        try:
            run = self._start(None, args or {}, call.user, {}, "operation")
        except OSError as error:
            raise ResolverError(f"error running plugin: {error}") from error
        output = self.host.wait(run, call.is_cancelled)
        if output.error is not None:
            raise ResolverError(output.error)
        return without_whole_floats(sorted_keys(output.output))

    def start_task(self, call: StashCall, plugin_id: str, task_name: str | None, args: dict[str, Any]) -> RunningScript:
        """Raises ResolverError for an unknown plugin or task."""
        if not self.is_enabled(plugin_id):
            raise ResolverError(f"Error creating plugin task: plugin {plugin_id} is disabled")
        if self.manifest is None or plugin_id != self.manifest.plugin_id:
            raise ResolverError(f"Error creating plugin task: no plugin with ID {plugin_id}")
        task = next((each for each in self.manifest.tasks if each.name == task_name), None)
        if task is None and task_name:
            name = self.manifest.name
            raise ResolverError(f"Error creating plugin task: no task with name {task_name} in plugin {name}")
        return self._start(task, args, call.user, {}, f"task {task_name or plugin_id}")

    def finish_task(self, run: RunningScript, is_cancelled: Callable[[], bool]) -> Output:
        """Wait for it to end; an error only adds a line to the log."""
        output = self.host.wait(run, is_cancelled)
        if output.error is not None:
            self.host.note("error", f"Plugin returned error: {output.error}")
        else:
            self.host.note("debug", f"Plugin returned: {output.output}")
        return output

    def _manifest(self) -> Manifest:
        if self.manifest is None:
            raise ResolverError(NIL_POINTER)
        return self.manifest

    def _hooks(self, hook_type: str) -> list[Operation]:
        hooks = self.manifest.hooks if self.manifest and self.is_enabled(self.manifest.plugin_id) else ()
        return [hook for hook in hooks if hook_type in hook.triggered_by]

    def _start(
        self, operation: Operation | None, args: dict[str, Any], user: str, visited: Mapping[str, int], why: str
    ) -> RunningScript:
        manifest, folder = self._manifest(), str(self._folder)
        given = {**(operation.default_args if operation else {}), **args}
        arguments = {key: value if key == "hookContext" else sorted_keys(value) for key, value in given.items()}
        stdin = {
            "server_connection": self._connection(self._access.new_session(user, visited)),
            "args": {key: arguments[key] for key in sorted(arguments)},
        }
        command = [*manifest.command, *(operation.exec_args if operation else ())]
        return self.host.start(
            [part.replace("{pluginDir}", folder) for part in command],
            encode(stdin),
            plugin=manifest.name,
            level=manifest.default_level,
            plugins=os.path.dirname(folder),
            why=why,
        )

    def _connection(self, cookie: str) -> dict[str, Any]:
        """A cookie as Go writes its http.Cookie, including unset fields."""
        named = {"Name": COOKIE_NAME, "Value": cookie, "Quoted": False, "Path": "", "Domain": "", "Expires": NEVER}
        unset = {"RawExpires": "", "MaxAge": 0, "Secure": False, "HttpOnly": False, "SameSite": 0}
        return {
            "Scheme": "http",
            "Host": self._address.host,
            "Port": self._address.port,
            "SessionCookie": {**named, **unset, "Partitioned": False, "Raw": "", "Unparsed": None},
            "Dir": self._address.home,
            "PluginDir": str(self._folder),
        }
