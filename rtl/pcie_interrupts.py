"""Events to MSI, through the block's interrupt ports (PG213, "Configuration Interrupt
Controller Interface")."""

from amaranth.hdl import Module, Signal
from amaranth.lib.wiring import Component, In, Out

from .pcie_registers import EVENT_BITS


class Interrupts(Component):
    """Sends an MSI, vector 0, for each new event that the mask lets through, one after another.

    New is an event that is set, whether or not it was pending, and one that the mask lets through
    only now. Events that come before their MSI is on its way share it; those after that get another
    one. Nothing is sent while MSI is off, or for events that the host has cleared meanwhile. A
    failure is repeated after `pause` clocks, `attempts` times in all; then the events stay pending
    and the next one tries again. From event to MSI: 2 clocks.

    Parameters
    ----------
    attempts : int
    pause : int
        Clocks.

    Members
    -------
    events : In(EVENT_BITS)
        Pulses, as BarRegisters gets them.
    pending, mask : In(EVENT_BITS)
        EVENTS and EVENT_MASK.
    cfg_interrupt_msi_int : Out(32)
        A pulse in bit 0; then one of the next two answers it.
    cfg_interrupt_msi_sent, cfg_interrupt_msi_fail : In(1)
    cfg_interrupt_msi_enable : In(4)
        Bit 0.
    """

    events: In(EVENT_BITS)
    pending: In(EVENT_BITS)
    mask: In(EVENT_BITS)
    cfg_interrupt_msi_int: Out(32)
    cfg_interrupt_msi_sent: In(1)
    cfg_interrupt_msi_fail: In(1)
    cfg_interrupt_msi_enable: In(4)

    def __init__(self, *, attempts=4, pause=4096):
        if attempts < 1 or pause < 1:
            raise ValueError(f"attempts={attempts}, pause={pause}: at least 1")
        self._attempts, self._pause = attempts, pause
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        enabled = self.cfg_interrupt_msi_enable[0]
        active, before, again = (Signal(EVENT_BITS, name=name) for name in
                                 ("active", "before", "again"))
        new, wanted, go = (Signal(name=name) for name in ("new", "wanted", "go"))
        tries = Signal(range(self._attempts))  # left after the one under way
        rest = Signal(range(self._pause))
        m.d.comb += [active.eq(self.pending & self.mask),
                     new.eq((active & (~before | again)).any())]
        m.d.sync += [before.eq(active), again.eq(self.events),
                     self.cfg_interrupt_msi_int.eq(go)]
        with m.If(go | ~active.any()):
            m.d.sync += wanted.eq(0)
        with m.Elif(new):
            m.d.sync += wanted.eq(1)
        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += go.eq((new | wanted) & active.any() & enabled)
                m.d.sync += tries.eq(self._attempts - 1)
                with m.If(go):
                    m.next = "SENT"
            with m.State("SENT"):
                m.d.sync += rest.eq(self._pause - 1)
                with m.If(self.cfg_interrupt_msi_sent):
                    m.next = "IDLE"
                with m.Elif(self.cfg_interrupt_msi_fail):
                    m.next = "PAUSE"
                    with m.If(tries == 0):
                        m.next = "IDLE"
            with m.State("PAUSE"):
                m.d.sync += rest.eq(rest - 1)
                with m.If(~active.any()):
                    m.next = "IDLE"
                with m.Elif(~enabled):
                    m.d.sync += wanted.eq(1)
                    m.next = "IDLE"
                with m.Elif(rest == 0):
                    m.d.comb += go.eq(1)
                    m.d.sync += tries.eq(tries - 1)
                    m.next = "SENT"
        return m
