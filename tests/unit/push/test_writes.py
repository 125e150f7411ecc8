"""Overlapping pushes: one write in flight, the next push prepared meanwhile, results in the order of their begin."""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from threading import Event
from time import sleep
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from network import bounded
from push.writes import Clients, OthersFirst, Overlap, Write, WriteThread, carry_out

if TYPE_CHECKING:
    from plex.client import PlexClient
    from push.writes import Steps

HERE, BESIDE = "here", "beside"
CLIENTS = Clients(here=cast("PlexClient", HERE), beside=cast("PlexClient", BESIDE))


class RefusedError(Exception):
    pass


class Story:
    """What happens, in order. `refused`: the writes that fail."""

    def __init__(self, *refused: str) -> None:
        self.log: list[str] = []
        self._refused = refused

    def push(self, name: str, writes: int = 1, *, waits: bool = False) -> Steps[str]:
        """A push of so many writes, which gives up when one is refused."""
        self.log.append(f"{name} begins")
        if waits:
            yield OthersFirst()
        try:
            for number in range(1, writes + 1):
                yield self.write(f"{name}{number}")
                self.log.append(f"{name}{number} is known")
        except RefusedError:
            return f"{name} failed"
        return f"{name} ended"

    def write(self, name: str) -> Write:
        def send(client: object) -> None:
            self.log.append(f"{name} {client}" if client == HERE else name)
            if name in self._refused:
                raise RefusedError

        return CLIENTS.write(send)


class LateWriter:
    """Sends a write as late as possible."""

    depth = 1

    def __init__(self) -> None:
        self.writes: list[Write] = []

    def start(self, write: Write) -> None:
        self.writes.append(write)

    def wait(self) -> None:
        write, *self.writes = self.writes
        try:
            write.send(write.clients.beside)
        except RefusedError:
            self.writes = []
            raise

    def drop(self) -> None:
        self.writes = []

    def close(self) -> None:
        assert not self.writes


def results(overlap: Overlap[str, str], leave: int = 0) -> list[str]:
    return [result for _, result in overlap.results(leave=leave)]


def test_the_next_push_is_prepared_while_a_write_is_in_flight() -> None:
    story, overlap = Story(), Overlap[str, str](LateWriter())
    overlap.begin("a", story.push("a"))
    assert results(overlap, leave=1) == []
    overlap.begin("b", story.push("b"))
    assert results(overlap, leave=1) == ["a ended"]
    assert results(overlap) == ["b ended"]
    assert story.log == ["a begins", "b begins", "a1", "a1 is known", "b1", "b1 is known"]


def test_a_push_alone_writes_in_the_thread_of_its_caller() -> None:
    story = Story()
    assert carry_out(story.push("a", 2)) == "a ended"
    assert story.log == ["a begins", "a1 here", "a1 is known", "a2 here", "a2 is known"]


def test_after_a_failed_write_the_next_one_waits_until_its_push_is_settled() -> None:
    story, overlap = Story("a1"), Overlap[str, str](LateWriter())
    for name in ("a", "b"):
        overlap.begin(name, story.push(name))
    for key, result in overlap.results(leave=1):
        assert (key, result) == ("a", "a failed")
        assert "b1" not in story.log
        assert overlap.abandon() == ["b"]
    assert story.log == ["a begins", "b begins", "a1"]
    assert not len(overlap)


def test_a_failed_write_keeps_back_those_of_later_pushes_only() -> None:
    story, overlap = Story("b1"), Overlap[str, str](LateWriter())
    overlap.begin("a", story.push("a", 3))
    for name in ("b", "c"):
        overlap.begin(name, story.push(name))
    for key, result in overlap.results(leave=0):
        if key == "b":
            assert result == "b failed"
            assert "a3 is known" in story.log
            assert "c1" not in story.log
    assert story.log[-1] == "c1 is known"


def test_what_was_prepared_is_not_sent_once_it_is_abandoned() -> None:
    story, overlap = Story(), Overlap[str, str](LateWriter())
    for name in ("a", "b", "c"):
        overlap.begin(name, story.push(name))
        assert results(overlap, leave=3) == []
    assert overlap.abandon() == ["a", "b", "c"]
    assert story.log == ["a begins", "b begins", "c begins"]


def test_a_push_to_a_busy_item_waits_for_the_others() -> None:
    story, overlap = Story(), Overlap[str, str](LateWriter())
    overlap.begin("a", story.push("a", 2))
    overlap.begin("b", story.push("b", waits=True))
    assert results(overlap) == ["a ended", "b ended"]
    assert story.log.index("a2 is known") < story.log.index("b1 here")


def test_the_first_push_may_have_to_wait_for_the_second_one() -> None:
    story, overlap = Story(), Overlap[str, str](LateWriter())
    overlap.begin("a", story.push("a", waits=True))
    overlap.begin("b", story.push("b", 2))
    assert results(overlap) == ["a ended", "b ended"]
    assert story.log.index("b2 is known") < story.log.index("a1")


