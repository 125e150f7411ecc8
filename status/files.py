"""The state files as the fast operations read them: checked field by field, but without the time that dataclasses take.

A file that cannot be used counts as new and is named in `problems`; the worker sets it aside. The classes that the
worker reads the same files with are named in each table.
"""

from __future__ import annotations

import json
import os
from types import SimpleNamespace

from local import data_directory

TYPE_CHECKING = False  # the module `typing` takes time to load
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Final, NoReturn

    # What a field holds: a type, the words that are allowed, a table for an object, or a list of one of these.
    Kind = type | frozenset[str] | Mapping[str, Any] | list[Any]
    # By name, what a field holds and its default. A field may be null if that is its default.
    Table = Mapping[str, tuple[Kind, Any]]

_MAX_NUMBER = 1e300
_TIME = (float, None)
_EVIDENCE = frozenset({"probe", "read", "write", "scene", "cover"})
_GAPS: Final[Table] = {"empty": (int, 0), "stale": (int, 0), "missing": (int, 0)}
# outages.breaker: CircuitBreaker, with what is shown of it.
CIRCUIT: Final[Table] = {
    "state": (frozenset({"closed", "open", "half_open"}), "closed"),
    "failure_count": (int, 0),
    "opened_at": _TIME,
    "last_error": (str, None),
    "evidence": (_EVIDENCE, "probe"),
    "suspects": ([{"scene_id": (int, 0), "evidence": (_EVIDENCE, "read"), "is_own": (bool, False)}], []),
    "outage": (
        {"id": (int, 0), "started_at": (float, 0.0), "cause": (str, ""), "probes": (int, 0), "jobs_affected": (int, 0)},
        None,
    ),
}
# outages.scheduler: RecoveryScheduler
SCHEDULE: Final[Table] = {
    "last_check_at": _TIME,
    "next_check_at": _TIME,
    "consecutive_successes": (int, 0),
    "last_recovery_at": _TIME,
    "pauses": (
        [{
            "reason": (frozenset({"storage", "stash", "auth", "setup", "busy"}), "setup"), "since": (float, 0.0),
            "message": (str, ""), "until": _TIME, "is_on_trial": (bool, False),
        }],
        [],
    ),
    "period": ({"started_at": (float, 0.0), "rate_scale": (float, 1.0)}, None),
}  # fmt: skip
# outages.history: OutageHistory
HISTORY: Final[Table] = {
    "observed_since": _TIME,
    "outages": (
        [{
            "id": (int, 0), "started_at": (float, 0.0), "ended_at": _TIME, "duration_s": _TIME, "cause": (str, ""),
            "probes": (int, 0), "jobs_affected": (int, 0), "jobs_pushed": (int, 0),
        }],
        [],
    ),
    "forgotten_count": (int, 0),
    "forgotten_s": (float, 0.0),
}  # fmt: skip
# reconciliation.state: ReconciliationState, with what is shown of it.
RECONCILIATION: Final[Table] = {
    "last_run_at": _TIME, "scope": (str, None), "checked": (int, 0), "gaps": (_GAPS, {}), "queued": (_GAPS, {}),
}  # fmt: skip
# store.worker_file: WorkerReport
WORKER: Final[Table] = {
    "pid": (int, None),
    "started_at": _TIME,
    "doing": (str, None),
    "stopped_by": (str, None),
    "stopped_message": (str, None),
    "jobs_done": (int, None),
    "hide_paths": (bool, False),
    "recovery_rate": _TIME,
    "recovery_minutes": _TIME,
}


def read_circuit(directory: str, problems: list[str]) -> Any:
    """Read `circuit_breaker.json`. A circuit that is not closed has an outage, as `outages.breaker.validated` says."""
    circuit = _read(directory, data_directory.CIRCUIT_BREAKER, CIRCUIT, problems)
    if circuit.state == "closed":
        circuit.opened_at = circuit.outage = None
        circuit.evidence = "probe"
    elif circuit.opened_at is None:
        problems.append(_unusable(directory, data_directory.CIRCUIT_BREAKER, "an open circuit lacks opened_at"))
        return _record(CIRCUIT, {})
    elif circuit.outage is None:
        cause = circuit.last_error or "unknown"
        circuit.outage = _record(CIRCUIT["outage"][0], {"started_at": circuit.opened_at, "cause": cause})
    return circuit


def read_schedule(directory: str, problems: list[str]) -> Any:
    """Read `recovery_state.json`."""
    return _read(directory, data_directory.RECOVERY_STATE, SCHEDULE, problems)


def read_history(directory: str, problems: list[str]) -> Any:
    """Read `outage_history.json`."""
    return _read(directory, data_directory.OUTAGE_HISTORY, HISTORY, problems)


def read_reconciliation(directory: str, problems: list[str]) -> Any:
    """Read `reconciliation_state.json`."""
    return _read(directory, data_directory.RECONCILIATION_STATE, RECONCILIATION, problems)


def read_report(directory: str) -> Any:
    """Read `worker.json`; all fields have their defaults if it is missing or damaged, since nothing depends on it."""
    return _read(directory, data_directory.WORKER, WORKER, [])


def _read(directory: str, name: str, table: Table, problems: list[str]) -> Any:
    try:
        with open(os.path.join(directory, name), "rb") as file:
            content = file.read()
    except FileNotFoundError:
        return _record(table, {})
    except OSError as error:
        problems.append(f"{os.path.join(directory, name)} cannot be read: {error.strerror or error}")
        return _record(table, {})
    try:
        data = json.loads(content, parse_constant=_refuse)
        if not isinstance(data, dict) or data.get("version") != 1:
            raise ValueError("it is not of version 1")  # noqa: TRY301 - one place says what happens then
        return _record(table, data)
    except (ValueError, RecursionError) as error:
        problems.append(_unusable(directory, name, str(error)))
        return _record(table, {})


def _unusable(directory: str, name: str, why: str) -> str:
    return f"{os.path.join(directory, name)} cannot be used ({why}): it counts as new, and no job is lost"


def _refuse(constant: str) -> NoReturn:
    """JSON has no NaN and no infinity, and neither must the answer."""
    raise ValueError(f"{constant} is no number")


def _record(table: Any, data: Any) -> Any:
    if not isinstance(data, dict):
        raise ValueError("it holds something else where an object belongs")  # noqa: TRY004 - callers catch one type
    values = {}
    for name, (kind, default) in table.items():
        value = data.get(name, default)
        values[name] = None if value is None is default else _checked(kind, value, name)
    return SimpleNamespace(**values)


def _checked(kind: Any, value: Any, name: str) -> Any:
    if isinstance(kind, dict):
        return _record(kind, value)
    if isinstance(kind, list) and isinstance(value, list):
        return [_checked(kind[0], each, name) for each in value]
    if isinstance(kind, frozenset):
        is_fine = isinstance(value, str) and value in kind
    elif kind is float:
        is_fine = type(value) in (int, float) and -_MAX_NUMBER <= value <= _MAX_NUMBER
    else:
        is_fine = type(value) is kind
    if not is_fine:
        raise ValueError(f"{name} is {value!r:.50}")
    return float(value) if kind is float else value
