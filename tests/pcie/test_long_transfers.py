"""PcieEndpoint with transfers of every length and place, up to 16 MiB (sim/tb_pcie_long.py)."""

import pytest

from tritone.common.config import preset
from tritone.common.pcie import MAX_BYTES, PcieUse
from tritone.rtl.pcie_endpoint import PcieEndpoint
from tritone.sim.runner import cases, made, run

CONFIG = {"preset": "tiny", "changes": {"memory_rate": 1, "memory_latency": 8}}


@pytest.mark.parametrize("case", cases("tb_pcie_long"))
def test_pcie_long(case):
    config = preset(CONFIG["preset"], **CONFIG["changes"])
    changes = CONFIG["changes"] | {"memory_words": MAX_BYTES // config.word_bytes}
    box = made(PcieEndpoint, PcieUse(timeout=4000), preset(CONFIG["preset"], **changes))
    run(box, "tb_pcie_long", case, clocks=30_000_000, wall=7200,
        parameters={"config": CONFIG | {"changes": changes}})
