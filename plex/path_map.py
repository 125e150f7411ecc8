"""Maps paths of Stash to paths of Plex, by the user's rules or else by rules inferred from matched files."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from local.hide_paths import as_path
from plex.match import PathRules
from plex.paths import ancestor, is_inside, is_same_path, map_path, shared_tail

if TYPE_CHECKING:
    import logging
    from collections.abc import Iterable, Iterator, Sequence

    from plex.index import Index
    from plex.match import Match

# Fewer files could be one folder that has the same name by chance.
AGREEING_FILES = 5

Rule = tuple[str, str]  # (Stash's prefix, Plex's prefix)
Pair = tuple[str, str]  # one file: (path in Stash, path in Plex)


class PathMap:
    """The rules in use. Inferred rules and their evidence are stored in the index."""

    def __init__(self, configured: Sequence[Rule], index: Index, log: logging.Logger) -> None:
        self._configured = tuple(configured)
        self._index = index
        self._log = log
        self.rules = PathRules(rules=self._configured)
        if not configured:
            self.rules = PathRules(rules=index.rules(), are_inferred=True)

    def keep_within(self, folders: Sequence[str]) -> None:
        """Drop what was inferred for folders that no library has any more. `folders`: those of all libraries."""
        if self._configured or not folders:
            return
        kept = tuple(rule for rule in self.rules.rules if _is_about(rule[1], folders))
        if kept != self.rules.rules:
            self._index.store_rules(kept)
            self.rules = PathRules(rules=kept, are_inferred=True)
        self._index.forget_evidence([pair for pair in self._index.evidence() if not _is_about(pair[1], folders)])

    def news(self, matches: Iterable[Match]) -> list[Match]:
        """Those of the matches that would be new evidence."""
        unique = [] if self._configured else [match for match in matches if match.is_unique]
        known = set(self._index.evidence()) if unique else set()
        return [match for match in unique if (match.stash_path, match.plex_path) not in known]

    def learn(self, matches: Iterable[Match]) -> None:
        """Take unique matches as evidence for or against inferred rules. Logs each rule added or contradicted."""
        if self._configured:
            return
        pairs = [(match.stash_path, match.plex_path) for match in matches if match.is_unique]
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
                self._report_dropped(rule, evidence)
        for rule in new:
            if rule not in old:
                self._log.warning(
                    '"Path map" is empty; from files with the same name and size, Plex seems to see %s as %s. '
                    'Set "Path map" to %s => %s to make it certain.', *map(as_path, (*rule, *rule)),
                )  # fmt: skip

    def _report_dropped(self, rule: Rule, evidence: Sequence[Pair]) -> None:
        against = next((pair for pair in evidence if contradicts(rule, pair)), None)
        if against:  # else a rule with a shorter prefix replaces it
            self._log.warning(
                "Plex does not see %s as %s after all: the file %s seems to be %s there. The inferred rule is dropped; "
                'set "Path map".', *map(as_path, (*rule, *against)),
            )  # fmt: skip


def _is_about(path: str, folders: Sequence[str]) -> bool:
    """Whether the path lies in one of the folders, or above it."""
    return any(is_inside(path, folder) or is_inside(folder, path) for folder in folders)


def infer_rules(pairs: Sequence[Pair], known: Sequence[Rule] = ()) -> tuple[Rule, ...]:
    """The rules that at least AGREEING_FILES files follow and that no file under their prefix contradicts.

    Only the shortest possible prefixes: no rule lies below another. `known`: earlier rules; they need no new evidence,
    since files that follow a rule are not stored as evidence again.
    """
    votes = Counter(rule for pair in pairs for rule in _candidate_rules(pair))
    rules: list[Rule] = []
    for rule in sorted({*known, *(rule for rule, count in votes.items() if count >= AGREEING_FILES)}):
        is_covered = any(is_inside(rule[0], adopted[0]) for adopted in rules)
        if not is_covered and not any(contradicts(rule, pair) for pair in pairs):
            rules.append(rule)
    return tuple(rules)


def contradicts(rule: Rule, pair: Pair) -> bool:
    """Whether the rule applies to the file and maps it to another path."""
    return is_inside(pair[0], rule[0]) and not is_same_path(map_path(pair[0], [rule]), pair[1])


def _candidate_rules(pair: Pair) -> Iterator[Rule]:
    """A rule for each shared end of the paths: /data/a/1 and /media/a/1 give /data/a => /media/a, /data => /media."""
    stash, plex = pair
    if is_same_path(stash, plex):
        return
    for count in range(1, shared_tail(stash, plex) + 1):
        yield ancestor(stash, count), ancestor(plex, count)
