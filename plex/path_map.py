"""How Plex sees Stash's paths: as the user says, else as inferred from files that were recognized otherwise."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from plex.match import PathRules
from plex.paths import is_inside, is_same_path, map_path, shared_tail, without_tail

if TYPE_CHECKING:
    import logging
    from collections.abc import Iterable, Iterator, Sequence

    from plex.index import Index
    from plex.match import Match

# Fewer could be one folder that happens to be called the same.
AGREEING_FILES = 5

Rule = tuple[str, str]  # (Stash's prefix, Plex's prefix)
Pair = tuple[str, str]  # one file: (path in Stash, path in Plex)


class PathMap:
    """The rules in use, and what the inferred ones rest on, kept in the index."""

    def __init__(self, configured: Sequence[Rule], index: Index, log: logging.Logger) -> None:
        self._configured = tuple(configured)
        self._index = index
        self._log = log
        self.rules = PathRules(rules=self._configured)
        if not configured:
            self.rules = PathRules(rules=index.rules(), are_inferred=True)

    def learn(self, matches: Iterable[Match]) -> None:
        """Take matches by name and size that no other file shares as evidence for, or against, inferred rules."""
        if self._configured:
            return
        pairs = [(match.stash_path, match.plex_path) for match in matches if match.is_sole]
        if not self._index.add_evidence(pairs):
            return
        evidence = self._index.evidence()
        old = self.rules.rules
        new = infer_rules(evidence, old)
        if new == old:
            return
        self._index.store_rules(new)
        self.rules = PathRules(rules=new, are_inferred=True)
        for rule in old:
            if rule not in new:
                self._tell_dropped(rule, evidence)
        for rule in new:
            if rule not in old:
                self._log.warning(
                    "path_map is empty; from files with the same name and size, Plex seems to see %s as %s. "
                    "Set path_map to %s => %s to make it certain.", *rule, *rule,
                )  # fmt: skip

    def _tell_dropped(self, rule: Rule, evidence: Sequence[Pair]) -> None:
        against = next((pair for pair in evidence if disagrees(rule, pair)), None)
        if against:  # else a shorter rule says the same
            self._log.warning(
                "Plex does not see %s as %s after all: the file %s seems to be %s there. The inferred rule is dropped; "
                "set path_map.", *rule, *against,
            )  # fmt: skip


def infer_rules(pairs: Sequence[Pair], known: Sequence[Rule] = ()) -> tuple[Rule, ...]:
    """The rules that at least AGREEING_FILES files follow and none below their prefix contradicts.

    The shortest prefixes that hold: no rule is needed below another. `known`: rules that had that before; what spoke
    for them need not be among `pairs`, since files that follow a rule are no news.
    """
    votes = Counter(rule for pair in pairs for rule in _explanations(pair))
    rules: list[Rule] = []
    for rule in sorted({*known, *(rule for rule, count in votes.items() if count >= AGREEING_FILES)}):
        is_covered = any(is_inside(rule[0], adopted[0]) for adopted in rules)
        if not is_covered and not any(disagrees(rule, pair) for pair in pairs):
            rules.append(rule)
    return tuple(rules)


def disagrees(rule: Rule, pair: Pair) -> bool:
    """Whether the rule would send this file elsewhere."""
    return is_inside(pair[0], rule[0]) and not is_same_path(map_path(pair[0], [rule]), pair[1])


def _explanations(pair: Pair) -> Iterator[Rule]:
    """Each way to cut the shared end off: /data/a/1 and /media/a/1 give /data => /media and /data/a => /media/a."""
    stash, plex = pair
    if is_same_path(stash, plex):
        return
    for count in range(1, shared_tail(stash, plex) + 1):
        yield without_tail(stash, count), without_tail(plex, count)
