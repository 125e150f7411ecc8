from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tasks.drain_progress import Drain

NOW = 1000.0


def test_jobs_found_are_done_waiting_or_due() -> None:
    drain = Drain([1, 2, 3, 4, 5])
    remaining = drain.note(
        {2: 0.0, 3: NOW + 7, 9: 0.0}, [(1, "pushed", NOW), (4, "dead", NOW), (8, "pushed", NOW)], entities=0, now=NOW
    )
    assert (remaining.due, remaining.waiting, remaining.next_due_at) == (1, 1, NOW + 7)
    assert drain.tally == {"pushed": 1, "dead": 1, "gone": 1}
    assert (drain.found, drain.done) == (5, 3)


def test_a_scene_that_becomes_dirty_again_counts_once() -> None:
    drain = Drain([1])
    assert drain.note({1: 0.0}, [(1, "pushed", NOW)], entities=0, now=NOW).due == 0
    drain.note({}, [(1, "unchanged", NOW + 1)], entities=0, now=NOW + 1)
    assert drain.tally["pushed"] == 1
    assert drain.tally["unchanged"] == 0


def test_a_scene_is_done_before_its_cover_but_the_drain_is_not() -> None:
    drain, both = Drain([1, 2]), {1: 0.0, 2: NOW + 7}
    settled = [(1, "pushed", NOW), (2, "pushed", NOW)]
    remaining = drain.note(both, settled, covers_left=frozenset({1, 2, 3}), entities=0, now=NOW)
    assert (remaining.due, remaining.waiting, remaining.covers) == (1, 1, 2)
    assert (drain.done, drain.fraction) == (2, 0.5)
    assert "2 covers to follow" in drain.line(remaining)
    remaining = drain.note({2: 0.0}, settled, covers_left=frozenset(), entities=0, now=NOW)  # dirty again
    assert (remaining.due, drain.fraction, drain.tally["pushed"]) == (0, 1.0, 2)


def test_only_entities_pending_at_the_start_count() -> None:
    drain = Drain([], entities=1)
    assert drain.note({}, [], entities=3, now=NOW).due == 1
    assert drain.note({}, [], entities=0, now=NOW).due == 0


def test_pace_covers_the_last_half_minute_and_is_unknown_at_first() -> None:
    drain = Drain(range(1000))
    remaining = drain.note(dict.fromkeys(range(1000), 0.0), [], entities=0, now=NOW)
    assert drain.per_second() is None
    assert "not known yet" in drain.line(remaining)
    for second in range(1, 61):
        done = [(scene, "pushed", NOW) for scene in range(second * 10)]
        remaining = drain.note(dict.fromkeys(range(1000), 0.0), done, entities=0, now=NOW + second)
    assert drain.per_second() == 10
    assert drain.line(remaining) == "600 of 1000 done, 10 a second, about 40 s left"


@given(st.sets(st.integers(1, 50)), st.sets(st.integers(1, 50)), st.sets(st.integers(1, 50)))
def test_counts_add_up(found: set[int], pending: set[int], settled: set[int]) -> None:
    drain = Drain(found)
    done = [(scene, "pushed", NOW) for scene in settled]
    remaining = drain.note(dict.fromkeys(pending, 0.0), done, entities=0, now=NOW)
    assert sum(drain.tally.values()) + remaining.due + remaining.waiting == len(found)
