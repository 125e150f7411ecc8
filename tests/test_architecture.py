"""Rules of the architecture that people would forget. The tables come first; each rule is a function over one file."""

from __future__ import annotations

import ast
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pytest

from tests.support.sources import ROOT, dotted_name, imports_of, list_files, parse, read_sources, uses_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.sources import Source

# Which rooms a room may import: imports run down only. A file of the checkout's root is a room of its own.
SERVERS: Final = ("plex", "stash", "local")
BELOW_NEWS: Final = ("push", "outages", "store", *SERVERS)
BELOW_WORKER: Final = ("news", *BELOW_NEWS)
PLUGIN: Final = (
    "plexsync", "shell", "status", "tasks", "reconciliation", "undo", "worker", "installation", *BELOW_WORKER,
    "network", "hooks",
)  # fmt: skip
LAYERS: Final = {
    "plexsync": ("shell", "tasks", "status", "installation", "hooks", "local"),
    "shell": ("tasks", "status", "reconciliation", "undo", "worker", "installation", *BELOW_WORKER),
    "status": ("push", "outages", "store", "local"),
    "tasks": ("status", "reconciliation", "undo", "worker", "installation", *BELOW_WORKER),
    "reconciliation": ("worker", *BELOW_WORKER),
    "undo": ("worker", *BELOW_WORKER),
    "worker": ("installation", *BELOW_WORKER),
    "installation": ("local",),
    "news": BELOW_NEWS,
    "push": ("store", "network", *SERVERS),
    "outages": ("store", "local"),
    "store": SERVERS,
    "network": ("local",),
    "plex": ("network", "local"),
    "stash": ("network", "local"),
    "hooks": ("local",),
    "local": (),
    "sim": (),
    "release": ("installation",),
    "demo": ("sim", "tasks", "worker", "installation", *BELOW_WORKER),
    "bench": (*PLUGIN, "sim", "tests", "demo"),
    "tests": (*PLUGIN, "sim", "bench", "demo", "release"),
}
# Words on the command line start the demo, which sets up a simulated Plex and Stash, and the making of packages.
LAYER_EXCEPTIONS: Final = {"shell/commands.py": ("demo", "release")}

# What may import the worker from above: the start of its process, background work in it, and a task that probes as it
# does. Everything else asks the process through tasks/worker_link.py, which imports none of it.
KNOWS_WORKER: Final = {
    "shell/run_worker.py": ("worker.serve",),
    "tasks/health.py": ("worker.parts",),
    "reconciliation/reconciler.py": ("worker.commands", "worker.parts"),
    "undo/undoing.py": ("worker.commands", "worker.parts"),
}
ABOVE_WORKER = ("plexsync", "shell", "tasks", "reconciliation", "undo", "demo", "bench")

# In anything longer, some part should have a name of its own.
MAX_LINES_OF_A_FILE, MAX_LINES_OF_A_FUNCTION, MAX_FILES_OF_THE_WORKER = 400, 40, 18

# What a room may import beyond the standard library; rooms that are not named: nothing.
THIRD_PARTY: Final = {
    "store": ("filelock", "persistqueue"),
    "network": ("requests", "urllib3"),
    "plex": ("plexapi", "requests", "urllib3"),
    "stash": ("stashapi", "requests", "urllib3"),
    "sim": ("graphql",),
}
ANY_THIRD_PARTY = ("tests", "bench")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reserved:
    """Modules, or names in them, that only the named files of the plugin may use. A folder ends with a slash."""

    what: str
    names: tuple[str, ...]
    allowed: tuple[str, ...]


