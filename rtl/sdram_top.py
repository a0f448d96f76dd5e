"""A whole machine with an SDRAM controller, up to the pins of its serial line and of its memory."""

from amaranth.hdl import Module
from amaranth.lib.wiring import Component, In, Out, connect, flipped

from .sdram import SimulatedSdram
from .sdram_pins import ChipSignature
from .top import Top


class SdramTop(Component):
    """Top on SimulatedSdram: what the virtual board runs with `--memory sdram`.

    Parameters
    ----------
    config : common.config.Config
    use : common.sdram_parts.SdramUse
    machine : Component
        With the ports of Top, instead of Top(config).

    Members
    -------
    uart : {rx In(1), tx Out(1)} as `uart__rx`, `uart__tx`
    chip : Out(ChipSignature)
    busy : Out(1)
    """

    def __init__(self, config, use, machine=None):
        self._machine = machine or Top(config)
        self._sdram = SimulatedSdram(config, use)
        super().__init__({"uart__rx": In(1, init=1), "uart__tx": Out(1, init=1),
                          "chip": Out(ChipSignature(use.part)), "busy": Out(1)})

    def elaborate(self, _platform):
        m = Module()
        m.submodules.machine, m.submodules.sdram = machine, sdram = self._machine, self._sdram
        connect(m, machine.memory, sdram.memory)
        connect(m, sdram.chip, flipped(self.chip))
        pins = getattr(machine, "uart", None)
        rx, tx = (pins.rx, pins.tx) if pins is not None else (machine.uart__rx, machine.uart__tx)
        m.d.comb += [rx.eq(self.uart__rx), self.uart__tx.eq(tx), self.busy.eq(machine.busy)]
        return m
