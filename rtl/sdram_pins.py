"""The registers between the SDRAM controller and the chip's pins.

Two forms of one box, with the same clocks from end to end: on a board (`BoardPins`) IO registers,
IO buffers and the chip's clock; in simulation (`PlainPins`) flip-flops and plain ports.
"""

from amaranth.hdl import ClockSignal, Module
from amaranth.lib import io
from amaranth.lib.wiring import Component, In, Out, Signature

from .sdram_interfaces import PinSignature

OUTPUTS = ("cke", "cs_n", "ras_n", "cas_n", "we_n", "ba", "a", "dqm", "dq_o", "dq_oe")
# Subsignals of amaranth-boards' SDRAMResource; those with an n are inverted there.
RESOURCE = {"cke": "clk_en", "cs_n": "cs", "ras_n": "ras", "cas_n": "cas", "we_n": "we",
            "ba": "ba", "a": "a", "dqm": "dqm"}


class ChipSignature(Signature):
    """PinSignature with the clock of the chip.

    At a rising edge of `clk` the chip takes its inputs; what it drives for the edge that follows
    CAS latency edges after a READ is in `dq_i` at that edge.
    """

    def __init__(self, part):
        super().__init__({"clk": Out(1), **PinSignature(part).members})


class PlainPins(Component):
    """Pins of a simulated chip: one register each way in the domain `mem`.

    Members
    -------
    controller : In(PinSignature)
    chip : Out(ChipSignature)
    """

    def __init__(self, part):
        super().__init__({"controller": In(PinSignature(part)), "chip": Out(ChipSignature(part))})

    def elaborate(self, _platform):
        m = Module()
        m.d.mem += [getattr(self.chip, name).eq(getattr(self.controller, name))
                    for name in OUTPUTS]
        m.d.mem += self.controller.dq_i.eq(self.chip.dq_i)
        m.d.comb += self.chip.clk.eq(ClockSignal("mem"))
        return m


class BoardPins(Component):
    """Pins of a board: IO registers in the domain `mem`, the chip's clock from a DDR output.

    Parameters
    ----------
    part : common.sdram_parts.SdramPart
    port : what platform.request("sdram", dir="-") gave
        Without clk_en, cs or dqm where the board has them wired to a level.
    clock_domain : str
        Where the chip's clock comes from: a domain of the rate of `mem` that is late by the wanted
        phase; or "mem" itself, which is then inverted (docs/sdram.md says which to use).

    Members
    -------
    controller : In(PinSignature)
    """

    def __init__(self, part, port, *, clock_domain="mem"):
        self._port, self._clock_domain = port, clock_domain
        super().__init__({"controller": In(PinSignature(part))})

    def elaborate(self, _platform):
        m, port = Module(), self._port
        for name, subsignal in RESOURCE.items():
            if not hasattr(port, subsignal):
                continue
            pads = getattr(port, subsignal)
            buffer = io.FFBuffer("o", pads, o_domain="mem")
            m.submodules[name] = buffer
            value = getattr(self.controller, name)
            m.d.comb += buffer.o.eq(~value if name.endswith("_n") else value)
        m.submodules.dq = dq = io.FFBuffer("io", port.dq, i_domain="mem", o_domain="mem")
        m.submodules.clk = clk = io.DDRBuffer("o", port.clk, o_domain=self._clock_domain)
        inverted = int(self._clock_domain == "mem")
        m.d.comb += [
            dq.o.eq(self.controller.dq_o), dq.oe.eq(self.controller.dq_oe),
            self.controller.dq_i.eq(dq.i),
            clk.o[0].eq(1 - inverted), clk.o[1].eq(inverted),
        ]
        return m
