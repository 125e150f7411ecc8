"""Any history of edits, undos, kills, lost answers, outages, and items and scenes that come and go ends well.

The invariant: when everything has settled, Plex shows what Stash says; at every moment, what PlexSync stores as "Plex
has it" is true; nothing of a former owner is left in an item; what a person put there is untouched.

PLEXSYNC_TEST_STEPS sets the number of steps: 1,000, or 200,000 with PLEXSYNC_TEST_LONG.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from sim.faults import Fault, is_write
from tests.support.history import MOST_FILES, NAMES, POOLS, History
from tests.support.world_here import WorldHere

if TYPE_CHECKING:
    from sim.faults import Request

STEPS_PER_HISTORY = 40
STEPS = int(os.environ.get("PLEXSYNC_TEST_STEPS") or (200_000 if os.environ.get("PLEXSYNC_TEST_LONG") else 1_000))
LOSSES = {
    "dropped": Fault.dropped(),
    "dropped afterwards": Fault.dropped(after=True),
    "500": Fault.answer(500),
    "500 afterwards": Fault.answer(500, after=True),
    "503 afterwards": Fault.answer(503, after=True),
    "truncated": Fault.truncated(),
    "busy": Fault.busy("1"),
}
A_LOSS = st.sampled_from(sorted(LOSSES))
ANY = st.integers(0, 5)
CHANGES = st.dictionaries(st.sampled_from(sorted(POOLS)), st.integers(0, 3), min_size=1, max_size=3)
TEXTS = ("title", "summary", "studio", "user_rating")
LISTS = ("genres", "actors", "collections")
# After an edit the worker does nothing yet, works for so many rounds, or everything comes to rest.
THEN = st.sampled_from((0, 0, 1, 3, -1))


class Histories(RuleBasedStateMachine):
    """Rules say what happens to Stash, to Plex, to the network and to the worker."""

    def __init__(self) -> None:
        super().__init__()
        self.world = WorldHere(depth=3)
        self.history = History(self.world)

    def teardown(self) -> None:
        self.world.close()

    @initialize(in_films=st.booleans(), changes=CHANGES, others=CHANGES)
    def begin(self, *, in_films: bool, changes: dict[str, int], others: dict[str, int]) -> None:
        for number, values in enumerate((changes, others)):
            self.history.add_file(in_movies=True, in_films=in_films and not number)
            self.history.edit(number, values, is_told=True)
        self.history.rest()

    # Stash

    @precondition(lambda self: self.history.paths < MOST_FILES)
    @rule(in_movies=st.booleans(), in_films=st.booleans(), has_values=st.booleans())
    def a_file_is_added(self, *, in_movies: bool, in_films: bool, has_values: bool) -> None:
        self.history.add_file(in_movies=in_movies, in_films=in_films, has_values=has_values)

    @rule(which=ANY, changes=CHANGES, then=THEN)
    def save(self, which: int, changes: dict[str, int], then: int) -> None:
        self.history.edit(which, changes, is_told=True)
        self.go_on(then)

    @rule(which=ANY, changes=CHANGES, is_told=st.booleans(), then=THEN)
    def edit(self, which: int, changes: dict[str, int], then: int, *, is_told: bool) -> None:
        self.history.edit(which, changes, is_told=is_told)
        self.go_on(then)

    @rule(which=ANY, is_told=st.booleans(), then=THEN)
    def undo(self, which: int, then: int, *, is_told: bool) -> None:
        self.history.undo(which, is_told=is_told)
        self.go_on(then)

    @rule(which=ANY, is_told=st.booleans(), changes=st.none() | CHANGES, then=THEN)
    def a_file_gets_another_scene(
        self, which: int, changes: dict[str, int] | None, then: int, *, is_told: bool
    ) -> None:
        """`changes`: what the user enters for the new one; None: nothing scans the file before `stash_scans`."""
        self.history.delete_scene(which, is_told=is_told)
        self.go_on(then)
        if changes:
            self.history.scan_stash()
            self.history.edit(-1, changes, is_told=True)

    @rule()
    def stash_scans(self) -> None:
        self.history.scan_stash()

    @rule(which=ANY, other=ANY, then=THEN)
    def scenes_are_merged(self, which: int, other: int, then: int) -> None:
        self.history.merge_scenes(which, other)
        self.go_on(then)

    @rule(kind=st.sampled_from(sorted(NAMES)), which=ANY, name=st.none() | ANY)
    def an_entity_changes(self, kind: str, which: int, name: int | None) -> None:
        if name is None:
            self.history.delete_entity(kind, which)
        else:
            self.history.rename_entity(kind, which, name)

    @rule(what=st.sampled_from(("keep_plex_edits", "plex_library")))
    def a_setting_is_changed(self, what: str) -> None:
        is_on = bool(self.world.settings.get(what))
        self.history.configure(**{what: not is_on if what == "keep_plex_edits" else "" if is_on else "Movies"})

    # Plex

    @precondition(lambda self: self.history.items())
    @rule(which=ANY, what=st.sampled_from((*TEXTS, *LISTS)), value=st.sampled_from(("3", "7")))
    def a_person_edits_an_item(self, which: int, what: str, value: str) -> None:
        if what in TEXTS:
            self.history.enter_text(which, what, value)
        elif value == "3":
            self.history.add_name(which, what)
        else:
            self.history.remove_name(which, what)

    @precondition(lambda self: self.history.items())
    @rule(which=ANY, other=ANY, what=st.sampled_from(("lost", "replaced", "joined", "joined", "split")), then=THEN)
    def plex_changes_an_item(self, which: int, other: int, what: str, then: int) -> None:
        if what == "joined":
            self.history.join_items(which, other)
        else:
            change = {"lost": "lose_item", "replaced": "replace_item", "split": "split_item"}[what]
            getattr(self.history, change)(which)
        self.go_on(then)

    @rule(which=ANY, section=st.integers(0, 1))
    def plex_finds_a_file(self, which: int, section: int) -> None:
        self.history.find_file(which, section)

    # What goes wrong

    @rule(loss=A_LOSS, times=st.integers(1, 3), what=st.sampled_from(("", "PUT", "PUT", "POST", "GET")))
    def answers_get_lost(self, loss: str, times: int, what: str) -> None:
        self.world.plex.fault(LOSSES[loss], method=what, times=times)

    @precondition(lambda self: self.history.items())
    @rule(which=ANY, loss=A_LOSS)
    def an_item_takes_no_edit(self, which: int, loss: str) -> None:
        key = self.history.an_item(which).rating_key
        self.world.plex.fault(LOSSES[loss], when=is_write, rating_key=key, times=2)

    @rule(after_writes=st.integers(0, 2), loss=A_LOSS)
    def an_outage_begins(self, after_writes: int, loss: str) -> None:
        """At once, or with the answer to the first or second write from now on."""
        left = [after_writes]

        def is_last(request: Request) -> bool:
            left[0] -= is_write(request)
            return is_write(request) and left[0] == 0

        self.world.plex.fault(Fault.dropped(after=True), when=is_last, times=1)
        self.world.plex.fault(LOSSES[loss], when=lambda _: left[0] <= 0)

    @rule(times=st.integers(0, 4), loss=st.sampled_from(("dropped", "500")))
    def stash_stumbles(self, times: int, loss: str) -> None:
        if times:
            self.world.stash.fail(LOSSES[loss], times=times)
        else:
            self.world.heal()

    @rule(points=st.integers(-2, 30), then=THEN)
    def the_worker_is_killed(self, points: int, then: int) -> None:
        """So many kill points from now, or at once. -2: it is replaced by another one, in order."""
        if points < 0:
            self.world.stop() if points == -2 else self.world.kill()
        else:
            self.world.points.left = points
        self.go_on(then)

    # Time passes

    @rule(rounds=st.integers(1, 6))
    def the_worker_works(self, rounds: int) -> None:
        self.world.run(rounds)

    @rule()
    def rest(self) -> None:
        self.history.rest()

    @rule()
    def rest_and_reconcile(self) -> None:
        self.history.reconcile()

    def go_on(self, then: int) -> None:
        if then < 0:
            self.history.rest()
        elif then:
            self.world.run(then)

    @invariant()
    def what_is_believed_is_true(self) -> None:
        self.history.check_beliefs()


TestHistories = Histories.TestCase
TestHistories.settings = settings(
    max_examples=max(1, STEPS // STEPS_PER_HISTORY),
    stateful_step_count=STEPS_PER_HISTORY,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