def test_a_waiting_push_that_is_left_alone_goes_on() -> None:
    story, overlap = Story(), Overlap[str, str](LateWriter())
    overlap.begin("a", story.push("a"))
    overlap.begin("b", story.push("b", waits=True))
    assert results(overlap, leave=1) == ["a ended"]
    assert results(overlap, leave=1) == []
    overlap.begin("c", story.push("c"))
    assert results(overlap) == ["b ended", "c ended"]


PUSHES = st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=8)
WRITES = st.sampled_from([f"{name}{number}" for name in "abcdefgh" for number in (1, 2, 3)])


@given(PUSHES, st.integers(1, 4), st.sets(WRITES))
def test_every_push_ends_in_order_and_its_writes_come_one_after_the_other(
    pushes: list[tuple[int, bool]], depth: int, refused: set[str]
) -> None:
    story, overlap = Story(*refused), Overlap[str, str](LateWriter())
    ended = []
    for name, (writes, waits) in zip("abcdefgh", pushes, strict=False):
        overlap.begin(name, story.push(name, writes, waits=waits))
        ended += results(overlap, leave=depth)
        assert len(overlap) <= depth
    ended += results(overlap)
    assert [each[0] for each in ended] == list("abcdefgh"[: len(pushes)])
    for name, (writes, _) in zip("abcdefgh", pushes, strict=False):
        sent = [each.split()[0] for each in story.log if each.split()[0][0] == name and each.split()[0][1:]]
        failed = next((number for number in range(1, writes + 1) if f"{name}{number}" in refused), None)
        known = [f"{name}{number}" for number in range(1, (failed or writes + 1)) for _ in range(2)]
        assert sent == known + ([f"{name}{failed}"] if failed else [])


def test_the_thread_hands_over_what_a_write_raises() -> None:
    story, writer = Story("a1"), WriteThread()
    writer._ended_at = float("inf")  # there is no connection to close
    writer.start(story.write("a1"))
    with pytest.raises(RefusedError):
        writer.wait()
    writer.close()
    assert story.log == ["a1"]


@pytest.mark.parametrize("refused", [(), ("a1",)])
def test_a_write_after_one_that_failed_is_not_begun(refused: tuple[str, ...]) -> None:
    story, writer = Story(*refused), WriteThread()
    writer._ended_at = float("inf")  # as above
    for name in ("a1", "b1", "c1"):
        writer.start(story.write(name))
    with pytest.raises(RefusedError) if refused else nullcontext():
        writer.wait()
    writer.drop()
    writer.close()
    assert story.log == ["a1"] if refused else story.log[:1] == ["a1"]


@pytest.mark.parametrize("is_refused", [False, True])
def test_the_caller_learns_of_a_write_once_the_next_one_is_sent(is_refused: bool) -> None:
    story, writer, may_end, may_answer = Story(*["b1"] * is_refused), WriteThread(), Event(), Event()
    writer._ended_at = float("inf")  # as above

    def send_first(client: PlexClient) -> None:
        assert may_end.wait(10)
        story.write("a1").send(client)

    def send_next(client: PlexClient) -> None:
        sleep(0.05)  # time enough for the caller to go on too soon
        story.log.append("b1 is sent")
        bounded._sending.when_sent()
        assert may_answer.wait(10)
        story.write("b1").send(client)

    for each in (send_first, send_next):
        writer.start(CLIENTS.write(each))
    may_end.set()
    writer.wait()
    story.log.append("a1 is known")
    may_answer.set()
    with pytest.raises(RefusedError) if is_refused else nullcontext():
        writer.wait()
    writer.close()
    assert story.log == ["a1", "b1 is sent", "a1 is known", "b1"]


def test_the_caller_learns_of_a_write_even_if_the_next_one_cannot_be_sent() -> None:
    story, writer, may_end = Story("b1"), WriteThread(), Event()
    writer._ended_at = float("inf")  # as above

    def send_first(_client: object) -> None:
        assert may_end.wait(10)

    writer.start(CLIENTS.write(send_first))
    writer.start(story.write("b1"))
    may_end.set()
    writer.wait()
    with pytest.raises(RefusedError):
        writer.wait()
    writer.close()


def test_the_faster_plex_writes_the_more_is_prepared() -> None:
    writer = WriteThread()
    assert writer.depth == 1
    depths = []
    for took_s in (0.0, 0.005, 0.012, 0.05, 2.0):
        writer._took_s = took_s
        depths.append(writer.depth)
    assert depths == [6, 6, 4, 1, 1]


@pytest.mark.parametrize(("times_s", "depth"), [([0.005], 6), ([0.005, 0.04], 4), ([0.005] + [0.05] * 9, 1)])
def test_a_single_slow_write_does_not_empty_the_pipeline(
    monkeypatch: pytest.MonkeyPatch, times_s: list[float], depth: int
) -> None:
    now_s = 0.0

    def take(seconds: float, _client: object) -> None:
        nonlocal now_s
        now_s += seconds

    monkeypatch.setattr("push.writes.SYSTEM", SimpleNamespace(monotonic=lambda: now_s))
    writer = WriteThread()
    for time_s in times_s:
        writer.start(CLIENTS.write(partial(take, time_s)))
        writer.wait()
    writer.close()
    assert writer.depth == depth
