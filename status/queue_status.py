"""View Queue Status: the state of everything, as the answer and as a block of lines for the log.

It uses no package that has to be installed, so it works before anything else does.
"""

from __future__ import annotations

from local.data_directory import LEDGER
from push.advice import advice_for
from status import files
from status.look import Look
from status.report import INFO, WARNING, report_lines
from status.status_lines import status_lines
from store.reader import OPEN

TYPE_CHECKING = False  # the module `typing` takes time to load
if TYPE_CHECKING:
    from collections.abc import Iterable

    from status.answers import DeadLetterExample, StatusAnswer
    from status.look import Asked
    from store.reader import Reader

# Dead letters shown of each error class.
EXAMPLES = 3
_EXAMPLES = f"""
SELECT scene_id, title, path, error_class, error_text, attempts, failed_first_at, failed_last_at, outage_id
FROM dead_letter WHERE error_class = ? AND {OPEN} ORDER BY failed_last_at DESC LIMIT ?
"""  # noqa: S608 - our own names


def queue_status(asked: Asked) -> StatusAnswer:
    """View Queue Status. What cannot be read counts as empty and is logged as a warning. Waits for nobody."""
    look = Look(asked)
    history = files.read_history(asked.directory, look.problems)
    reconciliation = files.read_reconciliation(asked.directory, look.problems)
    worker, queue = look.worker(), look.queue()
    answer: StatusAnswer = {
        "queue": queue,
        "dead_letter_examples": _examples(look.reader, queue["dead_letters_by_error"]),
        "circuit": look.circuit_status(),
        "recovery": look.recovery(),
        "outages": look.outages(history),
        "reconciliation": {
            "last_run_at": reconciliation.last_run_at,
            "scope": reconciliation.scope,
            "checked": reconciliation.checked,
            "gaps": vars(reconciliation.gaps),
            "queued": vars(reconciliation.queued),
        },
        "worker": worker,
        "draining": look.draining(worker),
        "sync": look.reader.statistics(asked.now),
        "path_map_inferred": look.reader.inferred_path_map(),
    }
    headline, *details = status_lines(answer, look, history)
    problems = [(WARNING, problem) for problem in look.problems]
    asked.log += report_lines((INFO, headline), [*problems, *((INFO, line) for line in details)])
    return answer


def _examples(reader: Reader, classes: Iterable[str]) -> list[DeadLetterExample]:
    """The latest few of each class, the most frequent class first."""
    return [
        {
            "scene_id": scene_id,
            "title": title,
            "path": path,
            "error_class": error_class,
            "error_text": error_text,
            "attempts": attempts,
            "failed_first_at": failed_first_at,
            "failed_last_at": failed_last_at,
            "outage_id": outage_id or None,
            "advice": advice_for(error_class),
        }
        for each in classes
        for (
            scene_id, title, path, error_class, error_text, attempts, failed_first_at, failed_last_at, outage_id,
        ) in reader.rows(LEDGER, _EXAMPLES, (each, EXAMPLES))
    ]  # fmt: skip
