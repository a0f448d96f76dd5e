"""PcieEndpoint, case by case of sim/tb_pcie_endpoint.py and sim/tb_pcie_faults.py."""

import pytest

from tritone.common.config import preset
from tritone.common.pcie import PcieUse
from tritone.rtl.pcie_endpoint import PcieEndpoint
from tritone.sim.runner import cases, made, run

CONFIG = {"preset": "tiny", "changes": {"memory_rate": 1, "memory_latency": 8}}
CLOCKS = 2_000_000


def simulate(bench, case):
    box = made(PcieEndpoint, PcieUse(timeout=4000),
               preset(CONFIG["preset"], **CONFIG["changes"]))
    run(box, bench, case, clocks=CLOCKS, wall=600, parameters={"config": CONFIG})


@pytest.mark.parametrize("case", cases("tb_pcie_endpoint"))
def test_pcie_endpoint(case):
    simulate("tb_pcie_endpoint", case)


@pytest.mark.parametrize("case", cases("tb_pcie_faults"))
def test_pcie_faults(case):
    simulate("tb_pcie_faults", case)
