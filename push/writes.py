"""Overlap: while Plex answers the write of one push, the next push is prepared.

A push is a generator that yields each change of Plex as a `Write` and goes on once it is done. Two pushes at most are
under way, of different items, and one write at most is in flight, on a thread and a connection of its own. Everything
else, above all the ledger, is the caller's thread's.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from local.clock import SYSTEM

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

    from plex.client import PlexClient

# Plex may close a connection that is not used for longer, and a write is not sent twice to find out.
KEPT_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Clients:
    """Two clients of one server: `here` for the caller's thread, `beside` for the other one."""

    here: PlexClient
    beside: PlexClient

    def write(self, send: Callable[[PlexClient], None]) -> Write:
        """The write that `send` does with either of them."""
        return Write(send=send, clients=self)

    def close(self) -> None:
        """Close the connections; both can still be used."""
        self.here.close()
        self.beside.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """A change of Plex."""

    send: Callable[[PlexClient], None]
    clients: Clients


class OthersFirst:
    """Yielded in place of a write by a push that has to wait until no other one is under way."""


Key = TypeVar("Key")
Result = TypeVar("Result")
Steps = Generator[Write | OthersFirst, None, Result]


class Writer(Protocol):
    """Does one write at a time beside the caller."""

    def start(self, write: Write) -> None:
        """Begin a write."""

    def follow(self, write: Write) -> None:
        """Begin this write as soon as the one before is done, without an error."""

    def wait(self) -> None:
        """Wait until it is done. Raises what it raised; what follows was not begun then, and never will be."""

    def close(self) -> None:
        """Wait, and end the thread until it is needed again."""


class WriteThread:
    """The writer of a real worker."""

    def __init__(self) -> None:
        self._thread: ThreadPoolExecutor | None = None
        self._write: Future[None] | None = None
        self._next: Future[None] | None = None
        self._ended_at = 0.0

    def start(self, write: Write) -> None:
        """See Writer."""
        if SYSTEM.monotonic() - self._ended_at > KEPT_S:
            write.clients.beside.close()
        if self._thread is None:
            self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="write")
        self._write = self._thread.submit(write.send, write.clients.beside)

    def follow(self, write: Write) -> None:
        """See Writer. The thread goes on by itself: being woken for each write would take as long as sending it."""
        assert self._thread is not None  # noqa: S101 - there is a write before
        self._next = self._thread.submit(_send_after, self._write, write)

    def wait(self) -> None:
        """See Writer."""
        write, self._write, following, self._next = self._write, None, self._next, None
        try:
            if write is not None:
                write.result()
                self._write = following
        finally:
            self._ended_at = SYSTEM.monotonic()

    def close(self) -> None:
        """See Writer."""
        if self._thread is not None:
            self._thread.shutdown(wait=True)
        self._thread = self._write = self._next = None


def _send_after(before: Future[None] | None, write: Write) -> None:
    if before is None or before.exception() is None:
        write.send(write.clients.beside)


class _OpenPush(Generic[Key, Result]):
    """One push. `waits_for`: the write that it goes on after; None when it is done."""

    def __init__(self, key: Key, steps: Steps[Result]) -> None:
        self.key = key
        self.steps = steps
        self.waits_for: Write | OthersFirst | None = None
        self.result: Result | None = None
        self._go_on(lambda: next(steps))

    def go_on(self, error: Exception | None = None) -> None:
        """Run until the next write or the end. `error`: of the last write."""
        self._go_on(lambda: next(self.steps) if error is None else self.steps.throw(error))

    def _go_on(self, run: Callable[[], Write | OthersFirst]) -> None:
        try:
            self.waits_for = run()
        except StopIteration as end:
            self.waits_for, self.result = None, end.value


class Overlap(Generic[Key, Result]):
    """The pushes under way. `Key` tells the caller which they are."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._under_way: deque[_OpenPush[Key, Result]] = deque()
        self._in_flight: _OpenPush[Key, Result] | None = None
        self._last: _OpenPush[Key, Result] | None = None  # whose write was started last

    def __len__(self) -> int:
        """The number of pushes under way."""
        return len(self._under_way)

    def begin(self, key: Key, steps: Steps[Result]) -> None:
        """Begin a push, up to its first write."""
        self._under_way.append(_OpenPush(key, steps))

    def results(self, *, leave: int) -> Iterator[tuple[Key, Result]]:
        """The pushes that end, in the order in which they began, until only `leave` are under way.

        A write that fails keeps back the next one until the caller has dealt with its push. Then `abandon` may end the
        others.
        """
        while self._under_way:
            first = self._under_way[0]
            if first.waits_for is None:
                self._under_way.popleft()
                yield first.key, first.result  # type: ignore[misc]
            elif len(self._under_way) > leave:
                self._advance()
            elif self._in_flight is None and not self._start_next():
                self._go_on_alone()
            else:
                break

    def abandon(self) -> list[Key]:
        """End all pushes where they are, as a kill would, once the write in flight is done; return which they were."""
        keys = [each.key for each in self._under_way]
        if self._in_flight is not None:
            _error_of(self._writer.wait)
        for each in self._under_way:
            each.steps.close()
        self._under_way.clear()
        self._in_flight = None
        return keys

    def close(self) -> None:
        """End the writer's thread."""
        self._writer.close()

    def _advance(self) -> None:
        """Wait for the write in flight; what waits for it goes on while the next one is in flight."""
        current = self._in_flight
        if current is None:
            if len(self._under_way) == 1 or not self._start_next():
                self._go_on_alone()
            return
        following = self._next_to_write(after=current)
        if following is not None:
            self._writer.follow(following.waits_for)  # type: ignore[arg-type] # a Write
        self._in_flight = None
        error = _error_of(self._writer.wait)
        if error is None and following is not None:
            self._in_flight = self._last = following
        current.go_on(error)

    def _start_next(self) -> bool:
        """Start a write, in turn."""
        chosen = self._next_to_write()
        if chosen is None:
            return False
        self._in_flight = self._last = chosen
        self._writer.start(chosen.waits_for)  # type: ignore[arg-type] # a Write
        return True

    def _next_to_write(self, *, after: _OpenPush[Key, Result] | None = None) -> _OpenPush[Key, Result] | None:
        """The push whose write comes next. `after`: whose write is in flight, so that it waits for no other yet."""
        waiting = [each for each in self._under_way if each is not after and isinstance(each.waits_for, Write)]
        return next((each for each in waiting if each is not self._last), waiting[0] if waiting else None)

    def _go_on_alone(self) -> None:
        """The only one that is not done writes here, or has waited for the others enough."""
        alone = next(each for each in self._under_way if each.waits_for is not None)
        write = alone.waits_for
        alone.go_on(_error_of(lambda: write.send(write.clients.here)) if isinstance(write, Write) else None)


def _error_of(do: Callable[[], object]) -> Exception | None:
    try:
        do()
    except Exception as error:  # noqa: BLE001 - the push decides what it means
        return error
    return None


def carry_out(steps: Steps[Result]) -> Result:
    """Do one push from beginning to end, in this thread."""
    alone: Overlap[None, Result] = Overlap(WriteThread())  # which it does not use
    alone.begin(None, steps)
    return next(alone.results(leave=0))[1]
