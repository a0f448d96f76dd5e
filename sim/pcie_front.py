"""Shims, BAR 0 and interrupts without what is behind them: the top of sim/tb_pcie_front*.py."""

from amaranth.hdl import Module
from amaranth.lib.wiring import Component, In, Out, connect, flipped

from ..rtl.pcie_interfaces import (
    AxiStreamSignature,
    PacketSignature,
    completion_layout,
    request_layout,
)
from ..rtl.pcie_interrupts import Interrupts
from ..rtl.pcie_registers import BarRegisters, RegistersSignature
from ..rtl.pcie_usplus import (
    CC_USER,
    CQ_USER,
    RC_USER,
    RQ_USER,
    CompleterShim,
    RequesterShim,
)

PAUSE = 50  # clocks


class PcieFront(Component):
    """The engines' side and the registers' other side are ports.

    Parameters
    ----------
    lanes : int
    """

    def __init__(self, lanes):
        self._lanes = lanes
        super().__init__({
            "cq": In(AxiStreamSignature(lanes, CQ_USER)),
            "cc": Out(AxiStreamSignature(lanes, CC_USER)),
            "rq": Out(AxiStreamSignature(lanes, RQ_USER)),
            "rc": In(AxiStreamSignature(lanes, RC_USER)),
            "requests": In(PacketSignature(request_layout, lanes)),
            "completions": Out(PacketSignature(completion_layout, lanes)),
            "registers": Out(RegistersSignature()),
            "pcie_cq_np_req": Out(2),
            "cfg_interrupt_msi_int": Out(32),
            "cfg_interrupt_msi_sent": In(1),
            "cfg_interrupt_msi_fail": In(1),
            "cfg_interrupt_msi_enable": In(4),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.completer = completer = CompleterShim(self._lanes)
        m.submodules.requester = requester = RequesterShim(self._lanes)
        m.submodules.registers = registers = BarRegisters(self._lanes)
        m.submodules.interrupts = interrupts = Interrupts(pause=PAUSE)
        connect(m, flipped(self.cq), completer.cq)
        connect(m, completer.cc, flipped(self.cc))
        connect(m, requester.rq, flipped(self.rq))
        connect(m, flipped(self.rc), requester.rc)
        connect(m, completer.host_requests, registers.host_requests)
        connect(m, registers.host_completions, completer.host_completions)
        connect(m, flipped(self.requests), requester.requests)
        connect(m, requester.completions, flipped(self.completions))
        connect(m, registers.registers, flipped(self.registers))
        m.d.comb += [
            self.pcie_cq_np_req.eq(completer.pcie_cq_np_req),
            interrupts.events.eq(self.registers.events),
            interrupts.pending.eq(self.registers.pending),
            interrupts.mask.eq(self.registers.values.EVENT_MASK),
            self.cfg_interrupt_msi_int.eq(interrupts.cfg_interrupt_msi_int),
            *(getattr(interrupts, name).eq(getattr(self, name)) for name in
              ("cfg_interrupt_msi_sent", "cfg_interrupt_msi_fail", "cfg_interrupt_msi_enable")),
        ]
        return m
