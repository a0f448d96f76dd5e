"""MemoryMarch on an unsteady memory, whole and faulty; every access is compared."""

import random
from collections import deque

import cocotb
from cocotb.triggers import ClockCycles, RisingEdge

from ..common.config import preset
from ..common.march import clocks
from ..rtl.memory_march import report_layout
from .memory import attach
from .memory_faults import Fault
from .payload import unpack
from .streams import parameters, start

MARCH = "up w0; up r0 w1; up r1 w0; down r0 w1; down r1 w0; up r0"  # van de Goor 1993, March C-


def march(first, words, background, bits):
    """(element, operation, address, word) of every access, from MARCH."""
    alternate = 1
    while alternate < (bits - 1).bit_length() + 1:
        alternate *= 2
    for number, element in enumerate(MARCH.split("; ")):
        order, *operations = element.split()
        addresses = range(first, first + words)
        for address in reversed(addresses) if order == "down" else addresses:
            n = (address + background) % alternate
            word = sum((bit >> n & 1) << bit for bit in range(bits))
            for operation, inverse in operations:
                data = word ^ (2**bits - 1) if inverse == "1" else word
                yield number, operation, address, data


class Store:
    """A memory that stalls at random; `log` has (operation, address, word) as they happened."""

    def __init__(self, dut, config, *, stall=0, latency=5, fault=None, seed=1):
        self.dut, self.config = dut, config
        self.stall, self.latency, self.random = stall, latency, random.Random(seed)
        self.words, self.log, self.bursts, self.queue = {}, [], [], deque()
        self.set_fault(fault)
        cocotb.start_soon(self._serve())

    def set_fault(self, fault):
        self.fault = Fault(fault, self.words) if fault else None

    async def _serve(self):
        dut, port = self.dut, lambda name: getattr(self.dut, f"memory__{name}")
        clock, valid, ready, taking = 0, False, False, False
        mask = (1 << self.config.address_bits) - 1
        while True:
            port("requests__ready").value, port("writes__ready").value = int(ready), int(taking)
            port("words__valid").value = int(valid)
            port("words__payload").value = self._read() if valid else \
                self.random.getrandbits(self.config.word_bits)
            await RisingEdge(dut.clk)
            clock += 1
            if valid:
                assert port("words__ready").value, "a memory word was refused"
                self.log.append(("r", self.queue[0][0], int(port("words__payload").value)))
                self.queue.popleft()
            if taking and port("writes__valid").value:
                assert not self.queue, "a write overtakes a read"
                bits = int(port("writes__payload").value)
                self._write(bits & mask, bits >> self.config.address_bits)
            if ready and port("requests__valid").value:
                bits = int(port("requests__payload").value)
                self._accept(bits & mask, bits >> self.config.address_bits, clock)
            ready, taking = (self.random.random() >= self.stall for _ in range(2))
            valid = bool(self.queue) and self.queue[0][1] <= clock \
                and self.random.random() >= self.stall

    def _accept(self, address, words, clock):
        assert 0 < words <= self.config.burst_words
        self.bursts.append(words)
        due = clock + self.random.randrange(self.latency + 1)
        self.queue.extend((address + n, due) for n in range(words))

    def _read(self):
        address = self.queue[0][0]
        return self.words.get(self.fault.address(address) if self.fault else address, 0)

    def _write(self, address, word):
        self.log.append(("w", address, word))
        if self.fault:
            self.fault.write(self.fault.address(address), word)
        else:
            self.words[address] = word


class Bench:
    def __init__(self, dut, **options):
        self.dut = dut
        self.config = preset(parameters()["preset"], **parameters()["changes"])
        for name in ("start", "stop", "through__requests__valid", "through__writes__valid"):
            getattr(dut, name).value = 0
        self.store = Store(dut, self.config, **options)
        self.random = random.Random(7)

    async def begin(self, first, words, background=0):
        dut = self.dut
        self.store.log.clear()
        dut.address.value, dut.words.value, dut.background.value = first, words, background
        dut.start.value = 1
        await ClockCycles(dut.clk, 1)
        dut.start.value = 0
        dut.address.value = dut.words.value = dut.background.value = 0x5A5A5A5A
        await ClockCycles(dut.clk, 1)

    def report(self):
        return unpack(report_layout(self.config), int(self.dut.report.value))

    async def march(self, first, words, background=0, fault=None):
        """A whole march; checks its accesses and its report. True if it found something."""
        self.store.set_fault(fault)
        await self.begin(first, words, background)
        pulses = 0
        while self.dut.busy.value:
            pulses += int(self.dut.done.value)
            await RisingEdge(self.dut.clk)
        assert pulses == 1
        expected = list(march(first, words, background, self.config.word_bits))
        assert len(self.store.log) == len(expected)
        wrong = []
        for (operation, address, word), (element, *access) in zip(self.store.log, expected):
            assert [operation, address] == access[:2], f"element {element}"
            if operation == "w":
                assert word == access[2]
            elif word != access[2]:
                wrong.append((element, address, word ^ access[2]))
        self.check(wrong)
        return bool(wrong)

    def check(self, wrong):
        report, seen = self.report(), 0
        for _, _, difference in wrong:
            seen |= difference
        elements = [element for element, *_ in wrong]
        assert report["faults"] == len(wrong) and report["seen"] == seen
        assert report["words"] == max((elements.count(e) for e in elements), default=0)
        first = wrong[0] if wrong else (0, 0, 0)
        assert (report["first_element"], report["address"], report["difference"]) == first


