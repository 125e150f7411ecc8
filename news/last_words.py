"""Has Stash write to its log why a worker cannot work at all."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import TYPE_CHECKING

from local.hide_paths import PathHider
from local.storage import LocalStorage
from news.decide import decide_news
from news.said import Said
from news.situation import Situation
from news.speaker import HOUR_S, said_file
from stash.say import say_without_packages
from store.worker_file import read_worker_report

if TYPE_CHECKING:
    from collections.abc import Sequence

    from local.clock import Clock
    from news.collect import WarningCollector


def say_last_words(directory: str, warnings: WarningCollector, *, clock: Clock, log: logging.Logger) -> None:
    """Say what the worker has logged before it ended by an error, as far as it was not said before."""
    now, notices, said = clock.now(), warnings.notices, Said()
    warnings.drop(notices)
    file = said_file(directory, clock=clock, log=log)
    with suppress(LocalStorage):
        said = file.read()
    news = decide_news(said, Situation(warnings=notices), now=now, hour_s=clock.interval(HOUR_S))
    if news.notices:
        with suppress(LocalStorage):  # this process says it once all the same
            file.update(lambda _: news.said)
        _say(directory, [(notice.level, notice.text) for notice in news.notices], now)


def say_what_is_missing(directory: str, text: str, *, clock: Clock) -> None:
    """Say that the worker's packages are missing."""
    _say(directory, [(logging.ERROR, text)], clock.now())


def _say(directory: str, lines: Sequence[tuple[int, str]], now: float) -> None:
    paths = PathHider(directory, is_on=read_worker_report(directory).hide_paths)
    say_without_packages(directory, [(level, paths.show(text)) for level, text in lines], now=now)
