from __future__ import annotations

import pytest

from local.clock import CORRECTION_S, Countdown, Stopwatch, is_plausible
from tests.support.clocks import SetClock

NOW = SetClock().now()
JUMPS = pytest.mark.parametrize("jump_s", [0.0, -3600.0, 3600.0, -1e8, 1e8])


@JUMPS
def test_a_countdown_runs_whatever_is_done_to_the_system_clock(jump_s: float) -> None:
    clock = SetClock()
    wait = Countdown(clock)
    assert wait.is_over
    wait.start(10)
    clock.set(NOW + 4)
    clock.jump(jump_s)
    assert (wait.left_s, wait.is_over) == (6, False)
    clock.set(clock.now() + 6)
    assert (wait.left_s, wait.is_over) == (0, True)
    wait.start(5)
    wait.stop()
    assert wait.is_over


@JUMPS
def test_a_stopwatch_measures_whatever_is_done_to_the_system_clock(jump_s: float) -> None:
    clock = SetClock()
    watch = Stopwatch(clock)
    assert (watch.is_running, watch.passed_s) == (False, 0)
    watch.start()
    clock.jump(jump_s)
    clock.set(clock.now() + 3)
    watch.start()
    assert (watch.is_running, watch.passed_s) == (True, 3)
    watch.restart()
    assert watch.passed_s == 0
    watch.stop()
    assert (watch.is_running, watch.passed_s) == (False, 0)


@pytest.mark.parametrize(("jump_s", "was_set"), [(0.0, False), (0.5, False), (-0.5, False), (2.0, True), (-2.0, True)])
def test_a_moment_tells_whether_the_clock_was_set_since(jump_s: float, *, was_set: bool) -> None:
    clock = SetClock()
    moment = clock.moment()
    clock.set(NOW + 7)
    clock.jump(jump_s)
    assert moment.age_s(clock) == 7
    assert moment.was_clock_set(clock) is was_set


def test_only_a_time_in_the_future_is_implausible() -> None:
    assert is_plausible(0.0, NOW)
    assert is_plausible(NOW + CORRECTION_S, NOW)
    assert not is_plausible(NOW + CORRECTION_S + 1, NOW)
