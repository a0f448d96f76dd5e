"""Interrupts: an MSI for each new event, and what may keep it from being sent."""

import random

import cocotb
from cocotb.triggers import ClockCycles, RisingEdge

from .streams import parameters, start


class Bench:
    """The register EVENTS, and a block that sends MSIs.

    Parameters
    ----------
    delay : callable
        Clocks from the pulse to the block's answer.
    fails : callable
        Whether the answer is a failure.

    Attributes
    ----------
    seen, tried, sent : lists of the clocks in which there was an event, an MSI was asked for, one
        was said to be sent
    clock : of now
    """

    def __init__(self, dut, *, delay=lambda: 5, fails=lambda: False):
        self.dut, self.delay, self.fails = dut, delay, fails
        self.seen, self.tried, self.sent = [], [], []
        self.clock = self.pending = self.clearing = 0
        dut.events.value = dut.pending.value = 0
        dut.cfg_interrupt_msi_sent.value = dut.cfg_interrupt_msi_fail.value = 0
        dut.mask.value, dut.cfg_interrupt_msi_enable.value = 3, 1
        cocotb.start_soon(self._run())

    async def _run(self):
        dut, answer = self.dut, None
        while True:
            await RisingEdge(dut.clk)
            self.clock += 1
            events = int(dut.events.value)
            self.seen += [self.clock] * bool(events)
            self.pending = self.pending & ~self.clearing | events
            self.clearing = 0
            dut.pending.value = self.pending
            dut.cfg_interrupt_msi_sent.value = dut.cfg_interrupt_msi_fail.value = 0
            vector = int(dut.cfg_interrupt_msi_int.value)
            if vector:
                assert vector == 1 and answer is None, "an MSI while one is on its way"
                assert dut.cfg_interrupt_msi_enable.value[0], "an MSI while MSI is off"
                self.tried.append(self.clock)
                answer = self.clock + self.delay()
            elif answer is not None and self.clock >= answer:
                answer = None
                if self.fails():
                    dut.cfg_interrupt_msi_fail.value = 1
                else:
                    dut.cfg_interrupt_msi_sent.value = 1
                    self.sent.append(self.clock)

    async def event(self, bits):
        self.dut.events.value = bits
        await RisingEdge(self.dut.clk)
        self.dut.events.value = 0

    async def clear(self, bits=3):
        self.clearing = bits
        await ClockCycles(self.dut.clk, 2)

    async def wait(self, clocks):
        await ClockCycles(self.dut.clk, clocks)


@cocotb.test
async def an_event_sends_one(dut):
    await start(dut)
    bench = Bench(dut)
    for number, bits in enumerate((1, 2, 3, 1, 1), start=1):
        await bench.event(bits)  # in the last two nobody has cleared the one before
        await bench.wait(30)
        assert len(bench.sent) == number
        assert bench.tried[-1] - bench.seen[-1] == 2
        if number < 4:
            await bench.clear()


@cocotb.test
@cocotb.parametrize(after=list(range(12)))
async def events_meanwhile_send_another(dut, after):
    """The second event is `after` clocks later; the first MSI takes five."""
    await start(dut)
    bench = Bench(dut)
    await bench.event(1)
    await bench.wait(after)
    await bench.event(1)
    await bench.wait(40)
    assert len(bench.sent) == 2


@cocotb.test
async def nothing_is_sent_while_msi_is_off(dut):
    await start(dut)
    bench = Bench(dut)
    dut.cfg_interrupt_msi_enable.value = 0b1110
    await bench.event(1)
    await bench.event(2)
    await bench.wait(50)
    assert not bench.tried
    dut.cfg_interrupt_msi_enable.value = 1
    await bench.wait(50)
    assert len(bench.sent) == 1
    dut.cfg_interrupt_msi_enable.value = 0
    await bench.event(2)
    await bench.wait(10)
    await bench.clear()
    dut.cfg_interrupt_msi_enable.value = 1
    await bench.wait(50)
    assert len(bench.tried) == 1  # the host has seen that one


@cocotb.test
async def the_mask_decides(dut):
    await start(dut)
    bench = Bench(dut)
    dut.mask.value = 1
    await bench.event(2)
    await bench.wait(50)
    assert not bench.tried
    dut.mask.value = 3
    await bench.wait(50)
    assert len(bench.sent) == 1
    dut.mask.value = 2
    await bench.event(1)
    await bench.wait(10)
    dut.mask.value = 0
    await bench.wait(3)
    dut.mask.value = 3
    await bench.wait(50)
    assert len(bench.sent) == 2


@cocotb.test
async def failures_are_repeated_and_given_up(dut):
    await start(dut)
    failing = True
    bench = Bench(dut, fails=lambda: failing)
    attempts, pause = parameters()["attempts"], parameters()["pause"]
    for tries in (attempts, 2 * attempts):
        await bench.event(1)
        await bench.wait((attempts + 1) * (pause + 20))
        assert len(bench.tried) == tries and not bench.sent
        assert dut.pending.value == 1
    gaps = [b - a for a, b in zip(bench.tried, bench.tried[1:attempts])]
    assert all(pause <= gap <= pause + 20 for gap in gaps)
    failing = False
    await bench.event(1)
    await bench.wait(50)
    assert len(bench.sent) == 1 and len(bench.tried) == 2 * attempts + 1
    failing = True
    await bench.event(2)
    await bench.wait(20)
    failing = False
    await bench.wait(pause + 20)
    assert len(bench.sent) == 2


@cocotb.test
async def what_ends_the_repeating(dut):
    """The host clears the events; it turns MSI off, and gets one when it is on again."""
    await start(dut)
    failing = True
    bench = Bench(dut, fails=lambda: failing)
    pause = parameters()["pause"]
    await bench.event(1)
    await bench.wait(20)
    await bench.clear()
    await bench.wait(3 * pause)
    assert len(bench.tried) == 1
    await bench.event(1)
    await bench.wait(20)
    dut.cfg_interrupt_msi_enable.value = 0
    await bench.wait(3 * pause)
    assert len(bench.tried) == 2
    failing = False
    dut.cfg_interrupt_msi_enable.value = 1
    await bench.wait(20)
    assert len(bench.sent) == 1


@cocotb.test
async def the_last_event_is_always_told(dut):
    """Events, answers and clearing at random: after the last event comes an MSI."""
    await start(dut)
    generator = random.Random(4)
    bench = Bench(dut, delay=lambda: generator.randrange(1, 12),
                  fails=lambda: generator.random() < 0.1)
    for _ in range(150):
        for _ in range(generator.randrange(1, 6)):
            if generator.random() < 0.3:
                await bench.clear(generator.randrange(4))
            await bench.event(generator.randrange(1, 4))
            await bench.wait(generator.randrange(8))
        await bench.wait(4 * parameters()["pause"])
        assert bench.tried[-1] >= bench.seen[-1] + 2, "an event that nobody was told of"
        assert bench.sent[-1] > bench.tried[-1]
