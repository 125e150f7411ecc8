"""The simulated Stash behaves like the real one: both get the same operations; answers and plugin inputs are compared.

Needs `PLEXSYNC_TEST_STASH`, the path of a Stash executable, and ffmpeg.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.real_stash import RealStash
from tests.support.stash_operations import OPERATIONS, PLUGIN_OUTPUTS, QUESTIONS, REMOVALS

if TYPE_CHECKING:
    from tests.support.stash_sides import Side

# Not in the release 0.30.1; the simulated Stash has them.
NEWER_MUTATIONS = ("performerMerge",)


def test_operations_have_the_same_answers_and_plugin_inputs(sides: tuple[Side, Side]) -> None:
    """One test, since each operation builds on those before it."""
    different = []
    missing = [name for name in NEWER_MUTATIONS if not has_mutation(sides[1], name)]
    for number, operation in enumerate((*OPERATIONS, *QUESTIONS, *PLUGIN_OUTPUTS, *REMOVALS)):
        if any(f"{{ {name}(" in operation.query for name in missing):
            continue  # on either side, or what follows would differ
        simulated, real = (side.do(operation) for side in sides)
        if simulated != real:
            different.append(f"{number} {operation.name}\n  simulated: {simulated}\n  real:      {real}")
    assert not different, "\n".join(different)


def has_mutation(side: Side, name: str) -> bool:
    return isinstance(side.stash, RealStash) and side.stash.has_mutation(name)
