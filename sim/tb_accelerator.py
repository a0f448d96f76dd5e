"""The whole machine between a memory and a link: tokens, counters and clocks."""

from pathlib import Path

import cocotb
from cocotb.triggers import ClockCycles, RisingEdge

from ..common.counters import COUNTER_BITS, COUNTERS
from ..rtl.interfaces import prompt_layout
from .bench import UnsteadyMemory, machine
from .memory import attach
from .streams import StreamSink, StreamSource, parameters, start


class Bench:
    """A machine with a tape in its memory. `runs` come with the tokens that golden gives."""

    def __init__(self, dut, memory, *, idle=0, stall=0):
        self.dut, self.given = dut, parameters()
        self.config = config = machine(self.given)
        image = Path(self.given["tape"]).read_bytes()
        for name in ("generate", "temperature", "seed", "reseed", "reset_state", "load_model",
                     "cancel", "clear_counters"):
            getattr(dut, f"control__{name}").value = 0
        self.prompt = StreamSource(dut, "control__prompt", prompt_layout, idle=idle)
        self.tokens = StreamSink(dut, "control__tokens", stall=stall)
        if memory == "twin":
            self.memory = attach(dut, config, image)
        else:
            size = config.word_bytes
            self.memory = UnsteadyMemory(dut, config, [int.from_bytes(image[n:n + size], "little")
                                                       for n in range(0, len(image), size)],
                                         stall=0.3, pause=0.3)

    async def pulse(self, name):
        getattr(self.dut, f"control__{name}").value = 1
        await ClockCycles(self.dut.clk, 1)
        getattr(self.dut, f"control__{name}").value = 0

    def status(self):
        bits = int(self.dut.control__status.value)
        return {"ready": bits & 1, "busy": bits >> 1 & 1, "error": bits >> 2}

    def counters(self):
        bits = int(self.dut.control__counters.value)
        return {name: bits >> COUNTER_BITS * n & ((1 << COUNTER_BITS) - 1)
                for n, name in enumerate(COUNTERS)}

    async def ready(self):
        while not self.status()["ready"]:
            assert not self.status()["error"]
            await RisingEdge(self.dut.clk)

    async def rests(self):
        await self.prompt.drained()
        while self.status()["busy"]:
            await RisingEdge(self.dut.clk)
        await ClockCycles(self.dut.clk, 3)

    async def begin(self, run):
        """From a zero state and a seed: gives the machine a prompt."""
        dut = self.dut
        dut.control__generate.value = len(run["tokens"])
        dut.control__temperature.value = run["temperature"]
        dut.control__seed.value = run["seed"]
        for name in ("reseed", "reset_state", "clear_counters"):
            await self.pulse(name)
        self.send(run["prompt"])

    def send(self, prompt):
        self.prompt.send(*({"token": token, "last": int(n == len(prompt) - 1)}
                           for n, token in enumerate(prompt)))

    async def run(self, run):
        """One run, checked."""
        await self.begin(run)
        tokens = await self.tokens.take(len(run["tokens"]))
        assert tokens == run["tokens"], f"{tokens} after {run['prompt']}, expected {run['tokens']}"
        await self.rests()
        await self.tokens.quiet(5)

    def check_counters(self, run):
        """Those that follow from the tape; returns all."""
        counted, given = self.counters(), self.given
        sampled, read = len(run["tokens"]), len(run["prompt"]) - bool(run["tokens"])
        assert (counted["tokens"], counted["prompt_tokens"]) == (sampled, read)
        for name, tape in (("array_busy", "trit_words"), ("memory_words", "words"),
                           ("normalise_busy", "pair_beats"), ("quantise_busy", "pair_beats"),
                           ("results_busy", "result_beats")):
            expected = sampled * given[tape]["token"] + read * given[tape]["prompt"]
            assert counted[name] == expected, f"{name} counts {counted[name]}, expected {expected}"
        return counted


@cocotb.test
@cocotb.parametrize((("memory", "idle", "stall"), [
    ("twin", 0, 0), ("twin", 0.5, 0.95), ("unsteady", 0, 0.5)]))
async def tokens_match(dut, memory, idle, stall):
    """Greedy and sampled runs, all from one seed and a zero state."""
    await start(dut)
    bench = Bench(dut, memory, idle=idle, stall=stall)
    await bench.ready()
    for run in bench.given["runs"]:
        await bench.run(run)
        bench.check_counters(run)


@cocotb.test
async def clocks_are_as_predicted(dut):
    """Every token of a run takes the clocks that the compiler promises; a slow link is counted."""
    await start(dut)
    bench = Bench(dut, "twin")
    await bench.ready()
    for run in bench.given["runs"]:
        await bench.run(run)
        counted, clocks = bench.check_counters(run), bench.given["clocks"]
        assert counted["clocks"] == clocks["token"] * counted["tokens"]
        assert counted["prompt_clocks"] == clocks["prompt"] * counted["prompt_tokens"]
        # The sink shows one clock later that it takes a token; the machine waits for no other.
        assert counted["link_stall"] <= counted["tokens"]


@cocotb.test
async def a_slow_link_is_counted_and_costs_no_token_its_clocks(dut):
    await start(dut)
    bench = Bench(dut, "twin", stall=1)
    run = max(bench.given["runs"], key=lambda r: len(r["tokens"]))
    await bench.ready()
    await bench.begin(run)
    await ClockCycles(dut.clk, bench.given["clocks"]["token"] * (len(run["prompt"]) + 2))
    waited = bench.counters()["link_stall"]
    assert waited > 100 and bench.status()["busy"]
    await ClockCycles(dut.clk, 50)
    assert bench.counters()["link_stall"] == waited + 50
    bench.tokens.set_pause(0)
    assert await bench.tokens.take(len(run["tokens"])) == run["tokens"]
    await bench.rests()
    assert bench.check_counters(run)["clocks"] \
        == bench.given["clocks"]["token"] * len(run["tokens"])


@cocotb.test
async def the_state_lasts_from_run_to_run(dut):
    """A prompt read in two runs, without sampling in the first, is one prompt."""
    await start(dut)
    bench = Bench(dut, "unsteady")
    await bench.ready()
    run = max(bench.given["runs"], key=lambda r: len(r["prompt"]))
    first, second = run["prompt"][:2], run["prompt"][2:]
    await bench.begin(run | {"prompt": first, "tokens": []})
    await bench.rests()
    dut.control__generate.value = len(run["tokens"])
    bench.send(second)
    assert await bench.tokens.take(len(run["tokens"])) == run["tokens"]


@cocotb.test
async def a_cancelled_run_leaves_a_machine_that_works(dut):
    await start(dut)
    bench = Bench(dut, "unsteady")
    await bench.ready()
    run = max(bench.given["runs"], key=lambda r: len(r["tokens"]))
    for clocks in (40, 900, 2500, 6001):
        await bench.begin(run)
        await ClockCycles(dut.clk, clocks)
        await bench.pulse("cancel")
        await bench.rests()
        tokens = await bench.tokens.take(len(bench.tokens.queue))
        assert tokens == run["tokens"][:len(tokens)] and len(tokens) < len(run["tokens"])
    await bench.run(run)
    await bench.pulse("load_model")
    await ClockCycles(dut.clk, 3)
    assert not bench.status()["ready"]
    await bench.ready()
    await bench.run(run)