@cocotb.test
@cocotb.parametrize(stall=[0, 0.5])
async def accesses_are_those_of_the_march(dut, stall):
    await start(dut)
    bench = Bench(dut, stall=stall)
    last, burst = bench.config.memory_words - 1, bench.config.burst_words
    for first, words, background in ((0, 1, 0), (5, 2 * burst + 3, 1), (last - burst, burst + 1, 7),
                                     (last, 1, 0xFFFF_FFFF), (8, burst, 5)):
        bench.store.bursts.clear()
        assert not await bench.march(first, words, background)
        rest = [words % burst] * (words % burst != 0)
        assert bench.store.bursts == [1] * 4 * words + [burst] * (words // burst) + rest
        assert set(bench.store.words) >= set(range(first, first + words))
    assert not {4, 5 + 2 * burst + 3} & set(bench.store.words)


@cocotb.test
async def clocks_are_as_estimated(dut):
    await start(dut)
    for name in ("start", "stop", "through__requests__valid", "through__writes__valid"):
        getattr(dut, name).value = 0
    config = preset(parameters()["preset"], **parameters()["changes"])
    attach(dut, config)
    dut.address.value, dut.words.value, dut.background.value = 0, 300, 0
    dut.start.value = 1
    await ClockCycles(dut.clk, 1)
    dut.start.value = 0
    await ClockCycles(dut.clk, 1)
    taken = 0
    while dut.busy.value:
        taken += 1
        await RisingEdge(dut.clk)
    assert abs(taken / clocks(config, 300) - 1) < 0.01
    assert dut.report.value.to_unsigned() >> 40 == 0


@cocotb.test
async def every_kind_of_fault_is_found_and_reported(dut):
    await start(dut)
    bench = Bench(dut, stall=0.3)
    bits, draw = bench.config.word_bits, bench.random.randrange
    for _ in range(4):
        base, words = draw(1000), 8
        a, b = bench.random.sample(range(base, base + words), 2)
        i, j = bench.random.sample(range(bits), 2)
        for fault in (f"stuck {a} {i} 0", f"stuck {a} {i} 1", f"wire {i} 0", f"wire {j} 1",
                      f"short {i} {j}", f"rise {a} {i} {b} {j}", f"rise {a} {i} {b} {i}",
                      f"hold {a} {i} {b} {j}"):
            assert await bench.march(base, words, draw(99), fault), fault
        assert not await bench.march(base, words)


@cocotb.test
async def what_only_the_last_pass_sees_is_reported_within_its_burst(dut):
    await start(dut)
    bench = Bench(dut, latency=0)
    for address in (7, 12, 29):
        await bench.begin(5, 25)
        while bench.report()["element"] < 5:
            await RisingEdge(dut.clk)
        bench.store.words[address] ^= 1 << 9
        while dut.busy.value:
            await RisingEdge(dut.clk)
        bench.check([(5, address, 1 << 9)])


@cocotb.test
async def all_pairs_of_shorted_lines_are_found(dut):
    """Of data within one march of as many words as there are backgrounds; of addresses."""
    await start(dut)
    bench = Bench(dut, latency=0)
    bits = bench.config.word_bits
    for i in range(bits):
        j = bench.random.choice([k for k in range(bits) if k != i])
        assert await bench.march(0, 8, i, f"short {i} {j}"), (i, j)
    for a in range(5):
        for b in range(a):
            assert await bench.march(0, 32, a, f"address {a} {b}"), (a, b)


@cocotb.test
async def bits_of_one_word_are_told_apart_by_the_backgrounds(dut):
    await start(dut)
    bench = Bench(dut, latency=0)
    for _ in range(8):
        i, j = bench.random.sample(range(bench.config.word_bits), 2)
        word = bench.random.randrange(4)
        found = [await bench.march(0, 4, n, f"hold {word} {i} {word} {j}") for n in range(8)]
        assert any(found) and not all(found), (i, j, found)


@cocotb.test
async def a_march_that_is_stopped_ends_and_tells_so(dut):
    await start(dut)
    bench = Bench(dut, stall=0.3)
    for age in (1, 2, 3, 40, 300, 1200, 2500):
        bench.store.set_fault(None)
        await bench.begin(0, 40)
        await ClockCycles(dut.clk, age)
        dut.stop.value = 1
        await ClockCycles(dut.clk, 1)
        dut.stop.value = 0
        left = 200
        while dut.busy.value:
            left -= 1
            assert left, "it goes on"
            await RisingEdge(dut.clk)
        assert not bench.store.queue and bench.report()["faults"] == 0
        assert not await bench.march(3, 5)
    assert await bench.march(0, 4, 0, "stuck 2 1 1")


@cocotb.test
async def the_other_user_has_the_memory_while_it_rests(dut):
    await start(dut)
    bench = Bench(dut)
    dut.through__words__ready.value = 1
    dut.through__requests__payload.value = 9 | 1 << bench.config.address_bits
    dut.through__writes__payload.value = 9 | 77 << bench.config.address_bits
    for _ in range(2):
        dut.through__writes__valid.value = 1
        await ClockCycles(dut.clk, 3)
        dut.through__writes__valid.value = 0
        await ClockCycles(dut.clk, 2)
        assert bench.store.words[9] == 77
        dut.through__requests__valid.value = 1
        await ClockCycles(dut.clk, 2)
        while not dut.through__words__valid.value:
            await RisingEdge(dut.clk)
        assert int(dut.through__words__payload.value) == 77
        # The march has it, whatever the other one offers.
        dut.through__requests__valid.value = 0
        await ClockCycles(dut.clk, 40)
        assert not await bench.march(0, 3)
