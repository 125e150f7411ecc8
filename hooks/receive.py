"""Turns a hook's input into a file in the inbox within milliseconds, because the user's Save waits for it.

Stash writes compact JSON: first the connection, then id and type of what happened. These are searched for as bytes,
whatever the size of the rest (a cover is megabytes of base64). Input in any other form is parsed as JSON. Each import
delays every Save, so of the standard library this loads only `os`, `time` and file locks, not even `__future__`.
"""

import os

from local import inbox, lock

_CHUNK_BYTES = 1 << 20
_ARGS = b',"args":'
_CONTEXT = b'{"hookContext":{"id":'
_TYPE = b',"type":"'
_QUEUED = b'{"output": "queued"}'
_IGNORED = b'{"output": "ignored"}'
_CURE = "Make room or make it writable for Stash, or set PLEXSYNC_DATA_DIR to another folder"
_OPERATIONS = ("Create", "Update", "Destroy", "Merge")


def answer_standard_input(*, directory: str, script: str) -> bytes | None:
    """Answer a hook, or the operation `say`, on standard output and return None; return the input if it is a task's."""
    try:
        data = _read_all()
    except OSError as error:
        _write_error(f"PlexSync could not read the plugin input from standard input: {error}.")
        return None
    try:
        hook = parse(data)
    except ValueError as error:
        _write_error(f"PlexSync was started with input that Stash does not write: {error}.")
        return None
    if hook is None:
        said = _say(data)
        if said is not None:
            _write(said)
        return data if said is None else None
    try:
        answer = accept(hook, directory=directory, script=script)
    except WorkerNotStarted as error:
        _write_error(
            f"PlexSync has noted the change of {hook.name}, but could not start its worker: {error}. "
            "The next save or task starts it, and nothing is lost."
        )
        return None
    except OSError as error:
        _write_error(
            f"PlexSync could not note the change of {hook.name} in its data directory {directory}: {error}. "
            f"{getattr(error, 'cure', _CURE)}; then save the scene again or run the task Sync Recent Scenes."
        )
        return None
    _write(answer)
    return None


def _say(data: bytes) -> bytes | None:
    """The answer of the operation `say`; None for any other."""
    if b'"say"' not in data:
        return None
    from hooks import say  # noqa: PLC0415 - not the hooks'

    return say.answer(data)


class WorkerNotStarted(Exception):  # noqa: N818 - named for what happened, like all our errors
    """The entry is published, but there is no worker to take it. The message is the system's."""


class Hook:
    """The inbox entry that a hook makes. `name` is "" for events that change nothing in Plex."""

    __slots__ = ("content", "name")

    def __init__(self, name: str, content: bytes) -> None:
        self.name = name
        self.content = content


def parse(data: bytes) -> Hook | None:
    """Parse a plugin input; None if it is a task's. Raises ValueError if it is neither a hook's nor a task's."""
    return _parse_recorded(data) or _parse_json(data)


def accept(hook: Hook, *, directory: str, script: str) -> bytes:
    """Publish the hook's entry, make sure that a worker is running, and return the answer.

    Raises OSError if the entry could not be published, and WorkerNotStarted.

    Publishes before it probes the lock: a worker that is ending checks the inbox once more after it has released the
    lock. The lock is not held while a worker is started: a hook that is suspended there would strand other hooks'
    entries.
    """
    if not hook.name:
        return _IGNORED
    inbox.publish(directory, hook.name, hook.content)
    if _is_worker_missing(directory):
        from local import start  # noqa: PLC0415 - not needed while a worker is running

        try:
            start.start_worker(script, directory)
        except OSError as error:
            raise WorkerNotStarted(str(error)) from error
    return _QUEUED


def _is_worker_missing(directory: str) -> bool:
    try:
        return lock.is_free(directory)
    except OSError:
        return True  # the file system cannot lock: the worker reports that


def _parse_recorded(data: bytes) -> Hook | None:
    """Parse input in exactly the form that Stash writes; None otherwise."""
    args_at = data.find(_ARGS + _CONTEXT)
    if args_at < 0 or not data.startswith(b'{"server_connection":{'):
        return None
    id_at = args_at + len(_ARGS) + len(_CONTEXT)
    type_at = data.find(_TYPE, id_at, id_at + 32)
    type_end = data.find(b'"', type_at + len(_TYPE), type_at + len(_TYPE) + 64)
    identifier = data[id_at:type_at]
    hook_type = data[type_at + len(_TYPE) : type_end]
    if type_at < 0 or type_end < 0 or not identifier.isdigit() or b"\\" in hook_type:
        return None
    name = _entry_name(hook_type.decode("ascii", "replace"), int(identifier))
    return Hook(name, data[:args_at] + b"}")


def _parse_json(data: bytes) -> Hook | None:
    import json  # noqa: PLC0415 - takes milliseconds; the usual form does not need it

    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"the plugin input is not JSON ({len(data)} bytes): {error}") from None
    if not isinstance(value, dict):
        raise ValueError(f"the plugin input is not a JSON object but a {type(value).__name__}")  # noqa: TRY004
    args = value.get("args")
    context = args.get("hookContext") if isinstance(args, dict) else None
    if context is None:
        return None
    identifier = context.get("id") if isinstance(context, dict) else None
    try:
        number = int(str(identifier))
    except ValueError:
        raise ValueError(f"the hook's id is not a number: {str(identifier)[:50]!r}") from None
    content = json.dumps({"server_connection": value.get("server_connection")}).encode()
    return Hook(_entry_name(str(context.get("type")), number), content)


def _entry_name(hook_type: str, identifier: int) -> str:
    """`Scene.Update.Post` and 12 give `scene-12`; "" for events that change nothing in Plex."""
    entity, _, operation = hook_type.partition(".")
    kind = entity.lower()
    if kind not in (inbox.SCENE, *inbox.ENTITIES) or operation.split(".")[0] not in _OPERATIONS or identifier <= 0:
        return ""
    return f"{kind}-{identifier}"


def _read_all() -> bytes:
    """Read all of standard input: if part of it stays unread, Stash gets a broken pipe."""
    chunks = []
    while chunk := os.read(0, _CHUNK_BYTES):
        chunks.append(chunk)
    return b"".join(chunks)


def _write_error(message: str) -> None:
    import json  # noqa: PLC0415 - only needed by a failing hook

    _write(json.dumps({"error": message}).encode())


def _write(answer: bytes) -> None:
    try:
        while answer:
            answer = answer[os.write(1, answer) :]
    except OSError:
        pass  # Stash no longer listens: it has killed or abandoned this process
