"""Overlap: while Plex answers the write of one push, the next pushes are prepared.

A push is a generator that yields each change of Plex as a `Write` and goes on once it is done. A few pushes are under
way, of different items, and one write at most is in flight, on a thread and a connection of its own. Everything else,
above all the ledger, is the caller's thread's.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from local.clock import SYSTEM
from network.bounded import call_when_sent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plex.client import PlexClient

# Plex may close a connection that is not used for longer, and a write is not sent twice to find out.
KEPT_S = 1.0
# How long the writes that are prepared may take: longer than reading the next batch, so that Plex is never without
# work, but short enough for what comes in between. And how many they are at most, since each may hold a picture.
PREPARED_S, MOST_PREPARED = 0.05, 6
# How much the last write says about what a write takes.
WEIGHT_OF_LAST = 0.2


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
    """Does one write after the other beside the caller."""

    @property
    def depth(self) -> int:
        """How many pushes should be left under way; at least 1."""

    def start(self, write: Write) -> None:
        """Begin a write once those that were started before are done. If one of them fails, it is never begun."""

    def wait(self) -> None:
        """Wait until the first one is done. Raises what it raised; then no other one is started any more."""

    def drop(self) -> None:
        """Wait until the one in flight is done, and begin no other."""

    def close(self) -> None:
        """Wait, and end the thread until it is needed again."""


class _NotBegun(Exception):  # noqa: N818 - named for what is the case
    """A write before this one has failed."""


class _Series:
    """Writes in order. None is begun once the series is over: one has failed, or the caller has ended it."""

    def __init__(self) -> None:
        self.known: deque[Future[None]] = deque()  # of each: set once the caller may know that it is done
        self.is_over = False


class WriteThread:
    """The writer of a real worker. It goes on by itself: being woken for each write takes as long as sending it.

    The caller is told that a write is done once the next one is sent. It then takes the interpreter at once, which
    should be while Plex answers, not while a request waits to be sent.
    """

    def __init__(self) -> None:
        self._thread: ThreadPoolExecutor | None = None
        self._series = _Series()
        self._unannounced: Future[None] | None = None  # of a write that is done; the thread's own
        self._ended_at = 0.0
        self._took_s: float | None = None  # what a write takes

    @property
    def depth(self) -> int:
        """See Writer."""
        took_s = PREPARED_S if self._took_s is None else self._took_s
        return max(1, int(min(PREPARED_S / max(took_s, 0.001), MOST_PREPARED)))

    def start(self, write: Write) -> None:
        """See Writer."""
        if not self._series.known and SYSTEM.monotonic() - self._ended_at > KEPT_S:
            write.clients.beside.close()
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, "write", initializer=call_when_sent, initargs=(self._announce,))
        known: Future[None] = Future()
        self._series.known.append(known)
        self._thread.submit(self._do, write, known, self._series)

    def wait(self) -> None:
        """See Writer."""
        try:
            self._series.known[0].result()
            self._series.known.popleft()  # not before: until then, the thread sees by it whether another one follows
        except BaseException:
            self._end_series()
            raise
        finally:
            self._ended_at = SYSTEM.monotonic()

    def drop(self) -> None:
        """See Writer."""
        for known in self._end_series().known:
            known.exception()
        self._ended_at = SYSTEM.monotonic()

    def close(self) -> None:
        """See Writer."""
        if self._thread is not None:
            self._thread.shutdown(wait=True)
        self._thread = None
        self._end_series()

    def _end_series(self) -> _Series:
        ended, self._series = self._series, _Series()
        ended.is_over = True
        return ended

    # In the thread

    def _do(self, write: Write, known: Future[None], series: _Series) -> None:
        try:
            self._send(write, series)
        except BaseException as error:  # noqa: BLE001 - the caller decides what it means
            series.is_over = True
            self._announce()
            known.set_exception(error)
            return
        self._announce()  # if nothing had to be sent
        self._unannounced = known
        if series.is_over or series.known[-1] is known:  # there is no next one
            self._announce()

    def _send(self, write: Write, series: _Series) -> None:
        if series.is_over:
            raise _NotBegun
        began_at = SYSTEM.monotonic()
        write.send(write.clients.beside)
        took_s, before_s = SYSTEM.monotonic() - began_at, self._took_s
        # A single slow one does not empty the pipeline.
        self._took_s = took_s if before_s is None else before_s + (took_s - before_s) * WEIGHT_OF_LAST

    def _announce(self) -> None:
        known, self._unannounced = self._unannounced, None
        if known is not None:
            known.set_result(None)


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
        self._started: deque[_OpenPush[Key, Result]] = deque()  # those whose writes were started, the first in flight
        self._failed: _OpenPush[Key, Result] | None = None  # it keeps back the later ones

    def __len__(self) -> int:
        """The number of pushes under way."""
        return len(self._under_way)

    def begin(self, key: Key, steps: Steps[Result]) -> None:
        """Begin a push, up to its first write."""
        self._under_way.append(_OpenPush(key, steps))

    def results(self, *, leave: int) -> Iterator[tuple[Key, Result]]:
        """The pushes that end, in the order in which they began, until only `leave` are under way.

        A write that fails keeps back those of later pushes until the caller has dealt with its push. Then `abandon` may
        end the others. One that has to wait for the others is done before any other begins.
        """
        while self._under_way:
            first = self._under_way[0]
            if first.waits_for is None:
                self._under_way.popleft()
                yield first.key, first.result  # type: ignore[misc]
                self._failed = None if self._failed is first else self._failed
            elif len(self._under_way) > leave or self._has_one_that_waits:
                self._advance()
            elif not self._start_waiting():
                self._go_on_alone()
            else:
                break

    @property
    def _has_one_that_waits(self) -> bool:
        return any(isinstance(each.waits_for, OthersFirst) for each in self._under_way)

    def abandon(self) -> list[Key]:
        """End all pushes where they are, as a kill would, once the write in flight is done; return which they were."""
        keys = [each.key for each in self._under_way]
        self._writer.drop()
        for each in self._under_way:
            each.steps.close()
        self._under_way.clear()
        self._started.clear()
        self._failed = None
        return keys

    def close(self) -> None:
        """End the writer's thread."""
        self._writer.close()

    def _advance(self) -> None:
        """Wait for the write in flight; what waits for it goes on while the next one is in flight."""
        if not self._started and (len(self._under_way) == 1 or not self._start_waiting()):
            self._go_on_alone()
            return
        self._start_waiting()
        current = self._started.popleft()
        error = _error_of(self._writer.wait)
        if error is not None:
            self._started.clear()
            self._failed = self._failed or current
        current.go_on(error)

    def _start_waiting(self) -> bool:
        """Start the writes that are prepared and not kept back; whether one is in flight."""
        for each in self._under_way:
            if isinstance(each.waits_for, Write) and each not in self._started:
                self._started.append(each)
                self._writer.start(each.waits_for)
            if each is self._failed:
                break
        return bool(self._started)

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
