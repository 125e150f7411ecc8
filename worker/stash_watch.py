"""Watches whether Stash answers, and asks it again from time to time for the settings and for what changed last."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from local.clock import Countdown, Stopwatch
from local.log_marks import SAID_OTHERWISE
from store.worker_file import WAITING_FOR_STASH

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable

    from local.clock import Clock
    from stash.settings import Settings
    from store.worker_file import WorkerFile
    from worker.stash_link import StashLink


@dataclass(frozen=True, slots=True, kw_only=True)
class StashTimes:
    """In real seconds.

    The settings are read again every `settings_s`, by an idle worker every `settings_idle_s`; after an event this may
    be as often as every `settings_after_event_s`. Every `newest_s`, the same query asks what changed last. While Stash
    is away, it is asked again every `retry_s`, for `away_limit_s`.
    """

    settings_s: float
    settings_idle_s: float
    settings_after_event_s: float
    newest_s: float
    retry_s: float
    away_limit_s: float


def stash_times(clock: Clock) -> StashTimes:
    """Settings every 10 s, after an event every 1 s, idle every 60 s, as changes; a retry every 2 s for 10 minutes."""
    return StashTimes(
        settings_s=clock.interval(10),
        settings_idle_s=clock.interval(60),
        settings_after_event_s=clock.interval(1),
        newest_s=clock.interval(60),
        retry_s=clock.interval(2),
        away_limit_s=clock.interval(600),
    )


class StashWatch:
    """`on_new_settings`: called with new settings, and whether this worker has read others before."""

    def __init__(
        self,
        *,
        link: StashLink,
        worker_file: WorkerFile,
        on_new_settings: Callable[[Settings, bool], None],
        clock: Clock,
        log: logging.Logger,
    ) -> None:
        self._link = link
        self._worker_file = worker_file
        self._on_new_settings = on_new_settings
        self._times = stash_times(clock)
        self._log = log
        self._applied: Settings | None = None  # as last passed on; the link may have read newer ones
        self._clock = clock
        self._since_read = Stopwatch(clock)
        self._until_newest = Countdown(clock)
        self._absence = Stopwatch(clock)
        self._until_retry = Countdown(clock)
        self._trouble = ""  # of the current or the last absence
        self._has_answered = False  # for its settings, since then

    @property
    def is_away(self) -> bool:
        """Whether Stash failed to answer the last request, not counting those for settings."""
        return self._absence.is_running

    @property
    def is_disabled(self) -> bool:
        """Whether the plugin was disabled in Stash when the settings were last read."""
        return self._link.is_plugin_disabled

    @property
    def trouble(self) -> str:
        """What Stash has not answered for a while, although it answers for its settings; "" if there is nothing."""
        has_lasted = self._has_answered and self._absence.passed_s >= self._times.settings_s
        return self._trouble if self.is_away and has_lasted else ""

    @property
    def takes_messages(self) -> bool:
        """Whether Stash is there to write to its log."""
        return not self.is_disabled and (not self.is_away or bool(self.trouble))

    @property
    def is_paused(self) -> bool:
        """Whether *Pause* was on when the settings were last read."""
        settings = self._link.settings
        return bool(settings and settings.paused)

    def retry_in_s(self) -> float:
        """How long to wait before asking an absent Stash again; 0 if it may be asked now."""
        return self._until_retry.left_s if self.is_away else 0.0

    def is_away_too_long(self) -> bool:
        """Whether Stash has been away so long that the worker leaves."""
        return self._absence.passed_s >= self._times.away_limit_s

    def are_settings_stale(self, *, after_event: bool) -> bool:
        """Whether to read the settings again even though no batch starts; True if they were never read."""
        limit_s = self._times.settings_after_event_s if after_event else self._times.settings_s
        return self._applied is None or self._since_read.passed_s >= limit_s

    def is_look_due(self, *, is_idle: bool) -> bool:
        """Whether the settings that were read last are too old, whatever the worker does or waits for."""
        limit_s = self._times.settings_idle_s if is_idle else self._times.settings_s
        return self._applied is not None and not self.retry_in_s() and self._since_read.passed_s >= limit_s

    def read_settings(self, *, before_change: Callable[[], object]) -> Settings:
        """Read the settings and pass on new ones. This does not end an absence: Stash may still fail for scenes.

        `before_change`: see StashLink.
        Raises StashUnavailable, PluginDisabled among it, and StashRefused.
        """
        before, asks_newest = self._applied, self._until_newest.is_over
        settings = self._link.read_settings(
            newest_at=self._clock.now() if asks_newest else None, before_change=before_change
        )
        if asks_newest:
            self._until_newest.start(self._times.newest_s)
        self._applied = settings
        self._has_answered = True
        self._since_read.restart()
        if settings != before:
            self._on_new_settings(settings, before is not None)
        return settings

    def note_away(self, text: str, now: float) -> None:
        """Stash failed and would fail for the next scene too. Logged once for each absence. `now`: epoch seconds."""
        self._trouble = f"Stash does not answer as needed: {text}"
        self._worker_file.report(WAITING_FOR_STASH, now, stopped_by="stash", message=self._trouble)
        if not self._absence.is_running:
            self._absence.start()
            self._has_answered = False
            # By the time that a Stash that was away can say it, it is no longer so; else see `trouble`.
            self._log.warning("%s. PlexSync waits for it.", self._trouble, extra=SAID_OTHERWISE)
        self._until_retry.start(self._times.retry_s)

    def note_back(self) -> None:
        """Stash answered a request like the one that failed."""
        self._absence.stop()
