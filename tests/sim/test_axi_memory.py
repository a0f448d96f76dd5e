"""AxiMemory, case by case of sim/tb_axi_memory.py; words smaller and larger than beats."""

import pytest

from tritone.rtl.axi_interfaces import AxiError, AxiGeometry
from tritone.rtl.axi_memory import AxiMemory
from tritone.sim.axi_bench import config_of
from tritone.sim.runner import cases, made, run

# The machine's clock, and the memory's where it is not faster: 8 ns and 3.334 ns otherwise.
MACHINES = {
    "board": {"preset": "kcu116", "changes": {}, "data_bits": 256},
    "four words a beat": {"word_bytes": 8, "address_bits": 16, "data_bits": 256},
    "a word a beat": {"word_bytes": 32, "address_bits": 14, "data_bits": 256,
                      "mem_period_ps": 7900},
    "sixteen words a beat": {"word_bytes": 4, "address_bits": 16, "data_bits": 512},
    "sixteen beats a word": {"word_bytes": 64, "address_bits": 12, "data_bits": 32,
                             "period_ps": 60_000},
}
OTHER = pytest.mark.other_width
ALL = "board", pytest.param("four words a beat", marks=OTHER)


@pytest.mark.parametrize("case", cases("tb_axi_memory"))
@pytest.mark.parametrize("name", ALL)
def test_axi_memory(case, name):
    simulate(case, MACHINES[name])


@pytest.mark.other_width
@pytest.mark.parametrize("case", [
    case for case in cases("tb_axi_memory")
    if case.startswith(("a_random_mix_comes_back/idle=0.5", "long_", "a_tape_"))])
@pytest.mark.parametrize("name", list(MACHINES)[2:])
def test_other_widths(case, name):
    simulate(case, MACHINES[name])


def simulate(case, settings):
    component = made(AxiMemory, config_of(settings), data_bits=settings["data_bits"])
    run(component, "tb_axi_memory", case, parameters=settings)


@pytest.mark.parametrize("changes, message", [
    ({"data_bits": 96}, "data_bits=96: AXI has 32 to 1,024, a power of two"),
    ({"data_bits": 2048}, "data_bits=2048"),
    ({"word_bytes": 12}, "a word of 96 bits; 4 to 64 bytes, a power of two, are possible"),
    ({"word_bytes": 128}, "a word of 1024 bits"),
    ({"word_bytes": 4, "address_bits": 2}, "a memory of 4 words is smaller than a beat")])
def test_sizes_that_do_not_work_are_refused(changes, message):
    settings = {"word_bytes": 8, "address_bits": 16, "data_bits": 256} | changes
    with pytest.raises(AxiError, match=message):
        AxiGeometry(8 * settings["word_bytes"], settings["address_bits"], settings["data_bits"])
