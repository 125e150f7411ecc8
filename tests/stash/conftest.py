from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sim.stash.simulator import StashSim
from tests.support.real_stash import RealStash, reason_to_skip
from tests.support.recorder import install_recorder
from tests.support.stash_sides import Side

if TYPE_CHECKING:
    from collections.abc import Iterator

SCENES = 4


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Side, Side]]:
    """Simulated and real, both with the recorder and the same four scenes."""
    if reason_to_skip():
        pytest.skip(reason_to_skip())
    folder = tmp_path_factory.mktemp("sides")
    plugin = install_recorder(folder / "plugins")
    real_seen, sim_seen = folder / "real", folder / "sim"
    with (
        RealStash(folder / "home", plugins=[plugin], scenes=SCENES, env={"RECORDER_FOLDER": str(real_seen)}) as real,
        StashSim(plugin=plugin, env={"RECORDER_FOLDER": str(sim_seen)}) as sim,
    ):
        sim.scan_new(*(f"/media/a/scene {number:02d}.mp4" for number in range(1, SCENES + 1)))
        both = Side(sim, sim_seen, "/media"), Side(real, real_seen, str(real.media))
        simulated, scanned = (sorted(side.new_inputs(), key=str) for side in both)
        assert simulated == scanned
        yield both