RESERVED = (
    Reserved(
        what="opens connections",
        names=(
            "socket", "ssl", "http.client", "urllib.request.urlopen", "socketserver", "http.server", "asyncio",
            "requests", "urllib3", "plexapi", "stashapi",
        ),
        # plex/translate.py and stash/transport.py translate their exceptions; stash/say.py needs none of them.
        allowed=(
            "network/bounded.py", "plex/account.py", "plex/answer.py", "plex/translate.py", "plex/transport.py",
            "stash/client.py", "stash/graphql.py", "stash/say.py", "stash/transport.py",
        ),
    ),
    Reserved(
        what="opens databases",
        names=("sqlite3.connect", "persistqueue"),
        allowed=("local/storage.py", "store/queue.py", "store/reader.py"),
    ),
    Reserved(what="locks state files", names=("filelock",), allowed=("store/state_file.py",)),
    Reserved(
        what="reads the clock",
        names=(
            "time.time", "time.time_ns", "time.monotonic", "time.monotonic_ns", "time.perf_counter",
            "time.perf_counter_ns", "time.process_time", "time.sleep", "time.localtime", "time.ctime",
            "datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today", "datetime.date.today",
            "threading.Timer",
        ),
        # Names of temporary files, and of those set aside, carry the time. A fast operation has no time for the clock.
        allowed=("local/clock.py", "local/files.py", "local/inbox.py", "local/storage.py", "status/answer.py"),
    ),
    Reserved(
        what="asks this machine's system",
        names=(
            "fcntl", "msvcrt", "subprocess", "multiprocessing", "signal", "os.posix_spawn", "os.posix_spawnp",
            "os.fork", "os.forkpty", "os.setsid", "os.system", "os.popen", "os.kill", "os.killpg", "os.execv",
            "os.execve",
        ),
        allowed=("local/", "installation/pip.py"),
    ),
    Reserved(
        what="differs between systems",
        names=(
            "os.name", "sys.platform", "platform", "pwd", "grp", "os.getuid", "os.geteuid", "os.getgid", "os.setuid",
            "os.setgid", "os.setgroups", "os.chown", "os.statvfs", "os.uname",
        ),
        allowed=("local/",),
    ),
)  # fmt: skip

# Where no two classes share a name, so that a reader or a search finds one thing.
CLASS_NAMES_ARE_UNIQUE_IN: Final = (*PLUGIN, "sim", "demo", "bench", "release")

# Standard output is the plugin's answer to Stash.
MAY_PRINT = ("sim/", "tests/", "bench/", "demo/")

MUTABLE_TYPES = frozenset({
    "dict", "list", "set", "bytearray", "defaultdict", "deque", "OrderedDict", "Counter",
})  # fmt: skip
# mypy rejects changes to values of these types. `Final` alone would allow changes to a dict; only its capitals warn.
READ_ONLY_TYPES = frozenset({"Final", "Mapping", "Sequence", "Collection", "AbstractSet"})
CAPITALS_SUFFICE = ("sim",)


def imports_run_down_only(source: Source) -> Iterator[str]:
    allowed = (source.room, *LAYERS.get(source.room, ()), *LAYER_EXCEPTIONS.get(source.path, ()))
    for line, name in imports_of(source):
        room = name.split(".")[0]
        if room in LAYERS and room not in allowed:
            yield f"{source.path}:{line}: {source.room} may not import {room}"


def few_files_know_the_worker(source: Source) -> Iterator[str]:
    allowed = KNOWS_WORKER.get(source.path, ())
    for line, name in imports_of(source):
        if source.room in ABOVE_WORKER and name.split(".")[0] == "worker" and name.rpartition(".")[0] not in allowed:
            yield f"{source.path}:{line}: may not import {name}"


