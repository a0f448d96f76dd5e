"""An SDR SDRAM as the machine's memory: bridge and controller."""

from amaranth.hdl import DomainRenamer, Module
from amaranth.lib.wiring import Component, In, Out, connect, flipped

from ..common.sdram_parts import timing
from .interfaces import MemorySignature
from .reset_chain import ResetChain
from .sdram_bridge import SdramBridge
from .sdram_controller import SdramController
from .sdram_interfaces import Geometry, PinSignature
from .sdram_pins import ChipSignature, PlainPins


class SdramMemory(Component):
    """MemorySignature on one side, the chip's pins before their IO registers on the other.

    Clock domains: `sync` for `memory`, `mem` for `pins`; with `use.clock_hz == config.clock_hz` and
    crossing left out, everything is in `sync`.

    Parameters
    ----------
    config : common.config.Config
    use : common.sdram_parts.SdramUse
    times : common.sdram_parts.SdramTiming
        Instead of those of the data sheet, for tests.
    crossing : bool
        By default, whether the two clock rates differ.

    Members
    -------
    memory : In(MemorySignature)
    pins : Out(PinSignature)
    initialised : Out(1), of the domain of the pins

    Attributes
    ----------
    crossing : bool
        Whether `mem` is a domain of its own.
    """

    def __init__(self, config, use, *, times=None, crossing=None):
        self._config, self._use = config, use
        self.crossing = use.clock_hz != config.clock_hz if crossing is None else crossing
        beats = Geometry(use.part, config.word_bits, config.address_bits).beats
        self._times = times or timing(use.part, clock_hz=use.clock_hz, beats=beats,
                                      cas_latency=use.cas_latency)
        super().__init__({"memory": In(MemorySignature(config)),
                          "pins": Out(PinSignature(use.part)), "initialised": Out(1)})

    def elaborate(self, _platform):
        m = Module()
        controller = SdramController(self._config, self._use.part, self._times)
        bridge = SdramBridge(self._config, crossing=self.crossing,
                             under_way=controller.WORDS_UNDER_WAY)
        if self.crossing:
            resets = ResetChain(m, 2, "mem")
            resets.add("controller", controller)
            resets.add("bridge", bridge)
        else:
            one_domain = DomainRenamer({"mem": "sync"})
            m.submodules.controller = one_domain(controller)
            m.submodules.bridge = one_domain(bridge)
        connect(m, flipped(self.memory), bridge.memory)
        connect(m, bridge.requests, controller.requests)
        connect(m, bridge.data, controller.data)
        connect(m, controller.pins, flipped(self.pins))
        m.d.comb += [
            bridge.words.eq(controller.words), bridge.words_valid.eq(controller.words_valid),
            controller.room.eq(bridge.room), self.initialised.eq(controller.initialised),
        ]
        return m


class SimulatedSdram(Component):
    """SdramMemory with the plain form of its pins, whose ports are those of a simulated chip.

    Parameters are those of SdramMemory.

    Members
    -------
    memory : In(MemorySignature)
    chip : Out(ChipSignature)
    initialised : Out(1)
    """

    def __init__(self, config, use, *, times=None, crossing=None):
        self._memory = SdramMemory(config, use, times=times, crossing=crossing)
        self._pins = PlainPins(use.part)
        if not self._memory.crossing:
            self._pins = DomainRenamer({"mem": "sync"})(self._pins)
        super().__init__({"memory": In(MemorySignature(config)),
                          "chip": Out(ChipSignature(use.part)), "initialised": Out(1)})

    def elaborate(self, _platform):
        m = Module()
        m.submodules.sdram, m.submodules.pins = memory, pins = self._memory, self._pins
        connect(m, flipped(self.memory), memory.memory)
        connect(m, memory.pins, pins.controller)
        connect(m, pins.chip, flipped(self.chip))
        m.d.comb += self.initialised.eq(memory.initialised)
        return m
