"""The demonstration, act by act; each act waits until its effect is visible."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from demo.world import LOOK_S, TIME_SCALE, circuit_state, worker_doing
from sim.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from demo.screen import Screen
    from demo.world import DemoWorld, Film
    from sim.faults import Request
    from sim.stash.plugin_host import Invocation

BULK = 10
# Everything takes a second or two, longer on a busy machine.
ARRIVES_WITHIN_S = 15.0
DRAINED_WITHIN_S = 30.0
BAR_EVERY_S = 0.5
HTTP_STARTING = 503
HOOK = (
    "At each Save, Stash starts PlexSync and waits for it: that is a hook. PlexSync only notes which scene has "
    "changed. A second process, the worker, does the rest in the background: it reads the scene from Stash and pushes "
    "to Plex what differs there."
)
NOTICED = (
    "has noticed. It pushes nothing and only checks from time to time whether Plex is back. The {count} changes wait "
    "on the disk: not even a power cut would lose them."
)
BACK = (
    "has pushed one change, and it arrived: Plex takes changes again, so the outage is over. The other changes follow, "
    "slowly at first, since a Plex that has just started has much to do."
)
STATUS = (
    "PlexSync's tasks are on Stash's page Settings > Tasks. This one says what waits and why. In Stash's log it writes:"
)
SUMMARY = "This one looks back:"


class NotArrivedError(Exception):
    """Names what the demonstration waited for in vain, or what went wrong instead."""


class Story:
    """One run through all acts."""

    def __init__(self, world: DemoWorld, screen: Screen) -> None:
        self.world = world
        self.plex, self.stash, self.screen = world.plex, world.stash, screen
        self._said = 0  # lines of Stash's log that were shown

    def tell(self) -> None:
        """Run all acts. Raises NotArrivedError."""
        self.edit_one()
        self.edit_many()
        self.remove_tag()
        self.go_through_outage()
        self.show_task("5. What the user sees: the task View Queue Status", "View Queue Status", STATUS)
        self.show_task("6. The task Outage Summary Report", "Outage Summary Report", SUMMARY)

    def edit_one(self) -> None:
        """Save the whole edit form while there is no worker; then save another title, now with a worker."""
        film = self.world.films[0]
        self.screen.head("1. An edit in Stash arrives in Plex")
        self.screen.say(HOOK)
        before = self.plex.item(film.item)
        self.stash.update_scene(
            film.scene,
            title="Harbour at Dawn",
            details="Two friends wait for the ferry.",
            date="2021-06-04",
            rating100=85,
            studio_id=self._id_of("studio", "Blue Door"),
            tag_ids=[self._id_of("tag", name) for name in ("Drama", "Outdoor")],
            performer_ids=[self._id_of("performer", name) for name in ("Ada Lind", "Tom Berg")],
        )
        self._tell_save("somebody fills in the edit form of a scene and presses Save")
        self._wait(lambda: self._shows_first_edit(film), "the first edit")
        self._tell_arrival(film, "the hook had to start a worker")
        self.screen.compare(before, self.plex.item(film.item))
        self.stash.update_scene(film.scene, title="Harbour at Dawn (1989)")
        self._tell_save("the same scene gets another title")
        self._wait(lambda: self.plex.item(film.item).title.endswith("(1989)"), "the second edit")
        self._tell_arrival(film, "the worker was there already")

    def _shows_first_edit(self, film: Film) -> bool:
        """Title and rating are sent in requests of their own."""
        item = self.plex.item(film.item)
        return item.title == "Harbour at Dawn" and item.user_rating is not None

    def edit_many(self) -> None:
        """Give one tag to several scenes: one hook and one push for each."""
        films = self.world.films[1 : BULK + 1]
        self.screen.head(f"2. A bulk edit of {BULK} scenes")
        self.screen.say("Each scene has a hook of its own. What is a tag in Stash is a genre in Plex.")
        given = {"ids": [self._id_of("tag", "Classic")], "mode": "ADD"}
        self.stash.bulk_update([film.scene for film in films], tag_ids=given)
        hooks = self._hooks()[-BULK:]
        took_ms = 1000 * sum(hook.duration_s or 0 for hook in hooks)
        self._stash(f'they get the tag "Classic"; Stash runs {BULK} hooks one after the other, {took_ms:.0f} ms in all')
        self._wait(lambda: all("Classic" in self.plex.item(film.item).genres for film in films), "the bulk edit")
        last = max(request.at for film in films for request in self._edits_of(film))
        after_ms = 1000 * (last - hooks[0].started_at)
        self._plex(f"all {BULK} have the genre, the last one {after_ms:.0f} ms after the first hook began")

    def remove_tag(self) -> None:
        """Remove a tag in Stash: what PlexSync added to Plex goes, what a person added stays."""
        film = self.world.films[0]
        self.screen.head("3. A tag removed in Stash leaves Plex; a genre added by hand in Plex stays")
        self.screen.say("PlexSync takes out of Plex only what it has put there itself.")
        self.plex.edit_by_hand(film.item, genres=("Drama", "Outdoor", "Our favourites"))
        self._plex('somebody adds the genre "Our favourites" by hand')
        before = self.plex.item(film.item)
        self.stash.update_scene(film.scene, tag_ids=[self._id_of("tag", "Drama")])
        self._tell_save('the tag "Outdoor" is taken away')
        self._wait(lambda: "Outdoor" not in self.plex.item(film.item).genres, "the removal of a tag")
        self._tell_arrival(film, "what is left:")
        self.screen.compare(before, self.plex.item(film.item))
        if set(self.plex.item(film.item).genres) != {"Drama", "Our favourites"}:
            raise NotArrivedError(f"the genres are {self.plex.item(film.item).genres}")

    def go_through_outage(self) -> None:
        """Plex goes away, starts and comes back; nobody touches PlexSync."""
        films = self.world.films
        self.screen.head(f"4. An outage ({TIME_SCALE} times as fast as in real life)")
        self.screen.say("Plex goes down, as for an update, while people go on editing in Stash.")
        off = self.plex.fault(Fault.refused())
        self._plex("switched off")
        self.stash.bulk_update([film.scene for film in films], studio_id=self._id_of("studio", "Lantern House"))
        slowest_ms = 1000 * max(hook.duration_s or 0 for hook in self._hooks()[-len(films) :])
        self._stash(
            f'{len(films)} scenes get the studio "Lantern House"; the slowest hook took {slowest_ms:.0f} ms: nobody '
            "who works in Stash notices the outage"
        )
        self._wait(lambda: circuit_state(self.world.data) == "open", "the opening of the circuit")
        self._plexsync(NOTICED.format(count=len(films)))
        self.plex.clear_requests()
        starting = self.plex.fault(Fault.starting())
        self.plex.heal(off)
        self._plex("switched on again: its port is open, its database is not")
        self._wait(lambda: any(each.status == HTTP_STARTING for each in self.plex.requests), "a probe")
        asked = ", ".join(f"{each.path} {each.status}" for each in self.plex.requests if each.status)
        self._plex(f"is asked by PlexSync: {asked}. 200 is a good answer, 503 means not yet. So PlexSync waits.")
        if any(each.method == "PUT" for each in self.plex.requests):
            raise NotArrivedError("Plex was sent an edit while it was down; only probes should have come")
        self.plex.heal(starting)
        self._plex("the database is open; PlexSync finds out at its next check")
        self._watch_drain("Lantern House")

    def _watch_drain(self, studio: str) -> None:
        whole = len(self.world.films)
        began = shown = time.monotonic()
        self._wait(lambda: circuit_state(self.world.data) == "closed", "the end of the outage")
        self._plexsync(BACK)

        def count() -> int:
            return sum(self.plex.item(film.item).studio == studio for film in self.world.films)

        def is_drained() -> bool:
            nonlocal shown
            done, now = count(), time.monotonic()
            if done == whole or (done and now >= shown + BAR_EVERY_S):
                shown = now
                self.screen.bar(now - began, done, whole)
            return done == whole

        self._wait(is_drained, "the edits made during the outage", within_s=DRAINED_WITHIN_S)
        # By then the counts in the reports of the next acts are complete.
        self._wait(lambda: worker_doing(self.world.data) == "watching", "the end of the worker's work")

    def show_task(self, heading: str, task: str, introduction: str) -> None:
        """Show what a task writes to Stash's log, the newest line first, as its page does."""
        self.screen.head(heading)
        self.screen.say(introduction)
        result = self.stash.run_task(task, timeout_s=ARRIVES_WITHIN_S)
        if result.error is not None:
            raise NotArrivedError(f"the task {task} answered: {result.error}")
        for line in reversed(result.log):
            self.screen.quote(line.text)

    # Waiting and reading

    def _wait(self, is_there: Callable[[], bool], what: str, *, within_s: float = ARRIVES_WITHIN_S) -> None:
        """Wait for a condition and show what comes to Stash's log meanwhile. Raises NotArrivedError."""
        give_up_at = time.monotonic() + within_s
        self._tell_log()
        while not is_there():
            if time.monotonic() > give_up_at:
                raise NotArrivedError(f"{what} did not arrive within {within_s:g} s")
            time.sleep(LOOK_S)
            self._tell_log()
        self._tell_log()

    def _hooks(self) -> list[Invocation]:
        """Every hook so far. Raises NotArrivedError if one did not do what it should."""
        hooks = [each for each in self.stash.invocations if b'"hookContext"' in each.stdin]
        for hook in hooks:
            if hook.exit_code != 0 or hook.stdout != b'{"output": "queued"}':
                raise NotArrivedError(f"the hook {hook.why} ended with {hook.exit_code} and answered {hook.stdout!r}")
        return hooks

    def _edits_of(self, film: Film) -> list[Request]:
        return [each for each in self.plex.requests if each.method == "PUT" and film.item in each.rating_keys]

    def _id_of(self, kind: str, name: str) -> str:
        return str(self.stash.add_entity(kind, name))

    # Reporting

    def _tell_log(self) -> None:
        lines = self.stash.log[self._said :]
        self._said += len(lines)
        for line in lines:
            if line.plugin:
                self.screen.say(f"Stash's log: {line.text}", mark="stash")

    def _tell_save(self, what: str) -> None:
        hook = self._hooks()[-1]
        took_ms = 1000 * (hook.duration_s or 0)
        self._stash(f"{what}; the hook takes {took_ms:.0f} ms")

    def _tell_arrival(self, film: Film, how: str) -> None:
        """Show the time from the start of the last hook to the arrival of the last edit."""
        after_ms = 1000 * (self._edits_of(film)[-1].at - self._hooks()[-1].started_at)
        self._plex(f"has it {after_ms:.0f} ms after the hook began; {how}")

    def _stash(self, text: str) -> None:
        self.screen.say(text, mark="stash")

    def _plexsync(self, text: str) -> None:
        self.screen.say(text, mark="plexsync")

    def _plex(self, text: str) -> None:
        self.screen.say(text, mark="plex")