def files_and_functions_are_short(source: Source) -> Iterator[str]:
    functions = [node for node in ast.walk(source.tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    for node in functions:
        if (node.end_lineno or 0) - node.lineno >= MAX_LINES_OF_A_FUNCTION:
            yield f"{source.path}:{node.lineno}: {node.name} has more than {MAX_LINES_OF_A_FUNCTION} lines"
    if source.tree.body and (source.tree.body[-1].end_lineno or 0) > MAX_LINES_OF_A_FILE:
        yield f"{source.path}: has more than {MAX_LINES_OF_A_FILE} lines"


def only_some_rooms_import_packages(source: Source) -> Iterator[str]:
    allowed = THIRD_PARTY.get(source.room, ())
    for line, name in imports_of(source):
        module = name.split(".")[0]
        is_ours = module in LAYERS or module in sys.stdlib_module_names or source.room in ANY_THIRD_PARTY
        if not is_ours and module not in allowed:
            yield f"{source.path}:{line}: {source.room} may not import {module}"


def what_is_reserved_is_used_where_it_belongs(source: Source) -> Iterator[str]:
    if source.room not in PLUGIN:
        return
    found = set()
    for reserved in RESERVED:
        if not source.is_in(reserved.allowed):
            for line, name in uses_of(source):
                found |= {(line, each, reserved.what) for each in reserved.names if f"{name}.".startswith(f"{each}.")}
    yield from (f"{source.path}:{line}: {name} here: it {what}" for line, name, what in sorted(found))


def nothing_prints(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and dotted_name(node.func) == "print" and not source.is_in(MAY_PRINT):
            yield f"{source.path}:{node.lineno}: print(): standard output is the answer to Stash"


def init_files_are_empty(source: Source) -> Iterator[str]:
    if source.path.endswith("__init__.py") and source.tree.body:
        yield f"{source.path}: is not empty"


def modules_hold_no_mutable_values(source: Source) -> Iterator[str]:
    if source.room not in (*PLUGIN, "sim"):
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Global):
            yield f"{source.path}:{node.lineno}: global {', '.join(node.names)}"
    for statement in module_statements(source.tree.body):
        if isinstance(statement, (ast.Assign, ast.AnnAssign)) and is_mutable(statement.value):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            names = [dotted_name(target) for target in targets]
            is_constant = all(name.isupper() for name in names) and (
                source.room in CAPITALS_SUFFICE
                or (isinstance(statement, ast.AnnAssign) and annotation_name(statement.annotation) in READ_ONLY_TYPES)
            )
            if not is_constant and names != ["__all__"]:
                where = f"{source.path}:{statement.lineno}"
                yield f"{where}: {', '.join(names)} can be changed: take Final and capitals, or a tuple"


def module_statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements that run when the module is loaded, those of if, try and with included."""
    for statement in body:
        yield statement
        if isinstance(statement, (ast.If, ast.Try, ast.With, ast.For)):
            yield from module_statements([node for node in ast.walk(statement) if isinstance(node, ast.stmt)][1:])


def annotation_name(annotation: ast.expr) -> str:
    whole = annotation.value if isinstance(annotation, ast.Subscript) else annotation
    return dotted_name(whole).rpartition(".")[2]


def is_mutable(value: ast.expr | None) -> bool:
    if isinstance(value, ast.Call):
        return dotted_name(value.func).rpartition(".")[2] in MUTABLE_TYPES
    return isinstance(value, (ast.Dict, ast.List, ast.Set, ast.DictComp, ast.ListComp, ast.SetComp))


def class_names_are_unique(sources: tuple[Source, ...]) -> Iterator[str]:
    """Nested classes included."""
    first: dict[str, str] = {}
    for source in sources:
        if source.room not in CLASS_NAMES_ARE_UNIQUE_IN:
            continue
        for node in ast.walk(source.tree):
            if isinstance(node, ast.ClassDef):
                where = f"{source.path}:{node.lineno}"
                if node.name in first:
                    yield f"{where}: {first[node.name]} has a class {node.name} too"
                first.setdefault(node.name, where)


RULES: Final = (
    imports_run_down_only,
    few_files_know_the_worker,
    files_and_functions_are_short,
    only_some_rooms_import_packages,
    what_is_reserved_is_used_where_it_belongs,
    nothing_prints,
    init_files_are_empty,
    modules_hold_no_mutable_values,
)


@pytest.fixture(scope="module")
def sources() -> tuple[Source, ...]:
    return read_sources()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_rule_holds_everywhere(rule: Callable[[Source], Iterator[str]], sources: tuple[Source, ...]) -> None:
    violations = [violation for source in sources for violation in rule(source)]
    assert not violations, "\n".join(violations)


@pytest.mark.parametrize(
    ("rule", "path", "text"),
    [
        (imports_run_down_only, "worker/a.py", "from tasks.b import c"),
        (imports_run_down_only, "plex/a.py", "def f():\n import stash.scene"),
        (imports_run_down_only, "stash/a.py", "from plex import client"),
        (imports_run_down_only, "local/a.py", "import worker"),
        (imports_run_down_only, "hooks/a.py", "from store.job import Job"),
        (imports_run_down_only, "sim/a.py", "from local.clock import Clock"),
        (imports_run_down_only, "tasks/a.py", "import importlib\nimportlib.import_module('sim.plex.simulator')"),
        (imports_run_down_only, "plexsync.py", "import sim.plex.simulator"),
        (imports_run_down_only, "tasks/a.py", "import plexsync"),
        (few_files_know_the_worker, "tasks/a.py", "from worker.loop import SyncWorker"),
        (few_files_know_the_worker, "reconciliation/reconciler.py", "from worker import loop"),
        (files_and_functions_are_short, "plex/a.py", "def f():\n" + " x = 1\n" * 40),
        (files_and_functions_are_short, "plex/a.py", "x = 1\n" * 401),
        (only_some_rooms_import_packages, "local/a.py", "import requests"),
        (only_some_rooms_import_packages, "hooks/a.py", "from filelock import FileLock"),
        (only_some_rooms_import_packages, "plexsync.py", "import requests"),
        (only_some_rooms_import_packages, "worker/a.py", "import pydantic"),
        (what_is_reserved_is_used_where_it_belongs, "plex/a.py", "import requests.exceptions"),
        (what_is_reserved_is_used_where_it_belongs, "worker/a.py", "from http import client"),
        (what_is_reserved_is_used_where_it_belongs, "tasks/a.py", "import sqlite3 as s\ns.connect('x')"),
        (what_is_reserved_is_used_where_it_belongs, "worker/a.py", "import time\ntime.sleep(1)"),
        (what_is_reserved_is_used_where_it_belongs, "worker/a.py", "import time as t\nt.monotonic()"),
        (what_is_reserved_is_used_where_it_belongs, "worker/a.py", "from time import time"),
        (what_is_reserved_is_used_where_it_belongs, "worker/a.py", "import datetime as dt\ndt.datetime.now()"),
        (what_is_reserved_is_used_where_it_belongs, "worker/a.py", "from datetime import datetime as d\nd.utcnow()"),
        (what_is_reserved_is_used_where_it_belongs, "worker/a.py", "from datetime import date\ndate.today()"),
        (what_is_reserved_is_used_where_it_belongs, "worker/a.py", "import os\nos.setsid()"),
        (what_is_reserved_is_used_where_it_belongs, "shell/a.py", "import os\nx = os.name"),
        (what_is_reserved_is_used_where_it_belongs, "hooks/a.py", "try:\n import fcntl\nexcept ImportError: pass"),
        (nothing_prints, "worker/a.py", "def f(): print('x')"),
        (init_files_are_empty, "worker/__init__.py", "'''Words.'''"),
        (modules_hold_no_mutable_values, "worker/a.py", "cache = {}"),
        (modules_hold_no_mutable_values, "worker/a.py", "CACHE = {}"),
        (modules_hold_no_mutable_values, "worker/a.py", "cache: Final = []"),
        (modules_hold_no_mutable_values, "worker/a.py", "CACHE: dict[str, int] = dict()"),
        (modules_hold_no_mutable_values, "worker/a.py", "import collections\nif True:\n Q = collections.deque()"),
        (modules_hold_no_mutable_values, "sim/a.py", "cache = {}"),
        (modules_hold_no_mutable_values, "worker/a.py", "X = 1\ndef f():\n global X\n X = 2"),
    ],
)
def test_rule_finds(rule: Callable[[Source], Iterator[str]], path: str, text: str) -> None:
    assert list(rule(parse(path, text)))


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("worker/a.py", "from plex.errors import PlexBusy\nfrom stash import scene\nimport local.clock"),
        ("plex/transport.py", "import requests, plexapi.server\nfrom plex import model"),
        ("worker/a.py", "from datetime import datetime, timezone\ndatetime.fromtimestamp(0, timezone.utc)"),
        ("worker/a.py", "import time\ntime.gmtime(0)\nclock.now()\nclock.sleep(1)"),
        ("worker/a.py", "import os\nfrom http import HTTPStatus\nfrom urllib.parse import quote\nos.replace('a', 'b')"),
        ("worker/a.py", "NAMES: Final = {'a': 1}\nX = frozenset({1})\nY = MappingProxyType({})\nZ = ()"),
        ("worker/a.py", "def f():\n found = {}\n return found"),
        ("worker/__init__.py", ""),
    ],
)
def test_no_rule_objects_to(path: str, text: str) -> None:
    assert [violation for rule in RULES for violation in rule(parse(path, text))] == []


def test_no_two_classes_share_a_name(sources: tuple[Source, ...]) -> None:
    violations = list(class_names_are_unique(sources))
    assert not violations, "\n".join(violations)


@pytest.mark.parametrize(
    ("texts", "count"),
    [
        ({"plex/a.py": "class A: ...", "sim/b.py": "class A: ..."}, 1),
        ({"demo/a.py": "class A: ...", "bench/b.py": "def f():\n class A: ..."}, 1),
        ({"store/a.py": "class A:\n class A: ..."}, 1),
        ({"plexsync.py": "class A: ...", "local/b.py": "class A: ...", "hooks/c.py": "class A: ..."}, 2),
        ({"plex/a.py": "class A: ...", "sim/b.py": "class B: ...", "tests/c.py": "class A: ..."}, 0),
    ],
)
def test_a_second_class_with_the_same_name_is_found_in_every_room(texts: dict[str, str], count: int) -> None:
    sources = tuple(parse(path, text) for path, text in texts.items())
    assert len(list(class_names_are_unique(sources))) == count


def test_every_python_file_lies_in_a_room_that_the_rules_know(sources: tuple[Source, ...]) -> None:
    assert sorted({source.room for source in sources} - set(LAYERS)) == []


def test_one_manifest_ships_since_stash_loads_each_yml_as_a_plugin() -> None:
    assert [path for path in list_files() if path.endswith(".yml")] == ["plexsync.yml"]


def test_the_worker_stays_a_small_room() -> None:
    assert len(list((ROOT / "worker").glob("*.py"))) <= MAX_FILES_OF_THE_WORKER
