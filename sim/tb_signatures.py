"""The whole machine with the self-test's tape: what its signatures are, whatever it waits for."""

import cocotb
from cocotb.triggers import ClockCycles, RisingEdge

from ..common.signatures import STREAMS
from .streams import start
from .tb_accelerator import Bench


class Probe(Bench):
    """A Bench that reads and clears signatures."""

    def __init__(self, dut, *arguments, **options):
        super().__init__(dut, *arguments, **options)
        dut.control__clear_signatures.value = 0

    def signatures(self):
        bits = int(self.dut.control__signatures.value)
        return {name: f"{bits >> 32 * n & 0xFFFF_FFFF:08x}" for n, name in enumerate(STREAMS)}

    def check(self, expected):
        expected = dict(zip(STREAMS, expected.split()))
        wrong = [name for name, value in self.signatures().items() if value != expected[name]]
        assert not wrong, f"signatures of {', '.join(wrong)}"

    async def go(self, run):
        """A run from the state that is there, or a zero one."""
        dut = self.dut
        dut.control__generate.value = len(run["tokens"])
        dut.control__temperature.value, dut.control__seed.value = run["temperature"], run["seed"]
        for name in ("reseed", *["reset_state"] * run["reset"]):
            await self.pulse(name)
        self.send(run["prompt"])
        assert await self.tokens.take(len(run["tokens"])) == run["tokens"]
        await RisingEdge(dut.clk)
        await self.rests()

    async def reload(self):
        await self.pulse("load_model")
        await ClockCycles(self.dut.clk, 3)
        await self.ready()


@cocotb.test
@cocotb.parametrize((("memory", "idle", "stall"), [("twin", 0, 0), ("unsteady", 0.5, 0.9)]))
async def all_runs_leave_the_recorded_signatures(dut, memory, idle, stall):
    await start(dut)
    bench = Probe(dut, memory, idle=idle, stall=stall)
    await bench.ready()
    await bench.go(bench.given["runs"][0] | {"prompt": [1], "tokens": []})
    await bench.pulse("clear_signatures")
    for run in bench.given["runs"]:
        await bench.go(run)
    bench.check(bench.given["signatures"])


@cocotb.test
async def short_runs_leave_theirs(dut):
    """A tape whose header ends it early, and then the whole one again."""
    await start(dut)
    bench = Probe(dut, "twin")
    await bench.ready()
    contents, size = bench.memory.words, bench.config.word_bytes
    for header, expected in bench.given["probes"]:
        header = bytes.fromhex(header)
        for n in range(len(header) // size):
            contents[n] = int.from_bytes(header[n * size:(n + 1) * size], "little")
        await bench.reload()
        await bench.pulse("clear_signatures")
        await bench.go({"prompt": [bench.given["probe"]], "tokens": [], "temperature": 0,
                        "seed": 0, "reset": 1})
        bench.check(expected)
